//! What was measured beside what was to be reached.

use std::fmt::Display;

/// Prints one number, and answers whether it was reached.
pub(crate) fn at_least(what: &str, ratio: f64, goal: f64, how: impl Display) -> bool {
    verdict(what, format!("{ratio:.2} ×"), ratio >= goal, format!("at least {goal:.2} ×"), how)
}

pub(crate) fn at_least_so_many(what: &str, value: f64, unit: &str, goal: f64, how: impl Display) -> bool {
    verdict(what, format!("{value:.0} {unit}"), value >= goal, format!("at least {goal} {unit}"), how)
}

pub(crate) fn at_most(what: &str, value: f64, unit: &str, goal: f64, how: impl Display) -> bool {
    verdict(what, format!("{value:.2} {unit}"), value <= goal, format!("at most {goal} {unit}"), how)
}

/// Prints a number that is not to be reached.
pub(crate) fn note(what: &str, value: impl Display, how: impl Display) {
    println!("         {what}: {value}\n         {how}");
}

/// The value that so much (0 to 1) of the values does not exceed, to a thousandth.
pub(crate) fn quantile(values: &[f64], ratio: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * ratio).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN);
    (value * 1000.0).round() / 1000.0
}

fn verdict(what: &str, value: String, reached: bool, goal: String, how: impl Display) -> bool {
    let word = if reached { "reached" } else { "MISSED " };
    println!("{word}  {what}: {value} ({goal})\n         {how}");
    reached
}

/// The value that 95 of 100 do not exceed.
pub(crate) fn p95(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * 95).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}

/// The middle of several rounds: one that something else disturbed does not count.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
