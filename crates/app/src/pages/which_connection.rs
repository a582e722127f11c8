//! Choosing one connection of all, on a page that shows many: a GET form, which acts by itself once the page is awake.

use common::{ConnectionId, connection::ConnectionName};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{
    rpc::{self, RpcError},
    wire,
};

/// What can be chosen.
pub(super) type Names = wire::Loaded<Result<Vec<ConnectionName>, RpcError>>;

pub(super) fn load_names() -> Names {
    wire::load(|| (), |()| rpc::queries::names())
}

/// The name of the parameter, as in the API.
pub(super) const PARAMETER: &str = "connection_id";

#[component]
pub(super) fn WhichConnection(
    names: Names,
    chosen: Signal<Option<ConnectionId>>,
    /// The address of the page with another choice and everything else as it is.
    href: Callback<Option<ConnectionId>, String>,
    /// The page.
    action: &'static str,
    /// What else the address says.
    others: Signal<Vec<(&'static str, String)>>,
) -> impl IntoView {
    let navigate = use_navigate();
    let choose = Callback::new(move |id: String| {
        let to = href.run(id.parse().ok());
        navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    });
    let hidden = move || {
        others
            .get()
            .into_iter()
            .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
            .collect_view()
    };
    view! {
        <form class="which row" method="get" action=action>
            {hidden}
            <label class="sr" for="connection">"Connection"</label>
            <Transition>
                {move || Suspend::new(async move {
                    let names = names.await.unwrap_or_default();
                    let options = names.into_iter().map(|ConnectionName { id, name }| {
                        let selected = move || chosen.get() == Some(id);
                        view! { <option value=id.to_string() selected=move || selected()>{name}</option> }.into_any()
                    }).collect_view();
                    view! {
                        <select class="input which__list" id="connection" name=PARAMETER
                            on:change=move |event| choose.run(event_target_value(&event))>
                            <option value="" selected=move || chosen.get().is_none()>"All connections"</option>
                            {options}
                        </select>
                    }
                    .into_any()
                })}
            </Transition>
            <button class="btn no-js">"Show"</button>
        </form>
    }
    .into_any()
}
