//! Which extensions the database has, in which version.

use common::health::ChangeKind;

use super::{
    Noticed,
    listed::{Listed, shortened},
};
use crate::rows::Answer;

pub(super) const QUERY: &str = "\
(select extname as name, extversion as version, null::int8 as rest, null as digest
   from pg_extension
  order by extname
  limit 200)
union all
select null, null, count(*) - 200, sum(hashtext(extname || extversion))::text
  from pg_extension
having count(*) > 200";

pub(super) fn from_answer(answer: &Answer) -> Listed<String> {
    Listed::from_rows(answer.rows(), |row| shortened(row, "version"))
}

pub(super) fn notice(known: &mut Option<Listed<String>>, now: Listed<String>, changes: &mut Noticed) {
    if let Some(before) = &*known {
        for difference in before.differences(&now) {
            changes.add(
                ChangeKind::Extension,
                Some(difference.name),
                difference.before.cloned(),
                difference.now.cloned(),
            );
        }
        if let Some(count) = before.rest_differs(&now) {
            let one = format!("one or more of the {count} extensions that are not listed changed");
            changes.add(ChangeKind::Extension, None, None, Some(one));
        }
    }
    *known = Some(now);
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_new_an_updated_and_a_dropped_extension_are_noticed() {
        let listed = |items: &[(&str, &str)]| Listed {
            items: items.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect(),
            rest: None,
        };
        let mut known = None;
        let mut changes = Noticed { at: DateTime::UNIX_EPOCH, changes: Vec::new() };
        notice(&mut known, listed(&[("hstore", "1.8"), ("plpgsql", "1.0")]), &mut changes);
        assert_eq!(changes.changes, []);
        notice(&mut known, listed(&[("citext", "1.6"), ("plpgsql", "1.1")]), &mut changes);
        let said: Vec<_> = changes
            .changes
            .iter()
            .map(|change| {
                (change.subject.as_deref().unwrap(), change.before.as_deref(), change.after.as_deref())
            })
            .collect();
        assert_eq!(
            said,
            [
                ("citext", None, Some("1.6")),
                ("hstore", Some("1.8"), None),
                ("plpgsql", Some("1.0"), Some("1.1"))
            ]
        );
    }
}
