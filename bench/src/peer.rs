//! pgbench, the peer: libpq, in C, by the people who make PostgreSQL.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use testkit::Cluster;

/// Where Debian and others keep it.
const FOLDERS: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];

/// How pgbench is told to verify the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tls<'a> {
    Off,
    /// `verify-full` against this CA.
    VerifyFull(&'a Path),
}

/// One run of pgbench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) script: &'a Path,
    pub(crate) connections: u32,
    pub(crate) threads: u32,
    pub(crate) tls: Tls<'a>,
    pub(crate) how: How,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// `-M prepared` for so many seconds, on connections that stay open.
    Prepared { seconds: u32 },
    /// A new connection for each of so many transactions.
    Connecting { transactions: u32 },
}

/// Transactions a second, as pgbench says.
pub(crate) fn pgbench(cluster: &Cluster, run: &Run<'_>) -> f64 {
    let mut command = Command::new(program());
    command
        .args(["-n", "-h", cluster.host(), "-p", &cluster.port().to_string(), "-U", cluster.user()])
        .args(["-c", &run.connections.to_string(), "-j", &run.threads.to_string()])
        .arg("-f")
        .arg(run.script)
        .env("PGPASSWORD", cluster.password());
    match run.how {
        How::Prepared { seconds } => command.args(["-M", "prepared", "-T", &seconds.to_string()]),
        How::Connecting { transactions } => command.args(["-C", "-t", &transactions.to_string()]),
    };
    match run.tls {
        Tls::Off => command.env("PGSSLMODE", "disable"),
        Tls::VerifyFull(ca) => command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", ca),
    };
    let output = command.arg("postgres").output().expect("pgbench starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "pgbench: {said}{}", String::from_utf8_lossy(&output.stderr));
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next());
    tps.and_then(|tps| tps.parse().ok()).expect("pgbench says its tps")
}

fn program() -> PathBuf {
    let versions = FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let found = versions.map(|version| version.path().join("bin/pgbench")).find(|file| file.is_file());
    found.unwrap_or_else(|| PathBuf::from("pgbench"))
}
