//! The test that runs: how far it is, and the way out.

use common::units;
use leptos::{ev::SubmitEvent, html, prelude::*};

use super::{Load, how};
use crate::{
    components::{Badge, Button, Icon, IconName},
    use_now,
};

#[component]
pub(super) fn Running(load: Load) -> impl IntoView {
    let heading = NodeRef::<html::H2>::new();
    let cancel = move |event: SubmitEvent| {
        event.prevent_default();
        if !load.cancelling.get_untracked() {
            load.cancel();
            // The button goes with the test: the focus must not.
            if let Some(heading) = heading.get_untracked() {
                let _ = heading.focus();
            }
        }
    };
    // Who pressed "Start" goes on here: the form makes room while a test runs.
    Effect::new(move |_| {
        if load.start.value().with_untracked(Option::is_some)
            && let Some(heading) = heading.get()
        {
            let _ = heading.focus();
        }
    });
    let job = Memo::new(move |_| load.job.get());
    let report = move || job.get().and_then(|job| job.report_so_far);
    let title = move || match report() {
        Some(report) => {
            let noun = if report.connections == 1 { "connection" } else { "connections" };
            format!("{} {noun}", report.connections)
        }
        None => "Connecting".to_owned(),
    };
    let asked = move || report().map(|report| view! { <bdi>{how(&report)}</bdi> });
    let percent = move || job.get().map_or(0.0, |job| (job.progress_ratio * 100.0).clamp(0.0, 100.0));
    let message = move || job.get().map(|job| job.message).unwrap_or_default();
    let now = use_now();
    let since = move || {
        let started_at = job.get().and_then(|job| job.started_at)?;
        let seconds = (now.get() - started_at).num_milliseconds() as f64 / 1000.0;
        Some(format!("for {}", units::span(seconds)))
    };
    let id = load.detail.id;
    view! {
        <section class="panel" id="running" aria-labelledby="running-h">
            <div class="panel__head">
                <Badge icon=IconName::Bolt>"Running"</Badge>
                <h2 id="running-h" tabindex="-1" node_ref=heading>{title}</h2>
                <span class="small muted cut hide-s">{asked}</span>
                <form class="row__end" method="post" action=format!("/connections/{id}/load/cancel") on:submit=cancel>
                    <input type="hidden" name="job" value=move || job.get().map(|job| job.id)/>
                    <Button label="Cancel" icon=IconName::Stop busy=load.cancelling busy_label="Cancelling …"/>
                </form>
            </div>
            <div class="panel__body stack stack--tight">
                <div class="row row--wrap small num">
                    <span>{since}</span>
                    <span class="muted">{message}</span>
                    <span class="muted hide-s">"It goes on when this page is closed."</span>
                    <span class="row__end">{move || format!("{:.0} %", percent())}</span>
                </div>
                <progress class="progress" max="100" value=percent aria-label="Load test"></progress>
                <p class="no-js small"><a href=format!("/connections/{id}/load")><Icon name=IconName::Refresh/>"Look again"</a></p>
            </div>
        </section>
    }
    .into_any()
}
