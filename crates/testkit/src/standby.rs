//! A streaming standby of a cluster, made as `pg_basebackup` would, which does not come with the programs that tests have.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use pgserver::Account;

use crate::cluster::{Builder, Cluster};
use crate::template::{Template, short_folder};
use crate::version::Version;

/// What a standby makes for itself, or must not take over.
const LEFT_OUT: [&str; 6] =
    ["postmaster.pid", "postmaster.opts", "pg_replslot", "pg_stat_tmp", "pg_dynshmem", "pg_notify"];

impl Cluster {
    /// A standby that streams from this server, as superuser, without a slot. What holds of the server holds of it
    /// (settings, passwords); it is up when it takes logins.
    pub async fn standby(&self) -> Cluster {
        let admin = self.client("postgres").await;
        let (begin, end) = if self.version() < Version::V15 {
            (
                "select pg_start_backup('standby', true, false)",
                "select labelfile from pg_stop_backup(false, false)",
            )
        } else {
            ("select pg_backup_start('standby', true)", "select labelfile from pg_backup_stop(false)")
        };
        self.let_standbys_in();
        admin.batch_execute("select pg_reload_conf()").await.unwrap();
        admin.batch_execute(begin).await.unwrap();
        let account = Account::for_servers().unwrap_or_else(|error| panic!("{error}"));
        let folder = short_folder("pgt-");
        account.make_private_folder(folder.path()).unwrap();
        let data = folder.path().join("data");
        copy_of_running(&self.data(), &data, &account).unwrap();
        account.make_private_folder(&data).unwrap();
        let label: String = admin.query_one(end, &[]).await.unwrap().get(0);
        for (name, text) in [("backup_label", label.as_str()), ("standby.signal", "")] {
            fs::write(data.join(name), text).unwrap();
            account.give(&data.join(name)).unwrap();
        }
        let primary = format!(
            "host={} port={} user={} password={} application_name=standby",
            self.host(),
            self.port(),
            self.user(),
            self.password()
        );
        let builder: Builder = self
            .builder_of()
            .clone()
            .setting("primary_conninfo", &primary)
            // one that finds its primary away tries again soon
            .setting("wal_retrieve_retry_interval", "100ms");
        tokio::task::spawn_blocking(move || {
            let template = Template::get(builder.version(), &account);
            builder.start_in(folder, &template, &account)
        })
        .await
        .expect("the start did not panic")
    }

    /// `all` in `pg_hba.conf` does not mean replication.
    fn let_standbys_in(&self) {
        let mut hba = fs::OpenOptions::new().append(true).open(self.data().join("pg_hba.conf")).unwrap();
        writeln!(hba, "host replication all 127.0.0.1/32 scram-sha-256").unwrap();
    }
}

/// The data directory of a server that goes on: what has gone by the time it is its turn was not needed.
fn copy_of_running(from: &Path, to: &Path, account: &Account) -> io::Result<()> {
    let give = |path: &Path| account.give(path).map_err(io::Error::other);
    fs::create_dir(to)?;
    give(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            if entry.file_type()?.is_dir() {
                fs::create_dir(&target)?;
                account.make_private_folder(&target).unwrap();
            }
        } else if entry.file_type()?.is_dir() {
            copy_of_running(&entry.path(), &target, account)?;
        } else {
            match fs::copy(entry.path(), &target) {
                Ok(_) => give(&target)?,
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
