//! Deleting a connection: a question first, in a dialog on its page, or as a page of its own without JavaScript.

use common::{Connection, Problem, connection::UNDO_WINDOW_S};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_meta::Title;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{
    lazy::lazy_page,
    named_connection::{LoadFailed, address, connection_id, load},
};
use crate::{
    components::{Button, Dialog, ProblemNotice, Skeleton, Toasts},
    rpc::{self, RpcError},
    wire,
};

lazy_page! {
    /// `/connections/:id/delete`
    DeletePage
}

impl DeletePage {
    fn into_view(self) -> AnyView {
        let connection = wire::load(connection_id(), load);
        let refused = self.outcome.and_then(|outcome| outcome.problem);
        view! {
            <Suspense fallback=|| view! { <Skeleton lines=4/> }>
                {move || {
                    let refused = refused.clone();
                    Suspend::new(async move {
                        match connection.await {
                            Ok(connection) => view! { <Confirmation connection refused/> }.into_any(),
                            Err(RpcError(problem)) => view! { <LoadFailed problem/> }.into_any(),
                        }
                    })
                }}
            </Suspense>
        }
        .into_any()
    }
}

#[component]
fn Confirmation(connection: Connection, refused: Option<Problem>) -> impl IntoView {
    let back = format!("/connections/{}", connection.id);
    let name = connection.name.clone();
    let address = address(&connection);
    view! {
        <Title text=format!("Delete {name}")/>
        <section class="panel confirm">
            <div class="panel__body stack">
                <h1>"Delete "<bdi>{name}</bdi>"?"</h1>
                <p class="small muted mono cut" title=address><bdi>{address.clone()}</bdi></p>
                <Consequences/>
                <DeleteForm connection=RwSignal::new(connection) refused>
                    <a class="btn" href=back>"Keep"</a>
                </DeleteForm>
            </div>
        </section>
    }
    .into_any()
}

/// The same question over the connection's page.
#[component]
pub(super) fn DeleteDialog(connection: RwSignal<Connection>, open: RwSignal<bool>) -> impl IntoView {
    let title = Signal::derive(move || connection.with(|connection| format!("Delete {}?", connection.name)));
    view! {
        <Dialog open id="delete" title>
            <Consequences/>
            <DeleteForm connection refused=None>
                <button class="btn" type="button" on:click=move |_| open.set(false)>"Keep"</button>
            </DeleteForm>
        </Dialog>
    }
    .into_any()
}

#[component]
fn Consequences() -> impl IntoView {
    view! {
        <p class="confirm__words">
            {format!("It is hidden at once. You can undo for {UNDO_WINDOW_S} seconds; then its history and its stored password are gone. The database itself is not touched.")}
        </p>
    }
}

/// The button that does it. `children` is the way out, before it.
#[component]
fn DeleteForm(
    connection: RwSignal<Connection>,
    refused: Option<Problem>,
    children: Children,
) -> impl IntoView {
    let problem = RwSignal::new(refused);
    let id = connection.with_untracked(|connection| connection.id);
    let version = move || connection.with(|connection| connection.version);
    let delete = Action::new(move |version: &i32| {
        let version = *version;
        async move { rpc::delete_connection(id, Some(version)).await }
    });
    let pending = delete.pending();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            delete.dispatch(connection.with_untracked(|connection| connection.version));
        }
    };
    let navigate = use_navigate();
    let toasts = Toasts::of_page();
    Effect::new(move |_| match delete.value().get() {
        Some(Ok(())) => {
            // The overview offers the undo, and says what it would bring back.
            toasts.remember_deleted(id, connection.with_untracked(|connection| connection.name.clone()));
            navigate(&format!("/?deleted={id}"), NavigateOptions::default());
        }
        Some(Err(RpcError(refused))) => problem.set(Some(refused)),
        None => {}
    });
    view! {
        {move || problem.get().map(|problem| view! { <ProblemNotice problem/> }.into_any()).into_any()}
        <form class="confirm__end" method="post" action=format!("/connections/{id}/delete") on:submit=submit>
            <input type="hidden" name="version" value=move || version()/>
            {children()}
            <Button label="Delete" class="btn--fill btn--danger" busy=pending busy_label="Deleting …"/>
        </form>
    }
    .into_any()
}
