//! Work that outlives its request: progress, cancel, and a result that is still there after a reload.
//!
//! Jobs live in memory. They are about measuring, and every measurement is kept by itself; a restart loses the
//! summary, not the results.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use common::{
    ConnectionId, Problem,
    job::{Job, JobResult, JobState},
    load::LoadReport,
};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Permission, Principal, Service, events::Teller};

/// How long a job that is over can be read.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// How many of them: a result holds a test of every connection.
const MOST_KEPT: usize = 20;

/// The job `id` as it stands now.
pub async fn get(service: &Service, who: &Principal, id: &str) -> Result<Job, Problem> {
    who.require(Permission::Read)?;
    service.0.jobs.get(id).ok_or_else(no_such_job)
}

/// Asks the job to stop. One that is over stays as it is.
pub async fn cancel(service: &Service, who: &Principal, id: &str) -> Result<Job, Problem> {
    who.require(Permission::Test)?;
    service.0.jobs.cancel(id).ok_or_else(no_such_job)
}

pub(crate) fn no_such_job() -> Problem {
    Problem::not_found("There is no such job.").with_hint("Jobs can be read for an hour after their end.")
}

/// Between two times that its progress is told: a test of 5,000 connections makes as many steps.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// All jobs, by id. Ids are UUIDs of version 7: not to be guessed, and in the order of their start.
#[derive(Clone)]
pub(crate) struct Jobs {
    clock: Clock,
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    /// Cancelled when the dashboard stops: what starts now has stopped already.
    closing: CancellationToken,
    teller: Teller,
}

struct Entry {
    job: Job,
    told_at: Instant,
    cancel: CancellationToken,
    /// Cancelled when the job is over.
    over: CancellationToken,
}

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) kind: &'static str,
    pub(crate) connection_id: Option<ConnectionId>,
}

/// How a job ended.
pub(crate) enum Outcome {
    /// With its result and a line about it.
    Done(JobResult, String),
    /// Asked to stop; with what was measured until then.
    Cancelled(Option<JobResult>),
    Failed(Problem),
}

/// What a job says of itself while it runs.
pub(crate) struct Progress {
    jobs: Jobs,
    id: String,
}

impl Progress {
    pub(crate) fn job_id(&self) -> &str {
        &self.id
    }

    pub(crate) fn report(&self, done: usize, total: usize, message: String) {
        self.jobs.change(&self.id, |job| {
            job.progress_ratio = done as f64 / total.max(1) as f64;
            job.message = message;
        });
    }

    /// How far a load test is, and what it has measured.
    pub(crate) fn report_load(&self, ratio: f64, message: String, report: LoadReport) {
        self.jobs.change(&self.id, |job| {
            job.progress_ratio = ratio;
            job.message = message;
            job.report_so_far = Some(report);
        });
    }
}

impl Jobs {
    pub(crate) fn new(clock: Clock, teller: Teller) -> Self {
        Self { clock, entries: Arc::default(), closing: CancellationToken::new(), teller }
    }

    /// Starts `work`, or answers the job of the same kind about the same connection that is under way: the same work
    /// twice helps nobody. `work` ends soon after its token is cancelled.
    pub(crate) fn start<F>(&self, about: About, work: impl FnOnce(Progress, CancellationToken) -> F) -> Job
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let cancel = self.closing.child_token();
        let job = {
            let mut entries = self.entries();
            let now = self.clock.now();
            forget_old(&mut entries, now);
            if let Some(running) = find_running(&entries, about) {
                return running;
            }
            let job = Job {
                id: uuid::Uuid::now_v7().to_string(),
                kind: about.kind.to_owned(),
                connection_id: about.connection_id,
                state: JobState::Running,
                progress_ratio: 0.0,
                message: "Started".to_owned(),
                started_at: Some(now),
                finished_at: None,
                result: None,
                report_so_far: None,
                error: None,
            };
            let (cancel, over) = (cancel.clone(), CancellationToken::new());
            let told_at = Instant::now();
            entries.insert(job.id.clone(), Entry { job: job.clone(), told_at, cancel, over });
            self.teller.tell_job(&job, now);
            job
        };
        let work = work(Progress { jobs: self.clone(), id: job.id.clone() }, cancel);
        let (jobs, id) = (self.clone(), job.id.clone());
        tokio::spawn(async move {
            let mut ended = Ended { jobs, id, outcome: None };
            ended.outcome = Some(work.await);
        });
        job
    }

    /// The job that is under way.
    pub(crate) fn running(&self, about: About) -> Option<Job> {
        find_running(&self.entries(), about)
    }

    /// The job when it is over, or as it stands after `limit`.
    pub(crate) async fn wait(&self, job: Job, limit: Duration) -> Job {
        let over = self.entries().get(&job.id).map(|entry| entry.over.clone());
        if let Some(over) = over {
            let _ = tokio::time::timeout(limit, over.cancelled()).await;
        }
        self.get(&job.id).unwrap_or(job)
    }

    /// Asks all jobs to stop, those that start later as well, and waits until they have.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        let running: Vec<CancellationToken> = {
            let all = self.entries();
            let running = all.values().filter(|entry| !entry.job.state.is_over());
            running.map(|entry| entry.over.clone()).collect()
        };
        for over in running {
            over.cancelled().await;
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        self.entries().get(id).map(|entry| entry.job.clone())
    }

    pub(crate) fn cancel(&self, id: &str) -> Option<Job> {
        let entries = self.entries();
        let entry = entries.get(id)?;
        entry.cancel.cancel();
        Some(entry.job.clone())
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Job)) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(id) {
            change(&mut entry.job);
            if entry.job.state.is_over() || entry.told_at.elapsed() >= TELL_EVERY {
                entry.told_at = Instant::now();
                self.teller.tell_job(&entry.job, self.clock.now());
            }
        }
    }
}

fn find_running(entries: &BTreeMap<String, Entry>, about: About) -> Option<Job> {
    let mut jobs = entries.values().map(|entry| &entry.job);
    let is_it = |job: &&Job| job.kind == about.kind && job.connection_id == about.connection_id;
    jobs.find(|job| is_it(job) && !job.state.is_over()).cloned()
}

fn forget_old(entries: &mut BTreeMap<String, Entry>, now: DateTime<Utc>) {
    entries.retain(|_, entry| entry.job.finished_at.is_none_or(|at| now - at < KEPT));
    // By id, which is by time: the oldest first.
    let over = entries.values().filter(|entry| entry.job.state.is_over()).map(|entry| entry.job.id.clone());
    let over: Vec<String> = over.collect();
    for id in over.iter().take(over.len().saturating_sub(MOST_KEPT)) {
        entries.remove(id);
    }
}

/// Writes down how a job ended, also when its work panicked.
struct Ended {
    jobs: Jobs,
    id: String,
    outcome: Option<Outcome>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let now = self.jobs.clock.now();
        let outcome = self.outcome.take();
        self.jobs.change(&self.id, |job| {
            job.finished_at = Some(now);
            job.report_so_far = None;
            match outcome {
                Some(Outcome::Done(result, message)) => {
                    job.state = JobState::Done;
                    job.progress_ratio = 1.0;
                    job.message = message;
                    job.result = Some(result);
                }
                Some(Outcome::Cancelled(result)) => {
                    job.state = JobState::Cancelled;
                    job.message = "Cancelled".to_owned();
                    job.result = result;
                }
                Some(Outcome::Failed(problem)) => {
                    job.state = JobState::Failed;
                    job.message = problem.detail.clone();
                    job.error = Some(problem);
                }
                None => {
                    job.state = JobState::Failed;
                    job.message = "It ended unexpectedly. The log says why.".to_owned();
                }
            }
        });
        if let Some(entry) = self.jobs.entries().get(&self.id) {
            entry.over.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use common::test_result::AllRegions;

    use super::*;

    const TEST_ALL: About = About { kind: Job::ALL_REGIONS, connection_id: None };

    fn nothing_tested() -> JobResult {
        JobResult::AllRegions(AllRegions { tested: 0, ok: 0, regions: Vec::new(), duration_ms: 0.0 })
    }

    fn done() -> std::future::Ready<Outcome> {
        ready(Outcome::Done(nothing_tested(), "0 tested".to_owned()))
    }

    async fn until_cancelled(_: Progress, stop: CancellationToken) -> Outcome {
        stop.cancelled().await;
        Outcome::Cancelled(None)
    }

    async fn ended(jobs: &Jobs, id: &str) -> Job {
        let job = jobs.wait(jobs.get(id).unwrap(), Duration::from_secs(60)).await;
        assert!(job.state.is_over(), "{job:?}");
        job
    }

    #[tokio::test]
    async fn a_job_reports_and_keeps_its_result() {
        let jobs = Jobs::new(Clock::system(), Teller::default());
        let job = jobs.start(TEST_ALL, |progress, _| {
            progress.report(1, 2, "1 of 2".to_owned());
            done()
        });
        assert_eq!(job.state, JobState::Running);
        let over = ended(&jobs, &job.id).await;
        assert_eq!((over.state, over.progress_ratio), (JobState::Done, 1.0));
        assert_eq!((over.result, over.message.as_str()), (Some(nothing_tested()), "0 tested"));
    }

    #[tokio::test]
    async fn a_second_start_joins_the_one_under_way_and_cancel_ends_it() {
        let jobs = Jobs::new(Clock::system(), Teller::default());
        let first = jobs.start(TEST_ALL, until_cancelled);
        let second = jobs.start(TEST_ALL, |_, _| pending());
        assert_eq!(first.id, second.id);
        let of_one = About { kind: Job::LOAD, connection_id: Some(ConnectionId(1)) };
        assert!(jobs.running(of_one).is_none());
        let other = jobs.start(of_one, until_cancelled);
        assert_ne!(first.id, other.id);
        assert_eq!(jobs.running(of_one).map(|job| job.id), Some(other.id));
        jobs.cancel(&first.id).unwrap();
        assert_eq!(ended(&jobs, &first.id).await.state, JobState::Cancelled);
        assert!(jobs.running(TEST_ALL).is_none());
    }

    #[tokio::test]
    async fn closing_ends_what_runs_and_what_comes_later() {
        let jobs = Jobs::new(Clock::system(), Teller::default());
        let running = jobs.start(TEST_ALL, until_cancelled);
        jobs.close().await;
        assert_eq!(jobs.get(&running.id).unwrap().state, JobState::Cancelled);
        let late = jobs.start(TEST_ALL, until_cancelled);
        assert_eq!(ended(&jobs, &late.id).await.state, JobState::Cancelled);
    }

    #[tokio::test]
    async fn the_oldest_results_make_room_for_new_ones() {
        let jobs = Jobs::new(Clock::system(), Teller::default());
        let first = jobs.start(TEST_ALL, |_, _| done());
        ended(&jobs, &first.id).await;
        for _ in 0..=MOST_KEPT {
            let job = jobs.start(TEST_ALL, |_, _| done());
            ended(&jobs, &job.id).await;
        }
        assert!(jobs.get(&first.id).is_none());
    }

    #[tokio::test]
    async fn a_panic_is_a_failed_job() {
        let jobs = Jobs::new(Clock::system(), Teller::default());
        let job = jobs.start(TEST_ALL, |_, _| async { panic!("on purpose") });
        assert_eq!(ended(&jobs, &job.id).await.state, JobState::Failed);
    }
}
