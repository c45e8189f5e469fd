//! State that nodes share, whatever the backplane is.

use std::time::Duration;

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::{fleet::*, support::*};

/// Every change that the game was told.
#[derive(Resource, Default)]
pub struct HeardChanges(pub Vec<SharedStateChanged>);

/// The map "weather" of a node, whose changes are noted.
pub fn weather(game: &mut Game) -> SharedState {
    if !game.app.world().contains_resource::<HeardChanges>() {
        game.app
            .init_resource::<HeardChanges>()
            .add_systems(bevy_app::Update, note);
    }
    game.app
        .world()
        .resource::<Cluster>()
        .shared_state("weather")
}

fn note(mut changes: MessageReader<SharedStateChanged>, mut heard: ResMut<HeardChanges>) {
    heard.0.extend(changes.read().cloned());
}

pub fn heard(game: &mut Game) -> Vec<SharedStateChanged> {
    std::mem::take(&mut game.app.world_mut().resource_mut::<HeardChanges>().0)
}

fn value(map: &SharedState, key: &str) -> Option<String> {
    let entry = map.get(key)?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

/// Both maps, once both nodes have them.
pub fn both(fleet: &mut Fleet) -> [SharedState; 2] {
    let maps = [weather(&mut fleet.a), weather(&mut fleet.b)];
    fleet.until("both have it", |_| maps.iter().all(SharedState::is_loaded));
    maps
}

pub fn state_is_shared(fleet: &mut Fleet) {
    let [a, b] = both(fleet);
    a.put("north", "rain", None).unwrap();
    assert_eq!(
        value(&a, "north").as_deref(),
        Some("rain"),
        "here it is at once"
    );
    fleet.until("there it is, too", |_| value(&b, "north").is_some());
    let mut told = Vec::new();
    fleet.until("the game is told", |fleet| {
        told.extend(heard(&mut fleet.b));
        !told.is_empty()
    });
    assert_eq!(
        (&*told[0].state, &*told[0].key, told.len()),
        ("weather", "north", 1)
    );
    assert_eq!(told[0].refused, None);
    fleet.a.tick();
    assert_eq!(
        heard(&mut fleet.a),
        [],
        "what it has written itself it knows"
    );

    let bytes = [0, b':', b'\n', 255];
    b.put("bytes: \n", bytes.to_vec(), None).unwrap();
    b.remove("north").unwrap();
    fleet.until("it is gone", |_| value(&a, "north").is_none());
    fleet.until("it has come", |_| a.get("bytes: \n").is_some());
    assert_eq!(a.get("bytes: \n").unwrap().value, bytes.to_vec());

    b.put("south", "fog", Some(Duration::from_millis(300)))
        .unwrap();
    fleet.until("it has come", |_| value(&a, "south").is_some());
    assert!(a.get("south").unwrap().left.unwrap() <= Duration::from_millis(300));
    fleet.until("it is over", |_| value(&a, "south").is_none());

    assert!(a.is_current() && b.is_current());
    assert_eq!((a.waiting(), a.counters().taken), (0, 1));
    assert_eq!((b.counters().failed, b.counters().conflicts), (0, 0));
}

/// Of two who decide at the same time on the same, the second is told.
pub fn of_two_decisions_one_counts(fleet: &mut Fleet) {
    let [a, b] = both(fleet);
    heard(&mut fleet.a);
    heard(&mut fleet.b);
    for (map, value) in [(&a, "hail"), (&b, "snow")] {
        let version = map.version("east");
        map.compare_and_put("east", version, Some(value.into()), None)
            .unwrap();
    }
    let mut refused = Vec::new();
    fleet.until("one is told", |fleet| {
        for game in [&mut fleet.a, &mut fleet.b] {
            refused.extend(
                heard(game)
                    .into_iter()
                    .filter_map(|change| change.refused?.value),
            );
        }
        !refused.is_empty()
    });
    fleet.until("all is written", |_| a.waiting() + b.waiting() == 0);
    assert_eq!(refused.len(), 1);
    assert_eq!(value(&a, "east"), value(&b, "east"));
    assert_ne!(value(&a, "east").unwrap().as_bytes(), &refused[0][..]);
}

/// A node that starts later has it before it lets anybody in.
pub fn a_node_that_starts_later_has_the_state(fleet: &mut Fleet, backplane: impl Backplane) {
    let [a, _] = both(fleet);
    for number in 0..2000 {
        a.put(&format!("city {number}"), "sun", None).unwrap();
    }
    fleet.until("all is written", |_| a.waiting() == 0);
    let mut late = node(backplane, "late", |_| {});
    let map = weather(&mut late);
    assert!(!map.is_loaded() && !map.is_current());
    ready(&mut late);
    assert_eq!(value(&map, "city 1999").as_deref(), Some("sun"));
    late.until("the game is told", |_| map.is_loaded());
    late.tick();
    assert!(heard(&mut late).len() >= 2000);
    drop(late);
    for number in 0..2000 {
        a.remove(&format!("city {number}")).unwrap();
    }
    fleet.until("all is gone", |_| a.waiting() == 0);
}
