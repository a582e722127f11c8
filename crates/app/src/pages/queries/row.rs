//! One statement of one connection.

use common::units;
use leptos::prelude::*;

use super::{
    super::{
        connection::words,
        statement_cell::{StatementCell, hits, share, wal},
    },
    of_connection,
};
use crate::{components::Unknown, rpc::queries::Statement};

#[component]
pub(super) fn Row(statement: Statement) -> impl IntoView {
    let Statement { connection_name: name, cost } = statement;
    let href = of_connection(cost.connection_id);
    let who = match (&cost.user, &cost.database) {
        (Some(user), Some(database)) => format!("{user} · {database}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "user not known".to_owned(),
    };
    let sub = view! {
        <span class="sql__sub cut"><span class="only-s"><bdi>{name.clone()}</bdi>" · "</span><bdi>{who}</bdi></span>
    };
    let hit = match cost.shared_hit_ratio {
        Some(ratio) => units::percent(ratio).into_any(),
        None => view! { <Unknown reason=words::why(&cost.unavailable, "shared_hit_ratio")/> }.into_any(),
    };
    let all = view! { <p class="small"><a class="link" href=href.clone()>"All statements of "<bdi>{name.clone()}</bdi></a></p> };
    view! {
        <tr>
            <StatementCell statement=cost.clone() sub=sub.into_any()>{all}</StatementCell>
            <td class="hide-s queries__where"><a class="cut" href=href title=name><bdi>{name.clone()}</bdi></a></td>
            <td class="r num hide-s">{units::count(cost.calls).to_string()}</td>
            <td class="r num">{units::figures(cost.mean_ms)}</td>
            <td class="r num">{words::long_millis(cost.total_ms)}</td>
            <td class="hide-m nowrap">{share(&cost)}</td>
            <td class="r num hide-m">{units::count(cost.rows).to_string()}</td>
            <td class="r num hide-m" title=hits(&cost)>{bytes(cost.shared_read_bytes)}</td>
            <td class="r num hide-m">{hit}</td>
            <td class="r num hide-m">{bytes(cost.temp_bytes)}</td>
            <td class="r num hide-m">{match cost.wal_bytes {
                Some(count) => bytes(count),
                None => wal(&cost),
            }}</td>
        </tr>
    }
    .into_any()
}

/// Nothing steps back, so that what there is stands out.
fn bytes(count: i64) -> AnyView {
    match count {
        0 => view! { <span class="muted">"0"</span> }.into_any(),
        count => units::bytes(count).to_string().into_any(),
    }
}
