//! Several nodes write one map, are cut off, lose answers and start anew: in the end all have the same.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{
    SharedStateChanged, SharedStateError, SharedStateLimits, SharedStates, Sharing,
    exchange::{StateMap, WhenFull},
    replica::Replica,
};
use crate::cluster::{backplane::Backplane, in_process::InProcessBackplane};

const KEYS: [&str; 3] = ["a", "b", "c"];

fn limits() -> SharedStateLimits {
    SharedStateLimits {
        entries: 10,
        key_bytes: 4,
        value_bytes: 8,
        when_full: WhenFull::Refuse,
    }
}

fn map() -> StateMap {
    StateMap {
        name: "test".into(),
        entries: 10,
        when_full: WhenFull::Refuse,
    }
}

fn first_id() -> u64 {
    getrandom::u64().unwrap()
}

fn replica() -> Replica {
    Replica::new(map(), limits(), Sharing::Fleet, first_id())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// What the answers to a batch are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answers {
    Arrive,
    AreLost,
}

async fn exchange(backplane: &InProcessBackplane, replica: &mut Replica, answers: Answers) {
    let now = Instant::now();
    loop {
        let batch = replica.take_batch(2, now);
        if batch.is_empty() {
            break;
        }
        let writes: Vec<_> = batch.iter().map(|one| one.1.clone()).collect();
        let written = backplane.write_state(&replica.map, &writes).await.unwrap();
        if answers == Answers::AreLost {
            return replica.put_back(batch);
        }
        for (one, answer) in batch.into_iter().zip(written) {
            replica.answered(one, answer, now);
        }
    }
    read(backplane, replica).await;
}

async fn read(backplane: &InProcessBackplane, replica: &mut Replica) {
    loop {
        let position = replica.position();
        let changes = backplane.read_state("test", position).await.unwrap();
        let complete = changes.complete;
        replica.apply(changes, Instant::now(), Instant::now());
        if complete {
            return;
        }
    }
}

fn content(replica: &Replica) -> Vec<Option<Vec<u8>>> {
    let entry = |key| replica.get(key, Instant::now());
    KEYS.map(|key| entry(key).map(|entry| entry.value.to_vec()))
        .into()
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, usize, Option<u8>),
    Increment(usize),
    Exchange(usize),
    LoseAnswers(usize),
    StartAnew(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, 0..2usize, any::<Option<u8>>()).prop_map(|(node, key, value)| Step::Put(node, key, value)),
        2 => (0..3usize).prop_map(Step::Increment),
        3 => (0..3usize).prop_map(Step::Exchange),
        1 => (0..3usize).prop_map(Step::LoseAnswers),
        1 => (0..3usize).prop_map(Step::StartAnew),
    ]
}

/// One more than what this node sees under "c".
fn increment(replica: &mut Replica) {
    let now = Instant::now();
    let version = replica.version("c", now);
    let is = replica.get("c", now).map_or(0, |entry| entry.value[0]);
    let value = Some(vec![is + 1].into());
    replica.put("c", value, None, Some(version), now).unwrap();
}

proptest! {
    #[test]
    fn whatever_happens_all_nodes_agree_in_the_end(steps in prop::collection::vec(step(), 1..60)) {
        block_on(async {
            let backplane = InProcessBackplane::new();
            let mut nodes = [replica(), replica(), replica()];
            let now = Instant::now();
            // Increments that a node knows to be taken, and those that it has lost with its memory.
            let mut refused = 0;
            let mut wanted = 0;
            for step in steps {
                match step {
                    Step::Put(node, key, value) => {
                        let value = value.map(|value| vec![value].into());
                        nodes[node].put(KEYS[key], value, None, None, now).unwrap();
                    }
                    Step::Increment(node) => {
                        wanted += 1;
                        increment(&mut nodes[node]);
                    }
                    Step::Exchange(node) => exchange(&backplane, &mut nodes[node], Answers::Arrive).await,
                    Step::LoseAnswers(node) => exchange(&backplane, &mut nodes[node], Answers::AreLost).await,
                    Step::StartAnew(node) => {
                        exchange(&backplane, &mut nodes[node], Answers::Arrive).await;
                        refused += nodes[node].take_news().iter().filter(|news| news.refused.is_some()).count();
                        nodes[node] = replica();
                    }
                }
            }
            for _ in 0..2 {
                for node in &mut nodes {
                    exchange(&backplane, node, Answers::Arrive).await;
                }
            }
            let mut fresh = replica();
            read(&backplane, &mut fresh).await;
            for node in &mut nodes {
                prop_assert_eq!(content(node), content(&fresh));
                prop_assert_eq!(node.waiting(), 0);
                refused += node.take_news().iter().filter(|news| news.refused.is_some()).count();
            }
            // Increments of one node are written as one while they wait, so a refusal may stand for several.
            let counted = content(&fresh)[2].as_ref().map_or(0, |value| usize::from(value[0]));
            prop_assert!(counted <= wanted);
            prop_assert!(refused > 0 || counted == wanted, "{} of {}", counted, wanted);
            Ok(())
        })?;
    }
}

#[test]
fn a_decision_on_what_has_changed_elsewhere_is_refused_and_told() {
    block_on(async {
        let backplane = InProcessBackplane::new();
        let (mut here, mut there) = (replica(), replica());
        let now = Instant::now();
        for node in [&mut here, &mut there] {
            let version = node.version("a", now);
            node.put("a", Some("x".into()), None, Some(version), now)
                .unwrap();
            node.put("b", Some("x".into()), None, None, now).unwrap();
        }
        let version = there.version("a", now);
        let value = Some("y".into());
        there.put("a", value, None, Some(version), now).unwrap();
        exchange(&backplane, &mut here, Answers::Arrive).await;
        exchange(&backplane, &mut there, Answers::Arrive).await;
        let news = there.take_news();
        assert_eq!(&*news[0].key, "a");
        let refused = news[0].refused.as_ref().unwrap();
        assert_eq!(refused.value, Some("y".into()));
        assert_eq!(refused.error, SharedStateError::Conflict);
        assert_eq!(there.get("a", now).unwrap().value, "x");
        assert_eq!(there.counters.conflicts, 1);
        // A stale version is refused at once.
        let error = there.put("a", None, None, Some(version), now).unwrap_err();
        assert_eq!(error, SharedStateError::Conflict);
    });
}

#[test]
fn a_write_of_which_only_the_answer_was_lost_is_not_refused_when_it_comes_again() {
    block_on(async {
        let backplane = InProcessBackplane::new();
        let (mut node, now) = (replica(), Instant::now());
        let version = node.version("a", now);
        let value = Some("x".into());
        node.put("a", value, None, Some(version), now).unwrap();
        exchange(&backplane, &mut node, Answers::AreLost).await;
        assert_eq!((node.waiting(), node.counters.failed), (1, 1));
        exchange(&backplane, &mut node, Answers::Arrive).await;
        assert_eq!((node.waiting(), node.counters.conflicts), (0, 0));
        assert_eq!(node.take_news(), []);
    });
}

#[test]
fn p09_keys_values_entries_and_waiting_writes_have_limits() {
    let mut node = replica();
    let now = Instant::now();
    let mut put = |key: &str, value: &str| {
        let value = Some(value.to_owned().into());
        node.put(key, value, None, None, now)
    };
    assert_eq!(put("abcde", "x"), Err(SharedStateError::KeyTooLong));
    assert_eq!(
        put("abcd", "123456789"),
        Err(SharedStateError::ValueTooLong)
    );
    for number in 0..10 {
        put(&number.to_string(), "x").unwrap();
    }
    assert_eq!(put("one", "x"), Err(SharedStateError::Full));
    put("1", "y").unwrap();
    assert_eq!(node.waiting(), 10);
    block_on(async {
        let backplane = InProcessBackplane::new();
        exchange(&backplane, &mut node, Answers::Arrive).await;
        node.put("one", Some("x".into()), None, None, now).unwrap();
        exchange(&backplane, &mut node, Answers::Arrive).await;
        assert_eq!(node.counters.refused, 1);
        assert!(node.get("one", now).is_none());
        let recent = StateMap {
            when_full: WhenFull::ForgetOldest,
            ..map()
        };
        let mut other = Replica::new(recent.clone(), limits(), Sharing::Fleet, first_id());
        read(&backplane, &mut other).await;
        other.put("one", Some("x".into()), None, None, now).unwrap();
        exchange(&backplane, &mut other, Answers::Arrive).await;
        assert!(other.get("one", now).is_some());
        assert_eq!(other.keys().len(), 10, "the oldest is gone");
        let there = backplane.read_state("test", None).await.unwrap().entries;
        assert!(
            there
                .iter()
                .all(|entry| other.get(&entry.key, now).is_some())
        );
    });
}

#[test]
fn an_entry_ends_by_itself_and_who_was_away_does_not_keep_an_older_one() {
    block_on(async {
        let backplane = InProcessBackplane::new();
        let (mut here, mut away) = (replica(), replica());
        let start = Instant::now();
        here.put("a", Some("long".into()), None, None, start)
            .unwrap();
        exchange(&backplane, &mut here, Answers::Arrive).await;
        exchange(&backplane, &mut away, Answers::Arrive).await;
        let short = Some(Duration::from_millis(20));
        here.put("a", Some("short".into()), short, None, start)
            .unwrap();
        exchange(&backplane, &mut here, Answers::Arrive).await;
        let later = start + Duration::from_secs(1);
        assert!(here.get("a", start).is_some());
        assert!(here.get("a", later).is_none());
        loop {
            let there = backplane.read_state("test", None).await.unwrap();
            if there.entries.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
        exchange(&backplane, &mut away, Answers::Arrive).await;
        assert!(away.get("a", later).is_none(), "the long one is not kept");
    });
}

/// A backplane that has lost everything: what the nodes know comes back, and of each entry what was decided last.
#[test]
fn what_a_backplane_has_lost_the_nodes_give_back() {
    block_on(async {
        let lost = InProcessBackplane::new();
        let (mut older, mut newer) = (replica(), replica());
        let now = Instant::now();
        older.put("a", Some("old".into()), None, None, now).unwrap();
        older
            .put("b", Some("only".into()), None, None, now)
            .unwrap();
        exchange(&lost, &mut older, Answers::Arrive).await;
        exchange(&lost, &mut newer, Answers::Arrive).await;
        newer.put("a", Some("new".into()), None, None, now).unwrap();
        exchange(&lost, &mut newer, Answers::Arrive).await;
        let empty = InProcessBackplane::new();
        empty.set_epoch("test", 7);
        for node in [&mut older, &mut newer] {
            read(&empty, node).await;
            exchange(&empty, node, Answers::Arrive).await;
        }
        exchange(&empty, &mut older, Answers::Arrive).await;
        for node in [&older, &newer] {
            let value = |key| node.get(key, now).unwrap().value;
            assert_eq!((value("a"), value("b")), ("new".into(), "only".into()));
        }
    });
}

#[test]
fn a_backplane_that_shares_no_state_leaves_it_on_its_node() {
    let states = SharedStates::default();
    let map = states.get("x", limits(), Duration::from_secs(1), Sharing::Local, 0);
    map.put("a", "1", None).unwrap();
    assert!(map.is_current() && map.is_loaded() && states.are_loaded());
    assert_eq!(map.get("a").unwrap().value, "1");
    let version = map.version("a");
    map.put("a", "2", None).unwrap();
    let late = map.compare_and_put("a", version, None, None);
    assert_eq!(late, Err(SharedStateError::Conflict));
    map.remove("a").unwrap();
    assert!(map.get("a").is_none());
    assert_eq!(states.take_news(), Vec::<SharedStateChanged>::new());
}
