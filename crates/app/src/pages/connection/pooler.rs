//! PgBouncer's pool of server sessions: how many are lent, and who waits for one. No view of PostgreSQL shows that queue.

use common::{test_result::Pooler, units};
use leptos::prelude::*;

use super::words;
use crate::{
    Ago,
    components::{Bar, Shape, Tone},
};

/// Nothing where the pooler is not PgBouncer: of another one no queue can be seen.
#[component]
pub(super) fn Pool(pooler: Pooler) -> impl IntoView {
    if pooler.kind != "pgbouncer" {
        return ().into_any();
    }
    let lent = match (pooler.server_sessions_active, pooler.default_pool_size) {
        (Some(lent), Some(size)) => view! { <b>{lent}</b>" of "{size}" lent" }.into_any(),
        (Some(lent), None) => view! { <b>{lent}</b>" lent" }.into_any(),
        (None, _) => {
            let why = words::why(&pooler.unavailable, "server_sessions_active");
            return view! {
                <div class="sessions">
                    <h3>"Sessions of PgBouncer"</h3>
                    <p class="why">"Not known: "<bdi>{why}</bdi></p>
                </div>
            }
            .into_any();
        }
    };
    let size = pooler.default_pool_size.filter(|size| *size > 0);
    let bar = size.zip(pooler.server_sessions_active).map(|(size, lent)| {
        let part = |count: i64| count as f64 / size as f64;
        let idle = pooler.server_sessions_idle.unwrap_or(0);
        let parts = vec![(part(lent), "bar__active"), (part(idle), "bar__idle")];
        view! { <Bar parts label=format!("{lent} of {size} server sessions are lent")/> }
    });
    let idle = pooler.server_sessions_idle.map(|idle| {
        view! { <span class="row"><i class="swatch bar__idle" aria-hidden="true"></i>"Idle"<b class="num">{idle}</b></span> }
    });
    let read = pooler.read_at.map(|at| view! { <span><Ago at suffix=" ago"/></span> });
    view! {
        <div class="sessions">
            <div class="row"><h3>"Sessions of PgBouncer"</h3><span class="row__end num">{lent}</span></div>
            {bar}
            <div class="sessions__legend">{idle} {queue(&pooler)} {waits(&pooler)} {read}</div>
        </div>
    }
    .into_any()
}

/// Who waits now.
fn queue(pooler: &Pooler) -> AnyView {
    match pooler.clients_waiting {
        Some(0) => view! { <span>"Nobody waits"</span> }.into_any(),
        Some(waiting) => {
            let noun = if waiting == 1 { "client waits" } else { "clients wait" };
            let longest = pooler.max_wait_s.map(|seconds| {
                let time = if seconds < 60.0 {
                    units::millis(seconds * 1000.0).to_string()
                } else {
                    units::span(seconds)
                };
                format!(", the first for {time}")
            });
            view! { <span class="row t-warn"><Shape tone=Tone::Warn/><span>{waiting}" "{noun}{longest}</span></span> }
                .into_any()
        }
        None => {
            let why = words::why(&pooler.unavailable, "clients_waiting");
            view! { <span>"Queue not known: "<bdi>{why}</bdi></span> }.into_any()
        }
    }
}

/// How long one waits usually.
fn waits(pooler: &Pooler) -> Option<AnyView> {
    let ms = pooler.avg_wait_ms.filter(|ms| *ms > 0.0)?;
    Some(view! { <span>{format!("{} of waiting on average", units::millis(ms))}</span> }.into_any())
}
