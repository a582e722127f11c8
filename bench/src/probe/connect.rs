//! What a whole connection test costs this machine: connect, TLS with a verified certificate, SCRAM, two small queries,
//! close. Against libpq, which does the same in pgbench with `-C`. The time itself is the server's, mostly; what the
//! dashboard can do about is its processor time.

use std::time::Duration;

use common::SslMode;
use probe::Prober;
use testkit::{Cluster, Version, certs::Authority};

use super::{one_thread, target};
use crate::{
    cpu,
    numbers::{at_most, median},
    peer::{How, Run, Tls, pgbench},
};

const CONNECTS: u32 = 150;
const ROUNDS: usize = 5;

/// What `Prober::test` asks once it is in.
const SCRIPT: &str = "\
select 1;
select pg_catalog.current_setting('server_version_num') as version_num, pg_catalog.pg_backend_pid() as backend_pid;
";

pub(super) fn run() -> bool {
    let authority = Authority::new();
    let issued = authority.issue(&["127.0.0.1"]);
    let cluster = Cluster::builder(Version::V18).tls(&issued).start_blocking();
    let folder = tempfile::tempdir().expect("a folder for the script");
    let (ca, script) = (folder.path().join("ca.pem"), folder.path().join("script.sql"));
    std::fs::write(&ca, authority.pem()).expect("the CA is written");
    std::fs::write(&script, SCRIPT).expect("the script is written");
    let target = target(&cluster, SslMode::VerifyFull, Some(authority.pem()));
    let prober = Prober::new();
    let runtime = one_thread();

    let ours = || {
        let before = cpu::own();
        runtime.block_on(async {
            for _ in 0..CONNECTS {
                let result = prober.test(&target).await;
                assert!(result.ok, "{:?}", result.error);
            }
        });
        cpu::own() - before
    };
    let theirs = || {
        let before = cpu::children();
        let how = How::Connecting { transactions: CONNECTS };
        let tls = Tls::VerifyFull(&ca);
        pgbench(&cluster, &Run { script: &script, connections: 1, threads: 1, tls, how });
        cpu::children() - before
    };
    // The first of each fills caches.
    ours();
    let (mut mine, mut libpq) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        mine.push(per_connect(ours()));
        libpq.push(per_connect(theirs()));
    }
    let (mine, libpq) = (median(mine), median(libpq));
    let how =
        format!("{mine:.3} ms of processor time here, {libpq:.3} ms in libpq (pgbench -C, verify-full)");
    at_most("connect + TLS + SCRAM + close, client CPU against libpq", mine / libpq, "×", 1.0, how)
}

fn per_connect(cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1000.0 / f64::from(CONNECTS)
}
