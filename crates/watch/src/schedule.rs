//! When each target's turn comes. No clock, no tasks: the moment is passed in.
//!
//! Turns follow each other at the interval, from a moment that chance has spread over it, so that a thousand targets are a
//! steady trickle. A turn that comes while the look before is still under way is left out and counted, and the one after
//! comes when it always would have.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

use common::ConnectionId;
use service::watching::Look;
use tokio::time::Instant;

use crate::Target;

/// How often health is read; never more often than the target is checked.
const HEALTH_EVERY: Duration = Duration::from_secs(60);
/// A target that was just added, resumed or taken over is first looked at within this.
const FIRST_WITHIN: Duration = Duration::from_secs(60);
/// How long ago at most the last look of a watcher that is gone may have been when its target is taken over: its lease, and
/// the time until somebody notices.
const GONE_FOR: Duration = Duration::from_secs(8);

/// The targets and their next turns.
pub(crate) struct Schedule<T, R> {
    /// From 0 to 1.
    random: R,
    targets: HashMap<ConnectionId, Turns<T>>,
    /// The next turn of each target; those of an older entry of the same target are left out when they come up.
    due: BinaryHeap<Reverse<(Instant, u64, ConnectionId)>>,
    entries: u64,
}

struct Turns<T> {
    target: T,
    /// Which of the turns in `due` is this target's.
    entry: u64,
    health_at: Instant,
    under_way: bool,
    /// Its first turn came: then it has its own moment within the interval.
    has_begun: bool,
}

/// A turn that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn<T> {
    pub(crate) target: T,
    pub(crate) look: Look,
    /// When it was due.
    pub(crate) at: Instant,
    /// How long until the next one.
    pub(crate) next: Duration,
}

/// What comes up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due<T> {
    Turn(Turn<T>),
    /// So many turns of the target were left out.
    Missed(T, u32),
}

impl<T: Target, R: Fn() -> f64> Schedule<T, R> {
    pub(crate) fn new(random: R) -> Self {
        Self { random, targets: HashMap::new(), due: BinaryHeap::new(), entries: 0 }
    }

    /// These are the targets now. One that has stayed as it was keeps its turns; one whose interval has changed, or that is
    /// new, gets others; one that is gone has none any more.
    pub(crate) fn set(&mut self, now: Instant, targets: Vec<T>) {
        let mut before = std::mem::take(&mut self.targets);
        for target in targets {
            let id = target.id();
            match before.remove(&id) {
                Some(turns) if turns.target.interval() == target.interval() => {
                    self.targets.insert(id, Turns { target, ..turns });
                }
                turns => {
                    let under_way = turns.is_some_and(|turns| turns.under_way);
                    self.add(now, target, under_way);
                }
            }
        }
        if self.due.len() > 64 + 2 * self.targets.len() {
            self.due.retain(|Reverse((_, entry, id))| {
                self.targets.get(id).is_some_and(|turns| turns.entry == *entry)
            });
        }
    }

    fn add(&mut self, now: Instant, target: T, under_way: bool) {
        let first = now + self.spread(first_within(target.interval()));
        let health_at = now + self.spread(HEALTH_EVERY.max(target.interval()));
        let entry = self.push(first, target.id());
        self.targets.insert(target.id(), Turns { target, entry, health_at, under_way, has_begun: false });
    }

    fn spread(&self, over: Duration) -> Duration {
        over.mul_f64((self.random)().clamp(0.0, 1.0))
    }

    fn push(&mut self, at: Instant, id: ConnectionId) -> u64 {
        self.entries += 1;
        self.due.push(Reverse((at, self.entries, id)));
        self.entries
    }

    /// When something comes up next.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _, _))| *at)
    }

    /// What has come up by now, one after the other.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due<T>> {
        loop {
            let Reverse((at, entry, id)) = *self.due.peek().filter(|Reverse((at, _, _))| *at <= now)?;
            self.due.pop();
            if self.targets.get(&id).is_some_and(|turns| turns.entry == entry) {
                return self.take_turn(now, at, id);
            }
        }
    }

    fn take_turn(&mut self, now: Instant, at: Instant, id: ConnectionId) -> Option<Due<T>> {
        let (interval, has_begun) = {
            let turns = self.targets.get(&id)?;
            (turns.target.interval(), turns.has_begun)
        };
        // The machine slept, perhaps: what was due meanwhile is not made up for.
        let slept = now.saturating_duration_since(at).as_nanos() / interval.as_nanos().max(1);
        let slept = u32::try_from(slept).unwrap_or(u32::MAX);
        let at = at + interval.saturating_mul(slept);
        // The first turn comes soon, wherever in the interval; from then on the turns are spread over all of it.
        let following = if has_begun { interval } else { self.spread(interval).max(interval / 20) };
        let entry = self.push(at + following, id);
        let turns = self.targets.get_mut(&id)?;
        (turns.entry, turns.has_begun) = (entry, true);
        if turns.under_way {
            return Some(Due::Missed(turns.target.clone(), slept + 1));
        }
        if slept > 0 && now < at + following {
            // The look itself follows at once: this turn stands for those that were slept through.
            tracing::debug!(%id, slept, "turns were slept through");
        }
        turns.under_way = true;
        let look = if at >= turns.health_at { Look::Health } else { Look::Test };
        if look == Look::Health {
            turns.health_at = at + HEALTH_EVERY.max(interval);
        }
        Some(Due::Turn(Turn { target: turns.target.clone(), look, at, next: following }))
    }

    /// The look at a target is over.
    pub(crate) fn over(&mut self, id: ConnectionId) {
        if let Some(turns) = self.targets.get_mut(&id) {
            turns.under_way = false;
        }
    }
}

/// Soon, but so that a thousand targets do not begin at once, and so that a target whose watcher is gone is looked at within
/// two intervals of the last time.
fn first_within(interval: Duration) -> Duration {
    let two_intervals = (interval * 2).saturating_sub(GONE_FOR);
    FIRST_WITHIN.min(interval).min(two_intervals)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Fake {
        id: i64,
        interval_s: u64,
    }

    impl Target for Fake {
        fn id(&self) -> ConnectionId {
            ConnectionId(self.id)
        }

        fn version(&self) -> i32 {
            1
        }

        fn epoch(&self) -> i64 {
            1
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(self.interval_s)
        }
    }

    fn fakes(number: i64, interval_s: u64) -> Vec<Fake> {
        (1..=number).map(|id| Fake { id, interval_s }).collect()
    }

    /// Evenly spread: what chance comes to over many.
    fn even() -> impl Fn() -> f64 {
        let state = Cell::new(0.5_f64);
        move || {
            state.set((state.get() + 0.618_034).fract());
            state.get()
        }
    }

    /// Takes every turn until `until`, ending each look at once; when they came, in seconds since the begin.
    fn turns<R: Fn() -> f64>(
        schedule: &mut Schedule<Fake, R>,
        begin: Instant,
        until_s: u64,
    ) -> Vec<(f64, i64, Look)> {
        let until = begin + Duration::from_secs(until_s);
        let mut taken = Vec::new();
        while let Some(at) = schedule.next_at().filter(|at| *at < until) {
            while let Some(due) = schedule.pop(at) {
                let Due::Turn(turn) = due else { panic!("{due:?}") };
                taken.push(((turn.at - begin).as_secs_f64(), turn.target.id, turn.look));
                schedule.over(turn.target.id());
            }
        }
        taken
    }

    #[test]
    fn a_thousand_targets_are_a_steady_trickle_from_the_first_second() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(even());
        schedule.set(begin, fakes(1000, 10));
        let taken = turns(&mut schedule, begin, 60);
        assert!((5900..=7000).contains(&taken.len()), "{}", taken.len());
        for second in 20..60 {
            let now = taken.iter().filter(|(at, ..)| *at as u64 == second).count();
            assert!((70..=130).contains(&now), "{now} in second {second}");
        }
    }

    #[test]
    fn turns_follow_each_other_at_the_interval() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(even());
        schedule.set(begin, fakes(1, 60));
        let at: Vec<f64> = turns(&mut schedule, begin, 3600).into_iter().map(|(at, ..)| at).collect();
        assert!(at[0] <= 60.0 && at[1] - at[0] <= 60.0, "{at:?}");
        assert!(at[1..].windows(2).all(|two| (two[1] - two[0] - 60.0).abs() < 1e-6), "{at:?}");
    }

    #[test]
    fn health_has_a_cadence_of_its_own_and_never_one_above_that_of_checks() {
        for (interval_s, within) in [(5, 58..=61), (60, 58..=61), (600, 5..=7)] {
            let begin = Instant::now();
            let mut schedule = Schedule::new(even());
            schedule.set(begin, fakes(1, interval_s));
            let taken = turns(&mut schedule, begin, 3600);
            let read = taken.iter().filter(|(.., look)| *look == Look::Health).count();
            assert!(within.contains(&read), "{read} readings at {interval_s} s");
        }
    }

    #[test]
    fn a_turn_during_a_long_look_is_missed_and_the_next_comes_at_its_time() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(|| 0.0);
        schedule.set(begin, fakes(2, 10));
        let first: Vec<_> = std::iter::from_fn(|| schedule.pop(begin)).collect();
        assert_eq!(first.len(), 2);
        schedule.over(ConnectionId(2));
        let second = schedule.next_at().unwrap();
        let due: Vec<_> = std::iter::from_fn(|| schedule.pop(second)).collect();
        let [one, two] = fakes(2, 10).try_into().unwrap();
        assert!(due.contains(&Due::Missed(one, 1)), "{due:?}");
        assert!(due.iter().any(|due| matches!(due, Due::Turn(turn) if turn.target == two)), "{due:?}");
        schedule.over(ConnectionId(1));
        let third = schedule.next_at().unwrap();
        assert_eq!(third - second, Duration::from_secs(10));
        assert!(matches!(schedule.pop(third), Some(Due::Turn(_))));
    }

    #[test]
    fn after_a_sleep_each_target_is_looked_at_once_and_keeps_its_moment() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(|| 0.5);
        schedule.set(begin, fakes(1, 10));
        turns(&mut schedule, begin, 60);
        let due = schedule.next_at().unwrap();
        let woken = due + Duration::from_secs(3601);
        assert!(
            matches!(schedule.pop(woken), Some(Due::Turn(turn)) if woken - turn.at < Duration::from_secs(10))
        );
        schedule.over(ConnectionId(1));
        assert_eq!(schedule.pop(woken), None);
        assert_eq!((schedule.next_at().unwrap() - due).as_secs_f64() % 10.0, 0.0);
    }

    #[test]
    fn what_stays_keeps_its_turns_and_what_changes_gets_others() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(even());
        schedule.set(begin, fakes(3, 100));
        let before = turns(&mut schedule, begin, 300);
        let due = |schedule: &Schedule<Fake, _>, id| {
            let entry = schedule.targets[&ConnectionId(id)].entry;
            schedule.due.iter().find(|Reverse((_, known, _))| *known == entry).map(|Reverse((at, ..))| *at)
        };
        let kept = due(&schedule, 1);
        let now = begin + Duration::from_secs(300);
        // The third is paused, the second is to be looked at more often.
        schedule.set(now, vec![Fake { id: 1, interval_s: 100 }, Fake { id: 2, interval_s: 5 }]);
        assert_eq!(due(&schedule, 1), kept);
        assert!(due(&schedule, 2).unwrap() <= now + Duration::from_secs(5));
        let after = turns(&mut schedule, begin, 600);
        assert!(before.iter().any(|(_, id, _)| *id == 3) && after.iter().all(|(_, id, _)| *id != 3));
        assert!(after.iter().filter(|(_, id, _)| *id == 2).count() >= 59);
    }

    #[test]
    fn who_takes_over_looks_within_two_intervals_of_the_last_look() {
        for interval_s in [5, 6, 10, 60, 3600] {
            let interval = Duration::from_secs(interval_s);
            assert!(GONE_FOR + first_within(interval) <= interval * 2, "{interval_s} s");
        }
    }

    #[test]
    fn turns_of_targets_that_come_and_go_are_not_piled_up() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(even());
        for round in 0..1000 {
            schedule.set(begin, fakes(10, 60 + round % 2));
        }
        assert!(schedule.due.len() <= 100, "{}", schedule.due.len());
    }
}
