//! Where `pg_stat_statements` is and in which version; where it is missing, exactly why, and what to run.

use common::{Reason, text};
use serde::{Deserialize, Serialize};

use crate::{health::Known, rows::Answer, sql};

/// Only superusers and members of `pg_read_all_settings` may see it.
pub(crate) const PRELOADED: &str = "select current_setting('shared_preload_libraries') as libraries";

/// The extension in this database, in whatever schema; else whether its files are there (which is looked up on disk,
/// so only then).
pub(crate) const EXTENSION: &str = "\
select e.extversion as version,
       n.nspname as schema,
       current_setting('pg_stat_statements.max', true) as most,
       case when e.extversion is null
            then exists (select from pg_available_extensions a where a.name = 'pg_stat_statements')
            else true
       end as available
  from (select 1) one
  left join pg_extension e on e.extname = 'pg_stat_statements'
  left join pg_namespace n on n.oid = e.extnamespace";

/// The version of an extension, as it was installed with `CREATE EXTENSION` or last updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// What the database knows of the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// Version and schema, where it was created.
    pub(super) place: Option<(Version, String)>,
    /// How many entries the server keeps; `None` where the library is not loaded.
    pub(super) most: Option<i64>,
    available: bool,
}

impl Extension {
    pub(crate) fn from_answer(answer: &Answer) -> Self {
        let row = answer.first();
        let version = row.and_then(|row| row.text("version")).and_then(|version| Version::parse(&version));
        Self {
            place: version.zip(row.and_then(|row| row.text("schema"))),
            most: row.and_then(|row| row.number("most")),
            available: row.and_then(|row| row.flag("available")).unwrap_or(false),
        }
    }

    /// Its version, where it is created in this database.
    pub(crate) fn version(&self) -> Option<(u32, u32)> {
        self.place.as_ref().map(|(Version(major, minor), _)| (*major, *minor))
    }

    /// The schema that it is in, where it is created in this database. As the server sent it: only for [`crate::sql`].
    pub(crate) fn schema(&self) -> Option<&str> {
        self.place.as_ref().map(|(_, schema)| schema.as_str())
    }

    /// Whether the server has loaded the library, however its name is written in the settings.
    pub(crate) fn is_loaded(&self) -> bool {
        self.most.is_some()
    }

    #[cfg(test)]
    pub(crate) fn of(version: Option<(u32, u32)>, most: Option<i64>) -> Self {
        let place = version.map(|(major, minor)| (Version(major, minor), "pub\"lic".to_owned()));
        Self { place, most, available: true }
    }
}

const CREATE: &str = "CREATE EXTENSION pg_stat_statements;";

pub(super) fn not_installed(extension: &Extension, known: &Known) -> Reason {
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
pub(super) fn preload(known: &Known) -> Option<String> {
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
        let there = Extension { place: None, most: None, available: true };
        let long = format!("\"{}\"", "x".repeat(700));
        for list in ["timescaledb, \"a\u{202E}b\"", "\"a\nb\"", "\"open", "a,,b", "\"a\"b", &long] {
            assert_eq!(preload(&known(Some(list))), None, "{list}");
            let reason = not_installed(&there, &known(Some(list)));
            assert_eq!((reason.reason.as_str(), reason.fix_sql), ("not_installed", None), "{list}");
        }
    }

    #[test]
    fn only_the_step_that_is_missing_is_proposed() {
        let there = Extension { place: None, most: None, available: true };
        assert_eq!(
            not_installed(&there, &known(Some("pg_stat_statements"))).fix_sql.as_deref(),
            Some(CREATE)
        );
        let fix = not_installed(&there, &known(Some("auto_explain"))).fix_sql.unwrap();
        assert!(fix.starts_with("ALTER SYSTEM") && fix.ends_with(CREATE), "{fix}");
        let files = Extension { place: None, most: None, available: false };
        assert_eq!(not_installed(&files, &known(None)).reason, "not_available");
    }

    #[test]
    fn a_version_has_two_numbers() {
        assert_eq!(Version::parse("1.10"), Some(Version(1, 10)));
        assert!(Version(1, 9) < Version(1, 10) && Version(1, 12) < Version(2, 0));
        for odd in ["1", "1.x", "", "1.2.3", "-1.2"] {
            assert_eq!(Version::parse(odd), None, "{odd}");
        }
    }
}
