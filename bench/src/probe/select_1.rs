//! How many `select 1` a load test gets through over sessions that stay open, against `pgbench -M prepared` on the same
//! server over TCP. Where the client is slow, a load test measures the client.

use common::{SslMode, load::LoadRequest};
use probe::Prober;
use testkit::{Cluster, Version};
use tokio_util::sync::CancellationToken;

use super::{one_thread, target};
use crate::{
    numbers::{at_least, median},
    peer::{How, Run, Tls, pgbench},
};

const SECONDS: u32 = 3;
const ROUNDS: usize = 5;

pub(super) fn run() -> bool {
    let cluster = Cluster::builder(Version::V18).setting("max_connections", "50").start_blocking();
    let folder = tempfile::tempdir().expect("a folder for the script");
    let script = folder.path().join("select.sql");
    std::fs::write(&script, "select 1;\n").expect("the script is written");
    let target = target(&cluster, SslMode::Disable, None);
    let (prober, runtime) = (Prober::new(), one_thread());

    let ours = |connections: u32| {
        let request = LoadRequest { connections, duration_s: f64::from(SECONDS), ..LoadRequest::default() };
        let report = runtime.block_on(async {
            let admitted = prober.load_admission(&target, &request).await.expect("there is room");
            prober.load(&target, &request, admitted, &CancellationToken::new(), |_| {}).await
        });
        assert_eq!(report.failed, 0, "{:?}", report.errors);
        report.throughput_per_s
    };
    let theirs = |connections: u32, threads: u32| {
        let how = How::Prepared { seconds: SECONDS };
        pgbench(&cluster, &Run { script: &script, connections, threads, tls: Tls::Off, how })
    };
    let mut reached = true;
    for connections in [1, 8] {
        let (mut mine, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            mine.push(ours(connections));
            one.push(theirs(connections, 1));
            if connections > 1 {
                two.push(theirs(connections, 2));
            }
        }
        let (mine, one) = (median(mine), median(one));
        let two = if two.is_empty() { one } else { median(two) };
        // The better of its two ways.
        let peer = one.max(two);
        let what = format!("select 1 over {connections} held connections against pgbench -M prepared");
        let how = format!(
            "{mine:.0}/s here, {one:.0}/s by pgbench with one thread, {two:.0}/s with as many as we have"
        );
        reached &= at_least(&what, mine / peer, 0.75, how);
    }
    reached
}
