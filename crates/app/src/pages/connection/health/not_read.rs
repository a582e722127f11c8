//! What could not be read, by cause, with what mends it; and a login that would read everything.

use common::{
    ConnectionId,
    health::{Check, CheckStatus},
    setup::{Setup, SetupItem},
};
use leptos::prelude::*;

use super::super::{detail::Detail, words};
use crate::{
    components::{CodeBlock, Icon, IconName, Panel, ProblemNotice, Skeleton},
    pages::named_connection::connection_id,
    rpc::{self, RpcError},
    wire,
};

/// What the set-up doctor says of the last reading.
#[derive(Clone, Copy)]
pub(super) struct Advice {
    said: wire::Loaded<Result<Setup, RpcError>>,
    /// How many readings this page took.
    readings: RwSignal<u32>,
}

impl Advice {
    pub(super) fn load() -> Self {
        let (id, readings) = (connection_id(), RwSignal::new(0));
        let said = wire::load(
            move || (id(), readings.get()),
            // The frame says that there is no such connection.
            |(id, _)| rpc::setup(id.unwrap_or(ConnectionId(0))),
        );
        Self { said, readings }
    }

    /// Asks again after each new reading.
    pub(super) fn follow(self, detail: Detail) {
        Effect::new(move |_| {
            if detail.check.value().with(Option::is_some) {
                self.readings.update(|readings| *readings += 1);
            }
        });
    }
}

#[component]
pub(super) fn NotReadPanel(setup: Advice, checks: Vec<Check>) -> impl IntoView {
    let checks = StoredValue::new(checks);
    view! {
        <Panel id="not-read" title="Not read">
            <Transition fallback=|| view! { <div class="panel__body"><Skeleton lines=3/></div> }>
                {move || Suspend::new(async move {
                    match setup.said.await {
                        Ok(setup) => view! { <Missing setup checks=checks.get_value()/> }.into_any(),
                        Err(RpcError(problem)) => {
                            view! { <div class="panel__body"><ProblemNotice problem/></div> }.into_any()
                        }
                    }
                })}
            </Transition>
        </Panel>
    }
    .into_any()
}

#[component]
fn Missing(setup: Setup, checks: Vec<Check>) -> impl IntoView {
    let others = others(&setup, &checks);
    if setup.items.is_empty() && others.is_empty() && setup.role_sql.is_none() {
        let words = if setup.unavailable.is_empty() {
            "Everything that is looked at can be read here."
        } else {
            "Not known while the database cannot be asked."
        };
        return view! { <p class="panel__body muted">{words}</p> }.into_any();
    }
    let items = setup.items.into_iter().map(|item| view! { <Item item/> }).collect_view();
    let others = others
        .into_iter()
        .map(|(title, reason)| {
            view! {
                <li class="finding">
                    <Icon name=IconName::Info/>
                    <h3>{title}</h3>
                    <p><bdi>{reason}</bdi></p>
                </li>
            }
        })
        .collect_view();
    let login = setup.role_sql.map(|sql| {
        view! {
            <details class="more">
                <summary>"A login for watching, and nothing else"</summary>
                <div class="more__body stack stack--tight">
                    <p class="todo">"Run this as a superuser, then give the new login to this connection, under Settings."</p>
                    <CodeBlock code=sql/>
                </div>
            </details>
        }
    });
    view! { <ul>{items} {others}</ul> {login} }.into_any()
}

#[component]
fn Item(item: SetupItem) -> impl IntoView {
    let SetupItem { values, detail, fix_sql, fix_as, .. } = item;
    let run = match (&fix_sql, fix_as) {
        (Some(_), Some(whom)) => format!(" Run this {whom}:"),
        (Some(_), None) => " This mends it:".to_owned(),
        (None, Some(whom)) => format!(" It is mended {whom}."),
        (None, None) => String::new(),
    };
    view! {
        <li class="finding">
            <Icon name=IconName::Info/>
            <h3>{values.join(", ")}</h3>
            <p><bdi>{words::sentence(&detail)}"."</bdi>{run}</p>
            {fix_sql.map(|sql| view! { <CodeBlock code=sql/> })}
        </li>
    }
    .into_any()
}

/// Checks that no set-up would change, such as one that took too long: title and reason.
fn others(setup: &Setup, checks: &[Check]) -> Vec<(String, String)> {
    let told = |title: &String| setup.items.iter().any(|item| item.values.contains(title));
    checks
        .iter()
        .filter(|check| check.status == CheckStatus::Unavailable && !told(&check.title))
        .map(|check| {
            let reason = check.unavailable.values().next().map(|missing| words::sentence(&missing.reason));
            (check.title.clone(), reason.map_or_else(|| check.detail.clone(), |reason| format!("{reason}.")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use common::{ConnectionId, Reason, Unavailable, setup::SetupCause};

    use super::*;

    fn unread(title: &str, reason: &str) -> Check {
        Check {
            id: title.to_lowercase(),
            title: title.to_owned(),
            status: CheckStatus::Unavailable,
            value: None,
            unit: "count".to_owned(),
            threshold: None,
            points: 0,
            detail: String::new(),
            why: String::new(),
            evidence: Vec::new(),
            fix_sql: None,
            docs_url: None,
            measured_at: DateTime::UNIX_EPOCH,
            unavailable: Unavailable::from([("value".to_owned(), Reason::new(reason))]),
        }
    }

    #[test]
    fn what_the_set_up_tells_is_not_told_twice() {
        let setup = Setup {
            connection_id: ConnectionId(1),
            items: vec![SetupItem {
                values: vec!["Replication".to_owned()],
                cause: SetupCause::Privilege,
                detail: String::new(),
                fix_sql: None,
                fix_as: None,
            }],
            role_sql: None,
            unavailable: Default::default(),
        };
        let checks = [unread("Replication", "no_privilege"), unread("Bloat", "timeout")];
        assert_eq!(others(&setup, &checks), [("Bloat".to_owned(), "It took too long to read.".to_owned())]);
    }
}
