//! The numbers of a chart as rows: for who cannot see it, and for who wants to read them exactly.

use charts::{Chart, Zone};
use common::units;
use leptos::prelude::*;

/// More are in the file.
const MOST_ROWS: usize = 100;

#[component]
pub(super) fn NumbersTable(#[prop(into)] chart: Signal<Chart>, title: &'static str) -> impl IntoView {
    let drawn = move || {
        let table = chart.with(|chart| chart.table(MOST_ROWS, &Zone::utc()));
        if table.rows.is_empty() {
            return view! { <p class="panel__body muted small">"No numbers in this range."</p> }.into_any();
        }
        let heads = table
            .heads
            .into_iter()
            .map(|head| view! { <th scope="col" class="r"><bdi>{head}</bdi></th> }.into_any())
            .collect_view();
        let shown = table.rows.len();
        let rows = table
            .rows
            .into_iter()
            .map(|row| {
                let values =
                    row.values.into_iter().map(|value| view! { <td class="r num">{value}</td> }.into_any());
                let class = if row.failed { "r num t-crit" } else { "r num" };
                view! {
                    <tr>
                        <th scope="row" class="num">{row.time}</th>
                        {values.collect_view()}
                        <td class=class>{row.counts}</td>
                    </tr>
                }
                .into_any()
            })
            .collect_view();
        let rest = (table.total > shown).then(|| {
            format!(
                "The newest {shown} of {}; the CSV file has all of them.",
                units::thousands(table.total as i64)
            )
        });
        view! {
            <div class="chart__table" tabindex="0" role="region" aria-label=format!("{title} as a table")>
                <table class="table table--tight table--static">
                    <caption class="sr">{title}", newest first"</caption>
                    <thead><tr><th scope="col">"Time, UTC"</th>{heads}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {rest.map(|rest| view! { <p class="panel__foot">{rest}</p> })}
        }
        .into_any()
    };
    view! {
        <details class="more">
            <summary>"As a table"<span class="sr">": "{title}</span></summary>
            {move || drawn()}
        </details>
    }
    .into_any()
}
