//! Who may log in, and with which rights.

use chrono::DateTime;
use common::health::ChangeKind;
use serde::{Deserialize, Serialize};

use super::{
    Noticed,
    listed::{Listed, shortened},
};
use crate::rows::{Answer, Row};

/// All with rights beyond their own tables, and of the others the first by name, which the index of names gives: 3 ms with
/// 10,000 roles. The roles that PostgreSQL brings have
/// oids below 16384 (`FirstNormalObjectId`), but for the first superuser's.
pub(super) const QUERY: &str = "\
with granted as materialized (
    select m.member, string_agg(g.rolname::text, ', ' order by g.rolname::text) as roles
      from pg_auth_members m
      join pg_roles g on g.oid = m.roleid
     where g.rolsuper
        or g.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
                         'pg_read_all_data', 'pg_write_all_data', 'rds_superuser', 'cloudsqlsuperuser',
                         'azure_pg_admin', 'neon_superuser')
     group by m.member
),
listed as (
    (select r.*, true as privileged
       from pg_roles r
      where (r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls
             or r.oid = any (array(select member from granted)))
        and (r.oid >= 16384 or r.oid = 10)
      order by r.rolname
      limit 200)
    union all
    (select r.*, false
       from pg_roles r
      where not (r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls
                 or r.oid = any (array(select member from granted)))
        and r.oid >= 16384
      order by r.rolname
      limit 200)
)
select listed.rolname as name, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
       granted.roles as member_of, privileged,
       case when isfinite(rolvaliduntil) then extract(epoch from rolvaliduntil)::int8 end as valid_until_s,
       null::int8 as rest, null as digest
  from listed
  left join granted on granted.member = listed.oid
union all
select null, null, null, null, null, null, null, null, null, null, count(*) - 200,
       sum(r.oid::int8 * (1 + r.rolcanlogin::int4 + 2 * r.rolcreatedb::int4))::text
  from pg_roles r
 where not (r.rolsuper or r.rolcreaterole or r.rolreplication or r.rolbypassrls
            or r.oid = any (array(select member from granted)))
   and r.oid >= 16384
having count(*) > 200";

/// Both lists are bounded by themselves, so that no crowd of ordinary logins hides a superuser.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Roles {
    privileged: Listed<String>,
    ordinary: Listed<String>,
}

impl Roles {
    pub(super) fn from_answer(answer: &Answer) -> Self {
        let is_privileged = |row: Row<'_>| row.flag("privileged") == Some(true);
        let privileged = answer.rows().filter(|row| is_privileged(*row));
        let ordinary = answer.rows().filter(|row| !is_privileged(*row));
        Self {
            privileged: Listed::from_rows(privileged, |row| Some(rights(row))),
            ordinary: Listed::from_rows(ordinary, |row| Some(rights(row))),
        }
    }

    fn rights_of(&self, name: &str) -> Option<&String> {
        self.privileged.items.get(name).or_else(|| self.ordinary.items.get(name))
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.privileged.items.keys().chain(self.ordinary.items.keys())
    }
}

fn rights(row: Row<'_>) -> String {
    let flags = [
        ("rolsuper", "superuser"),
        ("rolcreaterole", "creates roles"),
        ("rolcreatedb", "creates databases"),
        ("rolreplication", "replication"),
        ("rolbypassrls", "bypasses row security"),
    ];
    let login = if row.flag("rolcanlogin") == Some(true) { "login" } else { "no login" };
    let mut rights = vec![login.to_owned()];
    rights.extend(
        flags.iter().filter(|(column, _)| row.flag(column) == Some(true)).map(|(_, it)| (*it).to_owned()),
    );
    rights.extend(shortened(row, "member_of").map(|roles| format!("member of {roles}")));
    let until = row.number("valid_until_s").and_then(|at| DateTime::from_timestamp(at, 0));
    rights.extend(until.map(|until| format!("valid until {}", until.format("%Y-%m-%d %H:%M UTC"))));
    rights.join(", ")
}

/// What a role that was not listed had.
const ORDINARY: &str = "no special rights";

pub(super) fn notice(known: &mut Option<Roles>, now: Roles, changes: &mut Noticed) {
    if let Some(before) = &*known {
        let mut names: Vec<&String> = before.names().chain(now.names()).collect();
        names.sort();
        names.dedup();
        let mut any = false;
        for name in names {
            let (then, is) = (before.rights_of(name), now.rights_of(name));
            if then == is {
                continue;
            }
            // Beyond the end of a bounded list nobody knows: it may be one of the others there.
            let unknown =
                |side: Option<&String>, list: &Roles| side.is_none() && !list.ordinary.would_list(name);
            let (then, is) = match (unknown(then, before), unknown(is, &now)) {
                (true, _) if !now.privileged.items.contains_key(name) => continue,
                (_, true) if !before.privileged.items.contains_key(name) => continue,
                (true, _) => (Some(ORDINARY.to_owned()), is.cloned()),
                (_, true) => (then.cloned(), Some(ORDINARY.to_owned())),
                _ => (then.cloned(), is.cloned()),
            };
            any = true;
            changes.add(ChangeKind::User, Some(name), then, is);
        }
        if let Some(count) = before.ordinary.rest_differs(&now.ordinary).filter(|_| !any) {
            let one = format!("one or more of the {count} roles that are not listed changed");
            changes.add(ChangeKind::User, None, None, Some(one));
        }
    }
    *known = Some(now);
}

#[cfg(test)]
mod tests {
    use super::{super::listed::Rest, *};

    fn roles(privileged: &[(&str, &str)], ordinary: &[&str], rest: Option<i64>) -> Roles {
        let owned = |(name, rights): (&str, &str)| (name.to_owned(), rights.to_owned());
        Roles {
            privileged: Listed { items: privileged.iter().copied().map(owned).collect(), rest: None },
            ordinary: Listed {
                items: ordinary.iter().map(|name| owned((name, "login"))).collect(),
                rest: rest.map(|count| Rest { count, digest: count.to_string() }),
            },
        }
    }

    fn noticed(before: Roles, now: Roles) -> Vec<String> {
        let mut known = Some(before);
        let mut changes = Noticed { at: DateTime::UNIX_EPOCH, changes: Vec::new() };
        notice(&mut known, now.clone(), &mut changes);
        assert_eq!(known, Some(now));
        let said = changes.changes.into_iter().map(|change| {
            let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            format!("{}: {} -> {}", text(change.subject), text(change.before), text(change.after))
        });
        said.collect()
    }

    #[test]
    fn a_login_that_comes_goes_or_gets_rights_is_noticed() {
        let before = roles(&[("postgres", "login, superuser")], &["app", "old"], None);
        let now = roles(&[("app", "login, superuser"), ("postgres", "login, superuser")], &["new"], None);
        assert_eq!(noticed(before.clone(), before.clone()), [""; 0]);
        assert_eq!(
            noticed(before, now),
            ["app: login -> login, superuser", "new: - -> login", "old: login -> -"]
        );
    }

    #[test]
    fn in_a_crowd_of_logins_a_new_right_is_noticed_and_what_falls_off_the_list_is_not_gone() {
        let before = roles(&[], &["a", "c"], Some(5));
        assert_eq!(noticed(before.clone(), roles(&[], &["a", "b"], Some(6))), ["b: - -> login"]);
        assert_eq!(
            noticed(before.clone(), roles(&[("zoe", "login, superuser")], &["a", "c"], Some(4))),
            ["zoe: no special rights -> login, superuser"]
        );
        assert_eq!(
            noticed(roles(&[("zoe", "login, superuser")], &["a", "c"], Some(4)), before.clone()),
            ["zoe: login, superuser -> no special rights"]
        );
        assert_eq!(
            noticed(before, roles(&[], &["a", "c"], Some(6))),
            ["-: - -> one or more of the 6 roles that are not listed changed"]
        );
    }
}
