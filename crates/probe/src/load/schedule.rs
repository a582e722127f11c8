//! When what is due: sessions that come one after the other, and the one schedule of requests that all share.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::load::LoadRequest;

/// When the session `number` of `request` is opened, counted from the start of the test.
pub(super) fn opens_after(request: &LoadRequest, number: u32) -> Duration {
    seconds(request.ramp_s * f64::from(number) / f64::from(request.connections.max(1)))
}

/// The requests of an open-loop test. When each is due is fixed beforehand: how the server fares changes nothing of it.
/// Whoever is free takes the next one.
#[derive(Debug)]
pub(super) struct Schedule {
    rate_per_s: f64,
    ramp_s: f64,
    /// How many fall due before the end.
    total: u64,
    claims: Mutex<Claims>,
}

#[derive(Debug, Default)]
struct Claims {
    next: u64,
    /// Claimed by somebody who lost their session before it was due.
    returned: BinaryHeap<Reverse<u64>>,
}

/// A request that somebody is about to send. Dropped without [`Claim::take`], it is there for the others again.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    schedule: &'a Schedule,
    number: u64,
    taken: bool,
}

impl Schedule {
    /// Of a test with a rate.
    pub(super) fn new(request: &LoadRequest) -> Option<Self> {
        let rate_per_s = request.rate_per_s?;
        let mut schedule = Self { rate_per_s, ramp_s: request.ramp_s, total: 0, claims: Mutex::default() };
        // By the same reckoning as the due times, so that rounding cannot make one too many.
        let full_s = request.duration_s - request.ramp_s / 2.0;
        let mut total = (rate_per_s * full_s).max(0.0) as u64;
        while total > 0 && schedule.due_s(total - 1) >= request.duration_s {
            total -= 1;
        }
        while schedule.due_s(total) < request.duration_s {
            total += 1;
        }
        schedule.total = total;
        Some(schedule)
    }

    /// The rate grows evenly from nothing over the ramp: after t seconds rate · t² / (2 · ramp) requests were due.
    fn due_s(&self, number: u64) -> f64 {
        let number = number as f64;
        let in_ramp = self.rate_per_s * self.ramp_s / 2.0;
        if number < in_ramp {
            (2.0 * self.ramp_s * number / self.rate_per_s).sqrt()
        } else {
            self.ramp_s + (number - in_ramp) / self.rate_per_s
        }
    }

    /// The next one. `None`: all that fall due are taken.
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        let mut claims = self.claims();
        let number = match claims.returned.pop() {
            Some(Reverse(number)) => number,
            None if claims.next < self.total => {
                claims.next += 1;
                claims.next - 1
            }
            None => return None,
        };
        Some(Claim { schedule: self, number, taken: false })
    }

    /// How many nobody has taken.
    pub(super) fn left(&self) -> u64 {
        let claims = self.claims();
        self.total - claims.next + claims.returned.len() as u64
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// Counted from the start of the test.
    pub(super) fn due(&self) -> Duration {
        seconds(self.schedule.due_s(self.number))
    }

    /// It is being sent.
    pub(super) fn take(mut self) {
        self.taken = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.schedule.claims().returned.push(Reverse(self.number));
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(rate_per_s: f64, duration_s: f64, ramp_s: f64) -> LoadRequest {
        LoadRequest { rate_per_s: Some(rate_per_s), duration_s, ramp_s, ..LoadRequest::default() }
    }

    fn dues(request: &LoadRequest) -> Vec<f64> {
        let schedule = Schedule::new(request).unwrap();
        let claims = std::iter::from_fn(|| {
            let claim = schedule.claim()?;
            let due = claim.due().as_secs_f64();
            claim.take();
            Some(due)
        });
        claims.collect()
    }

    #[test]
    fn a_rate_without_a_ramp_is_even() {
        let dues = dues(&request(4.0, 2.0, 0.0));
        assert_eq!(dues, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
    }

    #[test]
    fn every_request_falls_due_before_the_end_whatever_is_rounded() {
        for (rate, duration, ramp) in
            [(0.1, 1.0, 0.0), (3.3, 7.7, 1.1), (99_999.9, 1.0, 1.0), (7.0, 300.0, 300.0)]
        {
            let request = request(rate, duration, ramp);
            let dues = dues(&request);
            let expected = rate * (duration - ramp / 2.0);
            assert!((dues.len() as f64 - expected).abs() <= 1.0, "{} of {expected}", dues.len());
            assert!(dues.is_sorted() && dues.iter().all(|due| *due < duration), "{request:?}");
        }
    }

    #[test]
    fn a_ramp_grows_to_the_full_rate() {
        let dues = dues(&request(100.0, 10.0, 4.0));
        let within = |from: f64, to: f64| dues.iter().filter(|due| (from..to).contains(*due)).count();
        // 100 · 1² / 8, 100 · 2² / 8 - 12.5, and so on; then 100 a second.
        assert_eq!(
            [within(0.0, 1.0), within(1.0, 2.0), within(2.0, 3.0), within(3.0, 4.0)],
            [13, 37, 63, 87]
        );
        assert_eq!((within(4.0, 5.0), within(9.0, 10.0), dues.len()), (100, 100, 800));
    }

    #[test]
    fn what_is_given_back_comes_next() {
        let schedule = Schedule::new(&request(1.0, 3.0, 0.0)).unwrap();
        let (first, second) = (schedule.claim().unwrap(), schedule.claim().unwrap());
        second.take();
        assert_eq!(schedule.left(), 1);
        drop(first);
        assert_eq!(schedule.left(), 2);
        let again = schedule.claim().unwrap();
        assert_eq!(again.due(), Duration::ZERO);
        again.take();
        schedule.claim().unwrap().take();
        assert!(schedule.claim().is_none());
        assert_eq!(schedule.left(), 0);
    }

    #[test]
    fn sessions_come_one_after_the_other() {
        let request = LoadRequest { connections: 4, ramp_s: 2.0, ..LoadRequest::default() };
        let opened: Vec<f64> = (0..4).map(|number| opens_after(&request, number).as_secs_f64()).collect();
        assert_eq!(opened, [0.0, 0.5, 1.0, 1.5]);
        let at_once = LoadRequest { ramp_s: 0.0, ..request };
        assert_eq!(opens_after(&at_once, 3), Duration::ZERO);
    }
}
