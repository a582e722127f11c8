//! Testing all connections at once: a button, and the progress of the job when there are many.

use std::time::Duration;

use common::{job::JobState, units};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{Overview, filter::Filter};
use crate::{
    components::{Button, Icon, IconName, Toasts, Tone},
    rpc::{
        RpcError, overview as rpc,
        overview::{TestAllAnswer, TestJob, Tested},
    },
};

/// Between two questions about a job.
const POLL: Duration = Duration::from_millis(500);

/// A test of all connections, if one is running.
#[derive(Clone, Copy)]
pub(super) struct TestRun {
    overview: Overview,
    /// Asked for, and not answered yet.
    asking: RwSignal<bool>,
    job: RwSignal<Option<TestJob>>,
    toasts: Toasts,
    /// Puts the job's id into the address, or takes it out: a reload then finds the job again.
    keep_in_address: Callback<Option<String>>,
}

impl TestRun {
    /// `job`: the one in the address, as the server rendered the page with it.
    pub(super) fn new(overview: Overview, job: Option<TestJob>) -> Self {
        let navigate = use_navigate();
        let keep_in_address = Callback::new(move |job: Option<String>| {
            let href = overview.filter.with_untracked(Filter::href);
            let href = match job {
                Some(job) if href.contains('?') => format!("{href}&job={job}"),
                Some(job) => format!("{href}?job={job}"),
                None => href,
            };
            navigate(&href, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        });
        let run = Self {
            overview,
            asking: RwSignal::new(false),
            job: RwSignal::new(job),
            toasts: Toasts::of_page(),
            keep_in_address,
        };
        let query = use_query_map();
        Effect::new(move |_| {
            let id = query.with_untracked(|query| query.get("job"));
            if let Some(id) = id {
                spawn_local(run.follow(id));
            }
        });
        run
    }

    fn is_under_way(self) -> bool {
        self.job.with(|job| job.as_ref().is_some_and(|job| !job.state.is_over()))
    }

    async fn start(self) {
        self.asking.set(true);
        match rpc::test_all().await {
            Ok(TestAllAnswer::Done(all)) => self.tell(&all),
            Ok(TestAllAnswer::Job(job)) => {
                self.keep_in_address.run(Some(job.id.clone()));
                self.note(*job);
            }
            Err(RpcError(problem)) => self.toasts.say_problem(&problem),
        }
        self.asking.set(false);
    }

    async fn follow(self, id: String) {
        match rpc::job(id).await {
            Ok(job) => self.note(job),
            Err(RpcError(problem)) => {
                self.job.set(None);
                self.keep_in_address.run(None);
                self.toasts.say_problem(&problem);
            }
        }
    }

    /// Shows how far the job is, and asks again while it runs.
    fn note(self, job: TestJob) {
        if self.job.is_disposed() {
            return;
        }
        if !job.state.is_over() {
            let id = job.id.clone();
            self.job.set(Some(job));
            set_timeout(move || spawn_local(self.follow(id)), POLL);
            return;
        }
        self.job.set(None);
        self.keep_in_address.run(None);
        match (job.state, job.tested, job.problem) {
            (JobState::Done, Some(all), _) => self.tell(&all),
            (JobState::Cancelled, ..) => {
                self.toasts.say(Tone::Off, "The test is cancelled; what was tested is kept");
                self.overview.reload();
            }
            (_, _, Some(problem)) => self.toasts.say_problem(&problem),
            _ => self.toasts.say(Tone::Warn, job.message),
        }
    }

    fn tell(self, all: &Tested) {
        let took = units::millis(all.duration_ms);
        let failed = all.tested.saturating_sub(all.ok);
        let (tone, words) = match (all.tested, failed) {
            (0, _) => (Tone::Off, "Nothing to test: every connection is paused".to_owned()),
            (tested, 0) => (Tone::Ok, format!("All {tested} can be reached, tested in {took}")),
            (tested, failed) => {
                (Tone::Warn, format!("{failed} of {tested} cannot be reached, tested in {took}"))
            }
        };
        self.toasts.say(tone, words);
        self.overview.reload();
    }
}

#[component]
pub(super) fn TestAllButton(run: TestRun) -> impl IntoView {
    let busy = Signal::derive(move || run.asking.get() || run.is_under_way());
    let start = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if !busy.get_untracked() {
            spawn_local(run.start());
        }
    };
    view! {
        <form method="post" action="/test-all" on:submit=start>
            <Button label="Test all" busy_label="Testing…" icon=IconName::Refresh class="btn--icon-s" busy/>
        </form>
    }
}

/// How far the job is, and the way to stop it.
#[component]
pub(super) fn TestAllProgress(run: TestRun) -> impl IntoView {
    let shown = Memo::new(move |_| run.job.with(Option::is_some));
    let running = Memo::new(move |_| run.is_under_way());
    // Without JavaScript nothing asks again by itself, and nothing can be cancelled.
    let scripted = RwSignal::new(false);
    Effect::new(move |_| scripted.set(true));
    let message = move || run.job.with(|job| job.as_ref().map(|job| job.message.clone()).unwrap_or_default());
    let ratio = move || {
        run.job.with(|job| {
            job.as_ref().map_or_else(|| "0".to_owned(), |job| units::fixed(job.progress_ratio, 3))
        })
    };
    let cancel = move |_| {
        let Some(id) = run.job.with_untracked(|job| job.as_ref().map(|job| job.id.clone())) else { return };
        spawn_local(async move {
            if let Err(RpcError(problem)) = rpc::cancel_job(id).await {
                run.toasts.say_problem(&problem);
            }
        });
    };
    let way_on = move || match (running.get(), scripted.get()) {
        (false, _) => None,
        (true, false) => {
            Some(view! { <a class="btn btn--small row__end" href="">"Look again"</a> }.into_any())
        }
        (true, true) => Some(
            view! {
                <button type="button" class="btn btn--small row__end" on:click=cancel>
                    <Icon name=IconName::Stop/>
                    "Cancel"
                </button>
            }
            .into_any(),
        ),
    };
    view! {
        {move || shown.get().then(|| {
            view! {
                <div class="stack stack--tight">
                    <div class="row num small">
                        <span role="status">{move || message()}</span>
                        {move || way_on().into_any()}
                    </div>
                    {move || running.get().then(|| view! {
                        <progress class="progress" max="1" value=move || ratio() aria-label="Testing all connections"></progress>
                    }.into_any()).into_any()}
                </div>
            }.into_any()
        }).into_any()}
    }
}
