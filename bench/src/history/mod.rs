//! The history: how fast it is written, how small it is, how fast a chart is read from it.

mod chart;
mod checks;
mod dashboard;
mod database;
mod ingest;
mod timescale;

/// Runs the parts that are asked for, and answers whether every number was reached.
pub(crate) fn run(parts: &[String]) -> bool {
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let mut reached = true;
    if wanted("ingest") {
        reached &= runtime.block_on(ingest::run());
    }
    if wanted("chart") || wanted("api") {
        reached &= runtime.block_on(chart::run(wanted("api")));
    }
    if wanted("timescale") {
        runtime.block_on(timescale::run());
    }
    reached
}
