//! Named things of a server, no more of them than are worth remembering: of the rest, only whether it is still the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rows::Row;

/// How many are remembered by name; the queries of this folder say the same.
pub(super) const MOST: usize = 200;
/// The most characters of a value.
const MAX_VALUE: usize = 300;

/// The first [`MOST`] by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Listed<T> {
    pub(super) items: BTreeMap<String, T>,
    pub(super) rest: Option<Rest>,
}

/// What comes after the last item by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rest {
    pub(super) count: i64,
    pub(super) digest: String,
}

/// One that was added, removed or changed.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a, T> {
    pub(super) name: &'a str,
    pub(super) before: Option<&'a T>,
    pub(super) now: Option<&'a T>,
}

impl<T: PartialEq> Listed<T> {
    /// From rows with a `name`; the row without one tells of the rest.
    pub(super) fn from_rows<'a>(
        rows: impl Iterator<Item = Row<'a>>,
        item: impl Fn(Row<'a>) -> Option<T>,
    ) -> Self {
        let (mut items, mut rest) = (BTreeMap::new(), None);
        for row in rows {
            match row.shown("name") {
                Some(name) if items.len() < MOST => {
                    items.extend(item(row).map(|item| (name, item)));
                }
                // A server that sends more than it was asked for.
                Some(_) => {}
                None => {
                    let digest = shortened(row, "digest").unwrap_or_default();
                    rest = row.number("rest").map(|count| Rest { count, digest });
                }
            }
        }
        Self { items, rest }
    }

    /// Whether a name that is not listed is not there, either.
    pub(super) fn would_list(&self, name: &str) -> bool {
        let last = self.items.last_key_value().map(|(last, _)| last.as_str());
        self.rest.is_none() || last.is_none_or(|last| name <= last)
    }

    /// What differs, of all that both would list.
    pub(super) fn differences<'a>(&'a self, now: &'a Self) -> Vec<Difference<'a, T>> {
        let mut differences = Vec::new();
        for (name, before) in &self.items {
            match now.items.get(name) {
                Some(is) if is == before => {}
                None if !now.would_list(name) => {}
                is => differences.push(Difference { name, before: Some(before), now: is }),
            }
        }
        for (name, is) in &now.items {
            if !self.items.contains_key(name) && self.would_list(name) {
                differences.push(Difference { name, before: None, now: Some(is) });
            }
        }
        differences.sort_by_key(|difference| difference.name);
        differences
    }

    /// How many there are beyond the listed, where one of those differs and none of the listed does.
    pub(super) fn rest_differs(&self, now: &Self) -> Option<i64> {
        match (&self.rest, &now.rest) {
            (Some(before), Some(is)) if before != is && self.differences(now).is_empty() => Some(is.count),
            _ => None,
        }
    }
}

/// A value as it may be shown and is worth remembering.
pub(super) fn shortened(row: Row<'_>, column: &str) -> Option<String> {
    row.text(column).map(|text| common::text::clean(&text, MAX_VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(items: &[(&str, i32)], rest: Option<(i64, &str)>) -> Listed<i32> {
        Listed {
            items: items.iter().map(|(name, item)| ((*name).to_owned(), *item)).collect(),
            rest: rest.map(|(count, digest)| Rest { count, digest: digest.to_owned() }),
        }
    }

    fn names(before: &Listed<i32>, now: &Listed<i32>) -> Vec<String> {
        before.differences(now).iter().map(|difference| difference.name.to_owned()).collect()
    }

    #[test]
    fn what_was_added_removed_or_changed_differs() {
        let (before, now) =
            (listed(&[("a", 1), ("b", 1), ("c", 1)], None), listed(&[("b", 2), ("c", 1), ("d", 1)], None));
        assert_eq!(names(&before, &now), ["a", "b", "d"]);
        assert_eq!(names(&now, &now), [""; 0]);
        assert_eq!(before.rest_differs(&now), None);
    }

    #[test]
    fn what_falls_off_the_end_of_a_bounded_list_is_not_gone() {
        let before = listed(&[("b", 1), ("c", 1)], Some((7, "x")));
        // "a" is new and pushed "c" over the end.
        let now = listed(&[("a", 1), ("b", 1)], Some((8, "y")));
        assert_eq!(names(&before, &now), ["a"]);
        assert_eq!(names(&now, &before), ["a"]);
    }

    #[test]
    fn a_difference_beyond_the_end_is_told_by_its_digest() {
        let before = listed(&[("a", 1)], Some((7, "x")));
        assert_eq!(before.rest_differs(&listed(&[("a", 1)], Some((7, "x")))), None);
        assert_eq!(before.rest_differs(&listed(&[("a", 1)], Some((7, "y")))), Some(7));
        assert_eq!(before.rest_differs(&listed(&[("a", 2)], Some((7, "y")))), None, "that is told by itself");
    }
}
