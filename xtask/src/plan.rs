//! A command as a list of steps: numbered, timed, each saying whether it had anything to do.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::duration;
use crate::say;
use crate::stop::{Outcome, Stop};

type Work = Box<dyn FnOnce(&mut Line) -> Outcome>;

/// What a failure means for the steps after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing after it can work.
    SetUp,
    /// The others still say something: they run, and the command fails at its end.
    Check,
}

struct Step {
    name: String,
    kind: Kind,
    work: Work,
}

#[derive(Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
}

/// How a check ended, for the summary.
struct Report {
    name: String,
    took: Duration,
    result: Result<Option<String>, Stop>,
}

impl Plan {
    pub(crate) fn step(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce(&mut Line) -> Outcome + 'static,
    ) {
        self.steps.push(Step { name: name.into(), kind: Kind::SetUp, work: Box::new(work) });
    }

    pub(crate) fn check(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce(&mut Line) -> Outcome + 'static,
    ) {
        self.steps.push(Step { name: name.into(), kind: Kind::Check, work: Box::new(work) });
    }

    /// Runs the steps in order. Where there are checks, ends with a summary of them.
    pub(crate) fn run(self) -> Outcome {
        let started = Instant::now();
        let total = self.steps.len();
        let mut reports = Vec::new();
        for (index, step) in self.steps.into_iter().enumerate() {
            let mut line = Line::open(&format!("[{}/{total}] {}", index + 1, step.name));
            let result = (step.work)(&mut line);
            let took = line.started.elapsed();
            line.close(&result);
            if let (Kind::Check, Err(stop)) = (step.kind, &result) {
                say!("      {stop}");
            }
            if step.kind == Kind::SetUp {
                result?;
            } else {
                reports.push(Report { name: step.name, took, result: result.map(|()| line.skipped) });
            }
        }
        if reports.is_empty() { Ok(()) } else { summary(&reports, started.elapsed()) }
    }
}

fn summary(reports: &[Report], took: Duration) -> Outcome {
    let width = reports.iter().map(|report| report.name.chars().count()).max().unwrap_or(0);
    say!("\nSummary, after {}:", duration::words(took));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Report { name, took, result } in reports {
        let took = duration::words(*took);
        let word = match result {
            Ok(None) => {
                passed += 1;
                "passed".to_owned()
            }
            Ok(Some(reason)) => {
                skipped += 1;
                format!("skipped: {reason}")
            }
            Err(_) => {
                failed += 1;
                "FAILED".to_owned()
            }
        };
        say!("  {name:width$}  {took:>12}  {word}");
    }
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    say!("\nchecks: {passed} passed, {failed} failed{skipped}");
    let names: Vec<&str> =
        reports.iter().filter(|report| report.result.is_err()).map(|report| report.name.as_str()).collect();
    if names.is_empty() { Ok(()) } else { Err(Stop::new(format!("failed: {}", names.join(", ")))) }
}

/// One step's line on the terminal: `[2/7] cargo-leptos 0.3.10 … installing, about 7 min`.
pub(crate) struct Line {
    started: Instant,
    state: State,
    skipped: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The cursor stands behind the name.
    Named,
    /// Something was said about the work, and its end is still to be told.
    Working,
    /// All is said.
    Settled,
}

impl Line {
    fn open(title: &str) -> Self {
        say::print(&format!("{title} … "));
        Self { started: Instant::now(), state: State::Named, skipped: None }
    }

    /// Nothing to do, and why.
    pub(crate) fn already(&mut self, what: impl Display) {
        say!("{what}");
        self.state = State::Settled;
    }

    /// What is being done now, and about how long it takes where it takes long.
    pub(crate) fn doing(&mut self, what: impl Display) {
        say!("{what}");
        self.state = State::Working;
    }

    /// Something to know beside it.
    pub(crate) fn note(&mut self, what: impl Display) {
        if self.state == State::Named {
            say!("");
            self.state = State::Working;
        }
        say!("      {what}");
    }

    /// Cannot be done here, which is not a failure.
    pub(crate) fn skip(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        self.already(format_args!("skipped: {reason}"));
        self.skipped = Some(reason);
    }

    fn close(&self, result: &Outcome) {
        let took = duration::words(self.started.elapsed());
        match (result, self.state) {
            (Ok(()), State::Named) => say!("ok ({took})"),
            (Ok(()), State::Working) => say!("      done in {took}"),
            (Ok(()), State::Settled) => {}
            (Err(_), State::Named) => say!("FAILED after {took}"),
            (Err(_), _) => say!("      FAILED after {took}"),
        }
    }
}
