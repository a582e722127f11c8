//! The last test beside the one before it, and beside the same by the other way to the database.

use common::{
    load::{LoadComparison, LoadReport, OtherWay},
    units,
};
use leptos::prelude::*;

use super::{how, what};
use crate::{
    Ago,
    components::{Panel, Tone, Unknown},
};

#[component]
pub(super) fn Comparison(comparison: LoadComparison) -> impl IntoView {
    let LoadComparison { last, before, other_way } = comparison;
    let Some(last) = last else { return ().into_any() };
    let before = before.map(|before| view! { <Before last=last.clone() before/> });
    let other = other_way.map(|other| view! { <Ways last=last.clone() other/> });
    let both = before.is_some() && other.is_some();
    view! { <div class=if both { "cols cols--even" } else { "stack" }>{before} {other}</div> }.into_any()
}

/// What changed since the test before.
#[component]
fn Before(last: LoadReport, before: LoadReport) -> impl IntoView {
    let note = {
        let at = before.started_at;
        move || view! { <Ago at suffix=" ago"/> }
    };
    let unlike = differences_of_the_tests(&last, &before);
    let alike = unlike.is_empty();
    let unlike = (!alike).then(|| {
        view! {
            <p class="panel__body small muted">
                "It was another test: "<bdi>{unlike.join("; ")}</bdi>
                ". What differs below may come from that, so nothing is called better or worse."
            </p>
        }
    });
    let differences = lines(&last)
        .iter()
        .zip(&lines(&before))
        .map(|(now, then)| {
            let (tone, words) = difference(now, then);
            let class = match tone.filter(|_| alike) {
                Some(Tone::Ok) => "r t-ok",
                Some(_) => "r t-warn",
                None => "r muted",
            };
            view! { <td class=class>{words}</td> }.into_any()
        })
        .collect();
    view! {
        <Panel id="before" title="Against the test before" note=note>
            {unlike}
            <SideBySide caption="The last load test against the one before"
                left=("Before".into_any(), before) right=("Last".into_any(), last) differences/>
        </Panel>
    }
    .into_any()
}

/// Direct and through the pooler, side by side.
#[component]
fn Ways(last: LoadReport, other: OtherWay) -> impl IntoView {
    let OtherWay { connection_id, connection_name, pooler, report } = other;
    let name = |pooler: bool| if pooler { "Through the pooler" } else { "Direct" };
    let href = format!("/connections/{connection_id}/load");
    let Some(report) = report else {
        return view! {
            <Panel id="ways" title="Direct and through the pooler">
                <p class="panel__body muted">
                    <a href=href><bdi>{connection_name}</bdi></a>
                    " leads to the same database "{if pooler { "through a pooler" } else { "directly" }}
                    ". A load test there, too, would show what the pooler costs or saves."
                </p>
            </Panel>
        }
        .into_any();
    };
    let unlike = differences_of_the_tests(&last, &report);
    let unlike = (!unlike.is_empty()).then(|| {
        view! { <p class="panel__body small muted">"They were not the same test: "<bdi>{unlike.join("; ")}</bdi>"."</p> }
    });
    let here = view! { {name(!pooler)}", here" }.into_any();
    let there =
        view! { {name(pooler)}", "<a class="link" href=href><bdi>{connection_name}</bdi></a> }.into_any();
    view! {
        <Panel id="ways" title="Direct and through the pooler">
            {unlike}
            <SideBySide caption="The same database directly and through the pooler"
                left=(here, last) right=(there, report)/>
        </Panel>
    }
    .into_any()
}

/// The numbers of two tests, each under its head; and in what they differ.
#[component]
fn SideBySide(
    caption: &'static str,
    left: (AnyView, LoadReport),
    right: (AnyView, LoadReport),
    /// A cell for each number; without them there is no such column.
    #[prop(optional)]
    differences: Vec<AnyView>,
) -> impl IntoView {
    let head = (!differences.is_empty()).then(|| view! { <th scope="col" class="r">"Difference"</th> });
    let mut differences = differences.into_iter();
    let rows = lines(&left.1)
        .into_iter()
        .zip(lines(&right.1))
        .map(|(left, right)| {
            view! {
                <tr>
                    <th scope="row">{left.label}</th>
                    <td class="r num">{shown(&left)}</td>
                    <td class="r num">{shown(&right)}</td>
                    {differences.next()}
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="table table--tight table--static compare">
            <caption class="sr">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col"><span class="sr">"Number"</span></th>
                    <th scope="col" class="r">{left.0}</th>
                    <th scope="col" class="r">{right.0}</th>
                    {head}
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

/// One number of a test.
struct Number {
    label: &'static str,
    value: Option<f64>,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// The more the better.
    PerSecond,
    /// The less the better.
    Milliseconds,
    /// The less the better.
    Ratio,
}

fn lines(report: &LoadReport) -> Vec<Number> {
    let ms = |label, value| Number { label, value, unit: Unit::Milliseconds };
    let failed = (report.requests > 0).then(|| report.failed as f64 / report.requests as f64);
    vec![
        Number { label: "Throughput", value: Some(report.throughput_per_s), unit: Unit::PerSecond },
        ms("Median", report.latency.p50_ms),
        ms("p95", report.latency.p95_ms),
        ms("p99", report.latency.p99_ms),
        ms("Connect, median", report.connect.p50_ms),
        Number { label: "Failed", value: failed, unit: Unit::Ratio },
    ]
}

fn shown(number: &Number) -> AnyView {
    let Some(value) = number.value else { return view! { <Unknown/> }.into_any() };
    let (figures, unit) = match number.unit {
        Unit::PerSecond => (units::figures(value), "/s"),
        Unit::Milliseconds => {
            let quantity = units::millis(value);
            (quantity.number, quantity.unit)
        }
        Unit::Ratio => (units::percent(value), "%"),
    };
    view! { {figures}" "<span class="unit">{unit}</span> }.into_any()
}

/// Below this, two tests differ by chance.
const CHANCE: f64 = 0.03;

/// A difference in words, and whether it is good.
fn difference(now: &Number, then: &Number) -> (Option<Tone>, String) {
    let Some((now_value, then_value)) = now.value.zip(then.value) else { return (None, "–".to_owned()) };
    if now.unit == Unit::Ratio {
        // Of two ratios the difference counts, not its ratio.
        let points = (now_value - then_value) * 100.0;
        return if points.abs() < 0.05 {
            (None, "the same".to_owned())
        } else {
            let tone = if points < 0.0 { Tone::Ok } else { Tone::Warn };
            let word = if points < 0.0 { "fewer" } else { "more" };
            (Some(tone), format!("{} points {word}", units::figures(points.abs())))
        };
    }
    if then_value <= 0.0 {
        return (None, "–".to_owned());
    }
    let change = now_value / then_value - 1.0;
    if change.abs() < CHANCE {
        return (None, "about the same".to_owned());
    }
    let better = (change > 0.0) == (now.unit == Unit::PerSecond);
    let word = match (now.unit, change > 0.0) {
        (Unit::PerSecond, true) => "more",
        (Unit::PerSecond, false) => "less",
        (_, true) => "slower",
        (_, false) => "faster",
    };
    let words = if change >= 1.0 {
        format!(
            "{} × {}",
            units::figures(change + 1.0),
            if now.unit == Unit::PerSecond { "as much" } else { "as slow" }
        )
    } else {
        format!("{:.0} % {word}", change.abs() * 100.0)
    };
    (Some(if better { Tone::Ok } else { Tone::Warn }), words)
}

/// In what two tests were not the same, so that nobody compares what cannot be compared.
fn differences_of_the_tests(last: &LoadReport, before: &LoadReport) -> Vec<String> {
    let mut differences = Vec::new();
    if last.connections != before.connections || (last.duration_s - before.duration_s).abs() > 1.0 {
        differences.push(format!("{} instead of {}", what(last), what(before)));
    }
    if how(last) != how(before) {
        differences.push(format!("{} instead of {}", how(last), how(before)));
    }
    if before.cancelled {
        differences.push("it was cancelled".to_owned());
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(unit: Unit, now: f64, then: f64) -> (Option<Tone>, String) {
        let number = |value| Number { label: "", value: Some(value), unit };
        difference(&number(now), &number(then))
    }

    #[test]
    fn more_requests_are_good_and_longer_times_are_not() {
        assert_eq!(words(Unit::PerSecond, 112.0, 100.0), (Some(Tone::Ok), "12 % more".to_owned()));
        assert_eq!(words(Unit::PerSecond, 50.0, 100.0), (Some(Tone::Warn), "50 % less".to_owned()));
        assert_eq!(words(Unit::Milliseconds, 8.0, 10.0), (Some(Tone::Ok), "20 % faster".to_owned()));
        assert_eq!(words(Unit::Milliseconds, 31.0, 10.0), (Some(Tone::Warn), "3.10 × as slow".to_owned()));
    }

    #[test]
    fn what_may_be_chance_is_no_difference() {
        assert_eq!(words(Unit::Milliseconds, 10.2, 10.0), (None, "about the same".to_owned()));
        assert_eq!(words(Unit::Ratio, 0.0, 0.0), (None, "the same".to_owned()));
    }

    #[test]
    fn failures_differ_by_points() {
        assert_eq!(words(Unit::Ratio, 0.05, 0.02), (Some(Tone::Warn), "3.00 points more".to_owned()));
    }
}
