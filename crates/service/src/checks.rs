//! Ask now: can it be reached, how fast, from everywhere.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use common::{
    ConnectionId, Latency, Problem, Reason, TestResult,
    job::{Job, JobResult},
    test_result::{AllRegions, ConnectTimes, MAX_ROUNDS, Phases, RegionResult},
};
use futures::{StreamExt, stream};

use crate::{
    Permission, Principal, Service, failure,
    jobs::{About, Outcome},
    patience::{PATIENCE, within_patience},
    recording, targets,
};

/// Of more connections the result of a test of all is not waited for.
const INLINE_TESTS: usize = 50;
/// How many targets are tested at the same time.
const CONCURRENT_TESTS: usize = 16;

/// Connects anew, step by step. Who asks while a test of the connection is under way joins it.
pub async fn test(service: &Service, who: &Principal, id: ConnectionId) -> Result<TestResult, Problem> {
    who.require(Permission::Test)?;
    let target = targets::load(service, id).await?;
    service.0.rate.admit(Some(id))?;
    within_patience(run(service, target)).await
}

/// One test of one target, kept in the history.
pub(crate) async fn run(service: &Service, loaded: targets::Loaded) -> Result<TestResult, Problem> {
    let asking = service.clone();
    let key = loaded.key.clone();
    let test = move || async move {
        let result = match &loaded.target {
            Ok(target) => {
                let _place = asking.0.guests.place(&target.host, target.port).await;
                asking.0.prober.test(target).await
            }
            Err(error) => targets::not_begun(&asking, loaded.id(), error.clone()),
        };
        recording::test(&asking, &loaded.key, result).await
    };
    service.0.tests.join(key, test).await.map_err(failure::from_lost)
}

/// Connects once and asks `select 1` in `rounds` rounds (1 to 100), each timed apart.
pub async fn latency(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    rounds: u32,
) -> Result<Latency, Problem> {
    who.require(Permission::Test)?;
    if !(1..=MAX_ROUNDS).contains(&rounds) {
        return Err(Problem::field("rounds", "range", format!("From 1 to {MAX_ROUNDS}.")));
    }
    let loaded = targets::load(service, id).await?;
    service.0.rate.admit(Some(id))?;
    let asking = service.clone();
    let key = (loaded.key.clone(), rounds);
    let measure = move || async move {
        match &loaded.target {
            Ok(target) => {
                let _place = asking.0.guests.place(&target.host, target.port).await;
                asking.0.prober.latency(target, rounds).await
            }
            Err(error) => no_rounds(targets::not_begun(&asking, loaded.id(), error.clone())),
        }
    };
    within_patience(async { service.0.latencies.join(key, measure).await.map_err(failure::from_lost) }).await
}

fn no_rounds(result: TestResult) -> Latency {
    let measured = ["min_ms", "avg_ms", "p50_ms", "p95_ms", "max_ms", "stddev_ms"];
    let phases = result.unavailable.iter().filter(|(name, _)| name.starts_with("phases."));
    let phases = phases.map(|(name, reason)| (format!("connect.{name}"), reason.clone()));
    let unmeasured = measured.map(|name| (name.to_owned(), Reason::new("not_measured")));
    Latency {
        connection_id: result.connection_id,
        checked_at: result.checked_at,
        rounds_ms: Vec::new(),
        min_ms: None,
        avg_ms: None,
        p50_ms: None,
        p95_ms: None,
        max_ms: None,
        stddev_ms: None,
        connect: ConnectTimes { phases: Phases::default(), total_ms: result.total_ms },
        error: result.error,
        unavailable: unmeasured.into_iter().chain(phases).collect(),
    }
}

/// What a test of all connections answers.
#[derive(Debug, Clone, PartialEq)]
pub enum AllRegionsAnswer {
    Done(AllRegions),
    /// There are many, or they take long: it goes on in the background.
    Job(Box<Job>),
}

/// Tests every connection that is not paused, and groups the results by region. It is a job in any case; of few
/// connections the result is waited for.
pub async fn all_regions(service: &Service, who: &Principal) -> Result<AllRegionsAnswer, Problem> {
    who.require(Permission::Test)?;
    service.0.rate.admit(None)?;
    let targets = targets::all(service).await?;
    let patience = if targets.len() <= INLINE_TESTS { PATIENCE } else { Duration::ZERO };
    let testing = service.clone();
    let about = About { kind: Job::ALL_REGIONS, connection_id: None };
    let job = service.0.jobs.start(about, move |progress, stop| async move {
        let tests = test_all(testing, targets, |done, total| {
            progress.report(done, total, format!("{done} of {total} tested"));
        });
        match stop.run_until_cancelled(tests).await {
            Some(Ok(all)) => {
                let message = format!("{} tested, {} reached", all.tested, all.ok);
                Outcome::Done(JobResult::AllRegions(all), message)
            }
            Some(Err(problem)) => Outcome::Failed(problem),
            None => Outcome::Cancelled(None),
        }
    });
    match service.0.jobs.wait(job, patience).await {
        Job { result: Some(JobResult::AllRegions(result)), .. } => Ok(AllRegionsAnswer::Done(result)),
        Job { error: Some(problem), .. } => Err(problem),
        job => Ok(AllRegionsAnswer::Job(Box::new(job))),
    }
}

async fn test_all(
    service: Service,
    targets: Vec<targets::Loaded>,
    progress: impl Fn(usize, usize),
) -> Result<AllRegions, Problem> {
    let started = std::time::Instant::now();
    let total = targets.len();
    let done = AtomicUsize::new(0);
    let tests = stream::iter(targets).map(|target| {
        let region = target.region.clone();
        let test = run(&service, target);
        async { test.await.map(|result| (region, result)) }
    });
    let results: Vec<Result<(Option<String>, TestResult), Problem>> = tests
        .buffer_unordered(CONCURRENT_TESTS)
        .inspect(|_| progress(done.fetch_add(1, Ordering::Relaxed) + 1, total))
        .collect()
        .await;
    let results = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(by_region(results, common::time::millis(started.elapsed())))
}

fn by_region(results: Vec<(Option<String>, TestResult)>, duration_ms: f64) -> AllRegions {
    let mut regions: BTreeMap<Option<String>, Vec<TestResult>> = BTreeMap::new();
    for (region, result) in results {
        regions.entry(region).or_default().push(result);
    }
    let regions: Vec<_> =
        regions.into_iter().map(|(region, results)| region_result(region, results)).collect();
    AllRegions {
        tested: regions.iter().map(|region| region.tested).sum(),
        ok: regions.iter().map(|region| region.ok).sum(),
        regions,
        duration_ms,
    }
}

fn region_result(region: Option<String>, mut results: Vec<TestResult>) -> RegionResult {
    results.sort_by_key(|result| (result.ok, result.connection_id));
    let times: Vec<f64> = results.iter().filter_map(|result| result.round_trip_ms).collect();
    let p50_ms = probe::stats::summary(&times).map(|summary| summary.p50);
    let unavailable = match p50_ms {
        Some(_) => Default::default(),
        None => [("p50_ms".to_owned(), Reason::new("not_measured"))].into(),
    };
    RegionResult {
        region,
        tested: results.len() as u32,
        ok: results.iter().filter(|result| result.ok).count() as u32,
        p50_ms,
        results,
        unavailable,
    }
}
