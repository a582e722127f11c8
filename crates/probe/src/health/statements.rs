//! The most expensive statements, from `pg_stat_statements`; where it is missing, why, and what to run.

use common::{
    Reason,
    health::{Statement, Statements},
    text,
    time::whole_micros_of_ms,
};
use tokio::time::Instant;

use super::{
    Known,
    ended::{self, Ended},
    time, transaction,
};
use crate::{
    rows::{Answer, Row},
    session::{AskError, Session},
    sql,
};

/// Characters of a statement's text that are read; cut on the server, so that a statement of megabytes stays there.
const MAX_QUERY: usize = 2000;

/// Statements that are shown, whatever number the server sends.
const TOP: usize = 10;

/// Only superusers and members of `pg_read_all_settings` may see it.
pub(super) const PRELOADED: &str = "select current_setting('shared_preload_libraries') as libraries";

/// The extension in this database, in whatever schema; else whether its files are there (which is looked up on disk,
/// so only then).
pub(super) const EXTENSION: &str = "\
select e.extversion as version,
       case when e.extversion is null
            then exists (select from pg_available_extensions a where a.name = 'pg_stat_statements')
            else true
       end as available
  from (select 1) one
  left join pg_extension e on e.extname = 'pg_stat_statements'";

/// Looks where the extension is, for this transaction only.
const LOOK_THERE: &str = "\
select set_config('search_path', 'pg_catalog, ' || quote_ident(n.nspname), true)
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace
 where e.extname = 'pg_stat_statements'; ";

/// The query by its parts that differ between versions of the extension.
macro_rules! top_statements {
    (time: $time:literal, wal: $wal:literal, since: $since:literal) => {
        concat!(
            "select s.queryid::text as query_id,
                    pg_catalog.left(s.query, 2000) as query,
                    pg_catalog.octet_length(s.query) as query_bytes,
                    pg_catalog.pg_get_userbyid(s.userid) as user_name,
                    pg_catalog.current_database() as database_name,
                    s.calls,
                    s.total_",
            $time,
            " as total_ms,
                    s.mean_",
            $time,
            " as mean_ms,
                    s.min_",
            $time,
            " as min_ms,
                    s.max_",
            $time,
            " as max_ms,
                    s.stddev_",
            $time,
            " as stddev_ms,
                    s.rows,
                    s.total_",
            $time,
            " / nullif(pg_catalog.sum(s.total_",
            $time,
            ") over (), 0) as share_ratio,
                    s.shared_blks_hit::float8
                      / nullif(s.shared_blks_hit + s.shared_blks_read, 0) as shared_hit_ratio,
                    s.shared_blks_read * b.size as shared_read_bytes,
                    (s.temp_blks_read + s.temp_blks_written) * b.size as temp_bytes,
                    ",
            $wal,
            " as wal_bytes,
                    ",
            $since,
            " as since_s
               from pg_stat_statements s
              cross join (select pg_catalog.current_setting('block_size')::bigint as size) b
              where s.dbid = (select d.oid from pg_catalog.pg_database d
                               where d.datname = pg_catalog.current_database())
              order by s.total_",
            $time,
            " desc
              limit 10"
        )
    };
}

/// 1.11 (PostgreSQL 17): since when, for each statement.
const TOP_1_11: &str = top_statements!(time: "exec_time", wal: "s.wal_bytes",
    since: "pg_catalog.date_part('epoch', s.stats_since)");
/// 1.9 and 1.10 (14 to 16): since when, for all of them.
const TOP_1_9: &str = top_statements!(time: "exec_time", wal: "s.wal_bytes",
    since: "(select pg_catalog.date_part('epoch', i.stats_reset) from pg_stat_statements_info i)");
/// 1.8 (13): planning and execution apart, WAL.
const TOP_1_8: &str = top_statements!(time: "exec_time", wal: "s.wal_bytes", since: "null::float8");
/// Older, where the extension was never updated (`ALTER EXTENSION … UPDATE`).
const TOP_OLD: &str = top_statements!(time: "time", wal: "null::bigint", since: "null::float8");

fn top(version: (u32, u32)) -> &'static str {
    match version {
        (1, minor) if minor < 8 => TOP_OLD,
        (1, 8) => TOP_1_8,
        (1, 9 | 10) => TOP_1_9,
        _ => TOP_1_11,
    }
}

/// What the database knows of the extension.
#[derive(Debug)]
pub(super) struct Extension {
    pub(super) version: Option<(u32, u32)>,
    available: bool,
}

impl Extension {
    pub(super) fn from_answer(answer: &Answer) -> Self {
        let row = answer.first();
        Self {
            version: row.and_then(|row| row.text("version")).and_then(|version| parse_version(&version)),
            available: row.and_then(|row| row.flag("available")).unwrap_or(false),
        }
    }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn missing(reason: Reason) -> Statements {
    Statements { available: false, reason: Some(reason.reason), fix_sql: reason.fix_sql, top: Vec::new() }
}

pub(super) async fn read(
    session: &Session,
    extension: &Extension,
    known: &Known,
    deadline: Instant,
) -> (Statements, Option<Ended>) {
    let Some(version) = extension.version else {
        return (missing(not_installed(extension, known)), None);
    };
    if known.sees_only_itself() {
        return (missing(known.no_privilege()), None);
    }
    let query = format!("{LOOK_THERE}{}", top(version));
    let answer = transaction::read(session, &[&query], deadline).await.into_iter().next();
    match answer {
        Some(Ok(answer)) => {
            let top = answer.rows().filter_map(statement).take(TOP).collect();
            (Statements { available: true, reason: None, fix_sql: None, top }, None)
        }
        Some(Err(error)) => {
            let mut ended = None;
            (missing(why(error, known, &mut ended)), ended)
        }
        None => (missing(Reason::new(Reason::NOT_COLLECTED)), None),
    }
}

/// The row of [`LOOK_THERE`] has no `query_id` column and is passed over.
fn statement(row: Row<'_>) -> Option<Statement> {
    let query = row.text("query")?;
    let bytes: usize = row.number("query_bytes").unwrap_or(query.len());
    let mut shown = text::clean_sql(&query, MAX_QUERY);
    if bytes > query.len() {
        shown.push_str(&format!("… (cut; {bytes} bytes in all)"));
    }
    Some(Statement {
        query_id: row.text("query_id").map(|id| text::clean_server_text(&id)).unwrap_or_default(),
        query: shown,
        user: row.text("user_name").map(|name| text::clean_server_text(&name)),
        database: row.text("database_name").map(|name| text::clean_server_text(&name)),
        calls: row.number("calls")?,
        total_ms: whole_micros_of_ms(row.number("total_ms")?),
        mean_ms: whole_micros_of_ms(row.number("mean_ms")?),
        min_ms: whole_micros_of_ms(row.number("min_ms")?),
        max_ms: whole_micros_of_ms(row.number("max_ms")?),
        stddev_ms: whole_micros_of_ms(row.number("stddev_ms")?),
        rows: row.number("rows")?,
        share_ratio: row.number("share_ratio"),
        shared_hit_ratio: row.number("shared_hit_ratio"),
        shared_read_bytes: row.number("shared_read_bytes")?,
        temp_bytes: row.number("temp_bytes")?,
        wal_bytes: row.number("wal_bytes"),
        since: time(row.number("since_s")),
    })
}

fn why(error: AskError, known: &Known, ended: &mut Option<Ended>) -> Reason {
    let code = match &error {
        AskError::Server(error) => error.code().map(|code| code.code().to_owned()),
        AskError::Timeout => None,
    };
    match code.as_deref() {
        // "pg_stat_statements must be loaded via shared_preload_libraries"
        Some("55000") => Reason { reason: "not_preloaded".to_owned(), fix_sql: preload(known) },
        Some("42501") => known.no_privilege(),
        _ => ended::reason(error, known.user(), ended),
    }
}

const CREATE: &str = "CREATE EXTENSION pg_stat_statements;";

fn not_installed(extension: &Extension, known: &Known) -> Reason {
    if !extension.available {
        return Reason::with_fix(
            "not_available",
            format!(
                "-- its files are missing: install the contrib package (Debian: postgresql-contrib), then\n{CREATE}"
            ),
        );
    }
    let is_loaded = libraries(known).is_some_and(|libraries| libraries.iter().any(|name| name == LIBRARY));
    let fix_sql = match is_loaded {
        true => Some(CREATE.to_owned()),
        false => preload(known).map(|preload| format!("{preload}\n{CREATE}")),
    };
    Reason { reason: "not_installed".to_owned(), fix_sql }
}

const LIBRARY: &str = "pg_stat_statements";

/// How to have the library loaded at start, without losing those that are; `None` where those cannot be named.
fn preload(known: &Known) -> Option<String> {
    if let Some(provider) = known.provider {
        return Some(format!(
            "-- {provider}: add pg_stat_statements to shared_preload_libraries in the provider's settings, restart, then"
        ));
    }
    if known.preloaded.is_none() {
        return Some(
            "-- as a superuser, add pg_stat_statements to shared_preload_libraries if SHOW shared_preload_libraries; \
             does not name it, and restart PostgreSQL; then, in this database:"
                .to_owned(),
        );
    }
    let mut all = libraries(known)?;
    if !all.iter().any(|library| library == LIBRARY) {
        all.push(LIBRARY.to_owned());
    }
    // Each in quotes of its own: one text with commas would be taken for one library, and the server would not
    // start.
    let all: Vec<String> = all.iter().map(|library| sql::literal(library)).collect();
    Some(format!(
        "ALTER SYSTEM SET shared_preload_libraries = {};\n-- then restart PostgreSQL, and in this database:",
        all.join(", ")
    ))
}

/// The libraries that are loaded at start. `None` where we may not see them, or where one has a name that cannot be
/// shown as it is: with SQL that leaves it out, it would no longer be loaded.
fn libraries(known: &Known) -> Option<Vec<String>> {
    let list = known.preloaded.as_deref().filter(|list| list.len() <= text::MAX_SERVER_TEXT)?;
    parse_libraries(list).filter(|libraries| libraries.iter().all(|name| sql::is_plain(name)))
}

/// A list as PostgreSQL writes it (`SplitDirectoriesString`): separated by commas, a name in double quotes where it
/// needs them, a double quote within them doubled. `None` for what is no such list.
fn parse_libraries(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = list.trim();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let mut name = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let (part, after) = quoted.split_once('"')?;
                name.push_str(part);
                match after.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        quoted = more;
                    }
                    None => {
                        rest = after.trim_start();
                        break;
                    }
                }
            }
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            name.push_str(rest[..end].trim_end());
            rest = &rest[end..];
        }
        if name.is_empty() {
            return None;
        }
        names.push(name);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return rest.is_empty().then_some(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(preloaded: Option<&str>) -> Known {
        let mut known = Known::of("app");
        known.preloaded = preloaded.map(str::to_owned);
        known
    }

    fn first_line(preloaded: Option<&str>) -> Option<String> {
        preload(&known(preloaded))?.lines().next().map(str::to_owned)
    }

    #[test]
    fn libraries_that_are_loaded_already_are_kept_each_in_its_own_quotes() {
        assert_eq!(
            first_line(Some("timescaledb, \"auto_explain\"")).as_deref(),
            Some(
                "ALTER SYSTEM SET shared_preload_libraries = 'timescaledb', 'auto_explain', 'pg_stat_statements';"
            )
        );
        assert_eq!(
            first_line(Some("")).as_deref(),
            Some("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';")
        );
        assert_eq!(
            first_line(Some("\"od,d \"\"it's\"\"\"")).as_deref(),
            Some("ALTER SYSTEM SET shared_preload_libraries = 'od,d \"it''s\"', 'pg_stat_statements';")
        );
    }

    #[test]
    fn no_sql_is_proposed_that_would_lose_or_hide_a_library() {
        let there = Extension { version: None, available: true };
        let long = format!("\"{}\"", "x".repeat(700));
        for list in ["timescaledb, \"a\u{202E}b\"", "\"a\nb\"", "\"open", "a,,b", "\"a\"b", &long] {
            assert_eq!(preload(&known(Some(list))), None, "{list}");
            let reason = not_installed(&there, &known(Some(list)));
            assert_eq!((reason.reason.as_str(), reason.fix_sql), ("not_installed", None), "{list}");
        }
    }

    #[test]
    fn only_the_step_that_is_missing_is_proposed() {
        let there = Extension { version: None, available: true };
        assert_eq!(
            not_installed(&there, &known(Some("pg_stat_statements"))).fix_sql.as_deref(),
            Some(CREATE)
        );
        let fix = not_installed(&there, &known(Some("auto_explain"))).fix_sql.unwrap();
        assert!(fix.starts_with("ALTER SYSTEM") && fix.ends_with(CREATE), "{fix}");
        let files = Extension { version: None, available: false };
        assert_eq!(not_installed(&files, &known(None)).reason, "not_available");
    }

    #[test]
    fn the_query_goes_by_the_version_of_the_extension() {
        assert_eq!(parse_version("1.10"), Some((1, 10)));
        assert!(top((1, 7)).contains("s.total_time as"));
        assert!(top((1, 8)).contains("s.total_exec_time as"));
        assert!(top((1, 10)).contains("pg_stat_statements_info"));
        assert!(top((1, 12)).contains("stats_since"));
    }
}
