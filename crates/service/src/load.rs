//! Load tests: how much a database can take, measured by asking it as much as somebody wants.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    ConnectionId, Problem, ProblemCode, TestError,
    job::{Job, JobResult},
    load::{INLINE_DURATION_S, LoadComparison, LoadJob, LoadReport, LoadRequest},
    units,
};
use probe::{BeyondTheDatabase, LoadAdmission, LoadRefusal, SessionLimit};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{
    Permission, Principal, Service, connections, failure,
    jobs::{self, About, Outcome},
    patience::within_patience,
    recording,
    targets::{self, TargetKey},
};

/// How much longer than its duration a test may take that is waited for: sessions are opened before it, and answers waited
/// for after it. What takes longer goes on as a job.
const BESIDE_THE_TEST: Duration = Duration::from_secs(45);

/// What a load test answers.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadAnswer {
    Done(Box<LoadReport>),
    /// It takes longer than a request: it goes on in the background.
    Job(Box<Job>),
}

/// Runs a load test and answers its report; of one that takes long, or that nobody wants to wait for, the job that it is.
pub async fn run(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    request: LoadRequest,
    wait: bool,
) -> Result<LoadAnswer, Problem> {
    let duration_s = request.duration_s;
    let job = begin(service, who, id, request).await?;
    if !wait || duration_s > INLINE_DURATION_S {
        return Ok(LoadAnswer::Job(Box::new(job)));
    }
    let limit = Duration::from_secs_f64(duration_s) + BESIDE_THE_TEST;
    match service.0.jobs.wait(job, limit).await {
        Job { result: Some(JobResult::Load(report)), .. } => Ok(LoadAnswer::Done(Box::new(report))),
        Job { error: Some(problem), .. } => Err(problem),
        job => Ok(LoadAnswer::Job(Box::new(job))),
    }
}

/// Starts a load test. It is a job, however short it is. The same test of the same connection that is under way is joined.
///
/// # Errors
/// 422 where the request is none, or needs more sessions than the target has to give; 403 where a statement of one's own
/// is not allowed; 409 where another load test of the same server is under way. A target that cannot be reached is no
/// error: the report says so.
pub async fn start(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    request: LoadRequest,
) -> Result<LoadJob, Problem> {
    let job = begin(service, who, id, request).await?;
    LoadJob::of(job).ok_or_else(jobs::no_such_job)
}

/// How far a load test is; once it is over, its report.
pub async fn job(service: &Service, who: &Principal, job_id: &str) -> Result<LoadJob, Problem> {
    let job = jobs::get(service, who, job_id).await?;
    LoadJob::of(job).ok_or_else(jobs::no_such_job)
}

/// Asks a load test to stop; what it measured is kept.
pub async fn cancel(service: &Service, who: &Principal, job_id: &str) -> Result<LoadJob, Problem> {
    job(service, who, job_id).await?;
    let job = jobs::cancel(service, who, job_id).await?;
    LoadJob::of(job).ok_or_else(jobs::no_such_job)
}

/// The load test of the connection that is under way.
pub async fn running(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
) -> Result<Option<LoadJob>, Problem> {
    who.require(Permission::Read)?;
    Ok(service.0.jobs.running(about(id)).and_then(LoadJob::of))
}

/// The last load test, the one before it, and the last of the same kind by the other way to the same database.
pub async fn comparison(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
) -> Result<LoadComparison, Problem> {
    connections::get(service, who, id).await?;
    let mut loads = service.store().latest_loads(id).await.map_err(failure::from_store)?.into_iter();
    let (last, before) = (loads.next(), loads.next());
    let mode = last.as_ref().map(|last| last.mode);
    let other_way = service.store().other_way(id, mode).await.map_err(failure::from_store)?;
    Ok(LoadComparison { last, before, other_way })
}

fn about(id: ConnectionId) -> About {
    About { kind: Job::LOAD, connection_id: Some(id) }
}

async fn begin(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    request: LoadRequest,
) -> Result<Job, Problem> {
    who.require(Permission::Test)?;
    request.validate().map_err(Problem::validation)?;
    let mut audit = request.statement.as_deref().map(|statement| Audit::of(who, id, statement));
    let begun = admit(service, who, id, request).await;
    if let Some(audit) = &mut audit {
        audit.outcome = match &begun {
            Ok(Begun { outcome, .. }) => outcome,
            Err(problem) => problem.code.as_str(),
        };
    }
    begun.map(|begun| begun.job)
}

/// A load test that is under way, and how that came.
struct Begun {
    job: Job,
    outcome: &'static str,
}

async fn admit(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    request: LoadRequest,
) -> Result<Begun, Problem> {
    let connection = connections::get(service, who, id).await?;
    if request.statement.is_some() && !connection.allow_statements {
        return Err(statements_not_allowed());
    }
    service.0.rate.admit(Some(id))?;
    let server = (connection.host.to_ascii_lowercase(), connection.port);
    let of = TargetKey { id, version: connection.version };
    // Before the target is read: whoever changes the connection from here on finds the test, and ends it.
    let place = match service.0.loads.take(server, &of, &request) {
        Ok(place) => place,
        Err(there) => {
            let running = there.job.as_ref().and_then(|(job_id, _)| service.0.jobs.get(job_id));
            return match running {
                Some(job) if there.of == of && there.request == request => {
                    Ok(Begun { job, outcome: "joined" })
                }
                _ => Err(busy(there.of.id == id)),
            };
        }
    };
    let loaded = targets::load_at(service, id, connection.version).await?;
    let admitted = match loaded.target {
        Ok(target) => {
            let asking = async {
                let _place = service.0.guests.place(&target.host, target.port).await;
                Ok(service.0.prober.load_admission(&target, &request).await)
            };
            match within_patience(asking).await? {
                Ok(admission) => Ok((target, admission)),
                Err(LoadRefusal::Target(error)) => Err(*error),
                Err(refusal) => return Err(refused(&refusal, request.connections)),
            }
        }
        Err(error) => Err(error),
    };
    if place.is_revoked() {
        return Err(targets::changed_meanwhile());
    }
    let outcome = if admitted.is_ok() { "started" } else { "unreachable" };
    let job = launch(service, loaded.key, request, admitted, place).ok_or_else(|| busy(true))?;
    Ok(Begun { job, outcome })
}

/// The test as a job; one that could not begin is over at once. `None`: another of the same connection is ending, from
/// before it was changed; its report would be of another server.
fn launch(
    service: &Service,
    of: TargetKey,
    request: LoadRequest,
    admitted: Result<(probe::Target, LoadAdmission), TestError>,
    place: Place,
) -> Option<Job> {
    let testing = service.clone();
    let mut launched = false;
    let job = service.0.jobs.start(about(of.id), |progress, stop| {
        launched = true;
        place.is_of(progress.job_id(), &stop);
        async move {
            // Until the report is kept: who finds the server free finds that it can be compared with.
            let _place = place;
            let report = match admitted {
                Ok((target, admission)) => {
                    let tell = |report: LoadReport| {
                        let ratio = (report.duration_s / request.duration_s).clamp(0.0, 1.0);
                        progress.report_load(ratio, line(&report), report);
                    };
                    testing.0.prober.load(&target, &request, admission, &stop, tell).await
                }
                Err(error) => LoadReport::not_begun(of.id, testing.0.clock.now(), &request, error),
            };
            recording::load(&testing, &of, &report).await;
            let message = line(&report);
            if report.cancelled {
                Outcome::Cancelled(Some(JobResult::Load(report)))
            } else {
                Outcome::Done(JobResult::Load(report), message)
            }
        }
    });
    launched.then_some(job)
}

/// Ends what is under way on a connection that is deleted, or has become another.
pub(crate) fn revoke(service: &Service, id: ConnectionId) {
    service.0.loads.revoke(id);
}

/// Who ran what kind of statement where, and what came of it. Written when this is dropped: also when nobody waits for the
/// answer any more. The text itself may hold what is in the database.
struct Audit {
    actor: &'static str,
    id: ConnectionId,
    length: usize,
    sha256: String,
    outcome: &'static str,
}

impl Audit {
    fn of(who: &Principal, id: ConnectionId, statement: &str) -> Self {
        let sha256 = format!("{:x}", Sha256::digest(statement));
        Self { actor: who.name(), id, length: statement.len(), sha256, outcome: "given_up" }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let Self { actor, id, length, sha256, outcome } = self;
        tracing::info!(target: "audit", actor, action = "load.statement", %id, length, %sha256, outcome);
    }
}

/// A report in a few words.
fn line(report: &LoadReport) -> String {
    match &report.error {
        Some(error) if !report.has_begun() => error.message.clone(),
        _ => {
            let count = |count: u64| units::thousands(i64::try_from(count).unwrap_or(i64::MAX));
            let (answers, failed) = (count(report.succeeded), count(report.failed));
            let rate = count(report.throughput_per_s.round() as u64);
            match report.failed {
                0 => format!("{answers} answers, {rate} a second"),
                _ => format!("{answers} answers, {rate} a second, {failed} failed"),
            }
        }
    }
}

fn statements_not_allowed() -> Problem {
    Problem::new(ProblemCode::Forbidden, "Statements of your own are switched off for this connection.")
        .with_hint("Planning and running one executes code on the server. Who may change the connection can allow it there.")
}

fn busy(same_connection: bool) -> Problem {
    let detail = if same_connection {
        "A load test of this connection is under way."
    } else {
        "A load test of another connection to the same server is under way."
    };
    Problem::new(ProblemCode::Busy, detail)
        .with_hint("Two at a time would measure each other. Wait until it is over, or cancel it.")
}

fn refused(refusal: &LoadRefusal, asked: u32) -> Problem {
    match refusal {
        LoadRefusal::Sessions { may_use, limit } => {
            let whose = match limit {
                SessionLimit::Server => "The server (max_connections)",
                SessionLimit::Database => "The database (its CONNECTION LIMIT)",
                SessionLimit::Role => "The role (its CONNECTION LIMIT)",
            };
            let message = match may_use {
                0 => format!("{whose} has no session to spare now: some are left to everybody else."),
                _ => format!(
                    "{whose} has {may_use} to spare now, not {asked}: some are left to everybody else."
                ),
            };
            Problem::field("connections", "too_many", message)
        }
        LoadRefusal::Role(beyond) => {
            let whose = match beyond {
                BeyondTheDatabase::Superuser => "a superuser, or can become one".to_owned(),
                BeyondTheDatabase::MemberOf(roles) => format!("a member of {roles}"),
            };
            Problem::new(
                ProblemCode::Forbidden,
                format!("The user of this connection is {whose}: a statement could reach files and programs of the server."),
            )
            .with_hint("Use a connection with a role that may only read what the statement needs.")
        }
        LoadRefusal::Statement(error) => Problem::field("statement", "refused", error.message.clone()),
        LoadRefusal::Target(error) => Problem::new(ProblemCode::Internal, error.message.clone()),
    }
}

/// The servers (host and port) that are being load tested: one test each.
#[derive(Debug, Default)]
pub(crate) struct Loads(Arc<Mutex<HashMap<Server, Busy>>>);

type Server = (String, u16);

/// A test that is under way, or about to be.
#[derive(Debug, Clone)]
struct Busy {
    of: TargetKey,
    request: LoadRequest,
    /// Once it is a job: its id, and what stops it.
    job: Option<(String, CancellationToken)>,
    /// Its connection was deleted, or has become another.
    revoked: bool,
}

/// A server's place for a test. It is free again when this is dropped.
#[derive(Debug)]
struct Place {
    loads: Arc<Mutex<HashMap<Server, Busy>>>,
    server: Server,
}

impl Loads {
    fn take(&self, server: Server, of: &TargetKey, request: &LoadRequest) -> Result<Place, Box<Busy>> {
        let mut servers = locked(&self.0);
        if let Some(busy) = servers.get(&server) {
            return Err(Box::new(busy.clone()));
        }
        let busy = Busy { of: of.clone(), request: request.clone(), job: None, revoked: false };
        servers.insert(server.clone(), busy);
        Ok(Place { loads: Arc::clone(&self.0), server })
    }

    fn revoke(&self, id: ConnectionId) {
        for busy in locked(&self.0).values_mut().filter(|busy| busy.of.id == id) {
            busy.revoked = true;
            if let Some((_, stop)) = &busy.job {
                stop.cancel();
            }
        }
    }
}

impl Place {
    /// It has become a job, which `stop` stops.
    fn is_of(&self, job_id: &str, stop: &CancellationToken) {
        if let Some(busy) = locked(&self.loads).get_mut(&self.server) {
            busy.job = Some((job_id.to_owned(), stop.clone()));
            if busy.revoked {
                stop.cancel();
            }
        }
    }

    fn is_revoked(&self) -> bool {
        locked(&self.loads).get(&self.server).is_some_and(|busy| busy.revoked)
    }
}

fn locked(loads: &Mutex<HashMap<Server, Busy>>) -> MutexGuard<'_, HashMap<Server, Busy>> {
    loads.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        locked(&self.loads).remove(&self.server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_place() {
        let (loads, request) = (Loads::default(), LoadRequest::default());
        let server = || ("db".to_owned(), 5432);
        let of = |id| TargetKey { id: ConnectionId(id), version: 1 };
        let place = loads.take(server(), &of(1), &request).unwrap();
        place.is_of("job", &CancellationToken::new());
        let busy = loads.take(server(), &of(2), &request).unwrap_err();
        assert_eq!((busy.of, busy.job.map(|(id, _)| id).as_deref()), (of(1), Some("job")));
        assert!(loads.take(("db".to_owned(), 5433), &of(2), &request).is_ok());
        drop(place);
        assert!(loads.take(server(), &of(2), &request).is_ok());
    }

    #[test]
    fn what_is_revoked_stops_whether_it_is_a_job_already_or_not() {
        let (loads, request) = (Loads::default(), LoadRequest::default());
        let of = |id| TargetKey { id: ConnectionId(id), version: 1 };
        let place = loads.take(("db".to_owned(), 5432), &of(1), &request).unwrap();
        let other = loads.take(("db".to_owned(), 5433), &of(2), &request).unwrap();
        let (early, late, others) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        place.is_of("job", &early);
        other.is_of("other", &others);
        loads.revoke(ConnectionId(1));
        assert!(place.is_revoked() && early.is_cancelled());
        place.is_of("job", &late);
        assert!(late.is_cancelled());
        assert!(!other.is_revoked() && !others.is_cancelled());
    }

    #[test]
    fn who_asks_for_too_much_is_told_the_number() {
        let told = |may_use| {
            let refusal = LoadRefusal::Sessions { may_use, limit: SessionLimit::Server };
            let problem = refused(&refusal, 50);
            assert_eq!((problem.status, problem.fields[0].field.as_str()), (422, "connections"));
            problem.detail
        };
        assert!(told(12).contains("12 to spare now, not 50"), "{}", told(12));
        assert!(told(0).contains("no session to spare"), "{}", told(0));
    }
}
