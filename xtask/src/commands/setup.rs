//! `setup`: what a build needs, and with `--tests` what the tests need beside it.

use crate::plan::Plan;
use crate::stop::Outcome;
use crate::{debian, node_packages, tools};

pub(crate) fn run(tests: bool) -> Outcome {
    let mut plan = Plan::default();
    for_a_build(&mut plan);
    if tests {
        for_the_tests(&mut plan);
    }
    plan.run()
}

pub(crate) fn for_a_build(plan: &mut Plan) {
    tools::add_languages(plan);
    tools::add_page_tools(plan);
    node_packages::add(plan);
}

pub(crate) fn for_the_tests(plan: &mut Plan) {
    tools::add_rust_components(plan);
    tools::add_nextest(plan);
    debian::add_chromium(plan);
    debian::add_pgbouncer(plan);
    debian::add_compose(plan);
}
