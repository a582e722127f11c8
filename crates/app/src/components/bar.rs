//! A thin bar that is filled in parts: how much of a limit is used, and by what.

use common::units::fixed;
use leptos::prelude::*;

/// `parts` are fractions of the whole (0 to 1) with the class that colours them, from left to right. What they leave
/// stays empty. The numbers themselves should stand beside it as text; `label` is for screen readers, and without one
/// the bar is hidden from them.
#[component]
pub fn Bar(parts: Vec<(f64, &'static str)>, #[prop(optional, into)] label: Option<String>) -> impl IntoView {
    let hidden = label.is_none().then_some("true");
    let role = label.is_some().then_some("img");
    let parts = layout(&parts)
        .into_iter()
        .map(|(x, width, class)| {
            view! { <rect class=class x=fixed(x, 2) y="0" width=fixed(width, 2) height="4"></rect> }
                .into_any()
        })
        .collect_view();
    view! {
        <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role=role aria-label=label aria-hidden=hidden>
            <rect class="bar__rest" x="0" y="0" width="100" height="4"></rect>
            {parts}
        </svg>
    }
}

/// Start, width and class of each part that is not empty, in per cent; never beyond the end.
fn layout(parts: &[(f64, &'static str)]) -> Vec<(f64, f64, &'static str)> {
    let mut x = 0.0_f64;
    let mut bars = Vec::with_capacity(parts.len());
    for &(fraction, class) in parts {
        let width = (fraction.max(0.0) * 100.0).min(100.0 - x);
        if width > 0.0 {
            bars.push((x, width, class));
            x += width;
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_and_stop_at_the_end() {
        assert_eq!(layout(&[(0.25, "a"), (0.0, "b"), (0.9, "c")]), [(0.0, 25.0, "a"), (25.0, 75.0, "c")]);
    }
}
