//! ECS systems never wait for the network, and each tick's work has a budget.

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use bevy_app::App;
use bevy_bouncer::*;
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};

use crate::support::*;

/// Ticks go on while every thread of the network is stuck.
#[test]
fn p08_a_stuck_network_does_not_stop_the_game() {
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let (address, bouncer) = (door.local_addr(), door.bouncer());
    let mut app = App::new();
    app.add_plugins(TokioTasksPlugin {
        make_runtime: Box::new(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
        }),
        ..Default::default()
    })
    .add_plugins(door)
    .init_resource::<Seen>();
    app.finish();
    app.cleanup();
    let mut game = Game {
        offer: None,
        app,
        address,
        bouncer,
    };
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");

    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let stuck = Arc::new((Mutex::new(false), Condvar::new()));
    let runtime = game.world().resource::<TokioTasksRuntime>();
    let (held, reached) = (gate.clone(), stuck.clone());
    runtime.runtime().spawn(async move {
        *reached.0.lock().unwrap() = true;
        reached.1.notify_all();
        let open = held.0.lock().unwrap();
        drop(held.1.wait_while(open, |open| !*open).unwrap());
    });
    drop(
        stuck
            .1
            .wait_while(stuck.0.lock().unwrap(), |reached| !*reached)
            .unwrap(),
    );

    // Far more ticks than the queue towards the network holds.
    for number in 0..100 {
        game.run(move |mut outbox: Outbox| outbox.send(entity, format!("{number}")).unwrap());
        game.tick();
    }
    assert!(
        game.bouncer.counters().merged_ticks > 0,
        "ticks had to wait, and were counted"
    );
    game.bouncer.kick(&user("nobody"), None);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    // A merged tick goes with the next one; nothing is lost and the order is kept.
    let heard = game.during(move || (0..100).map(|_| client.hear()).collect::<Vec<_>>());
    let expected: Vec<_> = (0..100)
        .map(|number| Heard::Text(number.to_string()))
        .collect();
    assert_eq!(heard, expected);
}

#[test]
fn p08_arrivals_have_a_budget() {
    let mut game = Game::limited(|limits| limits.arrivals_per_tick = 2);
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let (address, token) = (game.address, token(&format!("player-{number}")));
            thread::spawn(move || Client::connect(address, &token).map_err(|answer| answer.status))
        })
        .collect();
    let bouncer = game.bouncer.clone();
    while bouncer.occupied() < 6 {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20));
    let mut joined = 0;
    while joined < 6 {
        game.tick();
        let now = game.seen().joined.len();
        assert!(now <= joined + 2, "{} joined in one tick", now - joined);
        joined = now;
    }
    for client in clients {
        assert!(client.join().unwrap().is_ok());
    }
}

#[test]
fn p08_inbound_messages_have_a_budget_that_is_fair() {
    let mut game = Game::limited(|limits| {
        limits.frames_per_tick = 32;
        limits.inbound_frames_burst = 1000;
        limits.inbound_queue_messages = 1000;
    });
    let mut loud = game.join("player-1");
    let mut quiet = game.join("player-2");
    for number in 0..200 {
        loud.send(&number.to_string());
    }
    loud.settle();
    quiet.send("hello");
    quiet.settle();
    let quiet_entity = game.entity_of("player-2");
    game.tick();
    let first = &game.seen().frames;
    assert!(first.len() <= 32, "{} in one tick", first.len());
    assert!(
        first.iter().any(|(entity, _)| *entity == quiet_entity),
        "the quiet one does not wait for the loud one's queue"
    );
    game.until("all of it", |game| game.seen().frames.len() == 201);
}

#[test]
fn p08_bytes_have_a_budget() {
    let mut game = Game::limited(|limits| limits.bytes_per_tick = 10_000);
    let mut client = game.join("player-1");
    for _ in 0..20 {
        client.send(&"x".repeat(3000));
    }
    let mut before = 0;
    while before < 20 {
        game.tick();
        let now = game.seen().frames.len();
        assert!(
            now - before <= 4,
            "{} messages of 3 000 bytes in a tick",
            now - before
        );
        before = now;
        thread::sleep(Duration::from_millis(1));
    }
}
