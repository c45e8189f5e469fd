//! Plugins can be added in any order.

use bevy_app::prelude::*;
use bevy_bouncer::*;
use bevy_bouncer_chat::{ChatOptions, ChatPlugin, SqliteChat};
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};

use crate::support::*;

const OWN_RUNTIME_THREADS: usize = 3;

/// A runtime that can be told from the one that would be added.
fn own_runtime() -> TokioTasksPlugin {
    TokioTasksPlugin {
        make_runtime: Box::new(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(OWN_RUNTIME_THREADS)
                .enable_all()
                .build()
                .unwrap()
        }),
        ..Default::default()
    }
}

fn door() -> BouncerPlugin {
    BouncerPlugin::bind(config(), authenticator()).unwrap()
}

/// An app with these plugins, whose door is open.
#[track_caller]
fn serves(address: std::net::SocketAddr, bouncer: Bouncer, add: impl FnOnce(&mut App)) -> Game {
    let mut app = App::new();
    app.init_resource::<Seen>();
    add(&mut app);
    app.finish();
    app.cleanup();
    let mut game = Game {
        offer: None,
        app,
        address,
        bouncer,
    };
    drop(game.join("player-1"));
    game
}

fn threads(game: &Game) -> usize {
    let runtime = game.app.world().resource::<TokioTasksRuntime>().runtime();
    runtime.metrics().num_workers()
}

#[test]
fn the_runtime_is_added_before_or_after() {
    for is_first in [true, false] {
        let door = door();
        let game = serves(door.local_addr(), door.bouncer(), |app| {
            if is_first {
                app.add_plugins((own_runtime(), door));
            } else {
                app.add_plugins((door, own_runtime()));
            }
        });
        assert_eq!(threads(&game), OWN_RUNTIME_THREADS);
    }
}

#[test]
fn without_a_runtime_one_core_is_left_to_the_game() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let door = door();
    let game = serves(door.local_addr(), door.bouncer(), |app| {
        app.add_plugins(door);
    });
    assert_eq!(threads(&game), cores.saturating_sub(1).max(1));
}

#[test]
fn the_admin_api_is_added_before_or_after() {
    for is_first in [true, false] {
        let door = door();
        let bouncer = door.bouncer();
        let token = "an operator's token".replace(' ', "-");
        let admin = AdminPlugin::bind("127.0.0.1:0", token, bouncer.clone()).unwrap();
        let operator = admin.local_addr();
        let mut game = serves(door.local_addr(), bouncer, |app| {
            if is_first {
                app.add_plugins((admin, door));
            } else {
                app.add_plugins((door, admin));
            }
        });
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = game.during(move || raw(operator, request.as_bytes()));
        assert_eq!(answer.unwrap().status, 200);
    }
}

#[test]
fn the_chat_is_added_before_or_after() {
    for is_first in [true, false] {
        let door = door();
        let folder = tempfile::tempdir().unwrap();
        let archive = SqliteChat::open(folder.path().join("chat.db")).unwrap();
        let chat = ChatPlugin::new(ChatOptions::default()).unwrap();
        let chat = chat.archive(archive);
        let mut game = serves(door.local_addr(), door.bouncer(), |app| {
            if is_first {
                app.add_plugins((chat, door));
            } else {
                app.add_plugins((door, chat));
            }
        });
        game.tick();
        assert_eq!(game.app.should_exit(), None, "the archive has a runtime");
    }
}

#[test]
fn the_fleet_is_joined_whatever_comes_first() {
    for is_first in [true, false] {
        let backplane = InProcessBackplane::new();
        let door = door()
            .cluster(backplane, ClusterOptions::named("one"))
            .unwrap();
        let bouncer = door.bouncer();
        let address = door.local_addr();
        let mut app = App::new();
        app.init_resource::<Seen>();
        if is_first {
            app.add_plugins((own_runtime(), door));
        } else {
            app.add_plugins((door, own_runtime()));
        }
        assert!(app.world().contains_resource::<Cluster>());
        app.finish();
        app.cleanup();
        let mut game = Game {
            offer: None,
            app,
            address,
            bouncer,
        };
        game.until("the list is read", |game| game.bouncer.is_ready());
        drop(game.join("player-1"));
    }
}

#[test]
fn run_conditions_follow_the_server() {
    use bevy_ecs::prelude::*;

    #[derive(Resource, Default)]
    struct Ran {
        ready: usize,
        draining: usize,
    }
    let door = door();
    let mut game = serves(door.local_addr(), door.bouncer(), |app| {
        app.add_plugins(door)
            .init_resource::<Ran>()
            .add_systems(
                Update,
                (|mut ran: ResMut<Ran>| ran.ready += 1).run_if(is_ready),
            )
            .add_systems(
                Update,
                (|mut ran: ResMut<Ran>| ran.draining += 1).run_if(is_draining),
            );
    });
    let ran = |game: &Game| {
        let ran = game.app.world().resource::<Ran>();
        (ran.ready, ran.draining)
    };
    let (ready, draining) = ran(&game);
    assert_eq!(draining, 0);
    game.tick();
    assert_eq!(ran(&game), (ready + 1, 0));
    game.bouncer.drain(Drain::default());
    game.tick();
    assert_eq!(ran(&game), (ready + 1, 1));
}

#[test]
fn the_server_is_ready_once_its_door_is_open() {
    let door = door();
    let bouncer = door.bouncer();
    let mut app = App::new();
    app.add_plugins(door);
    assert!(!bouncer.is_ready(), "clients would wait for nothing");
    app.finish();
    assert!(bouncer.is_ready());
}
