//! What is known of a server before its checks are asked: the first round trip of a reading.
//!
//! Which SQL a check sends, and what it advises, depends on the version, on who we are there and on whose server it is.

use common::{Reason, text};

use crate::rows::{Answer, Row};

pub(super) const ABOUT: &str = "\
select current_setting('server_version_num') as version_num,
       current_setting('server_version') as version,
       pg_is_in_recovery() as standby,
       extract(epoch from pg_postmaster_start_time())::float8 as started_at_s,
       extract(epoch from clock_timestamp())::float8 as now_s,
       current_setting('TimeZone') as timezone,
       current_user as role_name,
       (select rolsuper from pg_roles where rolname = current_user) as superuser,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as reads_all_stats,
       pg_has_role(current_user, 'pg_read_all_settings', 'usage') as reads_all_settings,
       current_setting('max_connections') as max_connections,
       current_setting('superuser_reserved_connections') as superuser_reserved,
       current_setting('reserved_connections', true) as reserved,
       current_setting('block_size') as block_size,
       (select min(rolname::text) from pg_roles
         where rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin', 'neon_superuser')
       ) as provider_role";

/// A server as its first answer describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) version: Option<String>,
    pub(crate) version_num: Option<i32>,
    pub(crate) standby: Option<bool>,
    pub(crate) started_at_s: Option<f64>,
    pub(crate) now_s: Option<f64>,
    pub(crate) timezone: Option<String>,
    /// Whom the server takes us for; a pooler may have mapped the user. As the server sent it: only for [`crate::sql`].
    pub(crate) role_name: Option<String>,
    pub(crate) superuser: Option<bool>,
    pub(crate) reads_all_stats: Option<bool>,
    pub(crate) reads_all_settings: Option<bool>,
    pub(crate) max_connections: Option<i64>,
    /// Slots that ordinary users cannot have: for superusers and, from version 16, for `pg_use_reserved_connections`.
    pub(crate) reserved_connections: Option<i64>,
    pub(crate) block_size: Option<i64>,
    pub(crate) provider: Option<&'static str>,
    /// `shared_preload_libraries`; `None` where we may not see it.
    pub(crate) preloaded: Option<String>,
    /// Where the statistics of statements are; `None` where that could not be asked.
    pub(crate) extension: Option<crate::statements::Extension>,
    /// The user of the connection.
    pub(crate) login: String,
}

impl Known {
    pub(super) fn from_row(row: Row<'_>) -> Self {
        Self {
            version: row.text("version").map(|version| text::clean_server_text(&version)),
            version_num: row.number("version_num"),
            standby: row.flag("standby"),
            started_at_s: row.number("started_at_s"),
            now_s: row.number("now_s"),
            timezone: row.text("timezone").map(|zone| text::clean_server_text(&zone)),
            role_name: row.text("role_name"),
            superuser: row.flag("superuser"),
            reads_all_stats: row.flag("reads_all_stats"),
            reads_all_settings: row.flag("reads_all_settings"),
            max_connections: row.number("max_connections"),
            reserved_connections: reserved(row.number("superuser_reserved"), row.number("reserved")),
            block_size: row.number("block_size"),
            provider: row.text("provider_role").as_deref().and_then(provider),
            preloaded: None,
            extension: None,
            login: String::new(),
        }
    }

    pub(crate) fn of(login: &str) -> Self {
        Self { login: login.to_owned(), ..Self::default() }
    }

    pub(super) fn with_login(mut self, login: &str) -> Self {
        self.login = login.to_owned();
        self
    }

    /// `current_user`, or the login where the server did not say. As the server sent it: only for [`crate::sql`].
    pub(crate) fn user(&self) -> &str {
        self.role_name.as_deref().unwrap_or(&self.login)
    }

    /// 13 to 18 and what comes after; 0 where the server did not say.
    pub(crate) fn major(&self) -> i32 {
        self.version_num.map_or(0, |number| number / 10_000)
    }

    pub(crate) fn is_standby(&self) -> bool {
        self.standby == Some(true)
    }

    pub(crate) fn is_superuser(&self) -> bool {
        self.superuser == Some(true)
    }

    /// Others' sessions and statements are hidden from us.
    pub(crate) fn sees_only_itself(&self) -> bool {
        self.reads_all_stats == Some(false)
    }

    /// The version of `pg_stat_statements` in this database; `None` where it is not created.
    pub(crate) fn statements_version(&self) -> Option<(u32, u32)> {
        self.extension.as_ref()?.version()
    }

    /// The reason of whatever needs `pg_monitor`.
    pub(crate) fn no_privilege(&self) -> Reason {
        crate::sql::no_privilege(self.user())
    }

    pub(super) fn with_extension(mut self, extension: Option<crate::statements::Extension>) -> Self {
        self.extension = extension;
        self
    }

    pub(super) fn with_preloaded(mut self, answer: Option<&Answer>) -> Self {
        self.preloaded = answer.and_then(|answer| answer.first()?.text("libraries"));
        self
    }
}

/// Of superusers, and from version 16 of `pg_use_reserved_connections`. What is no number of slots is none.
fn reserved(of_superusers: Option<i64>, of_others: Option<i64>) -> Option<i64> {
    let of_superusers = of_superusers.filter(|slots| *slots >= 0)?;
    Some(of_superusers.saturating_add(of_others.unwrap_or(0).max(0)))
}

/// Providers give their administrators' role a name of their own.
fn provider(role: &str) -> Option<&'static str> {
    match role {
        "rds_superuser" => Some("Amazon RDS"),
        "cloudsqlsuperuser" => Some("Google Cloud SQL"),
        "azure_pg_admin" => Some("Azure Database for PostgreSQL"),
        "supabase_admin" => Some("Supabase"),
        "neon_superuser" => Some("Neon"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_server_says_of_reserved_connections_is_no_accident() {
        assert_eq!(reserved(Some(3), Some(2)), Some(5));
        assert_eq!(reserved(Some(3), None), Some(3));
        assert_eq!(reserved(Some(i64::MAX), Some(i64::MAX)), Some(i64::MAX));
        assert_eq!(reserved(Some(i64::MIN), Some(1)), None);
        assert_eq!(reserved(Some(3), Some(i64::MIN)), Some(3));
    }
}
