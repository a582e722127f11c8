//! Whether pg_stat_statements can tell which statements cost the most: whether it is there, as new as the server, and large
//! enough to hold what runs.

use common::Reason;

use super::{Ask, Check, Context, Verdict};
use crate::{health::Known, rows::Answer, sql::identifier, statements::Extension};

pub(super) const CHECK: Check = Check {
    id: "statement-statistics",
    title: "Statement statistics",
    unit: "per_h",
    threshold: None,
    why: "Without pg_stat_statements nobody can say which statements cost the most; what it forgets is not counted.",
    docs_url: "https://www.postgresql.org/docs/current/pgstatstatements.html",
    ask,
    judge,
};

/// One statement: only the first of a message bears the mark by which our own are left out of the statistics.
const WITH_EVICTIONS: &str = "\
select i.dealloc,
       extract(epoch from i.stats_reset)::float8 as reset_s,
       current_setting('pg_stat_statements.max', true) as most,
       current_setting('pg_stat_statements.track', true) as track
  from {schema}.pg_stat_statements_info() i";
/// Before 1.9 (PostgreSQL 14) nobody counts them.
const SETTINGS: &str = "\
select null::int8 as dealloc,
       null::float8 as reset_s,
       current_setting('pg_stat_statements.max', true) as most,
       current_setting('pg_stat_statements.track', true) as track";

const POINTS: u8 = 5;
/// Each time the table is full, the twentieth part that was called least is forgotten (`USAGE_DEALLOC_PERCENT`). Twenty
/// times an hour is as much as the table holds.
const FULL_TURNS_PER_H: f64 = 20.0;

/// The version that each major brings.
const BROUGHT: [(i32, (u32, u32)); 6] =
    [(13, (1, 8)), (14, (1, 9)), (15, (1, 10)), (16, (1, 10)), (17, (1, 11)), (18, (1, 12))];

fn ask(known: &Known) -> Ask {
    let schema = known.extension.as_ref().and_then(Extension::schema);
    match known.statements_version().zip(schema) {
        Some(_) if !is_loaded(known) => Ask::Nothing,
        Some((version, schema)) if version >= (1, 9) => {
            Ask::Sql(WITH_EVICTIONS.replace("{schema}", &identifier(schema)).into())
        }
        Some(_) => Ask::sql(SETTINGS),
        None => Ask::Nothing,
    }
}

fn is_loaded(known: &Known) -> bool {
    known.extension.as_ref().is_some_and(Extension::is_loaded)
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let Some(version) = context.known.statements_version() else {
        return Ok(Verdict { value: None, ..not_installed(context.known) });
    };
    if !is_loaded(context.known) {
        let detail = "pg_stat_statements is created here, but not loaded when the server starts \
                      (shared_preload_libraries): it counts nothing.";
        return Ok(Verdict { value: None, ..Verdict::warning(POINTS, 0.0, detail) });
    }
    let row = answer.rows().find(|row| row.text("track").is_some());
    let row = row.ok_or_else(|| Reason::new("the server's answer is not what was asked for"))?;
    if row.text("track").as_deref() == Some("none") {
        let detail = "pg_stat_statements is told to count nothing (pg_stat_statements.track = none).";
        let fix = "ALTER SYSTEM SET pg_stat_statements.track = 'top';\nSELECT pg_reload_conf();";
        return Ok(Verdict { value: None, ..Verdict::warning(POINTS, 0.0, detail).with_fix(fix) });
    }
    let turns = match row.number::<i64>("dealloc") {
        Some(dealloc) => context.growth("statement-statistics.dealloc", dealloc, row.finite("reset_s")),
        None => Err(Reason::new("before PostgreSQL 14, nobody counts what it forgets")),
    };
    let turns_per_h = turns.map(|growth| growth.per_second() * 3600.0);
    Ok(verdict(version, context.known.major(), turns_per_h, row.number("most")))
}

fn not_installed(known: &Known) -> Verdict {
    let detail = "pg_stat_statements is not there: which statements cost the most, nobody can say.";
    match is_loaded(known) {
        true => Verdict::info(0.0, detail).with_fix("CREATE EXTENSION pg_stat_statements;"),
        false => Verdict::info(
            0.0,
            format!("{detail} The server has to load it at its start; the set-up has the steps."),
        ),
    }
}

fn verdict(version: (u32, u32), major: i32, turns_per_h: Result<f64, Reason>, most: Option<i64>) -> Verdict {
    let (value, no_value) = match turns_per_h {
        Ok(turns) => (Some(turns), None),
        Err(reason) => (None, Some(reason)),
    };
    let brought = BROUGHT.iter().find(|(of, _)| *of == major).map(|(_, brought)| *brought);
    let found = match (value, brought) {
        (Some(turns), _) if turns >= FULL_TURNS_PER_H => {
            let most = most.unwrap_or(0).max(0);
            let detail = format!(
                "It is too small for what runs here: {} times an hour it was full, and the statements that were called \
                 least were forgotten. It holds {}.",
                turns.round(),
                common::units::thousands(most)
            );
            let more = most.saturating_mul(2).clamp(10_000, 1_000_000);
            let fix =
                format!("ALTER SYSTEM SET pg_stat_statements.max = {more};\n-- then restart PostgreSQL");
            Verdict::warning(POINTS, turns, detail).with_fix(fix)
        }
        (_, Some(brought)) if version < brought => {
            let detail = format!(
                "pg_stat_statements {}.{} was never updated to the server's {}.{}: it tells less than it could.",
                version.0, version.1, brought.0, brought.1
            );
            Verdict::info(0.0, detail).with_fix("ALTER EXTENSION pg_stat_statements UPDATE;")
        }
        _ => Verdict::ok(0.0, "pg_stat_statements counts what runs here."),
    };
    Verdict { value, no_value, ..found }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn known(version: Option<(u32, u32)>, most: Option<i64>) -> Known {
        Known { extension: Some(Extension::of(version, most)), ..Known::default() }
    }

    #[test]
    fn what_is_forgotten_twenty_times_an_hour_is_too_small() {
        let of = |turns: f64| verdict((1, 12), 18, Ok(turns), Some(5000));
        assert_eq!(of(0.0).status, CheckStatus::Ok);
        assert_eq!(of(19.9).status, CheckStatus::Ok);
        let found = of(20.0);
        assert_eq!((found.status, found.points, found.value), (CheckStatus::Warning, 5, Some(20.0)));
        assert!(found.fix_sql.unwrap().starts_with("ALTER SYSTEM SET pg_stat_statements.max = 10000;"));
        assert!(verdict((1, 12), 18, Ok(99.0), Some(i64::MAX)).fix_sql.unwrap().contains("= 1000000;"));
    }

    #[test]
    fn an_old_version_of_the_extension_is_worth_an_update() {
        let first = || Err(Reason::new(Reason::FIRST_READING));
        let found = verdict((1, 8), 18, first(), None);
        assert_eq!((found.status, found.points), (CheckStatus::Info, 0));
        assert_eq!(found.no_value.unwrap().reason, Reason::FIRST_READING);
        assert_eq!(verdict((1, 8), 13, first(), None).status, CheckStatus::Ok);
        assert_eq!(verdict((1, 8), 99, first(), None).status, CheckStatus::Ok, "a version of the future");
    }

    #[test]
    fn where_it_is_not_there_the_next_step_is_told() {
        // However the library's name is written in the settings ('$libdir/pg_stat_statements').
        assert_eq!(
            not_installed(&known(None, Some(5000))).fix_sql.as_deref(),
            Some("CREATE EXTENSION pg_stat_statements;")
        );
        assert_eq!(not_installed(&known(None, None)).fix_sql, None);
        assert_eq!(not_installed(&Known::default()).status, CheckStatus::Info);
        assert!(ask(&known(Some((1, 12)), None)).query().is_none(), "it would be an error");
        assert_eq!(ask(&known(Some((1, 8)), Some(5000))).query(), Some(SETTINGS));
    }

    #[test]
    fn it_is_one_statement_so_that_it_bears_the_mark() {
        let ask = ask(&known(Some((1, 12)), Some(5000)));
        let sql = ask.query().unwrap();
        assert!(!sql.contains(';') && sql.starts_with("select "), "{sql}");
        assert!(sql.ends_with("from \"pub\"\"lic\".pg_stat_statements_info() i"), "{sql}");
    }
}
