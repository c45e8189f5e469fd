//! Taking a server out of service: nobody new gets in, everybody is told when to come back, and whoever
//! does not go is reset at the deadline.

mod door;
mod end;
mod players;
#[path = "../support/mod.rs"]
mod support;

use std::{
    ops::RangeInclusive,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bevy_app::Update;
use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// What the game has seen, and when.
#[derive(Resource, Default)]
struct Course {
    started: Vec<DrainStarted>,
    left: Vec<Instant>,
    /// Players who had left when the drain was announced.
    gone_before: usize,
    ticks: usize,
}

/// Writes down the course of a drain, and says a last word to everybody.
fn watched(game: &mut Game) {
    game.app
        .init_resource::<Course>()
        .add_observer(
            |started: On<DrainStarted>, mut course: ResMut<Course>, mut outbox: Outbox| {
                course.gone_before = course.left.len();
                course.started.push(*started);
                outbox.broadcast("last call").unwrap();
            },
        )
        .add_observer(|_: On<Disconnected>, mut course: ResMut<Course>| {
            course.left.push(Instant::now());
        })
        .add_systems(
            Update,
            (|mut course: ResMut<Course>| course.ticks += 1).run_if(is_draining),
        );
}

/// Players 0 to `count`, who joined in this order.
fn crowd(game: &mut Game, count: usize) -> Vec<Client> {
    let address = game.address;
    game.during(move || {
        let names = (0..count).map(|number| format!("player-{number}"));
        names
            .map(|name| Client::connect(address, &token(&name)).unwrap())
            .collect()
    })
}

/// The time in the words of a close, in milliseconds.
#[track_caller]
fn come_back(heard: &Heard) -> u128 {
    let Heard::Closed(4000, words) = heard else {
        panic!("not told to leave: {heard:?}");
    };
    assert!(words.len() <= 123);
    let time = words.strip_prefix("draining: come back in ").unwrap();
    time.strip_suffix(" ms").unwrap().parse().unwrap()
}

fn is_in(range: &RangeInclusive<Duration>, milliseconds: u128) -> bool {
    (range.start().as_millis()..=range.end().as_millis()).contains(&milliseconds)
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out");
        thread::sleep(MILLI);
    }
}

/// Somebody who is verified while the game does not tick.
fn somebody_waiting(game: &Game) -> JoinHandle<Result<Client, Answer>> {
    let address = game.address;
    let waiting = thread::spawn(move || Client::connect(address, &token("player-1")));
    wait_until(|| game.bouncer.occupied() == 1);
    waiting
}

/// Ticks until the drain is over.
#[track_caller]
fn finish(game: &mut Game, draining: &Draining) -> DrainReport {
    game.until("the end of the drain", |_| draining.is_finished());
    game.tick();
    block_on(async { draining.clone().await })
}

#[track_caller]
fn assert_report(report: DrainReport, told: usize, in_order: usize, aborted: usize) {
    let found = (report.told, report.in_order, report.aborted);
    assert_eq!(found, (told, in_order, aborted), "told, in order, aborted");
}

fn retry_after(answer: &Answer) -> u128 {
    assert_eq!((answer.status, answer.error().as_str()), (503, "draining"));
    answer.json()["retry_after_ms"].as_u64().unwrap().into()
}

/// Nothing but the deadline ends anybody.
fn endless_patience(limits: &mut Limits) {
    limits.close_timeout = 60 * SECOND;
    limits.write_timeout = 60 * SECOND;
}
