//! One session of a load test. Its worker drives it: asking and answering happen in one task, without a wake-up from one
//! to another for each request.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use common::{Phase, TestError, load::DEFAULT_STATEMENT};
use egress::{
    Connected, Peer, Stream,
    gate::{AuthGate, Greeting, Traffic},
    postgres::{PassThrough, SignInError, SignedIn, sign_in_before},
};
use tokio::time::{Sleep, timeout_at};
use tokio_postgres::{Client, Connection, Error, Statement};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::question::{Asked, Question};
use crate::{
    Limits, Target,
    rows::Answer,
    session,
    words::{self, Scene},
};

/// How long the last answer and the goodbye of a session may take.
const GOODBYE: Duration = Duration::from_millis(250);

/// A session that is signed in and has answered once.
pub(super) struct Line<'a> {
    target: &'a Target,
    limits: &'a Limits,
    peer: Peer,
    encrypted: bool,
    // Dropped before the client: its end is said to the server.
    prepared: Option<Statement>,
    client: Client,
    wire: Wire,
    pub(super) greeting: Greeting,
}

/// The connection's other half.
struct Wire {
    connection: Connection<AuthGate<Stream>, AuthGate<Stream>>,
    /// Once it is over, why.
    ended: Option<Result<(), Error>>,
}

impl Wire {
    /// Whether the session is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.ended.is_none()
            && let Poll::Ready(end) = Pin::new(&mut self.connection).poll(cx)
        {
            self.ended = Some(end);
        }
        self.ended.is_some()
    }
}

/// What may end a wait before its time.
pub(super) struct Watch {
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Set anew only when it has rung: most requests are answered long before their limit.
    alarm: Pin<Box<Sleep>>,
}

impl Watch {
    pub(super) fn new(stop: &CancellationToken) -> Self {
        Self {
            // One's own token, so that workers do not wait for each other's look at it.
            stop: Box::pin(stop.child_token().cancelled_owned()),
            alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }

    fn poll_late(&mut self, limit: Instant, cx: &mut Context<'_>) -> bool {
        while self.alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= limit {
                return true;
            }
            self.alarm.as_mut().reset(limit.into());
        }
        false
    }
}

/// How a wait on a session ended.
pub(super) enum Waited<T> {
    For(T),
    /// The session is over; [`Line::why_it_ended`].
    Broken,
    /// Its limit was reached.
    Late,
    /// Somebody stopped the test.
    Stopped,
}

/// Waits for `work`, which asks through the wire's client, and meanwhile does the session's traffic.
async fn drive<T>(
    wire: &mut Wire,
    watch: &mut Watch,
    limit: Option<Instant>,
    work: impl Future<Output = T>,
) -> Waited<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // Asks,
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Waited::For(done));
        }
        // sends and reads,
        let ended = wire.poll(cx);
        // and takes the answer.
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Waited::For(done));
        }
        if ended {
            Poll::Ready(Waited::Broken)
        } else if watch.stop.as_mut().poll(cx).is_ready() {
            Poll::Ready(Waited::Stopped)
        } else if limit.is_some_and(|limit| watch.poll_late(limit, cx)) {
            Poll::Ready(Waited::Late)
        } else {
            Poll::Pending
        }
    })
    .await
}

impl<'a> Line<'a> {
    /// From DNS to the answer to a first `select 1`, all before `deadline`.
    pub(super) async fn open(
        target: &'a Target,
        limits: &'a Limits,
        deadline: Instant,
    ) -> Result<Self, Box<TestError>> {
        let connected = Box::pin(egress::connect(&target.destination(), deadline.into())).await;
        let Connected { stream, peer, tls, .. } = connected
            .map_err(|error| Box::new(words::connect_error(&error, &Scene::new(target, limits, false))))?;
        let encrypted = tls.is_some();
        let scene = Scene::new(target, limits, encrypted);
        let config = session::config(target);
        let signing_in = sign_in_before(&config, stream, Traffic::BoundedMessages, deadline.into());
        let SignedIn { client, connection, greeting, .. } =
            Box::pin(signing_in).await.map_err(|error| match error {
                SignInError::Postgres(error) => words::postgres_error(&error, Phase::Auth, &scene),
                SignInError::Silent | SignInError::Timeout => words::timeout(Phase::Auth, &scene),
            })?;
        let wire = Wire { connection, ended: None };
        let mut line = Self { target, limits, peer, encrypted, prepared: None, client, wire, greeting };
        match line.within(deadline, |client| client.batch_execute(DEFAULT_STATEMENT)).await {
            Ok(()) => Ok(line),
            Err(error) => {
                line.hang_up().await;
                Err(error)
            }
        }
    }

    /// Prepares what `question` needs.
    pub(super) async fn prepare(
        &mut self,
        question: &Question,
        deadline: Instant,
    ) -> Result<(), Box<TestError>> {
        if matches!(question, Question::Prepared) {
            self.prepared = Some(self.within(deadline, |client| client.prepare(DEFAULT_STATEMENT)).await?);
        }
        Ok(())
    }

    /// Asks once. The request may be on its way still unless the answer is [`Waited::For`].
    pub(super) async fn ask(
        &mut self,
        question: &Question,
        watch: &mut Watch,
        limit: Instant,
    ) -> Waited<Asked> {
        let work = question.ask(&self.client, self.prepared.as_ref());
        drive(&mut self.wire, watch, Some(limit), work).await
    }

    /// Waits for something else, and notices when the session ends meanwhile.
    pub(super) async fn idle<T>(&mut self, watch: &mut Watch, until: impl Future<Output = T>) -> Waited<T> {
        drive(&mut self.wire, watch, None, until).await
    }

    /// One message of the simple protocol.
    pub(super) async fn simple(&mut self, sql: &str, deadline: Instant) -> Result<Answer, Box<TestError>> {
        self.within(deadline, |client| client.simple_query(sql)).await.map(Answer)
    }

    pub(super) fn scene(&self) -> Scene<'a> {
        Scene::new(self.target, self.limits, self.encrypted)
    }

    /// In words. `error` is what the request was told, which is seldom more than that the session has ended.
    pub(super) fn failure(&self, error: &Error) -> TestError {
        match &self.wire.ended {
            Some(Err(why)) if error.as_db_error().is_none() => {
                words::postgres_error(why, Phase::Query, &self.scene())
            }
            _ => words::postgres_error(error, Phase::Query, &self.scene()),
        }
    }

    /// Of a session that ended by itself.
    pub(super) fn why_it_ended(&self) -> TestError {
        match &self.wire.ended {
            Some(Err(why)) => words::postgres_error(why, Phase::Query, &self.scene()),
            Some(Ok(())) | None => words::closed(Phase::Query, &self.scene()),
        }
    }

    /// Says goodbye and waits until the socket is closed; hangs up on a server that does not listen.
    pub(super) async fn hang_up(self) {
        let Self { prepared, client, mut wire, .. } = self;
        drop((prepared, client));
        let over = poll_fn(|cx| if wire.poll(cx) { Poll::Ready(()) } else { Poll::Pending });
        let _hung_up = tokio::time::timeout(GOODBYE, over).await;
    }

    /// Ends a session whose request is still on its way: waits a moment for the answer, then, where the server might
    /// work on it for long, asks it to stop over a stream dialled the same way to the same address.
    pub(super) async fn abandon(mut self, question: &Question) {
        if !self.has_answered(GOODBYE).await && question.may_run_on() {
            let deadline = Instant::now() + self.limits.cancel;
            let token = self.client.cancel_token();
            let cancel = async {
                let to = self.target.destination();
                let again = egress::connect_again(&self.peer, &to, deadline.into()).await.ok()?;
                token.cancel_query_raw(again.stream, PassThrough).await.ok()
            };
            if !matches!(timeout_at(deadline.into(), Box::pin(cancel)).await, Ok(Some(()))) {
                tracing::debug!(peer = %self.peer, "a request of a load test could not be cancelled");
            }
            self.has_answered(self.limits.cancel).await;
        }
        self.hang_up().await;
    }

    /// Whether all that was asked has its answer. An empty query has its own after those before it.
    async fn has_answered(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        self.within(deadline, |client| client.batch_execute("")).await.is_ok()
    }

    async fn within<'c, T, F>(
        &'c mut self,
        deadline: Instant,
        work: impl FnOnce(&'c Client) -> F,
    ) -> Result<T, Box<TestError>>
    where
        F: Future<Output = Result<T, Error>> + 'c,
    {
        let scene = self.scene();
        let Self { client, wire, .. } = self;
        let mut work = pin!(work(client));
        let waiting = poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let ended = wire.poll(cx);
            match work.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if ended => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        match timeout_at(deadline.into(), waiting).await {
            Ok(Some(Ok(done))) => Ok(done),
            Ok(Some(Err(error))) => Err(Box::new(words::postgres_error(&error, Phase::Query, &scene))),
            Ok(None) => Err(Box::new(words::closed(Phase::Query, &scene))),
            Err(_) => Err(Box::new(words::timeout(Phase::Query, &scene))),
        }
    }
}
