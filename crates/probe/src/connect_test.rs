//! The connection test: a fresh connect, each phase timed, and the first query.

use chrono::Utc;
use common::{Phase, Reason, TestResult};
use tokio::time::Instant;

use crate::{
    Limits, Target,
    pooler::{self, console},
    session::{Session, Trace},
};

/// What the test tells about the server beside its times.
const ABOUT: &str = "select /* pg-dashboard */ pg_catalog.current_setting('server_version_num') as version_num, \
                     pg_catalog.pg_backend_pid() as backend_pid";

pub(crate) async fn run(target: &Target, limits: &Limits) -> TestResult {
    let (mut result, session) = Box::pin(open(target, limits)).await;
    if let Some(session) = session {
        session.close().await;
    }
    // Only now: one session at a time.
    if console::is_there(&result) {
        console::tell(&mut result, target, limits).await;
    }
    result
}

/// Tests and keeps the session open for who has more to ask.
pub(crate) async fn open(target: &Target, limits: &Limits) -> (TestResult, Option<Session>) {
    let checked_at = common::time::whole_micros(Utc::now());
    let mut trace = Trace::begin();
    let deadline = trace.started + limits.connect;
    let mut result = TestResult::unfinished(target.connection_id, checked_at);
    let opened = Box::pin(Session::open(target, limits, deadline, &mut trace)).await;
    let session = match opened {
        Ok(session) => {
            result.server_version = session.server_version.as_deref().map(common::text::clean_server_text);
            match session.round_trip(deadline).await {
                Ok(ms) => {
                    trace.phases.set(Phase::Query, ms);
                    result.round_trip_ms = Some(ms);
                    result.ok = true;
                    Some(session)
                }
                Err(error) => {
                    result.error = Some(*error);
                    session.abandon().await;
                    None
                }
            }
        }
        Err(error) => {
            result.error = Some(*error);
            None
        }
    };
    result.total_ms = trace.total_ms();
    result.phases = trace.phases;
    result.address = trace.address;
    result.tls = trace.tls;
    let session = match session {
        Some(session) => {
            about(session, target, deadline.max(Instant::now() + limits.round / 5), &mut result).await
        }
        None => None,
    };
    result.explain();
    (result, session)
}

/// Fills in what the server says of itself. The test has passed already; what is missing is said to be.
async fn about(
    session: Session,
    target: &Target,
    deadline: Instant,
    result: &mut TestResult,
) -> Option<Session> {
    match session.ask(ABOUT, deadline).await {
        Ok(answer) => {
            let row = answer.first();
            result.server_version_num = row.and_then(|row| row.number("version_num"));
            result.backend_pid = row.and_then(|row| row.number("backend_pid"));
            result.pooler = pooler::recognise(session.greeting(), result.backend_pid, target.port);
            Some(session)
        }
        Err(error) => {
            for value in ["server_version_num", "backend_pid"] {
                result.unavailable.insert(value.to_owned(), Reason::new(error.message.clone()));
            }
            result.pooler = pooler::recognise(session.greeting(), None, target.port);
            if error.sqlstate.is_some() {
                // It said no to the question; the session is as good as before.
                return Some(session);
            }
            session.abandon().await;
            None
        }
    }
}
