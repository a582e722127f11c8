//! All counters of one reading, by the version of the extension, and as they are kept for the next reading.
//!
//! `pg_stat_statements(false)` leaves the texts in their file, which may have hundreds of megabytes.

use chrono::{DateTime, Utc};
use common::statements::{StatementCost, StatementKey};
use serde::{Deserialize, Serialize};

use super::extension::Version;
use crate::{
    health::Known,
    rows::{Answer, Row},
    sql,
};

/// Entries that are read, those with the most time first: a server may keep many more than the usual 5,000.
const MOST_ENTRIES: usize = 10_000;

/// Only where there may be more than that: sorting takes longer than reading.
const MOST_TIME: &str = "\n order by t desc limit 10000";

/// A count beyond this (2 EB) is none that a server reached.
const MOST: i64 = 1 << 61;

/// Who we are, which database this is, and since when the server counts. Asked before and after the counters: what
/// was reset in between is seen.
macro_rules! about {
    ($info:literal) => {
        concat!(
            "select (select r.oid from pg_roles r where r.rolname = current_user) as user_oid,
       (select d.oid from pg_database d where d.datname = current_database()) as database_oid,
       extract(epoch from clock_timestamp())::float8 as now_s, ",
            $info
        )
    };
}

const ABOUT_1_9: &str = about!(
    "i.dealloc as dealloc, extract(epoch from i.stats_reset)::float8 as reset_s, null as full
  from {schema}.pg_stat_statements_info() i"
);
const ABOUT_OLD: &str = about!("null as dealloc, null as reset_s, null as full");
/// Before 1.9 the extension does not say how often it threw entries out. It does so when it is full, 5 % of them at a
/// time and ten at least; entries that are being made are not counted here. Counting them takes as long as reading half of
/// them: only after the counters, and only where our database's alone do not fill it.
const FULL_OLD: &str = about!(
    "null as dealloc, null as reset_s,
       (select count(*) from {schema}.pg_stat_statements(false))
         >= 0.85 * current_setting('pg_stat_statements.max')::int as full"
);
/// The same as [`FULL_OLD`] says.
const FULL: f64 = 0.85;

/// The counters, by what differs between versions of the extension. `queryid` is null of what others ran and we may
/// not see. Null stands for 0 where most have a 0: a tenth of the server's time for it is saved.
macro_rules! counters {
    (time: $time:literal, toplevel: $toplevel:literal, wal: $wal:literal, since: $since:literal) => {
        concat!(
            "select s.userid as u, s.queryid as q, ",
            $toplevel,
            " as l, s.calls as c, s.total_",
            $time,
            " as t, s.min_",
            $time,
            " as mi, s.max_",
            $time,
            " as ma, s.stddev_",
            $time,
            " as d, s.rows as r, s.shared_blks_hit as h, nullif(s.shared_blks_read, 0) as b,
       nullif(s.temp_blks_read + s.temp_blks_written, 0) as f, ",
            $wal,
            " as w, ",
            $since,
            " as e
  from {schema}.pg_stat_statements(false) s
 where s.dbid = (select d.oid from pg_database d where d.datname = current_database())
   and s.calls > 0
   and s.queryid is not null"
        )
    };
}

/// 1.11 and later (PostgreSQL 17): since when, for each entry.
const COUNTERS_1_11: &str = counters!(time: "exec_time", toplevel: "s.toplevel", wal: "nullif(s.wal_bytes, 0)",
    since: "date_part('epoch', s.stats_since)");
/// 1.9 and 1.10 (14 to 16): whether a client or a function sent it.
const COUNTERS_1_9: &str =
    counters!(time: "exec_time", toplevel: "s.toplevel", wal: "nullif(s.wal_bytes, 0)", since: "null");
/// 1.8 (13): planning and execution apart, WAL.
const COUNTERS_1_8: &str =
    counters!(time: "exec_time", toplevel: "true", wal: "nullif(s.wal_bytes, 0)", since: "null");
/// Older, where the extension was never updated (`ALTER EXTENSION … UPDATE`).
const COUNTERS_OLD: &str = counters!(time: "time", toplevel: "true", wal: "null", since: "null");

/// The three messages of a snapshot. `schema` is the server's word, quoted whatever it holds. `before` is the snapshot
/// before, if there is one.
pub(super) fn queries(
    version: Version,
    schema: &str,
    most: Option<i64>,
    before: Option<&Snapshot>,
) -> [String; 3] {
    let counters = match version {
        version if version < Version(1, 8) => COUNTERS_OLD,
        version if version < Version(1, 9) => COUNTERS_1_8,
        version if version < Version(1, 11) => COUNTERS_1_9,
        _ => COUNTERS_1_11,
    };
    let filled = before.is_some_and(|before| before.fills(most));
    let (about, after) = match version < Version(1, 9) {
        true if filled => (ABOUT_OLD, ABOUT_OLD),
        true => (ABOUT_OLD, FULL_OLD),
        false => (ABOUT_1_9, ABOUT_1_9),
    };
    let fits = most.is_some_and(|most| (0..MOST_ENTRIES as i64).contains(&most));
    let counters = format!("{counters}{}", if fits { "" } else { MOST_TIME });
    let schema = sql::identifier(schema);
    [about, counters.as_str(), after].map(|query| query.replace("{schema}", &schema))
}

/// Since when the server counts, as it says itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) user_oid: u32,
    pub(super) database_oid: u32,
    /// Seconds since the epoch, by the server.
    pub(super) now_s: f64,
    /// How often entries were thrown out to make room.
    pub(super) dealloc: Option<i64>,
    pub(super) reset_s: Option<f64>,
    /// Whether entries may have been thrown out, where it does not say how often.
    pub(super) full: Option<bool>,
}

impl About {
    fn from_answer(answer: &Answer) -> Option<Self> {
        let row = answer.first()?;
        Some(Self {
            user_oid: row.number("user_oid")?,
            database_oid: row.number("database_oid")?,
            now_s: row.finite("now_s")?,
            dealloc: row.number("dealloc"),
            // After a crash the server has forgotten it, and says that it was at the epoch of its own.
            reset_s: row.finite("reset_s").filter(|reset_s| *reset_s > POSTGRES_EPOCH_S),
            full: row.flag("full"),
        })
    }

    fn counts_since_the_same(&self, other: &Self) -> bool {
        self.reset_s == other.reset_s && self.dealloc <= other.dealloc
    }
}

/// 2000-01-01.
const POSTGRES_EPOCH_S: f64 = 946_684_800.0;

/// One statement's counters since they began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Entry {
    pub(super) user_oid: u32,
    pub(super) query_id: i64,
    pub(super) toplevel: bool,
    pub(super) calls: i64,
    pub(super) total_ms: f64,
    pub(super) min_ms: f64,
    pub(super) max_ms: f64,
    pub(super) stddev_ms: f64,
    pub(super) rows: i64,
    pub(super) hit_bytes: i64,
    pub(super) read_bytes: i64,
    pub(super) temp_bytes: i64,
    pub(super) wal_bytes: Option<i64>,
    /// Since when, by the server; from 1.11 on.
    pub(super) since_s: Option<f64>,
}

/// An [`Entry`] without names: there are thousands.
type Kept = (u32, i64, bool, i64, f64, f64, f64, f64, i64, i64, i64, i64, Option<i64>, Option<f64>);

impl From<Kept> for Entry {
    fn from(kept: Kept) -> Self {
        let (user_oid, query_id, toplevel, calls, total_ms, min_ms, max_ms, stddev_ms, rows, ..) = kept;
        let (.., hit_bytes, read_bytes, temp_bytes, wal_bytes, since_s) = kept;
        Self {
            user_oid,
            query_id,
            toplevel,
            calls,
            total_ms,
            min_ms,
            max_ms,
            stddev_ms,
            rows,
            hit_bytes,
            read_bytes,
            temp_bytes,
            wal_bytes,
            since_s,
        }
    }
}

impl From<Entry> for Kept {
    fn from(entry: Entry) -> Self {
        (
            entry.user_oid,
            entry.query_id,
            entry.toplevel,
            entry.calls,
            entry.total_ms,
            entry.min_ms,
            entry.max_ms,
            entry.stddev_ms,
            entry.rows,
            entry.hit_bytes,
            entry.read_bytes,
            entry.temp_bytes,
            entry.wal_bytes,
            entry.since_s,
        )
    }
}

impl Entry {
    /// `None` of what no server counts: a hostile one may send anything.
    fn from_row(row: Row<'_>, version: Version, block_size: i64) -> Option<Self> {
        let count = |column| row.number::<i64>(column).filter(|count| (0..=MOST).contains(count));
        let or_zero = |column| if row.text(column).is_some() { count(column) } else { Some(0) };
        let ms = |column| row.finite(column).filter(|ms| (0.0..1e15).contains(ms));
        let bytes = |blocks: i64| blocks.saturating_mul(block_size).min(MOST);
        Some(Self {
            user_oid: row.number("u")?,
            query_id: row.number("q")?,
            toplevel: row.flag("l")?,
            calls: count("c").filter(|calls| *calls > 0)?,
            total_ms: ms("t")?,
            min_ms: ms("mi")?,
            max_ms: ms("ma")?,
            stddev_ms: ms("d")?,
            rows: count("r")?,
            hit_bytes: count("h").map(bytes)?,
            read_bytes: or_zero("b").map(bytes)?,
            temp_bytes: or_zero("f").map(bytes)?,
            wal_bytes: if version < Version(1, 8) { None } else { or_zero("w") },
            since_s: row.finite("e"),
        })
    }

    pub(super) fn mean_ms(&self) -> f64 {
        self.total_ms / self.calls as f64
    }

    /// All of it.
    pub(super) fn cost(&self) -> StatementCost {
        let mean_ms = self.mean_ms();
        StatementCost {
            calls: self.calls,
            total_ms: self.total_ms,
            squares: self.calls as f64 * (self.stddev_ms * self.stddev_ms + mean_ms * mean_ms),
            rows: self.rows,
            shared_hit_bytes: self.hit_bytes,
            shared_read_bytes: self.read_bytes,
            temp_bytes: self.temp_bytes,
            wal_bytes: self.wal_bytes,
            min_ms: Some(self.min_ms),
            max_ms: Some(self.max_ms),
        }
    }
}

/// All counters of the statements of one database, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By the dashboard's clock.
    pub(super) taken_at: DateTime<Utc>,
    pub(super) version: Version,
    pub(super) about: About,
    /// There were more entries than are read.
    pub(super) partial: bool,
    pub(super) entries: Vec<Entry>,
}

impl Snapshot {
    /// From the answers to [`queries`]. `None`: they are not what was asked for, or the counters were reset while they
    /// were read.
    pub(super) fn from_answers(
        answers: &[Answer; 3],
        (version, most): (Version, Option<i64>),
        known: &Known,
        taken_at: DateTime<Utc>,
    ) -> Option<Self> {
        let [before, counters, after] = answers;
        let (mut about, after) = (About::from_answer(before)?, About::from_answer(after)?);
        if !about.counts_since_the_same(&after) {
            return None;
        }
        about.full = after.full;
        let block_size = known.block_size.filter(|size| (1..=1 << 20).contains(size)).unwrap_or(8192);
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for row in counters.rows().take(MOST_ENTRIES) {
            let Some(entry) = Entry::from_row(row, version, block_size) else { continue };
            if seen.insert((entry.user_oid, entry.query_id, entry.toplevel)) {
                entries.push(entry);
            }
        }
        let partial = counters.rows().nth(MOST_ENTRIES - 1).is_some();
        let mut snapshot = Self { taken_at, version, about, partial, entries };
        if version < Version(1, 9) && snapshot.fills(most) {
            snapshot.about.full = Some(true);
        }
        Some(snapshot)
    }

    /// Whether what our database has of them is enough for the server to throw entries out, when it keeps `most`.
    fn fills(&self, most: Option<i64>) -> bool {
        most.is_some_and(|most| most > 0 && self.entries.len() as f64 >= FULL * most as f64)
    }

    /// Before 1.9 of the extension, what functions sent is not told from what clients sent.
    pub(super) fn says_toplevel(&self) -> bool {
        self.version >= Version(1, 9)
    }

    pub fn taken_at(&self) -> DateTime<Utc> {
        self.taken_at
    }

    pub(super) fn key(&self, entry: &Entry) -> StatementKey {
        StatementKey {
            database_oid: self.about.database_oid,
            user_oid: entry.user_oid,
            query_id: entry.query_id,
            toplevel: entry.toplevel,
        }
    }

    /// A moment of the server's clock by the dashboard's.
    pub(super) fn by_our_clock(&self, server_s: f64) -> Option<DateTime<Utc>> {
        let ago_us = (self.about.now_s - server_s) * 1e6;
        let ago = (ago_us.abs() < 1e17).then(|| chrono::TimeDelta::microseconds(ago_us.round() as i64))?;
        self.taken_at.checked_sub_signed(ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queries_go_by_the_version_of_the_extension() {
        let of = |minor| queries(Version(1, minor), "public", Some(5000), None);
        assert!(of(7)[1].contains("s.total_time as t") && of(7)[1].contains("null as w"));
        assert!(of(8)[1].contains("s.total_exec_time as t") && !of(8)[0].contains("_info"));
        assert!(
            of(10)[0].contains("\"public\".pg_stat_statements_info()") && of(10)[1].contains("null as e")
        );
        assert!(
            of(12)[1].contains("stats_since")
                && queries(Version(2, 0), "x", None, None)[1].contains("stats_since")
        );
    }

    #[test]
    fn only_where_more_may_be_kept_than_is_read_are_they_sorted() {
        let sorts =
            |most| queries(Version(1, 12), "public", most, None)[1].ends_with("order by t desc limit 10000");
        assert!(!sorts(Some(5000)));
        assert!(sorts(Some(10_000)) && sorts(None) && sorts(Some(-1)));
    }

    #[test]
    fn how_full_it_is_is_counted_once_and_only_where_our_own_entries_do_not_say() {
        let counts = |version, before: Option<&Snapshot>| {
            let [before, _, after] = queries(version, "public", Some(10), before);
            [before, after].map(|query| query.contains("count(*)"))
        };
        let entry: Entry = serde_json::from_str("[10,-7,true,3,1.5,0.1,1.2,0.25,4,5,6,7,null,1.5]").unwrap();
        let snapshot = |entries: usize| Snapshot {
            taken_at: DateTime::UNIX_EPOCH,
            version: Version(1, 8),
            about: About {
                user_oid: 10,
                database_oid: 5,
                now_s: 0.0,
                dealloc: None,
                reset_s: None,
                full: None,
            },
            partial: false,
            entries: vec![entry.clone(); entries],
        };
        assert_eq!(counts(Version(1, 8), None), [false, true]);
        assert_eq!(counts(Version(1, 8), Some(&snapshot(8))), [false, true]);
        assert_eq!(counts(Version(1, 8), Some(&snapshot(9))), [false, false]);
        assert_eq!(counts(Version(1, 9), None), [false, false]);
        assert!(!snapshot(9).fills(None) && !snapshot(0).fills(Some(0)));
    }

    #[test]
    fn no_schema_breaks_out_of_its_quotes() {
        let [_, counters, _] = queries(Version(1, 12), "x\".f(); drop table t; --", None, None);
        assert!(counters.contains("from \"x\"\".f(); drop table t; --\".pg_stat_statements(false)"));
    }

    #[test]
    fn an_entry_is_kept_as_it_was() {
        let json = "[10,-7,true,3,1.5,0.1,1.2,0.25,4,5,6,7,null,1.5]";
        let entry: Entry = serde_json::from_str(json).unwrap();
        assert_eq!((entry.user_oid, entry.query_id, entry.calls, entry.rows), (10, -7, 3, 4));
        assert_eq!((entry.hit_bytes, entry.temp_bytes, entry.wal_bytes), (5, 7, None));
        assert_eq!(serde_json::to_string(&entry).unwrap(), json);
    }
}
