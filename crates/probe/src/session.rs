//! One session on a monitored database: opened phase by phase, asked, and closed without a trace.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use common::{Phase, Phases, TestError, test_result::TlsInfo, time::millis};
use egress::{
    Cause, Connected, Peer,
    gate::{Allowance, Greeting, Traffic},
    postgres::{PassThrough, SignInError, SignedIn, sign_in_before},
};
use futures::TryStreamExt;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Client;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Limits, Target,
    rows::Answer,
    words::{self, Scene},
};

/// How our sessions are called in `pg_stat_activity`. PgBouncer takes this startup parameter, and few others.
const APPLICATION_NAME: &str = "pg-dashboard";

/// The whole of a latency measurement: parsed, planned and answered without touching a table.
const ROUND_TRIP: &str = "select 1";

/// How long a closed session may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(250);

/// What was reached so far; complete or not, it is part of the answer.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) started: Instant,
    pub(crate) phases: Phases,
    pub(crate) address: Option<String>,
    pub(crate) tls: Option<TlsInfo>,
}

impl Trace {
    pub(crate) fn begin() -> Self {
        Self { started: Instant::now(), phases: Phases::default(), address: None, tls: None }
    }

    pub(crate) fn total_ms(&self) -> f64 {
        millis(self.started.elapsed())
    }
}

/// A session that is signed in. It owns what it needs, so that it can be kept.
pub(crate) struct Session {
    target: Arc<Target>,
    limits: Limits,
    peer: Peer,
    /// Whether what is said is encrypted.
    encrypted: bool,
    client: Client,
    /// The connection's other half; dropping it closes the socket, whatever the server does.
    driver: AbortOnDropHandle<()>,
    greeting: Greeting,
    allowance: Allowance,
    /// The parameter that the server reported.
    pub(crate) server_version: Option<String>,
    /// How often the server was waited for.
    round_trips: AtomicU32,
    /// The server's platform has no way to see whether we are still there.
    pub(crate) cannot_look: AtomicBool,
}

impl Session {
    /// DNS, TCP, TLS and sign-in, all before `deadline`. What was reached is in `trace`, also after a failure.
    pub(crate) async fn open(
        target: &Target,
        limits: &Limits,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Self, Box<TestError>> {
        let connected = match Box::pin(egress::connect(&target.destination(), deadline)).await {
            Ok(connected) => connected,
            Err(error) => {
                trace.phases = *error.phases;
                trace.address = error.peer.as_ref().map(Peer::to_string);
                trace.tls = error.tls.as_deref().cloned();
                let scene = Scene::new(target, limits, false);
                let failed = match (&*error.cause, &error.peer) {
                    (Cause::Silent, Some(peer)) => silent(peer, error.phase, &scene).await,
                    _ => words::connect_error(&error, &scene),
                };
                return Err(Box::new(failed));
            }
        };
        let Connected { stream, peer, phases, tls } = connected;
        let encrypted = tls.is_some();
        trace.phases = phases;
        trace.address = Some(peer.to_string());
        trace.tls = tls;

        let scene = Scene::new(target, limits, encrypted);
        let config = config(target);
        let since = Instant::now();
        let signing_in = Box::pin(sign_in_before(&config, stream, Traffic::Bounded, deadline));
        let SignedIn { client, connection, greeting, allowance } = match signing_in.await {
            Ok(signed_in) => signed_in,
            Err(error) => {
                return Err(Box::new(match error {
                    SignInError::Postgres(error) => words::postgres_error(&error, Phase::Auth, &scene),
                    // Under TLS, PostgreSQL's answer to the request for it was heard.
                    SignInError::Silent if !encrypted => silent(&peer, Phase::Auth, &scene).await,
                    SignInError::Silent | SignInError::Timeout => words::timeout(Phase::Auth, &scene),
                }));
            }
        };
        trace.phases.set(Phase::Auth, millis(since.elapsed()));
        let server_version = connection.parameter("server_version").map(str::to_owned);
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            // Its error reaches who asks: every query of the client fails with it.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a session on a monitored database ended");
            }
        }));
        Ok(Self {
            target: Arc::new(target.clone()),
            limits: limits.clone(),
            peer,
            encrypted,
            client,
            driver,
            greeting,
            allowance,
            server_version,
            round_trips: AtomicU32::new(0),
            cannot_look: AtomicBool::new(false),
        })
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene::new(&self.target, &self.limits, self.encrypted)
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How often the server was waited for since sign-in.
    pub(crate) fn round_trips(&self) -> u32 {
        self.round_trips.load(Ordering::Relaxed)
    }

    pub(crate) fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// A session that was kept is used anew: it may send as much as in the beginning. `false`: it has ended meanwhile.
    pub(crate) fn use_again(&self) -> bool {
        self.allowance.renew();
        !self.is_closed()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// One `select 1` in milliseconds.
    pub(crate) async fn round_trip(&self, deadline: Instant) -> Result<f64, Box<TestError>> {
        let since = Instant::now();
        self.ask(ROUND_TRIP, deadline).await?;
        Ok(millis(since.elapsed()))
    }

    /// One message of the simple protocol.
    pub(crate) async fn ask(&self, sql: &str, deadline: Instant) -> Result<Answer, Box<TestError>> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        match timeout_at(deadline, self.client.simple_query(sql)).await {
            Ok(Ok(answer)) => Ok(Answer(answer)),
            Ok(Err(error)) => Err(Box::new(words::postgres_error(&error, Phase::Query, &self.scene()))),
            Err(_) => Err(Box::new(words::timeout(Phase::Query, &self.scene()))),
        }
    }

    /// Several messages at once, in one round trip: each has its own answer or error. Those that did not come
    /// before `deadline` are time-outs.
    pub(crate) async fn ask_all(
        &self,
        messages: &[String],
        deadline: Instant,
    ) -> Vec<Result<Answer, AskError>> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut streams = Vec::with_capacity(messages.len());
        for sql in messages {
            // Sends at once and returns before the answer.
            streams.push(self.client.simple_query_raw(sql).await);
        }
        let mut answers = Vec::with_capacity(messages.len());
        for stream in streams {
            answers.push(match stream {
                Ok(stream) => match timeout_at(deadline, collect(stream)).await {
                    Ok(answer) => answer.map_err(AskError::Server),
                    Err(_) => Err(AskError::Timeout),
                },
                Err(error) => Err(AskError::Server(error)),
            });
        }
        answers
    }

    /// Asks the server to stop what still runs, over a stream dialled the same way to the same address, and hangs
    /// up: a query that nobody waits for would run on until its own limit.
    pub(crate) async fn abandon(self) {
        let deadline = Instant::now() + self.limits.cancel;
        let token = self.client.cancel_token();
        let cancel = async {
            let again = egress::connect_again(&self.peer, &self.target.destination(), deadline).await.ok()?;
            token.cancel_query_raw(again.stream, PassThrough).await.ok()
        };
        if !matches!(timeout_at(deadline, Box::pin(cancel)).await, Ok(Some(()))) {
            tracing::debug!(peer = %self.peer, "a query could not be cancelled");
        }
    }

    /// Says goodbye and waits until the socket is closed; hangs up on a server that does not listen.
    pub(crate) async fn close(self) {
        drop(self.client);
        let _hung_up = timeout(GOODBYE, self.driver).await;
    }
}

/// Nothing was said until the limit: by PostgreSQL, or by what waits for something else.
async fn silent(peer: &Peer, phase: Phase, scene: &Scene<'_>) -> TestError {
    match egress::second_look(peer, scene.limits().second_look).await {
        Some(seen) => words::not_postgres(&seen, phase, scene),
        None => words::timeout(phase, scene),
    }
}

/// Why one of several messages has no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    Server(tokio_postgres::Error),
    Timeout,
}

async fn collect(stream: tokio_postgres::SimpleQueryStream) -> Result<Answer, tokio_postgres::Error> {
    stream.try_collect().await.map(Answer)
}

pub(crate) fn config(target: &Target) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.user(&target.username).dbname(&target.database_name).application_name(APPLICATION_NAME);
    if let Some(password) = &target.password {
        config.password(password.expose_secret());
    }
    config
}
