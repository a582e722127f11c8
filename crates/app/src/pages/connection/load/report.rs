//! What a load test measured, or has measured so far: the numbers that matter, each second as a line, how long answers
//! took, and what failed.

use charts::{Chart, Hidden};
use common::{
    TestErrorKind,
    load::{LoadClient, LoadLatency, LoadReport, LoadSecond},
    units,
};
use leptos::prelude::*;

use crate::components::{Bar, Legend, Millis, Notice, Panel, Plot, Tile, Tiles, Tone, Unknown};

/// `seconds` is how long the test takes in all.
#[component]
pub(super) fn Report(report: LoadReport, seconds: f64, running: bool) -> impl IntoView {
    let client = report.client.limited.then(|| view! { <ClientLimited client=report.client.clone()/> });
    let first = report.error.clone().filter(|_| report.succeeded == 0).map(|error| {
        view! {
            <Notice tone=Tone::Crit title=error.kind.headline()>
                <p><bdi>{error.message}</bdi></p>
                <p><bdi>{error.hint}</bdi></p>
            </Notice>
        }
    });
    view! {
        {first}
        <Numbers report=report.clone() running/>
        {client}
        <div class="cols cols--wide">
            <div class="stack">
                <Seconds timeline=report.timeline seconds running/>
            </div>
            <div class="stack">
                <Percentiles latency=report.latency connect=report.connect/>
                <Errors errors=report.errors.into_iter().collect()/>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Numbers(report: LoadReport, running: bool) -> impl IntoView {
    let last = report.timeline.last().map(|second| second.requests);
    let throughput = match last {
        Some(last) if running => format!("{} in the last second", units::thousands(last as i64)),
        _ => "succeeded, on average".to_owned(),
    };
    let failed = (report.failed > 0).then_some(Tone::Warn);
    let part = if report.requests > 0 {
        format!("{} %", units::percent(report.failed as f64 / report.requests as f64))
    } else {
        "no request yet".to_owned()
    };
    let p95 = match report.latency.p95_ms.zip(report.latency.p50_ms) {
        Some((p95, p50)) if p50 > 0.0 => format!("{} × the median", units::figures(p95 / p50)),
        _ => "nothing succeeded yet".to_owned(),
    };
    let noun = if report.connections == 1 { "connection" } else { "connections" };
    let connections = format!("{} {noun}", report.connections);
    let cpu = report.client.cpu_ratio;
    let (client_tone, client) =
        if report.client.limited { (Tone::Warn, "it was the limit") } else { (Tone::Ok, "not the limit") };
    view! {
        <Tiles>
            <Tile label="Throughput" note=throughput>
                {units::figures(report.throughput_per_s)}" "<span class="unit">"/s"</span>
            </Tile>
            <Tile label="Requests" note=if running { "since the start" } else { "in all" }>
                {units::thousands(report.requests as i64)}
            </Tile>
            {match failed {
                Some(tone) => view! { <Tile label="Failed" tone note=part>{units::thousands(report.failed as i64)}</Tile> }.into_any(),
                None => view! { <Tile label="Failed" note=part>"0"</Tile> }.into_any(),
            }}
            <Tile label="p95" note=p95><Millis ms=report.latency.p95_ms/></Tile>
            <Tile label="Connect p95" note=connections><Millis ms=report.connect.p95_ms/></Tile>
            <Tile label="This machine" tone=client_tone note=client>
                {match cpu {
                    Some(cpu) => view! { {units::percent(cpu)}" "<span class="unit">"% CPU"</span> }.into_any(),
                    None => view! { <Unknown reason="The system does not tell."/> }.into_any(),
                }}
            </Tile>
        </Tiles>
    }
    .into_any()
}

#[component]
fn ClientLimited(client: LoadClient) -> impl IntoView {
    view! {
        <Notice tone=Tone::Warn title="The dashboard’s own machine was the limit, not the server">
            {client.detail.map(|detail| view! { <p>{detail}</p> })}
            <p>"The numbers say what this machine can send. Ask with fewer connections or a lower rate, or from a faster machine."</p>
        </Notice>
    }
    .into_any()
}

/// Each second: a line of requests, lines of how long they took, and the same as a table.
#[component]
fn Seconds(timeline: Vec<LoadSecond>, seconds: f64, running: bool) -> impl IntoView {
    let note = timeline
        .last()
        .filter(|_| running)
        .map(|last| format!("second {}: {}", last.second + 1, units::thousands(last.requests as i64)));
    let requests = Signal::stored(Chart::of_requests(&timeline, seconds));
    let answers = Signal::stored(Chart::of_answers(&timeline, seconds));
    let (shown, shown_answers) = (RwSignal::new(Hidden::default()), RwSignal::new(Hidden::default()));
    let cursor = RwSignal::new(None::<i64>);
    view! {
        <Panel id="each-second" title="Requests per second" note=move || note.clone()>
            <Plot id="chart-requests" title="Requests per second" chart=requests hidden=shown cursor
                nothing="None yet."/>
        </Panel>
        <Panel id="latency-each-second" title="Latency" note=move || view! { <Legend chart=answers hidden=shown_answers/> }>
            <Plot id="chart-answers" title="Latency by second" chart=answers hidden=shown_answers cursor
                nothing="None yet."/>
            <Table timeline/>
        </Panel>
    }
    .into_any()
}

#[component]
fn Table(timeline: Vec<LoadSecond>) -> impl IntoView {
    let rows = timeline
        .into_iter()
        .map(|second| {
            view! {
                <tr>
                    <td class="num">{second.second + 1}</td>
                    <td class="r num">{units::thousands(second.requests as i64)}</td>
                    <td class="r num">{units::thousands(second.failed as i64)}</td>
                    <td class="r"><Millis ms=second.p50_ms/></td>
                    <td class="r"><Millis ms=second.p99_ms/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <details class="more">
            <summary>"Both as a table"</summary>
            <div class="load__table" tabindex="0" role="region" aria-label="Each second as a table">
                <table class="table table--tight table--static">
                    <caption class="sr">"Each second of the load test"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Second"</th>
                            <th scope="col" class="r">"Requests"</th>
                            <th scope="col" class="r">"Failed"</th>
                            <th scope="col" class="r">"Median"</th>
                            <th scope="col" class="r">"p99"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
    .into_any()
}

/// Requests and connecting apart: they are two different things to wait for.
#[component]
fn Percentiles(latency: LoadLatency, connect: LoadLatency) -> impl IntoView {
    let most = latency.max_ms.unwrap_or(0.0);
    let rows = percentiles(&latency)
        .into_iter()
        .zip(percentiles(&connect))
        .map(|((label, ms), (_, connect))| {
            let part = ms.filter(|_| most > 0.0).map_or(0.0, |ms| ms / most);
            view! {
                <tr>
                    <th scope="row">{label}</th>
                    <td class="percentiles__bar"><Bar parts=vec![(part, "bar__active")]/></td>
                    <td class="r"><Millis ms/></td>
                    <td class="r muted"><Millis ms=connect/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Panel id="percentiles" title="Percentiles">
            <table class="table table--tight table--static percentiles">
                <caption class="sr">"How long requests and connecting took"</caption>
                <thead>
                    <tr>
                        <th scope="col"><span class="sr">"Percentile"</span></th>
                        <th scope="col"><span class="sr">"Part of the longest request"</span></th>
                        <th scope="col" class="r">"Request"</th>
                        <th scope="col" class="r">"Connect"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Panel>
    }
    .into_any()
}

fn percentiles(latency: &LoadLatency) -> [(&'static str, Option<f64>); 8] {
    [
        ("min", latency.min_ms),
        ("p50", latency.p50_ms),
        ("p90", latency.p90_ms),
        ("p95", latency.p95_ms),
        ("p99", latency.p99_ms),
        ("p99.9", latency.p999_ms),
        ("max", latency.max_ms),
        ("mean", latency.avg_ms),
    ]
}

#[component]
fn Errors(errors: Vec<(TestErrorKind, u64)>) -> impl IntoView {
    let mut errors = errors;
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all: u64 = errors.iter().map(|(_, count)| count).sum();
    let note = if all == 0 { String::new() } else { units::thousands(all as i64) };
    let body = if errors.is_empty() {
        view! { <p class="panel__body muted">"None."</p> }.into_any()
    } else {
        let items = errors
            .into_iter()
            .map(|(kind, count)| {
                let part = count as f64 / all as f64;
                view! {
                    <li class="errors__item">
                        <span class="cut">{kind.headline()}</span>
                        <b class="num">{units::thousands(count as i64)}</b>
                        <code class="small muted">{kind.as_str()}</code>
                        <Bar parts=vec![(part, "bar__crit")]/>
                    </li>
                }
            })
            .collect_view();
        view! { <ul class="errors">{items}</ul> }.into_any()
    };
    view! { <Panel id="errors" title="Errors by kind" note=move || note.clone()>{body}</Panel> }.into_any()
}
