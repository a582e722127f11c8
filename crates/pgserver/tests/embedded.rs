//! What the embedded PostgreSQL promises: data is kept, one owner, nothing is left running, and a killed dashboard
//! does no harm. As root it runs as another user; the tests are the same.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test ends where something is not as it must be

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use pgserver::{Account, Embedded, PgServerError, Search, copy_tree, npm_package};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

const FOLDER: &str = "PGSERVER_TEST_FOLDER";

async fn start(folder: &Path) -> Embedded {
    Embedded::start(folder, &Search::usual(None)).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn connect(url: &SecretString) -> Client {
    let (client, connection) = tokio_postgres::connect(url.expose_secret(), NoTls).await.unwrap();
    tokio::spawn(async move {
        // it ends with the server
        let _ = connection.await;
    });
    client
}

async fn remember(embedded: &Embedded, note: &str) {
    let client = connect(&embedded.url()).await;
    client.batch_execute("CREATE TABLE IF NOT EXISTS note (text text NOT NULL)").await.unwrap();
    client.execute("INSERT INTO note VALUES ($1)", &[&note]).await.unwrap();
}

async fn notes(embedded: &Embedded) -> Vec<String> {
    let client = connect(&embedded.url()).await;
    let rows = client.query("SELECT text FROM note ORDER BY text", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Whether it runs; a zombie that nobody has waited for yet does not.
fn is_running(pid: u32) -> bool {
    let script = "kill -0 \"$1\" 2>/dev/null && ! grep -q '^State:.*Z' \"/proc/$1/status\" 2>/dev/null";
    Command::new("sh").args(["-c", script, "sh", &pid.to_string()]).status().unwrap().success()
}

fn signal(name: &str, pid: &str) {
    let status =
        Command::new("sh").args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", name, pid]).status().unwrap();
    assert!(status.success());
}

/// Waits for what another process does.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

fn npm_bin_dir() -> Option<PathBuf> {
    let bin_dir = npm_package::bin_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules")));
    bin_dir.is_dir().then_some(bin_dir)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn data_password_and_address_are_kept_across_restarts() {
    for pg_bin in [None, npm_bin_dir()] {
        let folder = tempfile::tempdir().unwrap();
        let search = Search::usual(pg_bin);
        let first = Embedded::start(folder.path(), &search).await.unwrap();
        remember(&first, "one").await;
        let (url, pid) = (first.url(), first.pid());
        first.stop().await.unwrap();
        assert!(!is_running(pid));

        let second = Embedded::start(folder.path(), &search).await.unwrap();
        assert_eq!(second.url().expose_secret(), url.expose_secret());
        assert_eq!(notes(&second).await, ["one"]);
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn statement_statistics_are_collected_from_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    let client = connect(&embedded.url()).await;
    client.query("SELECT 'seen'", &[]).await.unwrap();
    let seen = "SELECT count(*) FROM pg_stat_statements WHERE query = 'SELECT $1'";
    assert_eq!(client.query_one(seen, &[]).await.unwrap().get::<_, i64>(0), 1);
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_dashboard_on_the_same_folder_is_refused_with_the_folder_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    let refused = Embedded::start(folder.path(), &Search::usual(None)).await.unwrap_err();
    let PgServerError::Owned { folder: named, pid } = &refused else { panic!("{refused}") };
    assert_eq!((named.as_path(), *pid), (folder.path(), Some(std::process::id())));
    // and the first goes on
    remember(&first, "still here").await;
    first.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_ends_open_sessions_and_running_statements_within_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    let client = connect(&embedded.url()).await;
    let busy = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(600)").await });
    let pid = embedded.pid();
    let begun = Instant::now();
    embedded.stop().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!is_running(pid));
    assert!(busy.await.unwrap().is_err());
}

#[tokio::test]
async fn nobody_but_the_owner_can_read_the_secrets_and_nobody_gets_in_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    assert_eq!(mode(embedded.secrets_dir()), 0o700);
    assert_eq!(mode(&embedded.secrets_dir().join("postgres-password")), 0o600);
    assert_eq!(mode(&folder.path().join("postgres")), 0o700);
    let url = embedded.url().expose_secret().to_owned();
    let password = url.split(':').nth(2).unwrap().split('@').next().unwrap();
    assert_eq!(password.len(), 32);
    let wrong = url.replace(password, "guessed");
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());
    assert!(!format!("{embedded:?}").contains(password));
    embedded.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_server_sees_nothing_of_our_environment_that_is_not_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    let environment = fs::read(format!("/proc/{}/environ", embedded.pid())).unwrap();
    let text = String::from_utf8_lossy(&environment);
    // every test has this one
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!text.contains("CARGO_"), "{text}");
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_leaves_no_server() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).await.stop().await.unwrap();
    let search = Search::usual(None);
    let pid_file = folder.path().join("postgres/postmaster.pid");
    let mut starting = Box::pin(Embedded::start(folder.path(), &search));
    let begun = starting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(begun.is_pending());
    eventually("the server does not come up", || pid_file.exists());
    drop(starting);
    eventually("the server is still there", || !pid_file.exists());
}

#[tokio::test]
async fn a_lost_password_is_replaced_and_the_data_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    remember(&first, "one").await;
    let url = first.url();
    let file = first.secrets_dir().join("postgres-password");
    first.stop().await.unwrap();
    fs::remove_file(file).unwrap();
    let second = start(folder.path()).await;
    assert_ne!(second.url().expose_secret(), url.expose_secret());
    assert_eq!(notes(&second).await, ["one"]);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_file_from_a_backup_is_good_again_and_the_data_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    remember(&first, "one").await;
    let (url, file) = (first.url(), first.secrets_dir().join("postgres-password"));
    first.stop().await.unwrap();
    let backup = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    start(folder.path()).await.stop().await.unwrap();
    assert_ne!(fs::read(&file).unwrap(), backup);

    // the second time nothing has to be set any more
    fs::write(&file, &backup).unwrap();
    for _ in 0..2 {
        let restored = start(folder.path()).await;
        assert_eq!(restored.url().expose_secret(), url.expose_secret());
        assert_eq!(notes(&restored).await, ["one"]);
        restored.stop().await.unwrap();
    }
    assert_eq!(fs::read(&file).unwrap(), backup);
    let log = fs::read_to_string(folder.path().join("postgres.log")).unwrap();
    assert_eq!(log.matches("password authentication failed").count(), 1, "{log}");
}

#[tokio::test]
async fn a_start_that_was_interrupted_the_first_time_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("postgres.new");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();
    start(folder.path()).await.stop().await.unwrap();
    assert!(!half.exists());
}

#[tokio::test]
async fn data_of_a_version_that_is_not_installed_is_left_alone_and_the_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("postgres");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "12\n").unwrap();
    let refused = Embedded::start(folder.path(), &Search::usual(None)).await.unwrap_err().to_string();
    assert!(refused.contains("version 12"), "{refused}");
    assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "12\n");
}

#[tokio::test]
async fn a_start_that_fails_quotes_the_server() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).await.stop().await.unwrap();
    let conf = folder.path().join("postgres/postgresql.auto.conf");
    fs::write(&conf, "shared_buffers = 'plenty'\n").unwrap();
    let refused = Embedded::start(folder.path(), &Search::usual(None)).await.unwrap_err().to_string();
    assert!(refused.contains("invalid value for parameter \"shared_buffers\""), "{refused}");
    assert!(refused.contains("postgres.log"), "{refused}");
}

#[tokio::test]
async fn an_end_of_the_server_by_itself_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    remember(&embedded, "one").await;
    signal("KILL", &embedded.pid().to_string());
    let how = embedded.ended().await;
    assert!(how.contains("signal: 9"), "{how}");
    drop(embedded);
    // sessions and shared memory of the killed server may linger for a moment
    let again = start(folder.path()).await;
    assert_eq!(notes(&again).await, ["one"]);
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ended_by_itself_is_started_again_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut embedded = start(folder.path()).await;
    remember(&embedded, "one").await;
    let url = embedded.url();
    for name in ["INT", "KILL"] {
        let pid = embedded.pid();
        signal(name, &pid.to_string());
        embedded.ended().await;
        embedded = embedded.restart().await.unwrap();
        assert_ne!(embedded.pid(), pid);
        assert_eq!(embedded.url().expose_secret(), url.expose_secret());
        assert_eq!(notes(&embedded).await, ["one"]);
    }
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_is_refused_when_another_program_has_the_port_now() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    signal("INT", &embedded.pid().to_string());
    embedded.ended().await;
    let url = embedded.url();
    let port = url.expose_secret().rsplit(':').next().unwrap().split('/').next().unwrap();
    let _taken = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let refused = embedded.restart().await.unwrap_err().to_string();
    assert!(refused.contains(port), "{refused}");
    let pid_file = folder.path().join("postgres/postmaster.pid");
    eventually("a server at another port was left running", || !pid_file.exists());
}

#[tokio::test]
async fn a_stale_pid_file_whose_number_another_program_has_now_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).await.stop().await.unwrap();
    let data = folder.path().join("postgres");
    // a program of the same user: PostgreSQL itself would refuse to start
    let account = Account::for_servers().unwrap();
    let mut other = account.command(Path::new("/bin/sleep"), Path::new("/")).arg("600").spawn().unwrap();
    let file = data.join("postmaster.pid");
    fs::write(&file, format!("{}\n{}\n1700000000\n5432\n\n127.0.0.1\n", other.id(), data.display())).unwrap();
    account.give(&file).unwrap();
    let embedded = start(folder.path()).await;
    assert!(other.try_wait().unwrap().is_none(), "the other program was ended");
    embedded.stop().await.unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Not a test: the dashboard that other tests start as a process of its own, and kill.
#[tokio::test]
#[ignore = "started and killed by other tests"]
#[allow(clippy::print_stdout)] // to the test that started it
async fn owns_a_folder_until_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let embedded = start(&folder).await;
    remember(&embedded, "written before the kill").await;
    println!("\nowning {}", embedded.pid());
    std::future::pending::<()>().await;
}

/// Another dashboard on the folder, in a process group of its own like one in a terminal, and its server's pid.
fn another_dashboard(folder: &TempDir) -> (Child, u32) {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owns_a_folder_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.starts_with("owning ")).expect("it started");
    (owner, line["owning ".len()..].parse().unwrap())
}

#[tokio::test]
async fn after_kill_9_the_next_start_stops_the_orphan_and_finds_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let (mut owner, orphan) = another_dashboard(&folder);
    let refused = Embedded::start(folder.path(), &Search::usual(None)).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("(process {})", owner.id())), "{refused}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(is_running(orphan));

    let next = start(folder.path()).await;
    assert_ne!(next.pid(), orphan);
    assert!(!is_running(orphan));
    assert_eq!(notes(&next).await, ["written before the kill"]);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn after_a_power_cut_the_next_start_finds_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let (mut owner, server) = another_dashboard(&folder);
    owner.kill().unwrap();
    signal("KILL", &server.to_string());
    owner.wait().unwrap();
    let next = start(folder.path()).await;
    assert_eq!(notes(&next).await, ["written before the kill"]);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn ctrl_c_in_the_terminal_reaches_the_dashboard_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut owner, server) = another_dashboard(&folder);
    signal("INT", &format!("-{}", owner.id()));
    owner.wait().unwrap();
    assert!(is_running(server), "the server was interrupted as well");
    start(folder.path()).await.stop().await.unwrap();
    assert!(!is_running(server));
}

#[tokio::test]
async fn a_dropped_server_stops_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = start(folder.path()).await;
    let pid = embedded.pid();
    drop(embedded);
    eventually("the dropped server still runs", || !is_running(pid));
}

#[tokio::test]
async fn as_root_a_data_folder_out_of_reach_is_named_with_the_folder_that_is_closed() {
    if !Account::for_servers().unwrap().is_another() {
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let refused =
        Embedded::start(&closed.path().join("inside"), &Search::usual(None)).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("{} is closed", closed.path().display())), "{refused}");
    assert!(refused.contains("PG_DASHBOARD_DATA"), "{refused}");
}

#[tokio::test]
async fn as_root_binaries_out_of_reach_are_copied_to_where_they_can_run() {
    let (true, Some(bin_dir)) = (Account::for_servers().unwrap().is_another(), npm_bin_dir()) else { return };
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let package = closed.path().join("native");
    copy_tree(bin_dir.parent().unwrap(), &package, &|_| Ok(())).unwrap();
    fs::set_permissions(package.join("bin/postgres"), fs::Permissions::from_mode(0o600)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let search = Search::usual(Some(package.join("bin")));
    for _ in 0..2 {
        let embedded =
            Embedded::start(folder.path(), &search).await.unwrap_or_else(|error| panic!("{error}"));
        remember(&embedded, "one").await;
        embedded.stop().await.unwrap();
    }
    assert_eq!(fs::read_dir(folder.path().join("programs")).unwrap().count(), 1);
}
