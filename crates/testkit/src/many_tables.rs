//! A database with many tables, for what must stay cheap there.

use tokio_postgres::Client;

/// Makes `tables` tables in the schema `many`, each with an index, 20 rows and statistics; about 3 ms for each, on a
/// server that does not wait for the disk. Autovacuum is switched off for them, so that nothing moves meanwhile.
pub async fn make(client: &Client, tables: u32) {
    client.batch_execute(&MAKE.replace("$tables", &tables.to_string())).await.unwrap();
    client.batch_execute(STATISTICS).await.unwrap();
    // As autovacuum would have done by the time that a database is so large.
    for catalog in ["pg_class", "pg_attribute", "pg_index", "pg_statistic", "pg_namespace"] {
        client.batch_execute(&format!("vacuum analyze pg_catalog.{catalog}")).await.unwrap();
    }
}

/// Committed now and then: a transaction has locks for some thousand tables only.
const MAKE: &str = "\
do $$
begin
  create schema many;
  for n in 1 .. $tables loop
    execute format(
      'create unlogged table many.t%s (id bigint, parent_id int, name text, at timestamptz)
         with (autovacuum_enabled = off)', n);
    execute format(
      'insert into many.t%s select i, i %% 7, ''name '' || i, now() from generate_series(1, 20) i', n);
    execute format('create index t%s_id on many.t%s (id)', n, n);
    if n % 100 = 0 then
      commit;
    end if;
  end loop;
end $$";

/// The tables are alike: the statistics of the first one are those of all, and copied in a moment.
const STATISTICS: &str = "\
do $$
declare
  columns text;
begin
  analyze many.t1;
  set local allow_system_table_mods = on;
  select string_agg(case attname when 'starelid' then 'c.oid' else 's.' || attname end, ', ' order by attnum)
    into columns
    from pg_attribute
   where attrelid = 'pg_statistic'::regclass and attnum > 0;
  execute format(
    'insert into pg_statistic
     select %s
       from pg_statistic s, pg_class c
      where s.starelid = ''many.t1''::regclass
        and c.relnamespace = ''many''::regnamespace
        and c.relkind = ''r''
        and c.oid <> s.starelid', columns);
end $$";
