//! What the page of one connection knows, and the actions that change it.

use std::time::Duration;

use chrono::TimeDelta;
use common::{
    Connection, ConnectionId, Health, Latency, Problem, TestResult, event::EventKind, health::HealthStatus,
    test_result::DEFAULT_ROUNDS, units,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{tabs::Tab, words};
use crate::{
    components::{Toasts, Tone},
    live::{Soon, use_live},
    outcome::FormOutcome,
    rpc::{self, RpcError},
    use_now, wire,
};

/// For how long it is worth saying that a connection was saved.
const STILL_NEWS: TimeDelta = TimeDelta::minutes(10);

/// Longer than going to another page takes.
const LEAVING: Duration = Duration::from_millis(1000);

type Answer<T> = Result<T, RpcError>;

/// The state of the page. It lives as long as the page shows the same connection.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "actions have no Debug")]
pub(super) struct Detail {
    /// The page that shows it.
    pub tab: Tab,
    pub id: ConnectionId,
    pub connection: RwSignal<Connection>,
    /// The reading that the page starts with. Panels await it, then follow `health`.
    pub first_health: wire::Loaded<Answer<Health>>,
    pub health: RwSignal<Option<Result<Health, Problem>>>,
    pub latency: RwSignal<Option<Latency>>,
    /// What the field for the rounds of a latency test starts with.
    pub rounds: StoredValue<String>,
    /// Why the last action was refused.
    pub problem: RwSignal<Option<Problem>>,
    /// What a screen reader is told.
    pub said: RwSignal<String>,
    /// The form was saved a moment ago, and nothing was tested since.
    pub just_saved: RwSignal<bool>,
    pub test: Action<(), (Answer<TestResult>, Answer<Connection>)>,
    pub check: Action<(), (Answer<Health>, Answer<Connection>)>,
    pub measure: Action<u32, Answer<Latency>>,
    /// Somebody deleted it while this page was open.
    pub gone: RwSignal<bool>,
}

impl Detail {
    pub(super) fn new(
        tab: Tab,
        connection: Connection,
        first_health: wire::Loaded<Answer<Health>>,
        outcome: Option<FormOutcome>,
    ) -> Self {
        let id = connection.id;
        let FormOutcome { problem, latency, rounds, .. } = outcome.unwrap_or_default();
        let rounds = rounds.unwrap_or_else(|| DEFAULT_ROUNDS.to_string());
        let query = use_query_map().get_untracked();
        let from_the_form = query.get_str("created").is_some() || query.get_str("saved").is_some();
        // The address may be kept and opened again much later.
        let just_saved = from_the_form && use_now().get_untracked() - connection.updated_at < STILL_NEWS;
        let toasts = Toasts::of_page();
        let detail = Self {
            tab,
            id,
            connection: RwSignal::new(connection),
            first_health,
            health: RwSignal::new(None),
            latency: RwSignal::new(latency),
            rounds: StoredValue::new(rounds),
            problem: RwSignal::new(problem),
            said: RwSignal::new(String::new()),
            just_saved: RwSignal::new(just_saved),
            test: Action::new(move |(): &()| async move {
                (rpc::test_connection(id).await, rpc::get_connection(id).await)
            }),
            check: Action::new(move |(): &()| async move {
                (rpc::health(id, true).await, rpc::get_connection(id).await)
            }),
            measure: Action::new(move |rounds: &u32| {
                let rounds = *rounds;
                async move { rpc::latency(id, rounds).await }
            }),
            gone: RwSignal::new(false),
        };
        detail.follow();
        Effect::new(move |_| detail.tested(toasts));
        Effect::new(move |_| detail.checked());
        Effect::new(move |_| detail.measured());
        Effect::new(move |_| detail.tell_of_saving());
        detail
    }

    /// The first reading, once it is there: what panels show first.
    pub(super) async fn first_reading(self) {
        let first = self.first_health.await.map_err(|RpcError(problem)| problem);
        if self.health.with_untracked(Option::is_none) {
            self.health.set(Some(first));
        }
    }

    /// Reads again what an event says has changed.
    fn follow(self) {
        let row = Soon::new(move || async move {
            let Ok(now) = rpc::get_connection(self.id).await else { return };
            let before = self.connection.try_with_untracked(|connection| connection.status);
            if before.is_some_and(|before| before != now.status) {
                self.said.try_set(format!("{} now.", now.status.label()));
            }
            if self.connection.try_with_untracked(|connection| *connection != now) == Some(true) {
                self.connection.try_set(now);
            }
        });
        let reading = Soon::new(move || async move {
            if let Ok(health) = rpc::health(self.id, false).await {
                self.health.try_set(Some(Ok(health)));
            }
        });
        use_live().on(move |event| {
            if !event.is_of(self.id) {
                return;
            }
            match event.kind {
                // Whoever deletes it here leaves the page by himself.
                EventKind::ConnectionDeleted => set_timeout(move || _ = self.gone.try_set(true), LEAVING),
                EventKind::Job | EventKind::Change | EventKind::Alert => {}
                kind => {
                    if kind == EventKind::ConnectionCreated {
                        self.gone.set(false);
                    }
                    if matches!(kind, EventKind::Health | EventKind::Resync) {
                        reading.ask(0.0);
                    }
                    row.ask(0.0);
                }
            }
        });
    }

    fn tested(self, toasts: Toasts) {
        let Some((result, connection)) = self.test.value().get() else { return };
        match result {
            Ok(result) => {
                self.problem.set(None);
                self.just_saved.set(false);
                if self.tab == Tab::Overview {
                    self.said.set(outcome_of(&result));
                } else {
                    // The test itself stands on the overview.
                    toasts.say(if result.ok { Tone::Ok } else { Tone::Crit }, outcome_of(&result));
                }
                let was_down = self.health.with_untracked(|health| {
                    health
                        .as_ref()
                        .and_then(|health| health.as_ref().ok())
                        .map(|health| health.status == HealthStatus::Down)
                });
                // A reading from when it was the other way round would contradict the test beside it.
                if was_down.is_some_and(|was_down| was_down == result.ok) {
                    self.check.dispatch(());
                }
                match connection {
                    Ok(connection) => self.connection.set(connection),
                    Err(_) => self.connection.update(|connection| connection.last_check = Some(result)),
                }
            }
            Err(RpcError(problem)) => self.refused(problem),
        }
    }

    fn checked(self) {
        let Some((health, connection)) = self.check.value().get() else { return };
        match health {
            Ok(health) => {
                self.problem.set(None);
                self.said.set(match health.score {
                    Some(score) => format!("Health checked: {score} of 100."),
                    None => "Health could not be read: the database cannot be reached.".to_owned(),
                });
                self.health.set(Some(Ok(health)));
                if let Ok(connection) = connection {
                    self.connection.set(connection);
                }
            }
            Err(RpcError(problem)) => self.refused(problem),
        }
    }

    fn measured(self) {
        match self.measure.value().get() {
            Some(Ok(latency)) => {
                self.problem.set(None);
                self.said.set(match (latency.p50_ms, &latency.error) {
                    (Some(p50), None) => format!("Latency measured: the median is {}.", units::millis(p50)),
                    (_, Some(error)) => format!("Latency could not be measured: {}", error.message),
                    (None, None) => "Latency could not be measured.".to_owned(),
                });
                self.latency.set(Some(latency));
            }
            Some(Err(RpcError(problem))) => self.refused(problem),
            None => {}
        }
    }

    fn refused(self, problem: Problem) {
        self.said.set(problem.to_string());
        self.problem.set(Some(problem));
    }

    /// A status that is there from the start is not read out: it has to change.
    fn tell_of_saving(self) {
        if self.just_saved.get_untracked() {
            let result =
                self.connection.with_untracked(|connection| connection.last_check.as_ref().map(outcome_of));
            self.said.set(format!("Saved. {}", result.unwrap_or_default()));
        }
    }
}

/// A test in one sentence.
fn outcome_of(result: &TestResult) -> String {
    match &result.error {
        None => format!("Reached in {}.", words::long_millis(result.total_ms)),
        Some(error) => format!("It cannot be reached: {}", error.message),
    }
}

/// Shows `children` once the first health reading is there.
#[component]
pub(super) fn AfterReading(
    detail: Detail,
    #[prop(optional, into)] fallback: ViewFn,
    children: ChildrenFn,
) -> impl IntoView {
    let children = StoredValue::new(children);
    view! {
        <Suspense fallback=move || fallback.run()>
            {move || Suspend::new(async move {
                detail.first_reading().await;
                children.with_value(|children| children())
            })}
        </Suspense>
    }
    .into_any()
}
