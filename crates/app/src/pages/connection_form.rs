//! Adding a connection and changing one: the same form on two pages.
//!
//! Without JavaScript the form posts to `/connections/new` or `/connections/{id}/edit`; a refused one comes back as
//! [`FormOutcome`] with everything typed but the password. With it, the inputs still keep their own values, so a
//! failed request loses nothing.

mod explain;
mod fields;
mod panels;
mod read;
mod refusal;
mod rules;
mod tries;

use common::{Connection, ConnectionDraft, ConnectionId, ProblemCode};
use leptos::{ev::SubmitEvent, html, prelude::*};
use leptos_meta::Title;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use self::{
    explain::AfterSaving,
    fields::Errors,
    panels::{EncryptionPanel, PlacePanel, ServerPanel},
    refusal::{Refusal, RefusalNotice},
    tries::Tries,
};
use super::{
    lazy::lazy_page,
    named_connection::{LoadFailed, connection_id, load},
};
use crate::{
    components::{Button, Skeleton},
    outcome::FormOutcome,
    rpc::{self, RpcError},
    wire,
};

lazy_page! {
    /// `/connections/new`
    NewConnectionPage
}

impl NewConnectionPage {
    fn into_view(self) -> AnyView {
        view! {
            <Title text="Add connection"/>
            <div class="page__head form-page"><h1>"Add connection"</h1></div>
            <ConnectionForm existing=None outcome=self.outcome/>
        }
        .into_any()
    }
}

lazy_page! {
    /// `/connections/:id/edit`
    EditConnectionPage
}

impl EditConnectionPage {
    fn into_view(self) -> AnyView {
        let outcome = self.outcome;
        let connection = wire::load(connection_id(), load);
        view! {
            <Suspense fallback=|| view! { <Skeleton lines=6/> }>
                {move || {
                    let outcome = outcome.clone();
                    Suspend::new(async move {
                        match connection.await {
                            Ok(connection) => view! {
                                <Title text=format!("Edit {}", connection.name)/>
                                <div class="page__head form-page">
                                    <h1 class="cut" title=connection.name.clone()>
                                        "Edit "<bdi>{connection.name.clone()}</bdi>
                                    </h1>
                                </div>
                                <ConnectionForm existing=Some(connection) outcome/>
                            }
                            .into_any(),
                            Err(RpcError(problem)) => view! { <LoadFailed problem/> }.into_any(),
                        }
                    })
                }}
            </Suspense>
        }
        .into_any()
    }
}

/// What came of a save.
#[derive(Debug, Clone)]
enum Saved {
    At(ConnectionId),
    Refused(Box<Refusal>),
}

/// The form over a [`ConnectionDraft`]; `existing` is the connection that it changes.
#[component]
fn ConnectionForm(existing: Option<Connection>, outcome: Option<FormOutcome>) -> impl IntoView {
    let id = existing.as_ref().map(|connection| connection.id);
    let has_password = existing.as_ref().is_some_and(|connection| connection.has_password);
    let action = id.map_or("/connections/new".to_owned(), |id| format!("/connections/{id}/edit"));
    let back = id.map_or("/".to_owned(), |id| format!("/connections/{id}"));

    let posted = outcome.is_some();
    let refused = outcome.and_then(|FormOutcome { draft, problem, .. }| {
        let problem = problem?;
        Some(Refusal { problem, mine: draft, stored: existing.clone() })
    });
    let start = match (&refused, &existing) {
        (Some(refusal), _) => refusal.mine.clone(),
        (None, Some(connection)) => ConnectionDraft::from_connection(connection),
        (None, None) => ConnectionDraft::default(),
    };
    // A conflict has been shown with what is stored now: saving again is a decision, not an accident.
    let version = RwSignal::new(
        refused.as_ref().and_then(Refusal::conflict).map_or(start.version, |now| Some(now.version)),
    );
    let errors =
        Errors::new(refused.as_ref().map(|refusal| refusal.problem.fields.clone()).unwrap_or_default());
    let refusal = RwSignal::new(refused);
    let start = RwSignal::new(start);

    let form = NodeRef::<html::Form>::new();
    let notice = NodeRef::<html::Div>::new();
    let refuse = move |refused: Refusal| {
        errors.set(refused.problem.fields.clone());
        if let Some(now) = refused.conflict() {
            version.set(Some(now.version));
        }
        refusal.set(Some(refused));
        request_animation_frame(move || {
            if let Some(notice) = notice.get_untracked() {
                let _ = notice.focus();
            }
        });
    };

    let tries = StoredValue::new(Tries::default());
    let save = Action::new(move |draft: &ConnectionDraft| {
        let draft = draft.clone();
        let key = tries.try_update_value(|tries| tries.key_for(&draft, tries::draw)).unwrap_or_default();
        async move { save(id, draft, key).await }
    });
    let pending = save.pending();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(draft) = form.get_untracked().and_then(|form| read::draft(&form)) else { return };
        if pending.get_untracked() {
            return;
        }
        match draft.parse() {
            Ok(_) => {
                save.dispatch(draft);
            }
            Err(fields) => {
                let problem = common::Problem::validation(fields);
                refuse(Refusal { problem, mine: draft, stored: None });
            }
        }
    };
    let navigate = use_navigate();
    Effect::new(move |_| match save.value().get() {
        Some(Saved::At(saved)) => {
            let how = if id.is_some() { "saved" } else { "created" };
            navigate(&format!("/connections/{saved}?{how}=1"), NavigateOptions::default());
        }
        Some(Saved::Refused(refused)) => refuse(*refused),
        None => {}
    });

    let load_stored = move |event: web_sys::MouseEvent| {
        event.prevent_default();
        let stored = refusal.with_untracked(|refusal| refusal.as_ref().and_then(Refusal::conflict).cloned());
        if let Some(stored) = stored {
            errors.set(Vec::new());
            version.set(Some(stored.version));
            start.set(ConnectionDraft::from_connection(&stored));
            refusal.set(None);
            // What was typed lies over the values that the inputs were given.
            request_animation_frame(move || {
                if let Some(form) = form.get_untracked() {
                    form.reset();
                }
            });
        }
    };

    let edit_path = action.clone();
    view! {
        <div class="cols cols--wide form-page">
            <form
                class="stack"
                method="post"
                action=action
                novalidate=true
                aria-label=if id.is_some() { "Edit connection" } else { "Add connection" }
                aria-busy=move || pending.get().then_some("true")
                node_ref=form
                on:submit=submit
            >
                {move || {
                    let notice = refusal.get().map(|refusal| {
                        view! { <RefusalNotice refusal notice load_stored edit_path=edit_path.clone()/> }.into_any()
                    });
                    notice.into_any()
                }}
                {move || {
                    version.get().map(|version| view! { <input type="hidden" name="version" value=version/> }.into_any()).into_any()
                }}
                {move || {
                    let draft = start.get();
                    view! {
                        <ServerPanel draft=draft.clone() errors has_password retype=posted/>
                        <EncryptionPanel draft=draft.clone() errors/>
                        <PlacePanel draft errors/>
                    }
                    .into_any()
                }}
                <div class="row row--wrap form-page__end">
                    <Button label="Save and test" class="btn--fill" busy=pending busy_label="Saving and testing …"/>
                    <a class="btn btn--quiet" href=back>"Cancel"</a>
                    <span class="small muted" role="status">
                        {move || pending.get().then_some("A server that does not answer takes a few seconds.").into_any()}
                    </span>
                </div>
            </form>
            <AfterSaving/>
        </div>
    }
    .into_any()
}

/// Stores the connection and tests it, so that the page that follows says whether it works.
async fn save(id: Option<ConnectionId>, draft: ConnectionDraft, key: String) -> Saved {
    let mine = draft.clone();
    let saved = match id {
        None => rpc::create_connection(draft, key).await,
        Some(id) => rpc::update_connection(id, draft).await,
    };
    match (saved, id) {
        (Ok(saved), _) => Saved::At(saved.connection.id),
        (Err(RpcError(problem)), id) => {
            let stored = match id {
                Some(id) if problem.code == ProblemCode::Conflict => rpc::get_connection(id).await.ok(),
                _ => None,
            };
            Saved::Refused(Box::new(Refusal { problem, mine, stored }))
        }
    }
}
