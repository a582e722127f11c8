//! What is fine stays quiet: a line for each thing that checks are about, and a click away the checks themselves.

use chrono::{DateTime, Utc};
use common::health::{Check, CheckStatus};
use leptos::prelude::*;

use super::{super::words, findings::measured};
use crate::components::{Icon, IconName, Panel, Shape, Tone};

#[component]
pub(super) fn FinePanel(checks: Vec<Check>, read_at: DateTime<Utc>) -> impl IntoView {
    let (fine, rest): (Vec<Check>, Vec<Check>) =
        checks.into_iter().partition(|check| check.status == CheckStatus::Ok);
    let skipped: Vec<Check> = rest.into_iter().filter(|check| check.status == CheckStatus::Skipped).collect();
    let note = fine.len().to_string();
    let groups = if fine.is_empty() {
        view! { <p class="panel__body muted">"No check came out fine."</p> }.into_any()
    } else {
        let groups = grouped(fine);
        groups
            .into_iter()
            .map(|(title, checks)| view! { <Group title checks read_at/> })
            .collect_view()
            .into_any()
    };
    view! {
        <Panel id="fine" title="Fine" note=move || note.clone()>
            {groups}
            <Skipped checks=skipped/>
        </Panel>
    }
    .into_any()
}

/// What checks are about, by their slugs.
const ABOUT: [(&str, &[&str]); 6] = [
    (
        "Sessions and locks",
        &[
            "connections-used",
            "connections-by",
            "pooler-waiting",
            "idle-in-transaction",
            "long-statements",
            "long-transactions",
            "prepared-transactions",
            "lock-waits",
            "deadlocks",
            "rollbacks",
        ],
    ),
    (
        "Memory, disk and WAL",
        &["cache-hit-ratio", "temporary-files", "checkpoints", "wal-rate", "io", "archiver", "sizes"],
    ),
    ("Replication", &["replication-lag", "replication-slots", "standby-conflicts", "wal-receiver"]),
    ("Transaction ids", &["transaction-wraparound", "multixact-wraparound", "wraparound-tables"]),
    (
        "Tables and indexes",
        &[
            "autovacuum-behind",
            "never-analysed",
            "table-bloat",
            "index-bloat",
            "unused-indexes",
            "duplicate-indexes",
            "invalid-indexes",
            "foreign-keys-without-index",
            "missing-index-suspects",
            "sequences",
        ],
    ),
    (
        "Configuration and security",
        &[
            "settings-worth-a-look",
            "version-end-of-life",
            "statement-statistics",
            "extension-updates",
            "certificate-expiry",
            "login-privileges",
            "md5-passwords",
            "password-age",
            "dashboard-cost",
        ],
    ),
];

/// What is fine, by what it is about; a check that is newer than this page comes last.
fn grouped(fine: Vec<Check>) -> Vec<(&'static str, Vec<Check>)> {
    let about = |check: &Check| ABOUT.iter().position(|(_, ids)| ids.contains(&check.id.as_str()));
    let mut groups: Vec<(&str, Vec<Check>)> = ABOUT.iter().map(|(title, _)| (*title, Vec::new())).collect();
    groups.push(("Others", Vec::new()));
    for check in fine {
        let group = about(&check).unwrap_or(ABOUT.len());
        if let Some((_, checks)) = groups.get_mut(group) {
            checks.push(check);
        }
    }
    groups.retain(|(_, checks)| !checks.is_empty());
    groups
}

#[component]
fn Group(title: &'static str, checks: Vec<Check>, read_at: DateTime<Utc>) -> impl IntoView {
    let count = checks.len();
    let lines = checks.into_iter().map(|check| view! { <Line check read_at/> }).collect_view();
    view! {
        <details class="fine">
            <summary>
                <Shape tone=Tone::Ok label="ok"/>
                {title}
                <span class="row__end num muted">{count}</span>
                <Icon name=IconName::ChevronDown/>
            </summary>
            <dl class="pairs pairs--tight">{lines}</dl>
        </details>
    }
    .into_any()
}

#[component]
fn Line(check: Check, read_at: DateTime<Utc>) -> impl IntoView {
    let value = match check.value {
        Some(value) => words::reading(value, &check.unit).into_any(),
        None => view! { "– "<span class="why">{words::why(&check.unavailable, "value")}</span> }.into_any(),
    };
    let age = measured(check.measured_at, read_at).map(|age| view! { <dd class="pairs__note">{age}</dd> });
    view! {
        <dt>{check.title}</dt>
        <dd title=check.detail>{value}</dd>
        {age}
    }
    .into_any()
}

#[component]
fn Skipped(checks: Vec<Check>) -> impl IntoView {
    if checks.is_empty() {
        return ().into_any();
    }
    let count = checks.len();
    let summary = if count == 1 { "1 check does".to_owned() } else { format!("{count} checks do") };
    let lines = checks
        .into_iter()
        .map(|check| view! { <dt>{check.title}</dt><dd class="muted"><bdi>{check.detail}</bdi></dd> })
        .collect_view();
    view! {
        <details class="more">
            <summary>{summary}" not apply now"</summary>
            <dl class="skipped more__body">{lines}</dl>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use common::Unavailable;

    use super::*;

    #[test]
    fn checks_stand_with_their_like_and_unknown_ones_last() {
        let fine = ["of-tomorrow", "io", "deadlocks", "lock-waits"].map(|id| Check {
            id: id.to_owned(),
            title: String::new(),
            status: CheckStatus::Ok,
            value: None,
            unit: "count".to_owned(),
            threshold: None,
            points: 0,
            detail: String::new(),
            why: String::new(),
            evidence: Vec::new(),
            fix_sql: None,
            docs_url: None,
            measured_at: DateTime::UNIX_EPOCH,
            unavailable: Unavailable::new(),
        });
        let groups: Vec<(&str, usize)> =
            grouped(fine.into()).into_iter().map(|(title, checks)| (title, checks.len())).collect();
        assert_eq!(groups, [("Sessions and locks", 2), ("Memory, disk and WAL", 1), ("Others", 1)]);
    }
}
