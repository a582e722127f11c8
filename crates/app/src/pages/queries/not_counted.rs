//! The connections that have no statements to show: why, and what mends it. Those with the same reason stand together.

use leptos::prelude::*;

use super::{super::connection::words, of_connection};
use crate::{
    components::{CodeBlock, Panel},
    rpc::queries::NotCounted,
};

#[component]
pub(super) fn NotCountedPanel(groups: Vec<NotCounted>) -> impl IntoView {
    let count: usize = groups.iter().map(|group| group.connections.len() + group.more).sum();
    let note = move || if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
    let groups = groups.into_iter().map(|group| view! { <Group group/> }).collect_view();
    view! {
        <Panel id="not-counted" title="Not counted" note=note>
            <ul class="not-counted">{groups}</ul>
        </Panel>
    }
    .into_any()
}

#[component]
fn Group(group: NotCounted) -> impl IntoView {
    let NotCounted { reason, fix_sql, connections, more } = group;
    let why = reason.as_deref().map_or_else(|| "It is not known why".to_owned(), words::sentence);
    let links = connections
        .into_iter()
        .map(|connection| {
            view! {
                <li><a class="badge" href=of_connection(connection.id) title=connection.name><bdi class="cut">{connection.name.clone()}</bdi></a></li>
            }
        })
        .collect_view();
    let more = (more > 0).then(|| view! { <li class="muted small">{format!("and {more} more")}</li> });
    view! {
        <li class="not-counted__group">
            <h3><bdi>{why}</bdi></h3>
            <ul class="not-counted__where">{links} {more}</ul>
            {fix_sql.map(|sql| view! { <CodeBlock code=sql/> })}
        </li>
    }
    .into_any()
}
