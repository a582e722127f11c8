//! `bench`: measurements of what was built, each printed beside the number to reach.

use std::path::PathBuf;

use super::{build, setup};
use crate::plan::Plan;
use crate::stop::{Outcome, Stop};
use crate::{debian, paths, run};

/// By name; without a name, all there are.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.split_first() {
        None => ["web", "probe", "history", "watch", "charts"].iter().try_for_each(|name| named(name, &[])),
        Some((name, parts)) => named(name, parts),
    }
}

fn named(name: &str, parts: &[String]) -> Outcome {
    match (name, parts) {
        ("web", []) => web(),
        ("charts", []) => charts(),
        ("probe" | "history" | "watch", parts) => measure(name, parts),
        _ => Err(Stop::new(
            "usage: cargo xtask bench [web | probe [part …] | history [part …] | watch [part …] | charts]",
        )),
    }
}

fn web() -> Outcome {
    say!("web: sizes of a release build of the page\n");
    build::run(true)
}

/// Runs a part of the crate `bench`, built in release mode.
fn measure(name: &str, parts: &[String]) -> Outcome {
    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    debian::add_pgbouncer(&mut plan);
    debian::add_pgbench(&mut plan);
    if name == "history" {
        // What it asks over HTTP. The page is not needed for it.
        plan.step("dashboard", |line| {
            line.doing("building in release mode");
            run::logged(run::cargo().args(["build", "--release", "--package", "server"]), "build-dashboard")
        });
    }
    plan.step("benchmarks", |line| {
        line.doing("building in release mode");
        run::logged(run::cargo().args(["build", "--release", "--package", "bench"]), "build-bench")
    });
    plan.run()?;
    say!("");
    let mut bench = run::cargo();
    bench.args(["run", "--quiet", "--release", "--package", "bench", "--", name]).args(parts);
    run::shown(&mut bench)
}

/// Drawing charts in Chromium: the drawing as the product's page has it, optimised and for the browser.
fn charts() -> Outcome {
    let folder = paths::in_root("target/bench/charts");
    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    let to = folder.clone();
    plan.step("the drawing", move |line| {
        line.doing("building for the browser");
        let mut build = run::cargo();
        build.args(["build", "--package", "charts", "--example", "bench_page", "--features", "canvas"]);
        build.args(["--profile", "wasm-release", "--target", "wasm32-unknown-unknown", "--target-dir"]);
        run::logged(build.arg(paths::in_root("target/front")), "build-bench-page")?;
        let mut bind = run::program("wasm-bindgen");
        bind.args(["--target", "web", "--out-dir"]).arg(&to);
        bind.arg(paths::in_root("target/front/wasm32-unknown-unknown/wasm-release/examples/bench_page.wasm"));
        run::logged(&mut bind, "bind-bench-page")
    });
    // It only starts the browser and reads what that says: what is measured was optimised above.
    plan.step("benchmarks", |line| {
        line.doing("building");
        run::logged(run::cargo().args(["build", "--package", "bench"]), "build-bench")
    });
    plan.run()?;
    say!("");
    let mut bench = run::cargo();
    bench.args(["run", "--quiet", "--package", "bench", "--", "charts"]).arg(folder);
    bench.arg(debian::chromium().unwrap_or_else(|| PathBuf::from("chromium")));
    run::shown(&mut bench)
}
