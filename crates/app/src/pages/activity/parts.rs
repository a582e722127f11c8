//! What the list holds: checks in parts, newest first. Older parts come at the end, new checks at the front.

use common::Page;
use leptos::prelude::*;

use super::EACH;
use crate::{clock::rfc3339, rpc::activity::Check};

/// While the list only grows at its front, what lies behind so many parts is let go; it can be asked for again.
const KEPT: usize = 20;

/// Some checks, and their place in the list: the lower, the newer.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) place: i64,
    pub(super) checks: RwSignal<Vec<Check>>,
}

/// The list, and where what is older than it begins.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) all: RwSignal<Vec<Part>>,
    pub(super) next: RwSignal<Option<String>>,
}

impl Parts {
    pub(super) fn new(page: Page<Check>) -> Self {
        let first = Part { place: 0, checks: RwSignal::new(page.items) };
        Self { all: RwSignal::new(vec![first]), next: RwSignal::new(page.next) }
    }

    /// What is older than all that is there.
    pub(super) fn append(self, page: Page<Check>) {
        let owner = self.all.try_update(|all| {
            let place = all.last().map_or(0, |last| last.place + 1);
            all.push(Part { place, checks: RwSignal::new(page.items) });
        });
        if owner.is_some() {
            self.next.try_set(page.next);
        }
    }

    /// The newest page, read again: what is new in it comes to the front. Answers how many there were.
    pub(super) fn renew(self, page: Page<Check>) -> usize {
        let Some(first) = self.all.try_with_untracked(|all| all.first().copied()).flatten() else { return 0 };
        let known = first.checks.try_get_untracked().unwrap_or_default();
        let mut new: Vec<Check> = page.items.clone();
        if let Some(newest) = known.first() {
            // Of the same moment may be some that are known, and some that are not.
            new.retain(|check| check.at >= newest.at && !known.contains(check));
        }
        let count = new.len();
        if count == 0 {
            return 0;
        }
        if count == page.items.len() && page.next.is_some() {
            // More happened than one page holds: what lies between is not known.
            self.all.try_set(vec![Part { place: first.place - 1, checks: RwSignal::new(new) }]);
            self.next.try_set(page.next);
        } else if known.len() < EACH as usize {
            first.checks.try_update(|checks| checks.splice(..0, new).count());
        } else {
            let part = Part { place: first.place - 1, checks: RwSignal::new(new) };
            self.all.try_update(|all| all.insert(0, part));
            self.let_go();
        }
        count
    }

    fn let_go(self) {
        if self.all.with_untracked(Vec::len) <= KEPT {
            return;
        }
        self.all.update(|all| all.truncate(KEPT));
        let oldest = self.all.with_untracked(|all| {
            all.last()
                .and_then(|part| part.checks.with_untracked(|checks| checks.last().map(|check| check.at)))
        });
        if let Some(oldest) = oldest {
            self.next.set(Some(rfc3339(oldest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use common::{ConnectionId, Phases, test_result::TestKind};

    use super::*;

    fn check(second: i64, id: i64) -> Check {
        Check {
            connection_id: ConnectionId(id),
            connection_name: "orders".to_owned(),
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(second),
            kind: TestKind::Held,
            round_trip_ms: Some(0.5),
            total_ms: 0.5,
            phases: Phases::default(),
            failure: None,
        }
    }

    fn page(items: Vec<Check>, next: Option<&str>) -> Page<Check> {
        Page { total: items.len() as u64, items, next: next.map(str::to_owned) }
    }

    fn shown(parts: Parts) -> Vec<(i64, i64)> {
        let all = parts.all.get_untracked();
        all.iter()
            .flat_map(|part| part.checks.get_untracked())
            .map(|check| (check.at.timestamp(), check.connection_id.0))
            .collect()
    }

    #[test]
    fn only_what_is_new_comes_to_the_front() {
        Owner::new().with(|| {
            let parts = Parts::new(page(vec![check(2, 1), check(1, 1)], None));
            assert_eq!(parts.renew(page(vec![check(2, 1), check(1, 1)], None)), 0);
            // One of the same moment, by another connection.
            assert_eq!(parts.renew(page(vec![check(3, 1), check(2, 2), check(2, 1), check(1, 1)], None)), 2);
            assert_eq!(shown(parts), [(3, 1), (2, 2), (2, 1), (1, 1)]);
        });
    }

    #[test]
    fn after_a_break_that_one_page_does_not_cover_the_list_begins_anew() {
        Owner::new().with(|| {
            let parts = Parts::new(page(vec![check(1, 1)], None));
            assert_eq!(parts.renew(page(vec![check(9, 1), check(8, 1)], Some("more"))), 2);
            assert_eq!(shown(parts), [(9, 1), (8, 1)]);
            assert_eq!(parts.next.get_untracked().as_deref(), Some("more"));
        });
    }

    #[test]
    fn a_list_that_grows_for_days_keeps_its_newest_parts() {
        Owner::new().with(|| {
            let full =
                |round: i64| (0..i64::from(EACH)).rev().map(|at| check(round * 1000 + at, 1)).collect();
            let parts = Parts::new(page(full(0), None));
            for round in 1..50 {
                let mut items: Vec<Check> = full(round);
                // Something known at the end: nothing was missed.
                items.push(check(round * 1000 - 1000 + i64::from(EACH) - 1, 1));
                assert_eq!(parts.renew(page(items, None)), EACH as usize);
            }
            assert_eq!(parts.all.get_untracked().len(), KEPT);
            assert_eq!(parts.next.get_untracked().as_deref(), Some("1970-01-01T08:20:00+00:00"));
        });
    }
}
