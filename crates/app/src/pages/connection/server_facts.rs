//! The server in numbers: how long it is up, how big, how busy. What is not known says why, beside the dash.

use common::{
    Health, Unavailable,
    health::{Metrics, ServerRole},
    units::{self, Quantity},
};
use leptos::prelude::*;

use super::{
    detail::{AfterReading, Detail},
    pooler::Pool,
    words,
};
use crate::{
    clock::utc,
    components::{Bar, Panel, Skeleton, Unknown},
};

#[component]
pub(super) fn ServerPanel(detail: Detail) -> impl IntoView {
    view! {
        <Panel id="server" title="Server">
            <AfterReading detail fallback=|| view! { <div class="panel__body"><Skeleton lines=6/></div> }>
                {move || detail.health.with(|health| match health {
                    Some(Ok(health)) if health.error.is_some() => {
                        view! { <p class="panel__body muted">"Not known while the database cannot be reached."</p> }
                            .into_any()
                    }
                    Some(Ok(health)) => view! { <Facts health=health.clone()/> }.into_any(),
                    _ => view! { <p class="panel__body muted">"Not known: there is no health reading."</p> }.into_any(),
                })}
            </AfterReading>
        </Panel>
    }
    .into_any()
}

#[component]
fn Facts(health: Health) -> impl IntoView {
    let Health { server, metrics, unavailable, .. } = health;
    let text = |text: &str| Quantity { number: text.to_owned(), unit: "" };
    let started = server.started_at.map(|at| format!("Started {}", utc(at)));
    let version = server.version.as_deref().map(text);
    let up = server.uptime_s.map(|seconds| text(&units::span(seconds)));
    let role = server.role.map(|role| match role {
        ServerRole::Primary => text("primary"),
        ServerRole::Standby => text("standby"),
    });
    let cache_hit =
        metrics.cache_hit_ratio.map(|ratio| Quantity { number: units::percent(ratio), unit: "%" });
    let transactions =
        metrics.transactions_per_s.map(|per_s| Quantity { number: units::figures(per_s), unit: "/s" });
    // Not every server has one; where it is not known whether there is one, the reason says so.
    let pooler = server.pooler.as_ref().map(|pooler| match &pooler.version {
        Some(version) => text(&format!("{} {version}", words::pooler_name(&pooler.kind))),
        None => text(words::pooler_name(&pooler.kind)),
    });
    let pooler = pooler.or_else(|| (!unavailable.contains_key("pooler")).then(|| text("none seen")));
    let why = |field: &str| why(&unavailable, field);
    view! {
        <div class="panel__body stack">
            <dl class="pairs">
                <Fact label="PostgreSQL" value=version why=why("version")/>
                <Fact label="Up" value=up why=why("uptime_s") title=started/>
                <Fact label="Role" value=role why=why("role")/>
                <Fact label="Database size" value=metrics.database_size_bytes.map(units::bytes) why=why("database_size_bytes")/>
                <Fact label="Cache hit ratio" value=cache_hit why=why("cache_hit_ratio")/>
                <Fact label="Transactions" value=transactions why=why("transactions_per_s")/>
                <Fact label="Pooler" value=pooler why=why("pooler")/>
                {server.managed_by.as_deref().map(|by| view! { <Fact label="Managed by" value=Some(text(by)) why=String::new()/> }.into_any())}
                <Fact label="Time zone" value=server.timezone.as_deref().map(text) why=why("timezone")/>
            </dl>
            <Sessions why=why("active_connections") metrics/>
            {server.pooler.map(|pooler| view! { <Pool pooler/> })}
        </div>
    }
    .into_any()
}

/// The reason of a field of `server` or `metrics`; one for the whole part counts for each of its fields.
pub(super) fn why(unavailable: &Unavailable, field: &str) -> String {
    let found = [
        field.to_owned(),
        format!("metrics.{field}"),
        format!("server.{field}"),
        "metrics".to_owned(),
        "server".to_owned(),
    ]
    .iter()
    .find_map(|key| unavailable.get(key));
    found.map_or_else(|| "not known".to_owned(), |missing| words::reason(&missing.reason))
}

#[component]
fn Fact(
    label: &'static str,
    value: Option<Quantity>,
    why: String,
    #[prop(optional_no_strip)] title: Option<String>,
) -> impl IntoView {
    let value = match value {
        Some(Quantity { number, unit }) => {
            let unit = (!unit.is_empty()).then(|| view! { " "<span class="unit">{unit}</span> }.into_any());
            view! { <bdi>{number}</bdi>{unit} }.into_any()
        }
        None => view! { "– "<span class="why">{why}</span> }.into_any(),
    };
    view! {
        <dt>{label}</dt>
        <dd title=title>{value}</dd>
    }
    .into_any()
}

/// Client connections by state, against the limit.
#[component]
fn Sessions(metrics: Metrics, why: String) -> impl IntoView {
    let Metrics {
        active_connections: active,
        idle_connections: idle,
        idle_in_transaction_connections: idle_in_transaction,
        total_connections: total,
        max_connections: max,
        reserved_connections: reserved,
        ..
    } = metrics;
    let states = [
        ("Active", active, "bar__active"),
        ("Idle in transaction", idle_in_transaction, "bar__waiting"),
        ("Idle", idle, "bar__idle"),
    ];
    let bar = max.filter(|max| *max > 0).zip(total).map(|(max, total)| {
        let parts = states.map(|(_, count, class)| (count.unwrap_or(0) as f64 / max as f64, class)).to_vec();
        view! { <Bar parts label=format!("{total} of {max} connections are used")/> }.into_any()
    });
    let of_limit = match (total, max) {
        (Some(total), Some(max)) => view! { <b>{total}</b>" of "{max} }.into_any(),
        (Some(total), None) => view! { <b>{total}</b> }.into_any(),
        (None, _) => view! { "– "<span class="why">{why.clone()}</span> }.into_any(),
    };
    let legend = states.map(|(name, count, class)| {
        let count = match count {
            Some(count) => view! { <b class="num">{count}</b> }.into_any(),
            None => view! { <Unknown reason=why.clone()/> }.into_any(),
        };
        view! { <span class="row"><i class=format!("swatch {class}") aria-hidden="true"></i>{name}{count}</span> }.into_any()
    });
    let reserved = reserved
        .filter(|count| *count > 0)
        .map(|count| view! { <span>{format!("{count} of them reserved")}</span> }.into_any());
    view! {
        <div class="sessions">
            <div class="row"><h3>"Connections"</h3><span class="row__end num">{of_limit}</span></div>
            {bar}
            <div class="sessions__legend">{legend.collect_view()} {reserved}</div>
        </div>
    }
    .into_any()
}
