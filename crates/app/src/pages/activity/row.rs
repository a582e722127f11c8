//! One check of one connection.

use chrono::Datelike;
use common::{Phase, Phases, test_result::TestKind, units};
use leptos::prelude::*;

use crate::{
    clock::{MONTHS, rfc3339, time, utc},
    components::{PhasesStrip, Shape, Tone, Unknown, phases_in_words},
    rpc::activity::{Check, Failure},
};

#[component]
pub(super) fn Row(check: Check) -> impl IntoView {
    let Check { connection_id, connection_name: name, at, kind, round_trip_ms, total_ms, phases, failure } =
        check;
    let (tone, label) = if failure.is_some() { (Tone::Crit, "Failed") } else { (Tone::Ok, "Passed") };
    let round_trip = match round_trip_ms {
        Some(ms) => {
            let quantity = units::millis(ms);
            view! { {quantity.number}" "<span class="unit">{quantity.unit}</span> }.into_any()
        }
        None => view! { <Unknown reason="It did not come that far"/> }.into_any(),
    };
    let how = match kind {
        TestKind::Full => "new connection",
        TestKind::Held => "open session",
    };
    let (sub, class) = match &failure {
        Some(failure) => (failure.kind.headline(), Tone::Crit.text_class()),
        None => (how, ""),
    };
    let day = format!("{} {}", at.day(), MONTHS[at.month0() as usize % MONTHS.len()]);
    view! {
        <tr>
            <td>
                <time datetime=rfc3339(at) title=utc(at)>
                    <span class="activity__day">{day}" "</span>{time(at)}
                </time>
            </td>
            <td>
                <div class="name">
                    <Shape tone label/>
                    <a class="cut" href=format!("/connections/{connection_id}") title=name><bdi>{name.clone()}</bdi></a>
                    <span class="name__sub cut"><span class=class>{sub}</span></span>
                </div>
            </td>
            <td class="hide-s">{what(kind, &phases, total_ms, failure)}</td>
            <td class="r num">{round_trip}</td>
        </tr>
    }
    .into_any()
}

fn what(kind: TestKind, phases: &Phases, total_ms: f64, failure: Option<Failure>) -> AnyView {
    match (failure, kind) {
        // The kind stands below the name already.
        (Some(failure), _) if failure.message.trim_end_matches('.') == failure.kind.headline() => {
            let words = format!("Stopped at {}, after {}", phase(failure.phase), units::millis(total_ms));
            view! { <span class="small muted">{words}</span> }.into_any()
        }
        (Some(failure), _) => {
            view! { <bdi class="activity__why" title=failure.message>{failure.message.clone()}</bdi> }
                .into_any()
        }
        (None, TestKind::Full) => {
            let total = format!("{} to the first answer", units::millis(total_ms));
            view! {
                <span class="activity__phases" title=phases_in_words(phases)>
                    <PhasesStrip phases=*phases/>
                    <span class="small muted num">{total}</span>
                </span>
            }
            .into_any()
        }
        (None, TestKind::Held) => {
            view! { <span class="small muted">"Asked on the session that is kept open"</span> }.into_any()
        }
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "the name (DNS)",
        Phase::Tcp => "the network (TCP)",
        Phase::Tls => "encryption (TLS)",
        Phase::Auth => "signing in",
        Phase::Query => "the first query",
    }
}
