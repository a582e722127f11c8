//! The server itself: version, restart, role in replication, settings. Where a name leads to several servers by turns,
//! each is compared with itself.

use chrono::{DateTime, Utc};
use common::health::ChangeKind;
use serde::{Deserialize, Serialize};

use super::{Noticed, Settings, settings};
use crate::health::Known;

/// How many addresses are remembered with their servers.
const MOST: usize = 4;
/// The server's clock and ours are not in this: the same start is told the same each time.
const SAME_START_S: f64 = 1.0;

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Server {
    pub(super) version: Option<String>,
    pub(super) standby: Option<bool>,
    /// Seconds since the epoch.
    pub(super) started_at_s: Option<f64>,
    pub(super) settings: Option<Settings>,
}

impl Server {
    pub(super) fn of(known: &Known, settings: Option<Settings>) -> Self {
        Self {
            version: known.version.clone(),
            standby: known.standby,
            started_at_s: known.started_at_s.filter(|start| start.is_finite()),
            settings,
        }
    }
}

/// The servers that were met, the last one last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Servers(Vec<Met>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Met {
    address: String,
    server: Server,
}

impl Servers {
    pub(super) fn notice(&mut self, address: &str, now: Server, changes: &mut Noticed) {
        let same = self.0.iter().position(|met| met.address == address);
        let mut server = match same {
            Some(place) => self.0.remove(place).server,
            // It took the place of the last one: its start is its own, all else is compared.
            None => Server {
                started_at_s: None,
                ..self.0.last().map(|met| met.server.clone()).unwrap_or_default()
            },
        };
        server.notice(now, changes);
        self.0.push(Met { address: address.to_owned(), server });
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    pub(super) fn forget_settings(&mut self) {
        for met in &mut self.0 {
            met.server.settings = None;
        }
    }
}

impl Server {
    fn notice(&mut self, now: Self, changes: &mut Noticed) {
        if let (Some(before), Some(is)) = (&self.version, &now.version)
            && before != is
        {
            changes.add(ChangeKind::Version, None, Some(before.clone()), Some(is.clone()));
        }
        if let (Some(before), Some(is)) = (self.standby, now.standby)
            && before != is
        {
            changes.add(ChangeKind::Role, None, Some(role(before)), Some(role(is)));
        }
        if let (Some(before), Some(is)) = (self.started_at_s, now.started_at_s)
            && is > before + SAME_START_S
        {
            changes.add(ChangeKind::Restart, None, Some(time(before)), Some(time(is)));
        }
        self.version = now.version.or(self.version.take());
        self.standby = now.standby.or(self.standby);
        // One that is older is another server behind the same address; its turn is no restart of this one.
        self.started_at_s = match (self.started_at_s, now.started_at_s) {
            (Some(before), Some(is)) => Some(before.max(is)),
            (before, is) => is.or(before),
        };
        if let Some(now) = now.settings {
            settings::notice(&mut self.settings, now, changes);
        }
    }
}

fn role(standby: bool) -> String {
    if standby { "standby" } else { "primary" }.to_owned()
}

fn time(epoch_s: f64) -> String {
    let time: Option<DateTime<Utc>> = DateTime::from_timestamp(epoch_s as i64, 0);
    time.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, standby: bool, started_at_s: f64) -> Server {
        Server {
            version: Some(version.to_owned()),
            standby: Some(standby),
            started_at_s: Some(started_at_s),
            settings: None,
        }
    }

    fn noticed(servers: &mut Servers, address: &str, now: Server) -> Vec<ChangeKind> {
        let mut changes = Noticed { at: DateTime::UNIX_EPOCH, changes: Vec::new() };
        servers.notice(address, now, &mut changes);
        changes.changes.iter().map(|change| change.kind).collect()
    }

    #[test]
    fn a_promotion_a_restart_and_an_update_are_noticed_once() {
        let mut servers = Servers::default();
        assert_eq!(noticed(&mut servers, "a", server("17.1", true, 100.0)), []);
        assert_eq!(noticed(&mut servers, "a", server("17.1", false, 100.4)), [ChangeKind::Role]);
        assert_eq!(
            noticed(&mut servers, "a", server("17.2", false, 200.0)),
            [ChangeKind::Version, ChangeKind::Restart]
        );
        assert_eq!(noticed(&mut servers, "a", server("17.2", false, 200.0)), []);
    }

    #[test]
    fn servers_that_take_turns_are_each_compared_with_themselves() {
        let mut servers = Servers::default();
        noticed(&mut servers, "a", server("17.1", true, 100.0));
        assert_eq!(noticed(&mut servers, "b", server("17.2", true, 300.0)), [ChangeKind::Version]);
        for _ in 0..3 {
            assert_eq!(noticed(&mut servers, "a", server("17.1", true, 100.0)), []);
            assert_eq!(noticed(&mut servers, "b", server("17.2", true, 300.0)), []);
        }
        assert_eq!(noticed(&mut servers, "a", server("17.1", true, 400.0)), [ChangeKind::Restart]);
        // Behind one address, where they cannot be told apart, a turn is a restart once.
        assert_eq!(noticed(&mut servers, "a", server("17.1", true, 350.0)), []);
        assert_eq!(noticed(&mut servers, "a", server("17.1", true, 400.0)), []);
    }

    #[test]
    fn no_more_servers_are_remembered_than_a_few() {
        let mut servers = Servers::default();
        for number in 0..50 {
            noticed(&mut servers, &number.to_string(), server("17.1", true, 100.0));
        }
        assert_eq!(servers.0.len(), MOST);
    }
}
