//! Load tests of the connection: asking for one, watching it second by second, and what came of it beside the one
//! before.
//!
//! A test is a job of the server's: it goes on when the page is closed, and a page that is opened finds it again.

mod compare;
mod form;
mod report;
mod running;

use std::{sync::Arc, time::Duration};

use common::{
    ConnectionId, LoadDraft, Problem, ProblemCode,
    job::JobState,
    load::{LoadComparison, LoadJob, LoadReport, LoadRequest},
    units,
};
use leptos::{prelude::*, task::spawn_local};

use self::{compare::Comparison, form::LoadForm, report::Report, running::Running};
use super::{detail::Detail, frame, tabs::Tab};
use crate::{
    Ago,
    components::{Badge, Empty, IconName, ProblemNotice, Skeleton, Tone},
    outcome::FormOutcome,
    pages::{lazy::lazy_page, named_connection::connection_id},
    rpc::{self, RpcError},
    wire,
};

/// How often a running test is looked at: as often as it has something new to say.
const EACH: Duration = Duration::from_secs(1);

lazy_page! {
    /// `/connections/:id/load`
    LoadPage
}

impl LoadPage {
    fn into_view(self) -> AnyView {
        let id = connection_id();
        // The frame says that there is no such connection.
        let of = |id: Option<ConnectionId>| id.unwrap_or(ConnectionId(0));
        let running = wire::load(id, move |id| rpc::load::running_load(of(id)));
        let comparison = wire::load(id, move |id| rpc::load::load_comparison(of(id)));
        let outcome = self.outcome;
        let content = move |detail| {
            let outcome = outcome.clone();
            view! {
                <Suspense fallback=|| view! { <Skeleton lines=6/> }>
                    {move || {
                        let outcome = outcome.clone();
                        Suspend::new(async move {
                            let load = Load::new(detail, running.await, comparison.await, outcome);
                            view! { <LoadTab load/> }
                        })
                    }}
                </Suspense>
            }
            .into_any()
        };
        // What was refused stands with the form.
        frame::page(Tab::Load, None, Arc::new(content))
    }
}

/// The state of the page.
#[derive(Clone, Copy)]
struct Load {
    detail: Detail,
    /// The test that runs, or that ran to its end while this page watched.
    job: RwSignal<Option<LoadJob>>,
    comparison: RwSignal<Option<LoadComparison>>,
    start: Action<LoadRequest, Result<LoadJob, RpcError>>,
    /// Cancelling was asked for, and the test is about to end.
    cancelling: RwSignal<bool>,
    /// What stands in the form at first.
    typed: StoredValue<LoadDraft>,
    refused: RwSignal<Option<Problem>>,
    /// Grows when a running test could not be looked at, so that it is tried again.
    missed: RwSignal<u32>,
}

impl Load {
    fn new(
        detail: Detail,
        running: Result<Option<LoadJob>, RpcError>,
        comparison: Result<LoadComparison, RpcError>,
        outcome: Option<FormOutcome>,
    ) -> Self {
        let (running, comparison, failed) = match (running, comparison) {
            (Ok(running), Ok(comparison)) => (running, Some(comparison), None),
            (Err(RpcError(problem)), comparison) => (None, comparison.ok(), Some(problem)),
            (Ok(running), Err(RpcError(problem))) => (running, None, Some(problem)),
        };
        let outcome = outcome.unwrap_or_default();
        let load = Self {
            detail,
            job: RwSignal::new(running),
            comparison: RwSignal::new(comparison),
            start: Action::new(move |request: &LoadRequest| {
                let (id, request) = (detail.id, request.clone());
                async move { rpc::load::start_load(id, request).await }
            }),
            cancelling: RwSignal::new(false),
            typed: StoredValue::new(outcome.load.unwrap_or_default()),
            refused: RwSignal::new(outcome.problem.or(failed)),
            missed: RwSignal::new(0),
        };
        Effect::new(move |_| load.started());
        Effect::new(move |_| load.follow());
        load
    }

    fn is_running(self) -> bool {
        self.job.with(|job| job.as_ref().is_some_and(|job| !job.state.is_over()))
    }

    /// The report to show: of the test that runs, or of the last one.
    fn report(self) -> Option<LoadReport> {
        if self.is_running() {
            return self.job.with(|job| job.as_ref().and_then(|job| job.report_so_far.clone()));
        }
        let kept = self.comparison.with(|comparison| comparison.as_ref().and_then(|kept| kept.last.clone()));
        kept.or_else(|| self.job.with(|job| job.as_ref().and_then(|job| job.report_so_far.clone())))
    }

    fn started(self) {
        match self.start.value().get() {
            Some(Ok(job)) => {
                self.refused.set(None);
                self.cancelling.set(false);
                self.detail.said.set("The load test has started.".to_owned());
                self.job.set(Some(job));
            }
            Some(Err(RpcError(problem))) => {
                self.detail.said.set(problem.to_string());
                self.refused.set(Some(problem));
            }
            None => {}
        }
    }

    /// Looks at a running test again and again until it is over.
    fn follow(self) {
        self.missed.track();
        let Some(id) =
            self.job.with(|job| job.as_ref().filter(|job| !job.state.is_over()).map(|job| job.id.clone()))
        else {
            return;
        };
        let look = move || {
            spawn_local(async move {
                match rpc::load::load_job(id).await {
                    Ok(job) => self.saw(job),
                    // After a restart of the dashboard nothing is known of it any more.
                    Err(RpcError(problem)) if problem.code == ProblemCode::NotFound => {
                        self.job.try_set(None);
                        self.refused.try_set(Some(problem));
                    }
                    Err(_) => _ = self.missed.try_update(|missed| *missed += 1),
                }
            });
        };
        if let Ok(timer) = set_timeout_with_handle(look, EACH) {
            on_cleanup(move || timer.clear());
        }
    }

    fn saw(self, job: LoadJob) {
        let over = job.state.is_over();
        if over {
            self.detail.said.try_set(in_a_sentence(&job));
            self.refused.try_set(job.error.clone());
        }
        if !over {
            self.job.try_set(Some(job));
            return;
        }
        // The results of the test before would show for a moment, were it over before the new ones are there.
        spawn_local(async move {
            if let Ok(comparison) = rpc::load::load_comparison(self.detail.id).await {
                self.comparison.try_set(Some(comparison));
            }
            self.job.try_set(Some(job));
        });
    }

    fn cancel(self) {
        let Some(id) = self.job.with_untracked(|job| job.as_ref().map(|job| job.id.clone())) else { return };
        self.cancelling.set(true);
        spawn_local(async move {
            match rpc::load::cancel_load(id).await {
                Ok(job) => self.saw(job),
                Err(RpcError(problem)) => _ = self.refused.try_set(Some(problem)),
            }
        });
    }
}

/// What came of a test, for who does not see it.
fn in_a_sentence(job: &LoadJob) -> String {
    let outcome = match job.state {
        JobState::Cancelled => "The load test was cancelled.",
        JobState::Failed => "The load test failed.",
        _ => "The load test is done.",
    };
    match &job.report_so_far {
        Some(report) => format!(
            "{outcome} {} requests a second, {} failed.",
            units::figures(report.throughput_per_s),
            units::thousands(report.failed as i64)
        ),
        None => outcome.to_owned(),
    }
}

#[component]
fn LoadTab(load: Load) -> impl IntoView {
    view! {
        <LoadForm load/>
        {move || load.refused.get().filter(|problem| problem.fields.is_empty()).map(|problem| view! { <ProblemNotice problem/> })}
        {move || load.is_running().then(|| view! { <Running load/> })}
        {move || {
            let running = load.is_running();
            match load.report() {
                Some(report) if running => {
                    let seconds = load.job.with(|job| whole_length(job.as_ref(), &report));
                    view! { <Report report seconds running/> }.into_any()
                }
                Some(report) => view! { <Results report comparison=load.comparison.get()/> }.into_any(),
                None if running => ().into_any(),
                None => view! {
                    <div class="panel">
                        <Empty icon=IconName::Gauge title="No load test yet"
                            text="The first one is kept here, and the next ones are compared with it. Start with what the form proposes."/>
                    </div>
                }
                .into_any(),
            }
        }}
    }
    .into_any()
}

/// What came of the last test.
#[component]
fn Results(report: LoadReport, comparison: Option<LoadComparison>) -> impl IntoView {
    let (tone, word) = if report.cancelled { (Tone::Warn, "Cancelled") } else { (Tone::Ok, "Done") };
    let (title, asked, at) = (what(&report), how(&report), report.started_at);
    let seconds = report.duration_s;
    view! {
        <div class="row row--wrap load__head">
            <h2>"Last test: "{title}</h2>
            <Badge tone>{word}</Badge>
            <span class="small muted"><bdi>{asked}</bdi>", "<Ago at suffix=" ago"/></span>
        </div>
        <Report report seconds running=false/>
        {comparison.map(|comparison| view! { <Comparison comparison/> })}
    }
    .into_any()
}

/// `20 connections, 60 s`.
fn what(report: &LoadReport) -> String {
    let noun = if report.connections == 1 { "connection" } else { "connections" };
    format!("{} {noun}, {}", report.connections, units::span(report.duration_s))
}

/// `as fast as answers come, ramp-up 5 s, select 1`.
fn how(report: &LoadReport) -> String {
    let pace = match report.rate_per_s {
        Some(rate) => format!("{} requests a second", units::figures(rate)),
        None => "as fast as answers come".to_owned(),
    };
    let ramp =
        if report.ramp_s > 0.0 { format!(", ramp-up {}", units::span(report.ramp_s)) } else { String::new() };
    format!("{pace}{ramp}, {}", common::text::clean(&report.statement, 80))
}

/// How many seconds the running test is to take, from how far it is.
fn whole_length(job: Option<&LoadJob>, report: &LoadReport) -> f64 {
    let so_far = report.duration_s.max(report.timeline.len() as f64);
    match job.map(|job| job.progress_ratio) {
        Some(ratio) if ratio > 0.05 => (report.duration_s / ratio).round().max(so_far),
        _ => so_far.max(10.0),
    }
}
