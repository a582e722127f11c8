//! Leases: who watches what, where several dashboards share the database.

use std::{collections::BTreeSet, time::Duration};

use common::ConnectionId;
use store::Lease;

use crate::support::{Fixture, any, named, now};

const LONG: Duration = Duration::from_secs(3600);
/// Expired before anybody looks.
const GONE: Duration = Duration::ZERO;

fn ids(leases: &[Lease]) -> BTreeSet<ConnectionId> {
    leases.iter().map(|lease| lease.connection_id).collect()
}

async fn with(number: usize) -> (Fixture, Vec<ConnectionId>) {
    let fixture = Fixture::new().await;
    let mut all = Vec::new();
    for number in 0..number {
        all.push(fixture.add(&format!("target {number}")).await);
    }
    (fixture, all)
}

#[tokio::test]
async fn one_watcher_has_all_that_is_to_be_watched() {
    let (fixture, all) = with(4).await;
    let store = &fixture.store;
    let mut paused = named("target 1");
    paused.paused = true;
    store.update(all[1], &paused, now(), any).await.unwrap();
    let mut asleep = named("target 2");
    asleep.let_sleep = true;
    store.update(all[2], &asleep, now(), any).await.unwrap();
    store.delete(all[3], None, now()).await.unwrap();
    let mine = store.lease_targets(1, LONG).await.unwrap();
    let [lease] = mine[..] else { panic!("{mine:?}") };
    let expected = Lease { connection_id: all[0], version: 1, check_interval_s: 60, epoch: 1 };
    assert_eq!(lease, expected);
    assert_eq!(store.lease_targets(1, LONG).await.unwrap(), mine, "once more changes nothing");

    let mut resumed = named("target 1");
    resumed.check_interval_s = 5;
    store.update(all[1], &resumed, now(), any).await.unwrap();
    let mine = store.lease_targets(1, LONG).await.unwrap();
    let shown: Vec<_> = mine.iter().map(|lease| (lease.version, lease.check_interval_s)).collect();
    assert_eq!(shown, [(1, 60), (3, 5)]);
}

#[tokio::test]
async fn watchers_share_the_targets_and_each_has_one_watcher() {
    let (fixture, all) = with(7).await;
    let store = &fixture.store;
    assert_eq!(store.lease_targets(1, LONG).await.unwrap().len(), 7);
    // The second waits until the first gives back what is beyond its share.
    assert_eq!(store.lease_targets(2, LONG).await.unwrap(), []);
    let first = store.lease_targets(1, LONG).await.unwrap();
    let second = store.lease_targets(2, LONG).await.unwrap();
    assert_eq!((first.len(), second.len()), (4, 3));
    assert!(ids(&first).is_disjoint(&ids(&second)));
    assert_eq!(ids(&first).union(&ids(&second)).count(), all.len());
    assert!(second.iter().all(|lease| lease.epoch > 1), "they have changed hands: {second:?}");
    assert_eq!(store.lease_targets(1, LONG).await.unwrap(), first, "and stay where they are");
}

#[tokio::test]
async fn the_targets_of_a_watcher_that_is_gone_are_taken_over() {
    let (fixture, all) = with(5).await;
    let store = &fixture.store;
    let gone = store.lease_targets(1, GONE).await.unwrap();
    let taken = store.lease_targets(2, LONG).await.unwrap();
    assert_eq!((gone.len(), taken.len()), (all.len(), all.len()));
    let epochs = |leases: &[Lease]| leases.iter().map(|lease| lease.epoch).collect::<Vec<_>>();
    assert_eq!((epochs(&gone), epochs(&taken)), (vec![1; 5], vec![2; 5]));
    // It was only away: what it had is another's.
    assert_eq!(store.lease_targets(1, LONG).await.unwrap(), []);
}

#[tokio::test]
async fn a_watcher_that_leaves_gives_all_back_at_once() {
    let (fixture, _) = with(3).await;
    let store = &fixture.store;
    assert_eq!(store.lease_targets(1, LONG).await.unwrap().len(), 3);
    store.release_targets(1).await.unwrap();
    assert_eq!(store.lease_targets(2, LONG).await.unwrap().len(), 3);
}

#[tokio::test]
async fn watchers_that_come_at_once_take_no_target_twice() {
    let (fixture, all) = with(20).await;
    let store = &fixture.store;
    for _ in 0..3 {
        let asked = (1..=6).map(|watcher| store.lease_targets(watcher, LONG));
        futures::future::try_join_all(asked).await.unwrap();
    }
    let mut seen = BTreeSet::new();
    for watcher in 1..=6 {
        let mine = store.lease_targets(watcher, LONG).await.unwrap();
        assert!((3..=4).contains(&mine.len()), "{watcher} has {}", mine.len());
        for id in ids(&mine) {
            assert!(seen.insert(id), "{id} has two watchers");
        }
    }
    assert_eq!(seen.len(), all.len());
}
