//! What needs a person: what it is, why it matters, what it stands on, and what to do.

use chrono::{DateTime, TimeDelta, Utc};
use common::health::{Check, CheckStatus, Evidence};
use leptos::prelude::*;

use super::{super::words, rank};
use crate::{
    Ago,
    components::{CodeBlock, Empty, IconName, Panel, Shape, Tone},
};

/// A measurement that is older than the reading by more than this says how old it is.
const SAME_READING: TimeDelta = TimeDelta::seconds(90);

#[component]
pub(super) fn FindingsPanel(checks: Vec<Check>, read_at: DateTime<Utc>) -> impl IntoView {
    let found = urgent(&checks);
    let note = tally(&found);
    let body = if found.is_empty() {
        view! { <Empty icon=IconName::HeartPulse title="Nothing needs you" text="No check found anything. “Check now” reads everything again."/> }
            .into_any()
    } else {
        let items = found.into_iter().map(|check| view! { <FindingItem check read_at/> }).collect_view();
        view! { <ul>{items}</ul> }.into_any()
    };
    view! { <Panel id="findings" title="Findings" note=move || note.clone()>{body}</Panel> }.into_any()
}

/// What is to be told of at all, the worst first.
pub(super) fn urgent(checks: &[Check]) -> Vec<Check> {
    let told = [CheckStatus::Critical, CheckStatus::Warning, CheckStatus::Info];
    let mut urgent: Vec<Check> =
        checks.iter().filter(|check| told.contains(&check.status)).cloned().collect();
    urgent.sort_by_key(|check| (rank(check.status), std::cmp::Reverse(check.points)));
    urgent
}

/// `1 critical, 2 warnings, 1 note`.
fn tally(found: &[Check]) -> String {
    let parts: Vec<String> = [
        (CheckStatus::Critical, "critical", "critical"),
        (CheckStatus::Warning, "warning", "warnings"),
        (CheckStatus::Info, "note", "notes"),
    ]
    .into_iter()
    .filter_map(|(status, one, many)| {
        let count = found.iter().filter(|check| check.status == status).count();
        (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
    })
    .collect();
    parts.join(", ")
}

/// One finding. `brief` leaves out why it matters and what it stands on.
#[component]
pub(super) fn FindingItem(
    check: Check,
    read_at: DateTime<Utc>,
    #[prop(optional)] brief: bool,
) -> impl IntoView {
    let mut check = check;
    if !brief {
        tell_sql_once(&mut check);
    }
    let limits = limits(&check);
    let points = (check.points > 0).then(|| {
        let words = format!("−{} {}", check.points, if check.points == 1 { "point" } else { "points" });
        view! { <span class=format!("row__end num small {}", Tone::from(check.status).text_class())>{words}</span> }
    });
    let why = (!brief && !check.why.is_empty()).then(|| view! { <p class="finding__why">{check.why}</p> });
    let evidence =
        (!brief && !check.evidence.is_empty()).then(|| view! { <EvidenceList evidence=check.evidence/> });
    let fix = check.fix_sql.map(|sql| view! { <CodeBlock code=sql/> });
    let docs = check.docs_url.map(|url| {
        view! { <a class="link" href=url rel="external noreferrer">"PostgreSQL’s manual"</a> }
    });
    let measured = measured(check.measured_at, read_at);
    view! {
        <li class="finding" id=format!("check-{}", check.id)>
            <Shape tone=Tone::from(check.status) label=words::verdict(check.status)/>
            <div class="row"><h3>{check.title}</h3>{points}</div>
            <p><bdi>{check.detail}</bdi></p>
            {why}
            {evidence}
            {fix}
            <div class="row row--wrap small muted">{limits} {measured} {docs}</div>
        </li>
    }
    .into_any()
}

/// A check's SQL often mends all that it found, or the worst of it: nothing of it stands there twice.
fn tell_sql_once(check: &mut Check) {
    let Some(sql) = &check.fix_sql else { return };
    let mut parts = check.evidence.iter().filter_map(|evidence| evidence.fix_sql.as_ref()).peekable();
    if parts.peek().is_none() {
        return;
    }
    if parts.clone().all(|part| sql.contains(part.trim_end())) {
        check.evidence.iter_mut().for_each(|evidence| evidence.fix_sql = None);
    } else if parts.any(|part| part == sql) {
        check.fix_sql = None;
    }
}

fn limits(check: &Check) -> Option<String> {
    let (threshold, value) = check.threshold.zip(check.value)?;
    let shown = |value| words::reading(value, &check.unit);
    Some(format!(
        "Now {}; warning at {}, critical at {}.",
        shown(value),
        shown(threshold.warning),
        shown(threshold.critical)
    ))
}

/// How old it is, where it was not measured by this reading.
pub(super) fn measured(measured_at: DateTime<Utc>, read_at: DateTime<Utc>) -> Option<AnyView> {
    (read_at - measured_at > SAME_READING)
        .then(|| view! { <span>"Measured "<Ago at=measured_at suffix=" ago"/>"."</span> }.into_any())
}

/// The worst of what a check found, each with the SQL that mends it.
#[component]
fn EvidenceList(evidence: Vec<Evidence>) -> impl IntoView {
    let items = evidence
        .into_iter()
        .map(|Evidence { subject, detail, fix_sql }| {
            view! {
                <li class="evidence__item">
                    <bdi class="mono">{subject}</bdi>
                    <bdi class="muted">{detail}</bdi>
                    {fix_sql.map(|sql| view! { <CodeBlock code=sql/> })}
                </li>
            }
        })
        .collect_view();
    view! { <ul class="evidence">{items}</ul> }.into_any()
}

#[cfg(test)]
mod tests {
    use common::Unavailable;

    use super::*;

    fn check(id: &str, status: CheckStatus, points: u8) -> Check {
        Check {
            id: id.to_owned(),
            title: id.to_owned(),
            status,
            value: None,
            unit: "count".to_owned(),
            threshold: None,
            points,
            detail: String::new(),
            why: String::new(),
            evidence: Vec::new(),
            fix_sql: None,
            docs_url: None,
            measured_at: DateTime::UNIX_EPOCH,
            unavailable: Unavailable::new(),
        }
    }

    #[test]
    fn the_worst_comes_first_and_what_is_fine_does_not_come_at_all() {
        let checks = [
            check("fine", CheckStatus::Ok, 0),
            check("note", CheckStatus::Info, 0),
            check("small", CheckStatus::Warning, 5),
            check("unread", CheckStatus::Unavailable, 0),
            check("large", CheckStatus::Warning, 15),
            check("worst", CheckStatus::Critical, 10),
        ];
        let found = urgent(&checks);
        let ids: Vec<&str> = found.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids, ["worst", "large", "small", "note"]);
        assert_eq!(tally(&found), "1 critical, 2 warnings, 1 note");
    }

    #[test]
    fn sql_is_told_once() {
        let evidence = |sql: &str| Evidence {
            subject: String::new(),
            detail: String::new(),
            fix_sql: Some(sql.to_owned()),
        };
        let told = |fix: &str, parts: &[&str]| {
            let mut check = Check {
                fix_sql: Some(fix.to_owned()),
                evidence: parts.iter().map(|part| evidence(part)).collect(),
                ..check("settings", CheckStatus::Warning, 5)
            };
            tell_sql_once(&mut check);
            let parts = check.evidence.iter().filter(|evidence| evidence.fix_sql.is_some()).count();
            (check.fix_sql.is_some(), parts)
        };
        assert_eq!(told("A;\nB;\nreload;", &["A;", "B;"]), (true, 0), "all of it together");
        assert_eq!(told("A;", &["A;", "B;"]), (false, 2), "the worst, which has its own");
        assert_eq!(told("C;", &["A;", "B;"]), (true, 2), "something else");
    }

    #[test]
    fn a_value_stands_with_its_limits_in_its_own_unit() {
        let threshold = Some(common::health::Threshold { warning: 0.8, critical: 0.9 });
        let with_limits = Check {
            value: Some(0.93),
            unit: "ratio".to_owned(),
            threshold,
            ..check("connections-used", CheckStatus::Critical, 20)
        };
        assert_eq!(
            limits(&with_limits).as_deref(),
            Some("Now 93.0 %; warning at 80.0 %, critical at 90.0 %.")
        );
        assert_eq!(limits(&check("none", CheckStatus::Warning, 1)), None);
    }
}
