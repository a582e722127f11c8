//! The server's settings that differ from their defaults.

use std::collections::BTreeSet;

use common::health::ChangeKind;
use serde::{Deserialize, Serialize};

use super::{
    Noticed,
    listed::{Listed, shortened},
};
use crate::{health::Known, rows::Answer};

/// What a session or its client set says nothing of the server, and hides what the server has: in a reading those that we
/// set ourselves, and through a pooler what somebody left in its session.
///
/// A text that may hold a secret stays where it is. Of it, 20 bits of a hash are told: enough to notice a change, and too
/// few to confirm a guess.
pub(super) const QUERY: &str = "\
with seen as (
    select name, setting, pending_restart,
           source in ('client', 'session', 'interactive', 'test') as hidden,
           name ~ '(passw|passphrase|secret|token|conninfo|credential|_command$)'
             or name like '%.%' and name ~ '(key|salt|pass)'
             or setting ~* '(passw|secret|://[^/ ]*:[^/ ]*@)' as secret
      from pg_settings
     where source not in ('default', 'override') or pending_restart
),
listed as (
    select seen.*, row_number() over (order by name collate \"C\") as place from seen
)
select name,
       case when hidden then null
            when secret then (hashtextextended(setting, 0) & 1048575)::text
            else left(current_setting(name, true), 300)
       end as value,
       hidden, secret, pending_restart, null::int8 as rest, null as digest
  from listed
 where place <= 200
union all
select null, null, null, null, null, count(*), sum(hashtextextended(name || setting, 0) & 1048575)::text
  from listed
 where place > 200 and not hidden
having count(*) > 0";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Setting {
    /// With its unit, as `SHOW` prints it; of a secret the few bits that tell it from another.
    value: String,
    secret: bool,
    /// Another value waits for a restart.
    pending: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    listed: Listed<Setting>,
    /// Those whose value for the server cannot be seen in this session.
    hidden: BTreeSet<String>,
    /// Without `pg_read_all_settings` some are missing, and nothing says which.
    sees_all: bool,
}

impl Settings {
    pub(super) fn from_answer(answer: &Answer, known: &Known) -> Self {
        let is_hidden = |row: crate::rows::Row<'_>| row.flag("hidden") == Some(true);
        let hidden = answer.rows().filter(|row| is_hidden(*row)).filter_map(|row| row.shown("name"));
        let listed = Listed::from_rows(answer.rows().filter(|row| !is_hidden(*row)), |row| {
            Some(Setting {
                value: shortened(row, "value")?,
                secret: row.flag("secret").unwrap_or(false),
                pending: row.flag("pending_restart").unwrap_or(false),
            })
        });
        let sees_all = known.is_superuser() || known.reads_all_settings == Some(true);
        Self { listed, hidden: hidden.take(super::listed::MOST).collect(), sees_all }
    }

    pub(super) fn pending_restart(&self) -> Vec<String> {
        let pending = self.listed.items.iter().filter(|(_, setting)| setting.pending);
        pending.map(|(name, _)| name.clone()).collect()
    }
}

pub(super) fn notice(known: &mut Option<Settings>, mut now: Settings, changes: &mut Noticed) {
    if let Some(before) = known.take() {
        for difference in before.listed.differences(&now.listed) {
            let name = difference.name;
            let unseen_before = difference.before.is_none()
                && (before.hidden.contains(name) || now.sees_all && !before.sees_all);
            let unseen_now =
                difference.now.is_none() && (now.hidden.contains(name) || before.sees_all && !now.sees_all);
            if !(unseen_before || unseen_now) {
                let (then, is) = shown(difference.before, difference.now);
                changes.add(ChangeKind::Setting, Some(name), Some(then), Some(is));
            }
        }
        if let Some(count) = before.listed.rest_differs(&now.listed) {
            let one = format!("one or more of the {count} settings that are not listed changed");
            changes.add(ChangeKind::Setting, None, None, Some(one));
        }
        now.remember(before);
    }
    *known = Some(now);
}

impl Settings {
    /// What cannot be seen now stays as it was.
    fn remember(&mut self, before: Self) {
        let sees_less = before.sees_all && !self.sees_all;
        for (name, setting) in before.listed.items {
            if self.hidden.remove(&name) || sees_less && !self.listed.items.contains_key(&name) {
                self.listed.items.insert(name, setting);
            }
        }
        self.sees_all |= before.sees_all;
    }
}

const DEFAULT: &str = "the default";

fn shown(before: Option<&Setting>, now: Option<&Setting>) -> (String, String) {
    let secret = before.into_iter().chain(now).any(|setting| setting.secret);
    let text = |setting: Option<&Setting>, hidden: &str| {
        let Some(setting) = setting else { return DEFAULT.to_owned() };
        let value = match setting.value.as_str() {
            _ if secret => hidden,
            "" => "empty",
            value => value,
        };
        let pending = if setting.pending { " (another value waits for a restart)" } else { "" };
        format!("{value}{pending}")
    };
    (text(before, "a text that is not shown"), text(now, "changed; the text is not shown"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn settings(items: &[(&str, &str)], hidden: &[&str], sees_all: bool) -> Settings {
        let setting = |value: &str| Setting {
            value: value.trim_end_matches('*').trim_start_matches('!').to_owned(),
            secret: value.starts_with('!'),
            pending: value.ends_with('*'),
        };
        Settings {
            listed: Listed {
                items: items.iter().map(|(name, value)| ((*name).to_owned(), setting(value))).collect(),
                rest: None,
            },
            hidden: hidden.iter().map(|name| (*name).to_owned()).collect(),
            sees_all,
        }
    }

    fn noticed(readings: Vec<Settings>) -> Vec<String> {
        let mut known = None;
        let mut changes = Noticed { at: DateTime::UNIX_EPOCH, changes: Vec::new() };
        for reading in readings {
            notice(&mut known, reading, &mut changes);
        }
        let said = changes.changes.into_iter().map(|change| {
            let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            format!("{}: {} -> {}", text(change.subject), text(change.before), text(change.after))
        });
        said.collect()
    }

    #[test]
    fn a_setting_has_its_unit_and_its_default_is_a_value() {
        assert_eq!(
            noticed(vec![
                settings(&[("jit", "off"), ("work_mem", "4MB")], &[], true),
                settings(&[("log_line_prefix", ""), ("work_mem", "64MB")], &[], true),
            ]),
            ["jit: off -> the default", "log_line_prefix: the default -> empty", "work_mem: 4MB -> 64MB"]
        );
    }

    #[test]
    fn a_value_that_waits_for_a_restart_is_said_so() {
        assert_eq!(
            noticed(vec![
                settings(&[("shared_buffers", "128MB")], &[], true),
                settings(&[("shared_buffers", "128MB*")], &[], true),
                settings(&[("shared_buffers", "1GB")], &[], true),
            ]),
            [
                "shared_buffers: 128MB -> 128MB (another value waits for a restart)",
                "shared_buffers: 128MB (another value waits for a restart) -> 1GB"
            ]
        );
    }

    #[test]
    fn a_secret_changes_without_its_text() {
        assert_eq!(
            noticed(vec![
                settings(&[("primary_conninfo", "!123")], &[], true),
                settings(&[("primary_conninfo", "!456"), ("ssl_passphrase_command", "!7")], &[], true),
            ]),
            [
                "primary_conninfo: a text that is not shown -> changed; the text is not shown",
                "ssl_passphrase_command: the default -> changed; the text is not shown"
            ]
        );
    }

    #[test]
    fn what_a_session_hides_is_neither_gone_nor_new_and_is_compared_when_it_is_seen_again() {
        let seen = |value: &str| settings(&[("work_mem", value)], &[], true);
        let hidden = || settings(&[], &["work_mem"], true);
        assert_eq!(noticed(vec![seen("4MB"), hidden(), hidden(), seen("4MB")]), [""; 0]);
        assert_eq!(noticed(vec![hidden(), seen("4MB")]), [""; 0]);
        assert_eq!(noticed(vec![seen("4MB"), hidden(), seen("8MB")]), ["work_mem: 4MB -> 8MB"]);
    }

    #[test]
    fn a_right_that_comes_or_goes_changes_no_setting() {
        let all = |value: &str| settings(&[("a", "1"), ("log_directory", value)], &[], true);
        let some = |value: &str| settings(&[("a", value)], &[], false);
        assert_eq!(noticed(vec![some("1"), all("x"), some("1"), all("x")]), [""; 0]);
        assert_eq!(
            noticed(vec![all("x"), some("2"), all("y")]),
            ["a: 1 -> 2", "a: 2 -> 1", "log_directory: x -> y"]
        );
    }
}
