//! Settings that lose data, blind whoever looks, or were never fitted to a database that has grown.
//!
//! A warning is only what loses data or hides something. What is a matter of taste, or of a machine that cannot be seen from
//! here, is worth knowing at most.

use common::{Reason, health::Evidence, units};

use super::{Ask, Check, Context, Verdict};
use crate::{
    rows::{Answer, Row},
    sql,
};

pub(super) const CHECK: Check = Check {
    id: "settings-worth-a-look",
    title: "Settings",
    unit: "count",
    threshold: None,
    why: "Some settings lose data when the machine fails, or keep the server from cleaning up and counting.",
    docs_url: "https://www.postgresql.org/docs/current/runtime-config.html",
    ask: |_| Ask::sql(QUERY),
    judge,
};

/// What a client without TLS reads and writes can be read along; PostgreSQL shows the addresses of others' clients only to
/// `pg_monitor`.
const QUERY: &str = "\
select current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('zero_damaged_pages') as zero_damaged_pages,
       current_setting('ignore_checksum_failure') as ignore_checksum_failure,
       current_setting('autovacuum') as autovacuum,
       current_setting('track_counts') as track_counts,
       current_setting('track_activities') as track_activities,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('ssl') as ssl,
       current_setting('random_page_cost') as random_page_cost,
       current_setting('max_connections') as max_connections,
       pg_size_bytes(current_setting('shared_buffers')) as shared_buffers,
       pg_size_bytes(current_setting('work_mem')) as work_mem,
       pg_size_bytes(current_setting('effective_cache_size')) as effective_cache_size,
       (select count(*)
          from pg_stat_ssl s
          join pg_stat_activity a on a.pid = s.pid
         where not s.ssl
           and a.client_addr is not null
           and not a.client_addr <<= inet '127.0.0.0/8'
           and a.client_addr <> inet '::1') as plain_clients";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Info,
    Warning,
    Critical,
}

/// One setting that is worth a look.
#[derive(Debug, PartialEq)]
struct Look {
    weight: Weight,
    name: &'static str,
    says: String,
    /// What it should be, where that is the same for every server.
    better: Option<&'static str>,
}

/// What is dangerous whatever the machine: the setting, its bad value, the better one, how bad, and why.
const DANGEROUS: [(&str, &str, &str, Weight, &str); 8] = [
    ("fsync", "off", "on", Weight::Critical, "is off: when the machine fails, the whole server can be lost"),
    (
        "full_page_writes",
        "off",
        "on",
        Weight::Warning,
        "is off: unless the file system never tears a page (ZFS), a failing machine damages tables",
    ),
    ("zero_damaged_pages", "on", "off", Weight::Warning, "is on: damaged pages are emptied without a word"),
    (
        "ignore_checksum_failure",
        "on",
        "off",
        Weight::Warning,
        "is on: damaged pages are read as if they were not",
    ),
    (
        "autovacuum",
        "off",
        "on",
        Weight::Warning,
        "is off: dead rows pile up, until the server stops to avoid wraparound",
    ),
    (
        "track_counts",
        "off",
        "on",
        Weight::Warning,
        "is off: autovacuum does not know what to do, and nobody sees why",
    ),
    ("track_activities", "off", "on", Weight::Warning, "is off: what sessions do cannot be seen"),
    (
        "synchronous_commit",
        "off",
        "on",
        Weight::Info,
        "is off: when the machine fails, commits of the last moments are lost",
    ),
];

/// A database of this size has outgrown what suits every machine.
const LARGE_BYTES: i64 = 2 << 30;
const DEFAULT_SHARED_BUFFERS: i64 = 128 << 20;
const DEFAULT_RANDOM_PAGE_COST: f64 = 4.0;
/// How many times the cache that the planner reckons with all sessions may need at once, each for one sort.
const WORK_MEM_TIMES_CACHE: i64 = 2;

const CRITICAL_POINTS: u8 = 40;
const WARNING_POINTS: u8 = 10;
const MOST_POINTS: u8 = 60;

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let row = answer.one()?;
    let size = context.measured.metrics.database_size_bytes.unwrap_or(0);
    let mut looks = dangerous(|name| row.text(name));
    looks.extend(outgrown(&Sizes::of(row, size)));
    if row.text("ssl").as_deref() == Some("off")
        && let Some(clients) = row.number::<i64>("plain_clients").filter(|clients| *clients > 0)
    {
        let says =
            format!("is off, and {clients} sessions came over the network: what they say can be read along");
        looks.push(Look { weight: Weight::Info, name: "ssl", says, better: None });
    }
    Ok(verdict(looks, &context.measured.pending_restart))
}

fn dangerous(value: impl Fn(&str) -> Option<String>) -> Vec<Look> {
    let looks = DANGEROUS.iter().filter(|(name, bad, ..)| value(name).as_deref() == Some(*bad));
    looks
        .map(|(name, _, better, weight, says)| Look {
            weight: *weight,
            name,
            says: (*says).to_owned(),
            better: Some(better),
        })
        .collect()
}

/// In bytes, but for the cost and the count.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    database: i64,
    shared_buffers: Option<i64>,
    work_mem: Option<i64>,
    effective_cache_size: Option<i64>,
    max_connections: Option<i64>,
    random_page_cost: Option<f64>,
}

impl Sizes {
    fn of(row: Row<'_>, database: i64) -> Self {
        Self {
            database,
            shared_buffers: row.number("shared_buffers"),
            work_mem: row.number("work_mem"),
            effective_cache_size: row.number("effective_cache_size"),
            max_connections: row.number("max_connections"),
            random_page_cost: row.finite("random_page_cost"),
        }
    }
}

fn outgrown(sizes: &Sizes) -> Vec<Look> {
    let mut looks = Vec::new();
    let mut look = |name, says: String| looks.push(Look { weight: Weight::Info, name, says, better: None });
    let is_large = sizes.database >= LARGE_BYTES;
    let database = units::bytes(sizes.database);
    if is_large && sizes.shared_buffers == Some(DEFAULT_SHARED_BUFFERS) {
        look(
            "shared_buffers",
            format!(
                "is 128 MB as it comes, and the database has {database}: a quarter of the machine's memory is usual"
            ),
        );
    }
    if is_large && sizes.random_page_cost == Some(DEFAULT_RANDOM_PAGE_COST) {
        look("random_page_cost", "is 4 as for spinning disks: on an SSD 1.1 is usual".to_owned());
    }
    if let (Some(each), Some(sessions), Some(cache)) =
        (sizes.work_mem, sizes.max_connections, sizes.effective_cache_size)
    {
        let all = each.saturating_mul(sessions);
        if all > cache.saturating_mul(WORK_MEM_TIMES_CACHE) && cache > 0 {
            look(
                "work_mem",
                format!(
                    "is {}, and {sessions} sessions may take {} together for one sort each: more than {WORK_MEM_TIMES_CACHE} times the \
                     machine's cache as effective_cache_size has it ({})",
                    units::bytes(each),
                    units::bytes(all),
                    units::bytes(cache)
                ),
            );
        }
    }
    looks
}

fn verdict(mut looks: Vec<Look>, pending_restart: &[String]) -> Verdict {
    looks.sort_by_key(|look| std::cmp::Reverse(look.weight));
    let count = looks.len() + pending_restart.len();
    let Some(worst) = looks.first().map(|look| look.weight).or((count > 0).then_some(Weight::Info)) else {
        return Verdict::ok(0.0, "No setting loses data or hides anything.");
    };
    let points = looks.iter().map(|look| match look.weight {
        Weight::Critical => CRITICAL_POINTS,
        Weight::Warning => WARNING_POINTS,
        Weight::Info => 0,
    });
    let points = points.fold(0_u8, u8::saturating_add).min(MOST_POINTS);
    let mut evidence: Vec<Evidence> = looks.iter().map(Look::evidence).collect();
    evidence.extend(pending_restart.iter().map(|name| Evidence {
        subject: name.clone(),
        detail: "was changed, and the change waits for a restart".to_owned(),
        fix_sql: None,
    }));
    let fix: Vec<String> =
        looks.iter().filter(|look| look.weight > Weight::Info).filter_map(Look::fix).collect();
    let detail = match looks.first() {
        Some(first) => {
            let more = match count - 1 {
                0 => String::new(),
                1 => " One more is worth a look.".to_owned(),
                more => format!(" {more} more are worth a look."),
            };
            format!("{} {}.{more}", first.name, first.says)
        }
        None => {
            format!("{} wait for a restart: {}.", units::thousands(count as i64), pending_restart.join(", "))
        }
    };
    let value = count as f64;
    let verdict = match worst {
        Weight::Critical => Verdict::critical(points, value, detail),
        Weight::Warning => Verdict::warning(points, value, detail),
        Weight::Info => Verdict::info(value, detail),
    };
    let verdict = verdict.with_evidence(evidence);
    if fix.is_empty() {
        return verdict;
    }
    verdict.with_fix(format!("{}\nSELECT pg_reload_conf();", fix.join("\n")))
}

impl Look {
    fn evidence(&self) -> Evidence {
        Evidence { subject: self.name.to_owned(), detail: self.says.clone(), fix_sql: self.fix() }
    }

    fn fix(&self) -> Option<String> {
        let better = self.better?;
        Some(format!("ALTER SYSTEM SET {} = {};", self.name, sql::literal(better)))
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn with(bad: &[(&str, &str)]) -> Vec<Look> {
        dangerous(|name| bad.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_loses_the_server_is_critical_and_what_blinds_is_a_warning() {
        let of = |bad: &[(&str, &str)]| verdict(with(bad), &[]);
        assert_eq!(of(&[("fsync", "on"), ("autovacuum", "on")]).status, CheckStatus::Ok);
        let fsync = of(&[("autovacuum", "off"), ("fsync", "off"), ("synchronous_commit", "off")]);
        assert_eq!((fsync.status, fsync.points, fsync.value), (CheckStatus::Critical, 50, Some(3.0)));
        assert!(fsync.detail.starts_with("fsync is off"), "{}", fsync.detail);
        assert_eq!(
            fsync.fix_sql.as_deref(),
            Some(
                "ALTER SYSTEM SET fsync = 'on';\nALTER SYSTEM SET autovacuum = 'on';\nSELECT pg_reload_conf();"
            )
        );
        assert_eq!(fsync.evidence.len(), 3);
        let blind = of(&[("track_counts", "off")]);
        assert_eq!((blind.status, blind.points), (CheckStatus::Warning, 10));
        let taste = of(&[("synchronous_commit", "off")]);
        assert_eq!((taste.status, taste.points, taste.fix_sql), (CheckStatus::Info, 0, None));
    }

    #[test]
    fn what_waits_for_a_restart_is_worth_knowing() {
        let found = verdict(Vec::new(), &["shared_buffers".to_owned()]);
        assert_eq!((found.status, found.points, found.value), (CheckStatus::Info, 0, Some(1.0)));
        assert!(found.detail.contains("shared_buffers"), "{}", found.detail);
    }

    #[test]
    fn defaults_are_worth_a_look_once_the_database_is_large() {
        let defaults = Sizes {
            shared_buffers: Some(128 << 20),
            work_mem: Some(4 << 20),
            effective_cache_size: Some(4 << 30),
            max_connections: Some(100),
            random_page_cost: Some(4.0),
            database: 0,
        };
        assert_eq!(outgrown(&defaults), []);
        let large = outgrown(&Sizes { database: 3 << 30, ..defaults });
        assert_eq!(
            large.iter().map(|look| look.name).collect::<Vec<_>>(),
            ["shared_buffers", "random_page_cost"]
        );
        let greedy = outgrown(&Sizes { work_mem: Some(1 << 30), ..defaults });
        assert_eq!(greedy.iter().map(|look| look.name).collect::<Vec<_>>(), ["work_mem"]);
        let absurd = Sizes { work_mem: Some(i64::MAX), max_connections: Some(i64::MAX), ..defaults };
        assert_eq!(outgrown(&absurd).len(), 1, "whatever the server says");
    }
}
