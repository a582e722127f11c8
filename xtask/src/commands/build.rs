//! `build`: the server and its page; a release also says what the page weighs.

use super::setup;
use crate::plan::Plan;
use crate::site::{self, Profile};
use crate::sizes;
use crate::stop::Outcome;

pub(crate) fn run(release: bool) -> Outcome {
    let profile = if release { Profile::Release } else { Profile::Dev };
    let mut plan = Plan::default();
    setup::for_a_build(&mut plan);
    plan.step("pg-dashboard and its page", move |line| site::build(line, profile));
    plan.run()?;
    if release { sizes::report() } else { Ok(()) }
}
