//! Drawing a chart in the browser, beside uPlot in the same browser.

use std::{collections::BTreeMap, path::Path, process::Command};

use crate::numbers::at_most;

const MOST_MS: f64 = 8.0;
const MOST_OF_UPLOT: f64 = 2.0;

/// Runs `bench/charts/measure.mjs` over the page that xtask built into `folder`.
pub(crate) fn run(folder: &Path, chromium: &Path) -> bool {
    println!("a chart of 4 × 1,500 points, 1100 × 320 CSS pixels with two pixels of the screen in each");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/measure.mjs");
    let output =
        Command::new("node").arg(script).arg(folder).arg(chromium).output().expect("node can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "measuring in the browser failed:\n{errors}");
    let mut answer: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    if let Some(browser) = answer.remove("browser") {
        println!("in Chromium {browser}, its sides in turns, 200 drawings of each kind\n");
    }
    let times = |kind: &str| -> Vec<f64> {
        let mut times: Vec<f64> =
            answer[kind].as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let mut reached = true;
    for (what, ours, uplot) in [
        ("drawing again", "ours", "uplot"),
        ("new numbers", "ours_new_data", "uplot_new_data"),
        ("drawing, and waiting until it is painted", "ours_painted", "uplot_painted"),
    ] {
        let (ours, uplot) = (times(ours), times(uplot));
        let both = format!(
            "p50 {:.2} ms, p95 {:.2} ms; uPlot p50 {:.2} ms, p95 {:.2} ms",
            part(&ours, 0.5),
            part(&ours, 0.95),
            part(&uplot, 0.5),
            part(&uplot, 0.95)
        );
        // How long painting takes is the machine's matter: without a graphics card it is most of the time.
        if !what.contains("painted") {
            reached &= at_most(&format!("{what}, p95"), part(&ours, 0.95), "ms", MOST_MS, &both);
        }
        let ratio = part(&ours, 0.5) / part(&uplot, 0.5).max(0.05);
        reached &= at_most(&format!("{what}, p50 against uPlot"), ratio, "×", MOST_OF_UPLOT, &both);
    }
    reached
}

/// The value below which that part of them lies.
fn part(sorted: &[f64], part: f64) -> f64 {
    sorted.get(((sorted.len() as f64 - 1.0) * part).round() as usize).copied().unwrap_or(f64::NAN)
}
