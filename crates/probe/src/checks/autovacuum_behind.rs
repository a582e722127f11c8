//! Tables with so many dead rows that autovacuum should have been there long ago: it is switched off for them, cannot
//! keep up, or something (an old transaction, a slot) keeps it from removing what it finds.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{ASK_THE_PRIMARY, Relation, all_fixes, counted, part_of},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "autovacuum-behind",
    title: "Autovacuum behind",
    unit: "count",
    threshold: None,
    why: "Dead rows take space, are read by every scan, and hold back the freezing that prevents wraparound.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM",
    ask: |known| if known.is_standby() { Ask::Skip(ASK_THE_PRIMARY) } else { Ask::sql(SQL) },
    judge,
};

/// Of a table's own trigger: autovacuum looks once a minute, so one time over it is ordinary.
const TIMES_THE_TRIGGER: f64 = 2.0;
/// Fewer are gone with the next round.
const ENOUGH_DEAD: i64 = 1000;
const POINTS: u8 = 5;
/// So many times over the trigger that it will not catch up by itself.
const FAR_BEHIND: f64 = 20.0;
const FAR_BEHIND_POINTS: u8 = 10;

/// The trigger is the table's own where it has settings of its own; PostgreSQL 18 has an upper limit besides
/// (`autovacuum_vacuum_max_threshold`, −1: none).
const SQL: &str = "\
with settings as materialized (
  select current_setting('autovacuum_vacuum_threshold')::float8 as threshold,
         current_setting('autovacuum_vacuum_scale_factor')::float8 as scale_factor,
         current_setting('autovacuum_vacuum_max_threshold', true)::float8 as max_threshold,
         current_setting('autovacuum') = 'on' and current_setting('track_counts') = 'on' as autovacuum
), tables as (
  select c.oid, c.relname, n.nspname, o.switched_off,
         greatest(c.reltuples, 0)::float8 as reltuples,
         coalesce(o.threshold, s.threshold) as threshold,
         coalesce(o.scale_factor, s.scale_factor) as scale_factor,
         coalesce(o.max_threshold, s.max_threshold) as max_threshold,
         pg_stat_get_dead_tuples(c.oid) as dead,
         pg_stat_get_live_tuples(c.oid) as live
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   cross join settings s
    left join lateral (
      select max(x.option_value) filter (where x.option_name = 'autovacuum_enabled')::bool is false as switched_off,
             max(x.option_value) filter (where x.option_name = 'autovacuum_vacuum_threshold')::float8 as threshold,
             max(x.option_value) filter (where x.option_name = 'autovacuum_vacuum_scale_factor')::float8
               as scale_factor,
             max(x.option_value) filter (where x.option_name = 'autovacuum_vacuum_max_threshold')::float8
               as max_threshold
        from pg_options_to_table(c.reloptions) x
    ) o on c.reloptions is not null
   where c.relkind in ('r', 'm')
     and c.relpersistence <> 't'
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
), triggers as (
  select t.*,
         case when t.max_threshold >= 0
              then least(t.max_threshold, t.threshold + t.scale_factor * t.reltuples)
              else t.threshold + t.scale_factor * t.reltuples
         end as vacuum_at
    from tables t
), judged as (
  select t.*, t.dead >= 1000 and t.dead > 2 * t.vacuum_at as behind from triggers t
), shown as (
  select j.*,
         count(*) filter (where j.switched_off) over () as switched_off_tables,
         count(*) filter (where j.behind) over () as behind_tables
    from judged j
   where j.switched_off or j.behind
   order by j.behind desc, j.dead / greatest(j.vacuum_at, 1) desc
   limit 10
)
select s.autovacuum, t.nspname as schema_name, t.relname as name, pn.nspname as parent_schema, p.relname as parent_name,
       t.switched_off, t.switched_off_tables, t.behind_tables, t.dead, t.live, t.vacuum_at,
       extract(epoch from now() - greatest(pg_stat_get_last_vacuum_time(t.oid),
                                           pg_stat_get_last_autovacuum_time(t.oid)))::float8 as vacuumed_s,
       exists (select from pg_stat_progress_vacuum v where v.relid = t.oid) as being_vacuumed
  from settings s
  left join shown t on true
  left join pg_inherits h on h.inhrelid = t.oid and h.inhseqno = 1
  left join pg_class p on p.oid = h.inhparent
  left join pg_namespace pn on pn.oid = p.relnamespace
 order by t.behind desc, t.dead / greatest(t.vacuum_at, 1) desc";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let first = answer.one()?;
    let server = Server {
        autovacuum: first.flag("autovacuum").unwrap_or(true),
        behind: first.number("behind_tables").unwrap_or(0),
        switched_off: first.number("switched_off_tables").unwrap_or(0),
    };
    let tables: Vec<Table> = answer.rows().filter_map(Table::from_row).collect();
    Ok(verdict(&server, &tables))
}

struct Server {
    autovacuum: bool,
    behind: i64,
    switched_off: i64,
}

struct Table {
    relation: Relation,
    part_of: String,
    switched_off: bool,
    dead: i64,
    live: i64,
    vacuum_at: f64,
    vacuumed_s: Option<f64>,
    being_vacuumed: bool,
}

impl Table {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            part_of: part_of(row),
            switched_off: row.flag("switched_off").unwrap_or(false),
            dead: row.number("dead")?,
            live: row.number("live")?,
            vacuum_at: row.finite("vacuum_at")?,
            vacuumed_s: row.finite("vacuumed_s"),
            being_vacuumed: row.flag("being_vacuumed").unwrap_or(false),
        })
    }

    fn times(&self) -> f64 {
        self.dead as f64 / self.vacuum_at.max(1.0)
    }

    fn is_behind(&self) -> bool {
        self.dead >= ENOUGH_DEAD && self.dead as f64 > TIMES_THE_TRIGGER * self.vacuum_at
    }

    fn evidence(&self) -> Evidence {
        let mut detail = format!(
            "{} dead rows beside {} live ones; autovacuum is due at {}",
            units::thousands(self.dead),
            units::thousands(self.live),
            units::thousands(self.vacuum_at.ceil() as i64)
        );
        if self.being_vacuumed {
            detail.push_str("; it is being vacuumed now");
        } else {
            match self.vacuumed_s {
                Some(seconds) => detail.push_str(&format!("; vacuumed {} ago", units::ago(seconds))),
                None => detail.push_str("; not vacuumed since its counters began"),
            }
        }
        if self.switched_off {
            detail.push_str("; autovacuum is switched off for it");
        }
        detail.push_str(&self.part_of);
        let fix_sql = self.relation.in_sql().map(|table| {
            let switch_on = match self.switched_off {
                true => format!("ALTER TABLE {table} RESET (autovacuum_enabled);\n"),
                false => String::new(),
            };
            let vacuum = if self.is_behind() { format!("VACUUM (ANALYZE) {table};") } else { String::new() };
            format!("{switch_on}{vacuum}").trim_end().to_owned()
        });
        let fix_sql = fix_sql.filter(|sql| !sql.is_empty());
        Evidence { subject: self.relation.shown(), detail, fix_sql }
    }
}

fn verdict(server: &Server, tables: &[Table]) -> Verdict {
    let behind: Vec<&Table> = tables.iter().filter(|table| table.is_behind()).collect();
    let all = server.behind.max(behind.len() as i64);
    let evidence: Vec<Evidence> = tables.iter().map(Table::evidence).collect();
    let off = match server.switched_off {
        off if off > 0 => {
            format!(" Autovacuum is switched off for {}.", counted(off, "table", "tables"))
        }
        _ => String::new(),
    };
    if behind.is_empty() {
        let detail = format!("No table has more than twice the dead rows that autovacuum waits for.{off}");
        return match off.is_empty() {
            true => Verdict::ok(0.0, detail),
            false => Verdict::info(0.0, detail).with_evidence(evidence),
        };
    }
    let mut detail = format!(
        "{} more than twice the dead rows that autovacuum waits for.{off}",
        if all == 1 { "1 table has".to_owned() } else { format!("{} have", counted(all, "table", "tables")) }
    );
    if !server.autovacuum {
        detail.push_str(" Autovacuum is off for the whole server.");
    }
    if behind.iter().all(|table| table.being_vacuumed) {
        detail.push_str(" Vacuum is at work on it.");
        return Verdict::info(all as f64, detail).with_evidence(evidence);
    }
    detail.push_str(
        " Where a vacuum has just been and they are still there, an old transaction, a prepared one or a replication \
         slot keeps them.",
    );
    let worst = behind.iter().map(|table| table.times()).fold(0.0, f64::max);
    let points = if worst >= FAR_BEHIND { FAR_BEHIND_POINTS } else { POINTS };
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(points, all as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    const ON: Server = Server { autovacuum: true, behind: 0, switched_off: 0 };

    fn table(dead: i64, vacuum_at: f64) -> Table {
        Table {
            relation: Relation::public("orders"),
            part_of: String::new(),
            switched_off: false,
            dead,
            live: 10_000,
            vacuum_at,
            vacuumed_s: None,
            being_vacuumed: false,
        }
    }

    #[test]
    fn twice_the_tables_own_trigger_is_the_limit() {
        assert_eq!(verdict(&ON, &[table(4100, 2050.0)]).status, CheckStatus::Ok);
        let behind = verdict(&ON, &[table(4101, 2050.0)]);
        assert_eq!((behind.status, behind.value, behind.points), (CheckStatus::Warning, Some(1.0), 5));
        assert_eq!(behind.fix_sql.as_deref(), Some("VACUUM (ANALYZE) \"public\".\"orders\";"));
        assert_eq!(verdict(&ON, &[table(41_000, 2050.0)]).points, 10);
        assert_eq!(verdict(&ON, &[table(999, 50.0)]).status, CheckStatus::Ok, "too few to count");
    }

    #[test]
    fn a_table_that_autovacuum_may_not_touch_is_named() {
        let off = Table { switched_off: true, ..table(10, 50.0) };
        let found = verdict(&Server { switched_off: 1, ..ON }, &[off]);
        assert_eq!((found.status, found.points), (CheckStatus::Info, 0));
        let fix = "ALTER TABLE \"public\".\"orders\" RESET (autovacuum_enabled);";
        assert_eq!(found.evidence[0].fix_sql.as_deref(), Some(fix));
        let behind = Table { switched_off: true, ..table(5000, 50.0) };
        let found = verdict(&ON, &[behind]);
        assert_eq!(
            found.fix_sql.as_deref(),
            Some(&*format!("{fix}\nVACUUM (ANALYZE) \"public\".\"orders\";"))
        );
    }

    #[test]
    fn a_table_that_is_being_vacuumed_is_no_finding() {
        let now = Table { being_vacuumed: true, ..table(5000, 50.0) };
        assert_eq!(verdict(&ON, &[now]).status, CheckStatus::Info);
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_alarm_and_no_panic() {
        for (dead, at) in [(-5, 50.0), (i64::MIN, -1e300), (0, 0.0)] {
            assert_eq!(verdict(&ON, &[table(dead, at)]).status, CheckStatus::Ok);
        }
        let huge = verdict(&ON, &[Table { live: i64::MIN, ..table(i64::MAX, 1e300) }]);
        assert_eq!(huge.status, CheckStatus::Ok);
        assert!(verdict(&ON, &[table(i64::MAX, -1.0)]).evidence[0].detail.contains("dead rows"));
    }
}
