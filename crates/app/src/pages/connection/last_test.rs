//! The last test, step by step: how long each took, or how far it came, why it stopped, and what to do.

use common::{
    Phase, TestError, TestErrorKind, TestResult,
    test_result::{TestKind, Verified},
    units,
};
use leptos::prelude::*;

use super::{detail::Detail, words};
use crate::{
    Ago,
    components::{Icon, IconName, Notice, Panel, PhasesBar, Shape, Tone},
};

#[component]
pub(super) fn LastTestPanel(detail: Detail) -> impl IntoView {
    let test = Memo::new(move |_| detail.connection.with(|connection| connection.last_check.clone()));
    let note = move || {
        test.get().map(|test| {
            let address = test.address.filter(|_| test.ok).map(|address| format!(", to {address}"));
            view! { <Ago at=test.checked_at suffix=" ago"/> {address} }
        })
    };
    let total = move || {
        test.get().filter(|test| test.ok).map(|test| {
            let total = units::millis(test.total_ms);
            view! {
                <span class="num"><strong>{total.number}</strong>" "<span class="unit">{total.unit}" to the first answer"</span></span>
            }
        })
    };
    view! {
        <Panel id="last-test" title="Last test" note=note actions=total>
            <div class="panel__body stack" aria-busy=move || detail.test.pending().get().then_some("true")>
                {move || (detail.just_saved.get() && !tested_since(detail)).then(|| view! {
                    <Notice tone=Tone::Ok title="Saved">
                        <p>"It has not been tested since."</p>
                    </Notice>
                }.into_any()).into_any()}
                {move || match test.get() {
                    None => view! {
                        <p class="muted">"Not tested yet. “Test now” connects and times each step."</p>
                    }
                    .into_any(),
                    Some(test) => match test.error.clone() {
                        None => view! { <Reached test just_saved=answers_the_save(detail)/> }.into_any(),
                        Some(error) => view! { <Failed test error just_saved=answers_the_save(detail)/> }.into_any(),
                    },
                }}
            </div>
        </Panel>
    }
    .into_any()
}

/// Whether the last test is of the connection as it is now.
fn tested_since(detail: Detail) -> bool {
    detail.connection.with(|connection| {
        connection.last_check.as_ref().is_some_and(|test| test.checked_at >= connection.updated_at)
    })
}

fn answers_the_save(detail: Detail) -> bool {
    detail.just_saved.get() && tested_since(detail)
}

#[component]
fn Reached(test: TestResult, just_saved: bool) -> impl IntoView {
    let saved = just_saved.then(|| {
        view! {
            <Notice tone=Tone::Ok title="Saved, and it answers">
                <p>{format!("The first answer came after {}.", units::millis(test.total_ms))}</p>
            </Notice>
        }
        .into_any()
    });
    let phases = (test.kind == TestKind::Full).then(|| view! { <PhasesBar phases=test.phases/> }.into_any());
    view! {
        {saved}
        {phases}
        <p class="small muted">{facts(&test)}</p>
    }
    .into_any()
}

/// What was reached, in one line.
fn facts(test: &TestResult) -> String {
    let mut facts = Vec::new();
    if let Some(version) = &test.server_version {
        facts.push(format!("PostgreSQL {version}"));
    }
    facts.push(match &test.tls {
        Some(tls) => {
            let verified = match tls.verified {
                Verified::Full => "verified",
                Verified::Ca => "chain verified",
                Verified::Pinned => "known key",
                Verified::No => "not verified",
            };
            format!("{}, {verified}", tls.version.as_deref().unwrap_or("TLS").replace("TLSv", "TLS "))
        }
        None => "not encrypted".to_owned(),
    });
    facts.push(match test.round_trip_ms {
        Some(ms) => format!("one round trip {}", units::millis(ms)),
        None => format!("round trip not known: {}", words::why(&test.unavailable, "round_trip_ms")),
    });
    format!("{}.", facts.join(" · "))
}

#[component]
fn Failed(test: TestResult, error: TestError, just_saved: bool) -> impl IntoView {
    let (tone, title) = if just_saved {
        (Tone::Warn, "Saved, but it cannot be reached")
    } else {
        (Tone::Crit, error.kind.headline())
    };
    let steps = steps(&test, &error)
        .map(|(phase, step)| {
            view! { <StepRow phase step kind=error.kind address=test.address.clone()/> }.into_any()
        })
        .collect_view();
    let server_said = error.sqlstate.clone().map(|sqlstate| {
        view! {
            <p class="small muted">"The server’s code for it is "<code>{sqlstate}</code>" (SQLSTATE)."</p>
        }
        .into_any()
    });
    view! {
        <Notice tone title>
            <p><bdi>{error.message}</bdi></p>
        </Notice>
        <dl class="pairs">{steps}</dl>
        <div class="stack stack--tight">
            <h3>"What to do"</h3>
            <p class="todo"><bdi>{error.hint}</bdi></p>
        </div>
        {server_said}
    }
    .into_any()
}

/// How a step of a failed test ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Reached(f64),
    /// Not part of this way: no DNS for an address, no TLS where none is asked for.
    Skipped,
    Failed(Option<f64>),
    NotReached,
}

fn steps(test: &TestResult, error: &TestError) -> [(Phase, Step); 5] {
    Phase::ALL.map(|phase| {
        let took = test.phases.get(phase);
        let step = match phase.cmp(&error.phase) {
            std::cmp::Ordering::Less => took.map_or(Step::Skipped, Step::Reached),
            std::cmp::Ordering::Equal => Step::Failed(took),
            std::cmp::Ordering::Greater => Step::NotReached,
        };
        (phase, step)
    })
}

#[component]
fn StepRow(phase: Phase, step: Step, kind: TestErrorKind, address: Option<String>) -> impl IntoView {
    let name = match (phase, address) {
        (Phase::Tcp, Some(address)) => format!("TCP to {address}"),
        _ => words::phase_name(phase).to_owned(),
    };
    let (mark, class, value) = match step {
        Step::Reached(ms) => {
            (view! { <Shape tone=Tone::Ok/> }.into_any(), "num", units::millis(ms).to_string())
        }
        Step::Skipped => {
            let why = if phase == Phase::Dns { "not needed" } else { "not used" };
            (view! { <Icon name=IconName::Minus/> }.into_any(), "muted", why.to_owned())
        }
        Step::Failed(took) => {
            let took = took.map(|ms| format!(", {}", units::millis(ms))).unwrap_or_default();
            (
                view! { <Shape tone=Tone::Crit/> }.into_any(),
                "t-crit num",
                format!("{}{took}", in_a_word(kind)),
            )
        }
        Step::NotReached => {
            (view! { <Shape tone=Tone::Unknown/> }.into_any(), "muted", "not reached".to_owned())
        }
    };
    view! {
        <dt><span class="row">{mark}<bdi>{name}</bdi></span></dt>
        <dd class=class>{value}</dd>
    }
    .into_any()
}

fn in_a_word(kind: TestErrorKind) -> &'static str {
    match kind {
        TestErrorKind::Dns => "not found",
        TestErrorKind::Refused | TestErrorKind::Auth | TestErrorKind::Hba | TestErrorKind::Permission => {
            "refused"
        }
        TestErrorKind::Timeout => "no answer",
        TestErrorKind::Unreachable => "unreachable",
        TestErrorKind::DeniedTarget => "not allowed",
        TestErrorKind::Certificate | TestErrorKind::CertificateChanged => "not trusted",
        TestErrorKind::Database => "does not exist",
        TestErrorKind::Cancelled => "cancelled",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use common::{ConnectionId, Phases};

    use super::*;

    fn stopped_at(phase: Phase, phases: Phases) -> [(Phase, Step); 5] {
        let error = TestError {
            kind: TestErrorKind::Hba,
            phase,
            message: String::new(),
            hint: String::new(),
            sqlstate: None,
        };
        let test =
            TestResult { phases, ..TestResult::failed(ConnectionId(1), DateTime::UNIX_EPOCH, error.clone()) };
        steps(&test, &error)
    }

    #[test]
    fn a_step_that_is_no_part_of_the_way_is_not_called_unreached() {
        let phases =
            Phases { dns_ms: Some(3.1), tcp_ms: Some(11.8), auth_ms: Some(12.4), ..Phases::default() };
        assert_eq!(
            stopped_at(Phase::Auth, phases).map(|(_, step)| step),
            [
                Step::Reached(3.1),
                Step::Reached(11.8),
                Step::Skipped,
                Step::Failed(Some(12.4)),
                Step::NotReached
            ]
        );
    }

    #[test]
    fn nothing_after_a_failed_step_was_reached() {
        let steps = stopped_at(Phase::Dns, Phases::default());
        assert_eq!(steps[0].1, Step::Failed(None));
        assert!(steps[1..].iter().all(|(_, step)| *step == Step::NotReached));
    }
}
