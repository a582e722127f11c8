//! Charts of what a page loads: kept as they are while the next numbers come, so that a zoom or a new range does not make
//! them again, and what was switched off stays so.

use std::sync::Arc;

use chrono::DateTime;
use common::{Problem, history::ChartData};
use leptos::{prelude::*, reactive::computed::ScopedFuture};

use super::super::{ProblemNotice, Skeleton};
use crate::{rpc::RpcError, wire};

type Answer = Result<ChartData, RpcError>;

/// The charts of a page, from their numbers.
pub type Drawn = Arc<dyn Fn(Signal<ChartData>) -> AnyView + Send + Sync>;

/// What came last, and what went wrong since.
#[derive(Clone, Copy)]
struct Newest {
    data: RwSignal<ChartData>,
    there: RwSignal<bool>,
    problem: RwSignal<Option<Problem>>,
}

impl Newest {
    fn take(self, answer: Answer) {
        match answer {
            Ok(data) => {
                self.data.set(data);
                self.problem.set(None);
                self.there.maybe_update(|there| !std::mem::replace(there, true));
            }
            Err(RpcError(problem)) => self.problem.set(Some(problem)),
        }
    }
}

#[component]
pub fn Charts(answer: wire::Loaded<Answer>, drawn: Drawn) -> impl IntoView {
    let nothing = ChartData {
        from: DateTime::UNIX_EPOCH,
        to: DateTime::UNIX_EPOCH,
        resolution_s: 0,
        series: Vec::new(),
        marks: Vec::new(),
    };
    let newest =
        Newest { data: RwSignal::new(nothing), there: RwSignal::new(false), problem: RwSignal::new(None) };
    view! {
        <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=8/></div> }>
            {
                let drawn = drawn.clone();
                move || {
                    let drawn = drawn.clone();
                    Suspend::new(async move {
                        // What follows is taken by an effect: awaited with tracking, it would draw everything anew.
                        newest.take(ScopedFuture::new_untracked(async move { answer.await }).await);
                        view! { <Following newest answer drawn/> }.into_any()
                    })
                }
            }
        </Transition>
    }
    .into_any()
}

#[component]
fn Following(newest: Newest, answer: wire::Loaded<Answer>, drawn: Drawn) -> impl IntoView {
    Effect::new(move |first: Option<()>| {
        let answer = answer.get();
        if first.is_some()
            && let Some(answer) = answer
        {
            newest.take(answer);
        }
    });
    view! {
        {move || newest.problem.get().map(|mut problem| {
            // Nobody typed the fields; what is wrong with them is what there is to say.
            let fields = std::mem::take(&mut problem.fields);
            if !fields.is_empty() {
                let told: Vec<_> = fields.into_iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
                problem.detail = told.join(" ");
            }
            view! { <ProblemNotice problem/> }.into_any()
        }).into_any()}
        {move || newest.there.get().then(|| drawn(newest.data.into())).into_any()}
    }
    .into_any()
}
