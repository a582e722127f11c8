//! Load tests: how much a database can take, measured by asking it as much as somebody wants.

use common::{
    ConnectionId, Problem, ProblemCode,
    job::Job,
    load::{LoadComparison, LoadJob, LoadRequest},
};

use crate::{
    Permission, Principal, Service,
    jobs::{self, About},
};

/// Starts a load test of the connection.
pub async fn start(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
    request: LoadRequest,
) -> Result<LoadJob, Problem> {
    who.require(Permission::Test)?;
    request.validate().map_err(Problem::validation)?;
    running(service, who, id).await?;
    Err(Problem::new(ProblemCode::Disabled, "Load tests are not there yet."))
}

/// How far a load test is.
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
    let about = About { kind: Job::LOAD, connection_id: Some(id) };
    Ok(service.0.jobs.running(about).and_then(LoadJob::of))
}

/// The last load test, the one before it, and the last by the other way to the same database.
pub async fn comparison(
    service: &Service,
    who: &Principal,
    id: ConnectionId,
) -> Result<LoadComparison, Problem> {
    who.require(Permission::Read)?;
    service.store().get(id, service.0.clock.now()).await.map_err(crate::failure::from_store)?;
    Ok(LoadComparison { last: None, before: None, other_way: None })
}
