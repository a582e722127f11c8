//! The dashboard as it is shipped, on a database that is there already.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;

use super::database::Database;

pub(super) struct Dashboard {
    process: Child,
    address: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Dashboard {
    /// `None`: it is not built.
    pub(super) async fn start(database: &Database) -> Option<Self> {
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/pg-dashboard");
        let program =
            std::env::var_os("PG_DASHBOARD_BIN").map_or_else(|| PathBuf::from(built), PathBuf::from);
        if !program.is_file() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder is made");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port").local_addr();
        let port = port.expect("it has an address").port();
        let process = Command::new(program)
            .arg("serve")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("DATABASE_URL", database.config.url.expose_secret())
            .env("DB_PASSWORD_ENCRYPTION_KEY", database.key.expose_secret())
            .env("TIMESCALE_RETENTION_DAYS", database.config.retention_days.to_string())
            .env("PG_DASHBOARD_DATA", folder.path())
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the dashboard starts");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client is made");
        let dashboard =
            Self { process, address: format!("http://127.0.0.1:{port}"), client, _folder: folder };
        let until = Instant::now() + Duration::from_secs(60);
        while !dashboard.is_ready().await {
            assert!(Instant::now() < until, "the dashboard does not get ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(dashboard)
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// The body of an answer that must be a 200.
    pub(super) async fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.expect("it answers");
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.expect("the answer is whole").to_vec()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
