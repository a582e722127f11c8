//! Short messages that lie above the page: an action's outcome, and the way back from a deletion.

use std::time::Duration;

use common::{ConnectionId, Problem};
use leptos::prelude::*;

use super::{Icon, IconName, Shape, Tone};

/// How long an outcome stays; long enough to read two lines twice.
const STAYS: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, PartialEq)]
struct Toast {
    id: u32,
    tone: Tone,
    text: String,
}

/// The messages of this page. Get it by `Toasts::of_page()`.
#[derive(Debug, Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next_id: StoredValue<u32>,
    /// What this page deleted last, so that the undo can name it.
    deleted: RwSignal<Option<(ConnectionId, String)>>,
}

impl Toasts {
    pub(crate) fn provide() {
        provide_context(Self {
            shown: RwSignal::new(Vec::new()),
            next_id: StoredValue::new(0),
            deleted: RwSignal::new(None),
        });
    }

    pub fn of_page() -> Self {
        expect_context()
    }

    /// Shows what came of an action, for some seconds.
    pub fn say(self, tone: Tone, text: impl Into<String>) {
        let id = self.next_id.with_value(|id| id + 1);
        self.next_id.set_value(id);
        self.shown.update(|shown| shown.push(Toast { id, tone, text: text.into() }));
        if tone != Tone::Crit {
            set_timeout(move || self.close(id), STAYS);
        }
    }

    /// Shows what went wrong, until it is closed.
    pub fn say_problem(self, problem: &Problem) {
        self.say(Tone::Crit, format!("{}. {}", problem.title, problem.detail));
    }

    /// Keeps the name of a connection that was just deleted, before going to `/?deleted=<id>`.
    pub fn remember_deleted(self, id: ConnectionId, name: impl Into<String>) {
        self.deleted.set(Some((id, name.into())));
    }

    fn name_of_deleted(self, id: ConnectionId) -> Option<String> {
        self.deleted.get().filter(|(deleted, _)| *deleted == id).map(|(_, name)| name)
    }

    fn draw(self, Toast { id, tone, text }: Toast) -> AnyView {
        view! {
            <div class="toast">
                <Shape tone/>
                <span>{text}</span>
                <button
                    type="button"
                    class="btn btn--icon btn--small btn--quiet"
                    aria-label="Close"
                    on:click=move |_| self.close(id)
                >
                    <Icon name=IconName::Close/>
                </button>
            </div>
        }
        .into_any()
    }

    fn close(self, id: u32) {
        self.shown.update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// Where the messages appear. Screen readers read them out as they come.
#[component]
pub(crate) fn ToastRegion() -> impl IntoView {
    let toasts = Toasts::of_page();
    view! {
        <div class="toasts" role="status">
            {move || toasts.shown.get().into_iter().map(|toast| toasts.draw(toast)).collect_view().into_any()}
        </div>
    }
}

/// "Deleted, undo?": a form that works without JavaScript; with it, `on_undo` is run instead of sending it.
#[component]
pub fn Undo(id: ConnectionId, on_undo: Callback<ConnectionId>, on_close: Callback<()>) -> impl IntoView {
    let toasts = Toasts::of_page();
    let words = move || match toasts.name_of_deleted(id) {
        Some(name) => format!("{name} is deleted"),
        None => "The connection is deleted".to_owned(),
    };
    let undo = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        on_undo.run(id);
    };
    view! {
        <div class="toasts toasts--undo">
            <form class="toast" method="post" action=format!("/connections/{id}/restore") on:submit=undo>
                <Shape tone=Tone::Ok/>
                <span role="status">{move || words()}</span>
                <button class="btn btn--small">
                    <Icon name=IconName::Undo/>
                    "Undo"
                </button>
                <button
                    type="button"
                    class="btn btn--icon btn--small btn--quiet js-only"
                    aria-label="Close"
                    on:click=move |_| on_close.run(())
                >
                    <Icon name=IconName::Close/>
                </button>
            </form>
        </div>
    }
}
