//! The loop with targets that are played, at a time that is played as well.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use common::{Problem, ProblemCode};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, yield_now},
};

use super::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fake {
    id: i64,
    version: i32,
    interval: Duration,
}

impl Target for Fake {
    fn id(&self) -> ConnectionId {
        ConnectionId(self.id)
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn epoch(&self) -> i64 {
        1
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}

#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    now: Instant,
    sleepers: Vec<(Instant, oneshot::Sender<()>)>,
    targets: Vec<Fake>,
    away: bool,
    /// How long a look at a target takes.
    slow: HashMap<i64, Duration>,
    looks: Vec<(Instant, Fake)>,
    missed: u32,
    released: bool,
}

impl World {
    fn of(targets: Vec<Fake>) -> Self {
        let state = Mutex::new(State {
            now: Instant::now(),
            sleepers: Vec::new(),
            targets,
            away: false,
            slow: HashMap::new(),
            looks: Vec::new(),
            missed: 0,
            released: false,
        });
        Self(Arc::new(Inner { state, changed: watch::Sender::new(0) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// Lets so much time go by, and everybody do in it what they do.
    async fn pass(&self, time: Duration) {
        let until = self.state().now + time;
        loop {
            self.settle().await;
            let mut state = self.state();
            state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
            let first = (0..state.sleepers.len()).min_by_key(|&at| state.sleepers[at].0);
            match first.filter(|&first| state.sleepers[first].0 <= until) {
                Some(first) => {
                    let (at, sleeper) = state.sleepers.swap_remove(first);
                    state.now = at.max(state.now);
                    sleeper.send(()).unwrap();
                }
                None => {
                    state.now = until;
                    return;
                }
            }
        }
    }

    /// Lets everybody run until nobody can: one step wakes few others.
    async fn settle(&self) {
        for _ in 0..20 {
            yield_now().await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.send_modify(|changes| *changes += 1);
    }

    fn looks_at(&self, id: i64) -> Vec<Instant> {
        self.state().looks.iter().filter(|(_, target)| target.id == id).map(|(at, _)| *at).collect()
    }

    fn start(&self) -> Running {
        let (late, latest) = watch::channel(Duration::ZERO);
        let stop = CancellationToken::new();
        let observe = move |started: Started| {
            late.send_if_modified(|latest| {
                let later = started.late > *latest;
                *latest = started.late.max(*latest);
                later
            });
        };
        let state = Mutex::new(0.5_f64);
        let random = move || {
            let mut state = state.lock().unwrap();
            *state = (*state + 0.618_034).fract();
            *state
        };
        let task = tokio::spawn(run(self.clone(), stop.clone(), observe, random));
        Running { stop, latest, task }
    }
}

struct Running {
    stop: CancellationToken,
    /// How late a look began at most.
    latest: watch::Receiver<Duration>,
    task: JoinHandle<()>,
}

impl Watchable for World {
    type Target = Fake;

    async fn targets(&self, _: &HashMap<ConnectionId, Fake>) -> Result<Vec<Fake>, Problem> {
        let state = self.state();
        match state.away {
            true => Err(Problem::new(ProblemCode::StoreUnavailable, "away")),
            false => Ok(state.targets.clone()),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    async fn look(&self, target: &Fake, _: Look, _: Duration) {
        let slow = {
            let mut state = self.state();
            let now = state.now;
            state.looks.push((now, target.clone()));
            state.slow.get(&target.id).copied()
        };
        match slow {
            Some(Duration::MAX) => panic!("on purpose"),
            Some(slow) => self.sleep_until(self.now() + slow).await,
            None => {}
        }
    }

    fn missed(&self, _: &Fake, turns: u32) {
        self.state().missed += turns;
    }

    async fn release(&self) {
        self.state().released = true;
    }

    fn now(&self) -> Instant {
        self.state().now
    }

    async fn sleep_until(&self, at: Instant) {
        let (sleeper, woken) = oneshot::channel();
        {
            let mut state = self.state();
            if at <= state.now {
                return;
            }
            state.sleepers.push((at, sleeper));
        }
        let _ = woken.await;
    }
}

fn fakes(number: i64, seconds: u64) -> Vec<Fake> {
    (1..=number).map(|id| Fake { id, version: 1, interval: Duration::from_secs(seconds) }).collect()
}

#[tokio::test]
async fn dead_targets_delay_no_other_and_their_missed_turns_are_counted() {
    let world = World::of(fakes(100, 10));
    for id in 1..=30 {
        world.state().slow.insert(id, Duration::from_secs(15));
    }
    let running = world.start();
    world.pass(Duration::from_secs(300)).await;
    assert!(*running.latest.borrow() <= Duration::from_millis(2), "{:?}", running.latest);
    for id in 31..=100 {
        assert!((29..=31).contains(&world.looks_at(id).len()), "{id}: {}", world.looks_at(id).len());
    }
    for id in 1..=30 {
        assert!((14..=16).contains(&world.looks_at(id).len()), "{id}: {}", world.looks_at(id).len());
    }
    assert!(world.state().missed >= 30 * 13, "{}", world.state().missed);
}

#[tokio::test]
async fn a_change_is_noticed_at_once() {
    let world = World::of(fakes(1, 60));
    let running = world.start();
    world.pass(Duration::from_secs(120)).await;
    world.change(|state| state.targets.clear());
    world.pass(Duration::from_millis(10)).await;
    let before = world.looks_at(1).len();
    assert!(before >= 2);
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(world.looks_at(1).len(), before, "it is paused");

    // It goes on at another interval and version, and a second one is there.
    world.change(|state| state.targets = fakes(2, 5));
    world.change(|state| state.targets[0].version = 2);
    world.pass(Duration::from_millis(6000)).await;
    let state = world.state();
    let last = state.looks.iter().rev().find(|(_, target)| target.id == 1).unwrap();
    assert_eq!((last.1.version, last.1.interval), (2, Duration::from_secs(5)));
    drop(state);
    assert!(!world.looks_at(2).is_empty());
    drop(running);
}

#[tokio::test]
async fn what_changed_elsewhere_is_noticed_within_seconds() {
    let world = World::of(Vec::new());
    let _running = world.start();
    world.pass(Duration::from_secs(10)).await;
    // Nobody says so here.
    world.state().targets = fakes(1, 5);
    world.pass(Duration::from_secs(8)).await;
    assert!(!world.looks_at(1).is_empty());
}

#[tokio::test]
async fn while_the_database_is_away_the_targets_that_were_known_are_watched() {
    let world = World::of(fakes(5, 10));
    let _running = world.start();
    world.pass(Duration::from_secs(30)).await;
    world.state().away = true;
    let before = world.state().looks.len();
    world.pass(Duration::from_secs(3600)).await;
    assert!((1795..=1805).contains(&(world.state().looks.len() - before)));
}

#[tokio::test]
async fn a_look_that_panics_is_only_that_look() {
    let world = World::of(fakes(2, 10));
    world.state().slow.insert(1, Duration::MAX);
    let _running = world.start();
    world.pass(Duration::from_secs(100)).await;
    assert!(world.looks_at(1).len() >= 9 && world.looks_at(2).len() >= 9);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_look_that_hangs_and_gives_the_targets_back() {
    let world = World::of(fakes(2, 5));
    world.state().slow.insert(1, Duration::from_secs(3600));
    let running = world.start();
    world.pass(Duration::from_secs(20)).await;
    running.stop.cancel();
    running.task.await.unwrap();
    let looks = world.state().looks.len();
    world.pass(Duration::from_secs(60)).await;
    let state = world.state();
    assert_eq!((state.looks.len(), state.released), (looks, true));
}
