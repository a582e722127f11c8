//! Replication slots that keep the write-ahead log for somebody who does not come: the disk fills until the primary stops,
//! or, with a limit, the slot is lost and its standby has to be made anew.

use common::{
    Reason,
    health::{CheckStatus, Evidence, Threshold},
    text, units,
};

use super::{Ask, Check, Context, Verdict};
use crate::{
    rows::{Answer, Row},
    sql::{is_plain, literal},
};

const GB: f64 = 1024.0 * 1024.0 * 1024.0;
pub(super) const LIMITS: Threshold = Threshold { warning: GB, critical: 10.0 * GB };
const POINTS: (u8, u8) = (10, 30);

pub(super) const CHECK: Check = Check {
    id: "replication-slots",
    title: "Replication slots",
    unit: "bytes",
    threshold: Some(LIMITS),
    why: "A slot keeps the log until its reader has it. When the reader does not come back, the disk fills up and the \
          server stops.",
    docs_url: "https://www.postgresql.org/docs/current/view-pg-replication-slots.html",
    ask: |known| Ask::sql(if known.major() < 17 { SQL_16 } else { SQL }),
    judge,
};

/// A slot that is kept in step with the primary's (`synced`) has no reader until the failover.
const SQL: &str = "\
select slot_name, slot_type, plugin, database, active, wal_status, safe_wal_size,
       pg_wal_lsn_diff(
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
         restart_lsn
       ) as kept_bytes,
       greatest(age(xmin), age(catalog_xmin)) as kept_xids,
       extract(epoch from clock_timestamp() - inactive_since)::float8 as inactive_s,
       invalidation_reason,
       current_setting('max_slot_wal_keep_size') = '-1' as unlimited
  from pg_replication_slots
 where not temporary
   and not synced
 order by kept_bytes desc nulls last
 limit 50";

/// Up to version 16.
const SQL_16: &str = "\
select slot_name, slot_type, plugin, database, active, wal_status, safe_wal_size,
       pg_wal_lsn_diff(
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
         restart_lsn
       ) as kept_bytes,
       greatest(age(xmin), age(catalog_xmin)) as kept_xids,
       null::float8 as inactive_s,
       null::text as invalidation_reason,
       current_setting('max_slot_wal_keep_size') = '-1' as unlimited
  from pg_replication_slots
 where not temporary
 order by kept_bytes desc nulls last
 limit 50";

/// A slot that has held back vacuum for as long as `autovacuum_freeze_max_age` makes tables bloat.
const OLD_XIDS: i64 = 200_000_000;

#[derive(Debug, Clone, Default)]
struct Slot {
    /// As the server sent it: only for [`crate::sql`].
    name: String,
    kind: String,
    database: Option<String>,
    active: bool,
    wal_status: Option<String>,
    /// How much more may be written before it is lost.
    safe_bytes: Option<i64>,
    kept_bytes: Option<i64>,
    kept_xids: Option<i64>,
    inactive_s: Option<f64>,
    invalidation: Option<String>,
    unlimited: bool,
}

impl Slot {
    fn from_row(row: Row<'_>) -> Self {
        let short = |column: &str| row.text(column).map(|text| text::shorten(&text, 80));
        let count = |column: &str| row.number::<i64>(column).map(|count| count.max(0));
        let kind = match (short("slot_type"), short("plugin")) {
            (Some(kind), Some(plugin)) => format!("{kind} ({plugin})"),
            (kind, _) => kind.unwrap_or_default(),
        };
        Self {
            name: row.text("slot_name").unwrap_or_default(),
            kind,
            database: short("database"),
            active: row.flag("active").unwrap_or(false),
            wal_status: short("wal_status"),
            safe_bytes: row.number("safe_wal_size"),
            kept_bytes: count("kept_bytes"),
            kept_xids: count("kept_xids"),
            inactive_s: row.finite("inactive_s").map(|seconds| seconds.max(0.0)),
            invalidation: short("invalidation_reason"),
            unlimited: row.flag("unlimited").unwrap_or(false),
        }
    }

    fn shown(&self) -> String {
        text::shorten(&self.name, 80)
    }

    fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost") || self.invalidation.is_some()
    }

    fn kept(&self) -> i64 {
        self.kept_bytes.unwrap_or_default()
    }

    fn status(&self, limits: Threshold) -> CheckStatus {
        let kept = self.kept() as f64;
        let holds_vacuum = self.kept_xids.is_some_and(|xids| xids >= OLD_XIDS);
        if kept >= limits.critical || self.wal_status.as_deref() == Some("unreserved") {
            CheckStatus::Critical
        } else if kept >= limits.warning || self.is_lost() || holds_vacuum {
            CheckStatus::Warning
        } else {
            CheckStatus::Ok
        }
    }

    fn evidence(&self) -> Evidence {
        let mut parts = vec![self.kind.clone()];
        if let Some(database) = &self.database {
            parts.push(format!("database {database}"));
        }
        parts.push(match (self.active, self.inactive_s) {
            (true, _) => "active".to_owned(),
            (false, Some(seconds)) => format!("inactive for {}", units::span(seconds)),
            (false, None) => "inactive".to_owned(),
        });
        parts.push(match self.kept_bytes {
            Some(kept) => format!("keeps {} of the log", units::bytes(kept)),
            None => "keeps nothing".to_owned(),
        });
        if let Some(xids) = self.kept_xids.filter(|xids| *xids > 0) {
            parts.push(format!("holds back vacuum by {} transactions", units::thousands(xids)));
        }
        if let Some(status) = self.wal_status.as_ref().filter(|status| *status != "reserved") {
            parts.push(format!("wal_status {status}"));
        }
        parts.extend(self.invalidation.as_ref().map(|reason| format!("invalidated ({reason})")));
        parts.extend(
            self.safe_bytes
                .filter(|safe| *safe > 0)
                .map(|safe| format!("{} more until it is lost", units::bytes(safe))),
        );
        let drop = (!self.active && is_plain(&self.name)).then(|| {
            format!(
                "-- Only if nobody will read from it again:\nSELECT pg_drop_replication_slot({});",
                literal(&self.name)
            )
        });
        Evidence { subject: self.shown(), detail: parts.join(", "), fix_sql: drop }
    }
}

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let slots = answer.rows().map(Slot::from_row).collect();
    Ok(verdict(slots, context.thresholds.slot_bytes))
}

fn verdict(mut slots: Vec<Slot>, limits: Threshold) -> Verdict {
    let rank = |status: CheckStatus| match status {
        CheckStatus::Critical => 2,
        CheckStatus::Warning => 1,
        _ => 0,
    };
    slots.sort_by_key(|slot| std::cmp::Reverse((rank(slot.status(limits)), slot.kept())));
    let Some(worst) = slots.first() else {
        return Verdict::nothing_there("There are no replication slots.", "there are no replication slots");
    };
    let most = slots.iter().map(Slot::kept).max().unwrap_or_default();
    let inactive = slots.iter().filter(|slot| !slot.active).count();
    let mut detail = match slots.len() {
        1 => "1 replication slot".to_owned(),
        count => format!("{count} replication slots"),
    };
    detail.push_str(&match inactive {
        0 => ", active".to_owned(),
        inactive => format!(", {inactive} of them inactive"),
    });
    detail.push_str(&format!("; the most that one keeps of the log is {}.", units::bytes(most)));
    let status = worst.status(limits);
    if status != CheckStatus::Ok {
        let name = worst.shown();
        detail.push_str(&if worst.is_lost() {
            format!(" {name} is lost: its reader has to begin anew, and the slot can go.")
        } else if worst.wal_status.as_deref() == Some("unreserved") {
            format!(
                " {name} is about to be lost: the log that it needs may be removed at the next checkpoint."
            )
        } else if worst.active {
            format!(" {name} has a reader that does not keep up.")
        } else {
            format!(" {name} waits for a reader: bring it back, or drop the slot before the disk is full.")
        });
    }
    let evidence = slots.iter().map(Slot::evidence).collect();
    let value = most as f64;
    let verdict = match status {
        CheckStatus::Critical => Verdict::critical(POINTS.1, value, detail),
        CheckStatus::Warning => Verdict::warning(POINTS.0, value, detail),
        // One that is inactive now is worth knowing: it keeps more from hour to hour.
        _ if inactive > 0 => Verdict::info(value, detail),
        _ => Verdict::ok(value, detail),
    };
    let unlimited = slots.iter().any(|slot| slot.unlimited);
    let verdict = Verdict { threshold: Some(limits), ..verdict.with_evidence(evidence) };
    if verdict.is_finding() && unlimited && !worst.is_lost() {
        let limit_gb = limit_gb(most);
        return verdict.with_fix(format!(
            "-- A limit, so that a lost reader cannot fill the disk. A slot that keeps more is lost: its reader has to begin anew.\n\
             ALTER SYSTEM SET max_slot_wal_keep_size = '{limit_gb}GB';\n\
             SELECT pg_reload_conf();"
        ));
    }
    verdict
}

/// Twice what the slots of now keep, so that none of them is lost by it; the server takes up to 2^31 - 1 MB.
fn limit_gb(most_bytes: i64) -> i64 {
    let twice = (2.0 * most_bytes as f64 / GB).ceil() as i64;
    twice.clamp(50, i64::from(i32::MAX) / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, kept_gb: f64) -> Slot {
        Slot {
            name: name.to_owned(),
            kind: "physical".to_owned(),
            wal_status: Some("reserved".to_owned()),
            kept_bytes: Some((kept_gb * GB) as i64),
            unlimited: true,
            ..Slot::default()
        }
    }

    fn of(slot: Slot) -> Verdict {
        verdict(vec![slot], LIMITS)
    }

    #[test]
    fn the_limits_are_1_and_10_gb() {
        assert_eq!(of(slot("dead", 0.9)).status, CheckStatus::Info, "worth knowing");
        assert_eq!(of(Slot { active: true, ..slot("dead", 0.9) }).status, CheckStatus::Ok);
        assert_eq!((of(slot("dead", 1.0)).status, of(slot("dead", 1.0)).points), (CheckStatus::Warning, 10));
        let found = of(slot("dead", 10.0));
        assert_eq!((found.status, found.points), (CheckStatus::Critical, 30));
        assert!(found.fix_sql.unwrap().contains("max_slot_wal_keep_size"));
        let drop = found.evidence[0].fix_sql.clone().unwrap();
        assert!(drop.ends_with("SELECT pg_drop_replication_slot('dead');"), "{drop}");
        let none = verdict(Vec::new(), LIMITS);
        assert_eq!((none.status, none.value), (CheckStatus::Ok, None));
    }

    #[test]
    fn one_that_is_lost_or_about_to_be_is_found_whatever_it_keeps() {
        let status = |status: &str| of(Slot { wal_status: Some(status.to_owned()), ..slot("x", 0.1) });
        assert_eq!(status("unreserved").status, CheckStatus::Critical);
        assert_eq!(status("lost").status, CheckStatus::Warning);
        assert!(status("lost").detail.contains("begin anew"), "{}", status("lost").detail);
        assert_eq!(of(Slot { kept_xids: Some(OLD_XIDS), ..slot("x", 0.1) }).status, CheckStatus::Warning);
    }

    #[test]
    fn the_limit_that_is_offered_loses_no_slot_of_now() {
        let fix = |kept_gb| of(slot("dead", kept_gb)).fix_sql.unwrap();
        assert!(fix(10.0).contains("max_slot_wal_keep_size = '50GB';"), "{}", fix(10.0));
        assert!(fix(60.2).contains("max_slot_wal_keep_size = '121GB';"), "{}", fix(60.2));
        assert!(fix(60.2).lines().next().unwrap().contains("is lost"), "{}", fix(60.2));
        assert_eq!(limit_gb(i64::MAX), 2_097_151, "no more than the server takes");
    }

    #[test]
    fn nobody_is_told_to_drop_an_active_one_or_one_whose_name_deceives() {
        assert_eq!(Slot { active: true, ..slot("x", 20.0) }.evidence().fix_sql, None);
        assert_eq!(slot("x\u{202E}y", 20.0).evidence().fix_sql, None);
        assert_eq!(slot("", 20.0).evidence().fix_sql, None);
    }

    #[test]
    fn the_worst_decides_and_is_shown_first() {
        let found = verdict(vec![slot("small", 0.5), slot("large", 2.0)], LIMITS);
        assert_eq!(found.evidence[0].subject, "large");
        assert!(found.detail.contains("2 replication slots, 2 of them inactive"), "{}", found.detail);
    }
}
