//! The latency test: one connect, then `select 1` again and again on the same session.

use chrono::Utc;
use common::{Latency, Phase, Unavailable, test_result::ConnectTimes};
use tokio::time::Instant;

use crate::{
    Limits, Target,
    session::{Session, Trace},
    stats,
};

pub(crate) async fn run(target: &Target, rounds: u32, limits: &Limits) -> Latency {
    let checked_at = common::time::whole_micros(Utc::now());
    let mut trace = Trace::begin();
    let deadline = trace.started + limits.connect;
    let mut rounds_ms = Vec::new();
    let mut total_ms = None;
    let error = match Box::pin(Session::open(target, limits, deadline, &mut trace)).await {
        Ok(session) => {
            // The first query is part of the connect: a session's first is slower (caches are filled), and counting
            // it would measure the connect again.
            let mut failed = match session.round_trip(deadline).await {
                Ok(ms) => {
                    trace.phases.set(Phase::Query, ms);
                    total_ms = Some(trace.total_ms());
                    None
                }
                Err(error) => Some(error),
            };
            for _ in 0..rounds {
                if failed.is_some() {
                    break;
                }
                match session.round_trip(Instant::now() + limits.round).await {
                    Ok(ms) => rounds_ms.push(ms),
                    Err(error) => failed = Some(error),
                }
            }
            if failed.is_some() {
                session.abandon().await;
            } else {
                session.close().await;
            }
            failed
        }
        Err(error) => Some(error),
    };
    let summary = stats::summary(&rounds_ms);
    let of = |part: fn(&stats::Summary) -> f64| summary.as_ref().map(part);
    let mut unavailable = Unavailable::new();
    if summary.is_some_and(|summary| summary.stddev.is_none()) {
        unavailable.insert("stddev_ms".to_owned(), common::Reason::new("one round has no spread"));
    }
    if let (None, Some(error)) = (&summary, &error) {
        for value in ["min_ms", "avg_ms", "p50_ms", "p95_ms", "max_ms", "stddev_ms"] {
            unavailable.insert(value.to_owned(), common::Reason::new(error.kind.as_str()));
        }
    }
    let failed_in = error.as_ref().map(|error| error.phase);
    for (phase, why) in trace.phases.missing(trace.address.is_some(), failed_in) {
        unavailable.insert(format!("connect.phases.{}_ms", phase.as_str()), common::Reason::new(why));
    }
    Latency {
        connection_id: target.connection_id,
        checked_at,
        min_ms: of(|s| s.min),
        avg_ms: of(|s| s.avg),
        p50_ms: of(|s| s.p50),
        p95_ms: of(|s| s.p95),
        max_ms: of(|s| s.max),
        stddev_ms: summary.and_then(|s| s.stddev),
        rounds_ms,
        connect: ConnectTimes {
            phases: trace.phases,
            total_ms: total_ms.unwrap_or_else(|| trace.total_ms()),
        },
        error: error.map(|error| *error),
        unavailable,
    }
}
