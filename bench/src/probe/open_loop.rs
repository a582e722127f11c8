//! Whether an open-loop test tells the truth when the server stalls: a proxy holds every answer back for a while, and says
//! when. The truth follows from the schedule and the pause: a request that falls due while nothing passes waits for its
//! end.

use std::time::Duration;

use common::{SslMode, load::LoadRequest};
use probe::Prober;
use testkit::{Cluster, Version, faulty::Proxy};
use tokio_util::sync::CancellationToken;

use super::{one_thread, target};
use crate::numbers::at_most;

const RATE_PER_S: f64 = 200.0;
const DURATION_S: f64 = 10.0;
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run() -> bool {
    let cluster = Cluster::builder(Version::V18).start_blocking();
    let runtime = one_thread();
    let (report, pause_s) = runtime.block_on(async {
        let proxy = Proxy::to(cluster.port());
        let mut target = target(&cluster, SslMode::Disable, None);
        target.port = proxy.port();
        let request = LoadRequest {
            connections: 8,
            duration_s: DURATION_S,
            rate_per_s: Some(RATE_PER_S),
            ..LoadRequest::default()
        };
        let prober = Prober::new();
        let admitted = prober.load_admission(&target, &request).await.expect("there is room");
        let stop = CancellationToken::new();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let test = prober.load(&target, &request, admitted, &stop, move |so_far| {
            let _nobody_listens = tell.send(so_far.timeline.len());
        });
        let stall = async {
            // In the middle of the test, when its third second is told.
            while told.recv().await.is_some_and(|seconds| seconds < 3) {}
            proxy.stall();
            tokio::time::sleep(PAUSE).await;
            proxy.resume();
        };
        let (report, ()) = tokio::join!(test, stall);
        let [(from, to)] = proxy.pauses()[..] else { panic!("one pause") };
        (report, (to - from).as_secs_f64())
    });
    // Requests that fall due evenly while nothing passes wait from the whole pause down to nothing. The 99th percentile of
    // all is the wait that one per cent of all requests exceed.
    let all = report.requests as f64;
    let truth_ms = (pause_s - 0.01 * all / RATE_PER_S) * 1000.0;
    let told_ms = report.latency.p99_ms.expect("something succeeded");
    let off = (told_ms / truth_ms - 1.0).abs() * 100.0;
    let how = format!("told {told_ms:.0} ms, {truth_ms:.0} ms by the schedule and a pause of {pause_s:.3} s");
    at_most("p99 of an open-loop test whose server pauses, off the truth", off, "%", 5.0, how)
}
