//! Tables whose statistics are missing or old: the planner guesses.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    relation::{ASK_THE_PRIMARY, Relation, all_fixes, counted, part_of, read_all, total},
};
use crate::rows::{Answer, Row};

pub(super) const CHECK: Check = Check {
    id: "never-analysed",
    title: "Statistics missing or old",
    unit: "count",
    threshold: None,
    why: "Without statistics that fit the data the planner guesses, and picks plans that are slower by orders.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-STATISTICS",
    ask: |known| if known.is_standby() { Ask::Skip(ASK_THE_PRIMARY) } else { Ask::sql(SQL) },
    judge,
};

/// With fewer rows any plan is quick.
const ENOUGH_ROWS: i64 = 10_000;
/// Of a table's own trigger for autoanalyze.
const TIMES_THE_TRIGGER: f64 = 2.0;
const POINTS: u8 = 5;

/// Counters forget that a table was analysed when they are reset; `pg_stats` does not, where we may read it. What was
/// analysed a moment ago and changed since is no fault of autovacuum's while it runs: it comes by once in
/// `autovacuum_naptime`, and has five of those.
const SQL: &str = "\
with settings as materialized (
  select current_setting('autovacuum_analyze_threshold')::float8 as threshold,
         current_setting('autovacuum_analyze_scale_factor')::float8 as scale_factor,
         current_setting('autovacuum')::bool as runs,
         now() - 5 * current_setting('autovacuum_naptime')::interval as had_the_time
), tables as (
  select c.oid, c.relname, n.nspname, c.reloptions,
         greatest(c.reltuples, 0)::float8 as reltuples,
         pg_stat_get_live_tuples(c.oid) as live,
         pg_stat_get_mod_since_analyze(c.oid) as modified,
         greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) as analysed_at
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'm')
     and c.relpersistence <> 't'
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
), triggers as (
  select t.*, o.switched_off,
         coalesce(o.threshold, s.threshold) + coalesce(o.scale_factor, s.scale_factor) * t.reltuples as analyse_at,
         t.analysed_at is null
           and not exists (select from pg_stats x where x.schemaname = t.nspname and x.tablename = t.relname)
           as never,
         coalesce(s.runs and o.switched_off is not true and t.analysed_at > s.had_the_time, false) as young
    from tables t
   cross join settings s
    left join lateral (
      select max(x.option_value) filter (where x.option_name = 'autovacuum_enabled')::bool is false as switched_off,
             max(x.option_value) filter (where x.option_name = 'autovacuum_analyze_threshold')::float8 as threshold,
             max(x.option_value) filter (where x.option_name = 'autovacuum_analyze_scale_factor')::float8
               as scale_factor
        from pg_options_to_table(t.reloptions) x
    ) o on t.reloptions is not null
   where t.live >= 10000
)
select t.nspname as schema_name, t.relname as name, pn.nspname as parent_schema, p.relname as parent_name,
       coalesce(t.switched_off, false) as switched_off, t.never, t.live, t.modified, t.analyse_at,
       extract(epoch from now() - t.analysed_at)::float8 as analysed_s,
       count(*) over () as tables
  from triggers t
  left join pg_inherits h on h.inhrelid = t.oid and h.inhseqno = 1
  left join pg_class p on p.oid = h.inhparent
  left join pg_namespace pn on pn.oid = p.relnamespace
 where t.never or t.modified > 2 * t.analyse_at and not t.young
 order by t.never desc, t.live desc
 limit 10";

fn judge(answer: &Answer, _: &mut Context<'_>) -> Result<Verdict, Reason> {
    let tables = read_all(answer, Table::from_row)?;
    Ok(verdict(total(answer, "tables", tables.len()), &tables))
}

struct Table {
    relation: Relation,
    part_of: String,
    switched_off: bool,
    never: bool,
    live: i64,
    modified: i64,
    analyse_at: f64,
    analysed_s: Option<f64>,
}

impl Table {
    fn from_row(row: Row<'_>) -> Option<Self> {
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            part_of: part_of(row),
            switched_off: row.flag("switched_off").unwrap_or(false),
            never: row.flag("never")?,
            live: row.number("live")?,
            modified: row.number("modified")?,
            analyse_at: row.finite("analyse_at")?,
            analysed_s: row.finite("analysed_s"),
        })
    }

    fn is_due(&self) -> bool {
        self.live >= ENOUGH_ROWS
            && (self.never || self.modified as f64 > TIMES_THE_TRIGGER * self.analyse_at.max(0.0))
    }

    fn evidence(&self) -> Evidence {
        let mut detail = match self.never {
            true => format!("{} rows, never analysed", units::thousands(self.live)),
            false => format!(
                "{} changes to {} rows since it was analysed{}; autoanalyze is due at {}",
                units::thousands(self.modified),
                units::thousands(self.live),
                self.analysed_s.map(|seconds| format!(" {} ago", units::ago(seconds))).unwrap_or_default(),
                units::thousands(self.analyse_at.ceil() as i64)
            ),
        };
        if self.switched_off {
            detail.push_str("; autovacuum, which would do it, is switched off for it");
        }
        detail.push_str(&self.part_of);
        let fix_sql = self.relation.in_sql().map(|table| format!("ANALYZE {table};"));
        Evidence { subject: self.relation.shown(), detail, fix_sql }
    }
}

fn verdict(all: i64, tables: &[Table]) -> Verdict {
    let evidence: Vec<Evidence> = tables.iter().filter(|table| table.is_due()).map(Table::evidence).collect();
    if evidence.is_empty() {
        return Verdict::ok(0.0, "Every table of 10\u{202F}000 rows or more has statistics that fit it.");
    }
    let detail = format!(
        "The planner has no statistics, or old ones, of {}. ANALYZE makes them in seconds and blocks nobody.",
        counted(all, "large table", "large tables")
    );
    let fix = all_fixes(&evidence);
    let mut verdict = Verdict::warning(POINTS, all as f64, detail).with_evidence(evidence);
    verdict.fix_sql = fix;
    verdict
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn table(never: bool, live: i64, modified: i64, analyse_at: f64) -> Table {
        Table {
            relation: Relation::public("orders"),
            part_of: String::new(),
            switched_off: false,
            never,
            live,
            modified,
            analyse_at,
            analysed_s: Some(90.0),
        }
    }

    fn status(table: Table) -> CheckStatus {
        verdict(1, &[table]).status
    }

    #[test]
    fn never_analysed_or_twice_over_the_trigger_is_a_finding() {
        assert_eq!(status(table(true, 10_000, 0, 50.0)), CheckStatus::Warning);
        assert_eq!(status(table(true, 9999, 0, 50.0)), CheckStatus::Ok);
        assert_eq!(status(table(false, 10_000, 2100, 1050.0)), CheckStatus::Ok);
        assert_eq!(status(table(false, 10_000, 2101, 1050.0)), CheckStatus::Warning);
        let found = verdict(3, &[table(true, 10_000, 0, 50.0)]);
        assert_eq!((found.value, found.points), (Some(3.0), 5));
        assert_eq!(found.fix_sql.as_deref(), Some("ANALYZE \"public\".\"orders\";"));
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_alarm_and_no_panic() {
        for (live, modified, at) in [(i64::MIN, i64::MIN, -1.0), (i64::MAX, i64::MIN, 1e300), (-1, 5, 0.0)] {
            assert_eq!(status(table(false, live, modified, at)), CheckStatus::Ok);
        }
        assert_eq!(status(table(false, i64::MAX, i64::MAX, -1e300)), CheckStatus::Warning);
    }
}
