-- What is asked of the extension while the dashboard runs. Made here, so that nobody has to know in which schema it is.

alter table dashboard.checks set (
    timescaledb.compress, timescaledb.compress_segmentby = 'connection_id', timescaledb.compress_orderby = 'checked_at desc'
);
alter table dashboard.health_samples set (
    timescaledb.compress, timescaledb.compress_segmentby = 'connection_id', timescaledb.compress_orderby = 'checked_at desc'
);

create view dashboard.history_extent as
select approximate_row_count('dashboard.checks') + approximate_row_count('dashboard.health_samples') as estimate,
    (hypertable_size('dashboard.checks') + hypertable_size('dashboard.health_samples') + (
        select sum(hypertable_size(
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass))
        from timescaledb_information.continuous_aggregates
        where view_schema = 'dashboard'
    ))::int8 as bytes,
    (
        select min(range_end)
        from timescaledb_information.chunks
        where hypertable_schema = 'dashboard' and hypertable_name in ('checks', 'health_samples')
    ) as first_chunk_end,
    (select extversion from pg_extension where extname = 'timescaledb') as version;

-- Removes all of these connections, also from what is materialized: a refresh would not, where raw rows are gone already.
create function dashboard.history_forget(ids bigint[]) returns void
    language plpgsql
as $$
declare
    part record;
begin
    -- Rows of a compressed chunk are unpacked before they are deleted, however many there are.
    perform set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    delete from dashboard.checks where connection_id = any (ids);
    delete from dashboard.health_samples where connection_id = any (ids);
    for part in
        select materialization_hypertable_schema as schema, materialization_hypertable_name as name
        from timescaledb_information.continuous_aggregates
        where view_schema = 'dashboard'
        union all
        select 'dashboard', relname
        from pg_class
        where relnamespace = 'dashboard'::regnamespace and relkind in ('r', 'p')
            and relname ~ '^(checks|health_samples)_native$|^(check|health)_rollups_.*_before$'
    loop
        execute format('delete from %I.%I where connection_id = any ($1)', part.schema, part.name) using ids;
    end loop;
end
$$;
