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
    let connection = connections::get(service, who, id).await?;
    if let Some(statement) = &request.statement {
        if !connection.allow_statements {
            return Err(statements_not_allowed());
        }
        let statement = common::text::clean_server_text(statement);
        tracing::info!(target: "audit", %id, ?who, %statement, "a load test of a statement was asked for");
    }
    let loaded = targets::load(service, id).await?;
    service.0.rate.admit(Some(id))?;
    let server = (connection.host.to_ascii_lowercase(), connection.port);
    let place = match service.0.loads.take(server, id, &request) {
        Ok(place) => place,
        Err(Busy { connection_id, job_id, request: same }) => {
            let running = job_id.and_then(|job_id| service.0.jobs.get(&job_id));
            return match running {
                Some(job) if connection_id == id && same == request => Ok(job),
                _ => Err(busy(connection_id == id)),
            };
        }
    };
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
    Ok(launch(service, loaded.key, request, admitted, place))
}

/// The test as a job; one that could not begin is over at once.
fn launch(
    service: &Service,
    of: TargetKey,
    request: LoadRequest,
    admitted: Result<(probe::Target, LoadAdmission), TestError>,
    place: Place,
) -> Job {
    let testing = service.clone();
    service.0.jobs.start(about(of.id), move |progress, stop| {
        place.is_of(progress.job_id());
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
    })
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
                BeyondTheDatabase::Superuser => "a superuser".to_owned(),
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
    connection_id: ConnectionId,
    request: LoadRequest,
    /// Once it is a job.
    job_id: Option<String>,
}

/// A server's place for a test. It is free again when this is dropped.
#[derive(Debug)]
struct Place {
    loads: Arc<Mutex<HashMap<Server, Busy>>>,
    server: Server,
}

impl Loads {
    fn take(&self, server: Server, id: ConnectionId, request: &LoadRequest) -> Result<Place, Busy> {
        let mut servers = locked(&self.0);
        if let Some(busy) = servers.get(&server) {
            return Err(busy.clone());
        }
        let busy = Busy { connection_id: id, request: request.clone(), job_id: None };
        servers.insert(server.clone(), busy);
        Ok(Place { loads: Arc::clone(&self.0), server })
    }
}

impl Place {
    /// It has become a job.
    fn is_of(&self, job_id: &str) {
        if let Some(busy) = locked(&self.loads).get_mut(&self.server) {
            busy.job_id = Some(job_id.to_owned());
        }
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
        let place = loads.take(server(), ConnectionId(1), &request).unwrap();
        place.is_of("job");
        let busy = loads.take(server(), ConnectionId(2), &request).unwrap_err();
        assert_eq!((busy.connection_id, busy.job_id.as_deref()), (ConnectionId(1), Some("job")));
        assert!(loads.take(("db".to_owned(), 5433), ConnectionId(2), &request).is_ok());
        drop(place);
        assert!(loads.take(server(), ConnectionId(2), &request).is_ok());
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
