//! A headless loop that sleeps until something arrives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bevy_app::{App, AppExit, Update};
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

const SHORTEST: Duration = Duration::from_millis(20);

struct Server {
    bouncer: Bouncer,
    updates: Arc<AtomicUsize>,
    app: JoinHandle<AppExit>,
}

/// Echoes, and ends with a client that says so. Without input it would not run within an hour.
fn start() -> Server {
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let bouncer = door.bouncer();
    let updates = Arc::new(AtomicUsize::new(0));
    let counter = updates.clone();
    let app = thread::spawn(move || {
        App::new()
            .add_plugins((
                door,
                WakingRunnerPlugin {
                    shortest: SHORTEST,
                    longest: Duration::from_secs(3600),
                },
            ))
            .add_systems(
                Update,
                move |mut frames: MessageReader<ClientFrame>,
                      mut outbox: Outbox,
                      mut exit: MessageWriter<AppExit>| {
                    counter.fetch_add(1, Ordering::SeqCst);
                    for frame in frames.read() {
                        outbox.send(frame.entity, frame.payload.clone()).unwrap();
                        if frame.payload.as_text() == Some("end") {
                            exit.write(AppExit::Success);
                        }
                    }
                },
            )
            .run()
    });
    Server {
        bouncer,
        updates,
        app,
    }
}

impl Server {
    fn connect(&self) -> Client {
        Client::connect(self.bouncer.local_addr(), &token("player-1")).unwrap()
    }

    fn updates(&self) -> usize {
        self.updates.load(Ordering::SeqCst)
    }

    fn until_players_are(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.bouncer.players().len() != count {
            assert!(Instant::now() < deadline, "still not {count} players");
            thread::yield_now();
        }
    }
}

#[test]
fn arrivals_messages_and_departures_wake_the_loop() {
    let server = start();
    let mut client = server.connect();
    client.send("hello");
    assert_eq!(client.hear(), Heard::Text("hello".into()));
    drop(server.bouncer.revoke(Revocation::user(user("player-1"))));
    assert_eq!(client.close_code(), 4101);
    server.until_players_are(0);
    drop(server.bouncer.restore(Subject::User(user("player-1"))));
    let mut client = server.connect();
    client.send("end");
    assert_eq!(client.hear(), Heard::Text("end".into()));
    assert_eq!(client.close_code(), 1001);
    assert_eq!(server.app.join().unwrap(), AppExit::Success);
}

#[test]
fn a_flood_does_not_turn_into_updates() {
    let server = start();
    let mut client = server.connect();
    let (begun, before) = (Instant::now(), server.updates());
    for number in 0..30 {
        client.send(&number.to_string());
        assert_eq!(client.hear(), Heard::Text(number.to_string()));
    }
    let updates = server.updates() - before;
    // One at the beginning, and one that was late and counts from when it should have been.
    let at_most = begun.elapsed().as_nanos() / SHORTEST.as_nanos() + 2;
    assert!(
        updates as u128 <= at_most,
        "{updates} updates, not {at_most}"
    );
    client.send("end");
    assert_eq!(server.app.join().unwrap(), AppExit::Success);
}
