//! `bench`: measurements of what was built, each printed beside the number to reach.

use super::{build, setup};
use crate::plan::Plan;
use crate::stop::{Outcome, Stop};
use crate::{debian, run};

/// By name; without a name, all there are.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.split_first() {
        None => web().and_then(|()| measure("probe", &[])).and_then(|()| measure("watch", &[])),
        Some((name, [])) if name == "web" => web(),
        Some((name, parts)) if name == "probe" || name == "watch" => measure(name, parts),
        _ => Err(Stop::new("usage: cargo xtask bench [web | probe [part …] | watch [part …]]")),
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
