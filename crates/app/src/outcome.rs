//! What came of a form that was posted without JavaScript, on its way back into the same page.

use common::{
    ConnectionDraft, Latency, LoadDraft, Problem, RequestSecret, job::Job, statements::StatementPlan,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{rpc::overview::TestJob, wire};

/// `server` puts one into the context when it renders a page again after a posted form: what was typed (the
/// password emptied), what is wrong with it, or what was measured or started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FormOutcome {
    pub draft: ConnectionDraft,
    pub problem: Option<Problem>,
    pub latency: Option<Latency>,
    /// The rounds of the latency test, as they were typed.
    pub rounds: Option<String>,
    /// The load test, as it was typed.
    pub load: Option<LoadDraft>,
    /// The plan that was asked for.
    pub plan: Option<StatementPlan>,
    /// The test of all connections that was started: how far it is. Its results are left out.
    pub job: Option<Job>,
}

impl FormOutcome {
    /// A form that was refused.
    pub fn refused(mut draft: ConnectionDraft, problem: Problem) -> Self {
        draft.password = RequestSecret::default();
        Self { draft, problem: Some(problem), ..Self::default() }
    }
}

/// The outcome that this page was rendered with. Call it once while a page is built, on the server and in the
/// browser alike: it travels with the page, so that both see the same.
pub fn use_form_outcome() -> Option<FormOutcome> {
    wire::of_the_server(use_context::<FormOutcome>)
}

/// What the overview shows of an outcome: the whole would bring the code that reads drafts into the first page's script.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct OverviewOutcome {
    pub problem: Option<Problem>,
    pub job: Option<TestJob>,
}

/// As [`use_form_outcome`].
pub(crate) fn use_overview_outcome() -> OverviewOutcome {
    wire::of_the_server(|| {
        let FormOutcome { problem, job, .. } = use_context().unwrap_or_default();
        OverviewOutcome { problem, job: job.map(TestJob::from) }
    })
}
