//! The dashboard that is measured: everything but its HTTP side, in a process of its own.

use std::{
    fs,
    io::Read,
    sync::Mutex,
    time::{Duration, Instant},
};

use common::{ConnectionId, ConnectionInput, PasswordChange, RequestSecret, SslMode, database::DatabaseMode};
use serde_json::{Value, json};
use service::{
    KeyRing, Principal, Service, SpoolConfig, StoreConfig, connections, database,
    watching::{self, WatchCounts},
};
use tokio_util::sync::CancellationToken;

use crate::{cpu, numbers::quantile};

const ADMIN: Principal = Principal::LocalAdmin;
/// Until every target was connected and its health was read.
const WARM_UP: Duration = Duration::from_secs(75);
const MEASURED: Duration = Duration::from_secs(120);

/// Reads what to watch, watches it, and prints what that took.
pub(crate) fn run() {
    let mut told = String::new();
    std::io::stdin().read_to_string(&mut told).expect("somebody says what to watch");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    println!("{}", runtime.block_on(watch(&told)));
}

async fn watch(told: &Value) -> Value {
    let data = tempfile::tempdir().expect("a folder");
    let config = StoreConfig {
        url: told["url"].as_str().expect("a URL").into(),
        direct_url: None,
        mode: DatabaseMode::External,
        keys: KeyRing::parse(&KeyRing::generate_key()).expect("a key"),
        retention_days: 90,
        chunk_interval: Default::default(),
    };
    let spool = SpoolConfig::in_folder(Some(data.path().join("spool")));
    let service = Service::open(config, spool).await.expect("it opens");
    let targets = told["targets"].as_array().expect("targets");
    let healthy = targets.len() - told["dead"].as_u64().unwrap_or(0) as usize;
    let mut healthy_ids: Vec<ConnectionId> = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        let created =
            connections::create(&service, &ADMIN, input(number, target), None).await.expect("it is stored");
        if number < healthy {
            healthy_ids.push(created.connection.id);
        }
    }
    let last_healthy = healthy_ids.last().copied();

    let resident_before = resident();
    let late: Mutex<Vec<f64>> = Mutex::default();
    let stop = CancellationToken::new();
    let watching = watch::run_observed(&service, stop.clone(), |started| {
        if Some(started.id) <= last_healthy {
            late.lock().expect("nobody panics").push(started.late.as_secs_f64() * 1000.0);
        }
    });
    let measuring = async {
        tokio::time::sleep(WARM_UP).await;
        late.lock().expect("nobody panics").clear();
        let (began, cpu_before, before) = (Instant::now(), cpu::own(), watching::counts(&service));
        tokio::time::sleep(MEASURED).await;
        let ratio = (cpu::own() - cpu_before).as_secs_f64() / began.elapsed().as_secs_f64();
        let resident_after = resident();
        let counts = watching::counts(&service);
        stop.cancel();
        (ratio, resident_after, before, counts)
    };
    let ((), (cpu_ratio, resident_after, before, after)) = tokio::join!(watching, measuring);
    let background = CancellationToken::new();
    background.cancel();
    service.run_background(background).await;
    let info = database::info(&service, &ADMIN).await.expect("it answers");
    let late = late.into_inner().expect("nobody panics");
    let since = |count: fn(&WatchCounts) -> u64| count(&after) - count(&before);
    json!({
        "seconds": MEASURED.as_secs(),
        "cpu_ratio": cpu_ratio,
        "resident_before": resident_before,
        "resident_after": resident_after,
        "looks": since(|counts| counts.looks),
        "failed": since(|counts| counts.failed),
        "left_alone": since(|counts| counts.left_alone),
        "missed": since(|counts| counts.missed),
        "rows": info.history.rows,
        "kept": after.looks,
        "late_ms": {
            "looks": late.len(),
            "p50": quantile(&late, 0.5),
            "p99": quantile(&late, 0.99),
            "max": quantile(&late, 1.0),
        },
    })
}

fn input(number: usize, target: &Value) -> ConnectionInput {
    let text = |name: &str| target[name].as_str().expect("text").to_owned();
    ConnectionInput {
        name: Some(format!("target {number}")),
        host: text("host"),
        port: u16::try_from(target["port"].as_u64().expect("a port")).expect("a port"),
        database_name: "postgres".to_owned(),
        username: text("username"),
        password: PasswordChange::Set(RequestSecret::new(text("password"))),
        ssl_mode: text("ssl_mode").parse::<SslMode>().expect("a mode"),
        ssl_root_cert: None,
        region: None,
        cloud_provider: None,
        place: None,
        tags: Vec::new(),
        notes: String::new(),
        check_interval_s: 10,
        paused: false,
        let_sleep: false,
        allow_statements: false,
        version: None,
        test: false,
    }
}

/// Bytes in memory that are this process's.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    let kb: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kb * 1024
}
