//! How long a person is kept waiting. A server that hangs holds its places for as long as its tests take; who asks
//! meanwhile gets an answer, and the run goes on without them.

use std::{future::Future, time::Duration};

use common::{Problem, ProblemCode};

/// Longer than a test, a latency test or a health reading takes once it has begun.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome of `run`, or 409 `busy` when it takes longer than a person waits.
pub(crate) async fn within_patience<T>(run: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    within(PATIENCE, run).await
}

async fn within<T>(limit: Duration, run: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    match tokio::time::timeout(limit, run).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            ProblemCode::Busy,
            "This server is being asked already, and the answers take long.",
        )
        .with_hint("The dashboard opens at most two sessions on a server. Look again in a minute.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_is_told_that_it_is_busy() {
        let never = std::future::pending::<Result<(), Problem>>();
        let told = within(Duration::ZERO, never).await;
        assert_eq!(told.map_err(|problem| problem.code), Err(ProblemCode::Busy));
        assert_eq!(within_patience(async { Ok(7) }).await, Ok(7));
    }
}
