//! One `Disconnected`, then one despawn, whatever happens.

use std::{net::Shutdown, time::Duration};

use bevy_app::AppExit;
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

/// Counts despawns of player entities.
#[derive(Resource, Default)]
struct Despawned(Vec<Entity>);

/// Somebody is in, then `end` happens: exactly one `Disconnected` with this reason and one despawn.
#[track_caller]
fn leaves_once(
    limits: impl FnOnce(&mut Limits),
    reason: DisconnectReason,
    end: impl FnOnce(&mut Game, &mut Client, Entity),
) {
    let mut game = Game::limited(limits);
    game.app
        .init_resource::<Despawned>()
        .add_observer(|gone: On<Remove<User>>, mut despawned: ResMut<Despawned>| {
            despawned.0.push(gone.entity);
        })
        .add_observer(|left: On<Disconnected>| assert_eq!(left.user.id().as_str(), "player-1"));
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    end(&mut game, &mut client, entity);
    game.until("the despawn", |game| game.entities() == 0);
    // Nothing more comes of it, whatever the client does.
    drop(client);
    for _ in 0..20 {
        game.tick();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(game.seen().left, [(entity, reason)]);
    assert_eq!(game.world().resource::<Despawned>().0, [entity]);
    assert_eq!(game.players(), 0);
}

fn has_its_components(left: On<Disconnected>, users: Query<(&User, &Connection)>) {
    assert!(users.contains(left.entity));
}

#[test]
fn p04_by_a_close_of_the_client() {
    leaves_once(
        |_| (),
        DisconnectReason::ClientClosed,
        |game, client, _| {
            game.app.add_observer(has_its_components);
            client.socket.close(None).unwrap();
            let _ = client.socket.flush();
        },
    );
}

#[test]
fn p04_by_a_lost_connection() {
    leaves_once(
        |_| (),
        DisconnectReason::ConnectionLost,
        |_, client, _| {
            client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
        },
    );
}

#[test]
fn p04_by_a_reset() {
    leaves_once(
        |_| (),
        DisconnectReason::ConnectionLost,
        |_, client, _| {
            let socket = socket2::SockRef::from(client.socket.get_ref());
            socket.set_linger(Some(Duration::ZERO)).unwrap();
            socket.shutdown(Shutdown::Read).ok();
            drop(std::mem::replace(&mut *client, {
                // Dropping the only handle sends the reset.
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                Client {
                    socket: tokio_tungstenite::tungstenite::WebSocket::from_raw_socket(
                        other,
                        tokio_tungstenite::tungstenite::protocol::Role::Client,
                        None,
                    ),
                }
            }));
        },
    );
}

#[test]
fn p04_by_a_protocol_error() {
    leaves_once(
        |_| (),
        DisconnectReason::ProtocolError,
        |game, client, _| {
            use std::io::Write;
            // Reserved bits set, not masked.
            client.socket.get_mut().write_all(&[0xf1, 0x00]).unwrap();
            game.until("the close", |game| game.players() == 0);
            assert_eq!(client.close_code(), 1002);
        },
    );
}

#[test]
fn p04_by_a_missing_pong() {
    let limits = |limits: &mut Limits| {
        limits.ping_interval = Duration::from_millis(200);
        limits.pong_timeout = Duration::from_secs(1);
    };
    // The client of the test reads only when asked to, so it does not answer.
    leaves_once(
        limits,
        DisconnectReason::HeartbeatTimeout,
        |game, client, _| {
            game.until("the timeout", |game| game.players() == 0);
            assert_eq!(client.close_code(), 4002);
        },
    );
}

#[test]
fn p04_by_an_expired_token() {
    // See p07 for the times; here it is only one of the ways to leave.
    let mut game = Game::start();
    let mut short = claims("player-1");
    short["exp"] = (unix_now() + 3).into();
    let mut client = game.connect(&sign(&short)).unwrap();
    let entity = game.entity_of("player-1");
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left, [(entity, DisconnectReason::TokenExpired)]);
    assert_eq!(client.close_code(), 4100);
}

#[test]
fn p04_by_a_revocation() {
    leaves_once(
        |_| (),
        DisconnectReason::Revoked,
        |game, client, _| {
            game.app.add_observer(has_its_components);
            assert_eq!(game.bouncer.revoke(user("player-1")).cut(), 1);
            assert_eq!(client.close_code(), 4101);
        },
    );
}

#[test]
fn p04_by_a_ban() {
    leaves_once(
        |_| (),
        DisconnectReason::Banned,
        |game, client, _| {
            drop(
                game.bouncer
                    .revoke(Revocation::user(user("player-1")).ban()),
            );
            assert_eq!(client.close_code(), 4403);
        },
    );
}

#[test]
fn p04_by_a_kick() {
    leaves_once(
        |_| (),
        DisconnectReason::Kicked,
        |game, client, _| {
            assert_eq!(game.bouncer.kick(&user("player-1"), Some("be nice")), 1);
            game.tick();
            assert_eq!(client.hear(), Heard::Closed(4004, "kicked: be nice".into()));
        },
    );
}

#[test]
fn p04_by_the_game_asking_for_it() {
    leaves_once(
        |_| (),
        DisconnectReason::BadProtocol,
        |game, client, entity| {
            game.disconnect(entity, DisconnectReason::BadProtocol);
            game.tick();
            assert_eq!(client.close_code(), 4400);
        },
    );
}

#[test]
fn p04_by_the_game_despawning_the_entity() {
    leaves_once(
        |_| (),
        DisconnectReason::Kicked,
        |game, client, entity| {
            game.world().despawn(entity);
            assert_eq!(game.seen().left.len(), 1, "told at once");
            game.tick();
            assert_eq!(client.close_code(), 4004);
        },
    );
}

#[test]
fn p04_by_losing_the_connection_component() {
    leaves_once(
        |_| (),
        DisconnectReason::Kicked,
        |game, client, entity| {
            game.world().entity_mut(entity).remove::<Connection>();
            game.tick();
            assert_eq!(client.close_code(), 4004);
        },
    );
}

#[test]
fn p04_by_everything_at_once() {
    leaves_once(
        |_| (),
        DisconnectReason::Kicked,
        |game, client, entity| {
            let bouncer = game.bouncer.clone();
            bouncer.kick(&user("player-1"), None);
            drop(bouncer.revoke(user("player-1")));
            client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
            game.disconnect(entity, DisconnectReason::Kicked);
            game.disconnect(entity, DisconnectReason::Kicked);
        },
    );
}

#[test]
fn p04_by_the_app_exiting() {
    leaves_once(
        |_| (),
        DisconnectReason::Shutdown,
        |game, client, _| {
            game.world().write_message(AppExit::Success);
            let mut other = std::mem::replace(client, game_free_client());
            let heard = game.during(move || other.close_code());
            assert_eq!(heard, 1001);
        },
    );
}

/// Closes everybody in the update in which `schedule` writes `AppExit`.
fn exits_in(schedule: impl bevy_ecs::schedule::ScheduleLabel + Clone) {
    leaves_once(
        |_| (),
        DisconnectReason::Shutdown,
        |game, client, _| {
            game.app
                .add_systems(schedule.clone(), |mut exits: MessageWriter<AppExit>| {
                    exits.write(AppExit::Success);
                });
            game.tick();
            assert_eq!(client.close_code(), 1001, "{schedule:?}");
        },
    );
}

#[test]
fn p04_by_an_app_exit_of_any_schedule() {
    exits_in(bevy_app::First);
    exits_in(bevy_app::PostUpdate);
    exits_in(bevy_app::Last);
}

type Stays<'w, 's> = Query<'w, 's, Entity, (With<User>, Without<Leaving>)>;

#[test]
fn p04_a_player_who_leaves_is_marked_until_the_despawn() {
    #[derive(Resource, Default)]
    struct Marked(Vec<bool>);
    let check = |players: Res<Players>, stays: Stays| {
        let known: usize = players.iter().map(|(_, entities)| entities.len()).sum();
        assert_eq!(stays.iter().count(), known);
        for (_, entities) in players.iter() {
            assert!(entities.iter().all(|entity| stays.contains(*entity)));
        }
    };
    let mut game = Game::start();
    game.app
        .init_resource::<Marked>()
        .add_systems(bevy_app::Update, check)
        .add_observer(
            move |left: On<Disconnected>, stays: Stays, mut marked: ResMut<Marked>| {
                marked.0.push(!stays.contains(left.entity));
            },
        );
    let mut ann = game.join("player-1");
    let _ben = game.join("player-2");
    ann.socket.close(None).unwrap();
    assert_ne!(ann.hear(), Heard::Nothing);
    game.tick();
    assert_eq!(game.entities(), 2, "it stays for one tick");
    drop(game.bouncer.revoke(user("player-2")));
    game.until("the despawns", |game| game.entities() == 0);
    assert_eq!(game.world().resource::<Marked>().0, [true, true]);
}

/// A stand-in for a client that was moved to another thread.
fn game_free_client() -> Client {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    Client {
        socket: tokio_tungstenite::tungstenite::WebSocket::from_raw_socket(
            stream,
            tokio_tungstenite::tungstenite::protocol::Role::Client,
            None,
        ),
    }
}

#[test]
fn p04_frames_before_an_ordinary_end_can_still_be_read() {
    #[derive(Resource, Default)]
    struct Read(Vec<(String, bool)>);
    let mut game = Game::start();
    game.app.init_resource::<Read>().add_systems(
        bevy_app::Update,
        |mut frames: MessageReader<ClientFrame>, users: Query<&User>, mut read: ResMut<Read>| {
            for frame in frames.read() {
                let text = frame.payload.as_text().unwrap().to_owned();
                read.0.push((text, users.contains(frame.entity)));
            }
        },
    );
    let mut client = game.join("player-1");
    client.send("last words");
    client.socket.close(None).unwrap();
    // The answer comes once the end is reported, and no tick has seen either until then.
    assert_ne!(client.hear(), Heard::Nothing);
    game.tick();
    assert_eq!(
        game.world().resource::<Read>().0,
        [("last words".to_owned(), true)]
    );
    assert_eq!(game.seen().left.len(), 1, "told in the same tick");
    assert_eq!(game.entities(), 1);
    game.tick();
    assert_eq!(game.entities(), 0, "and despawned in the next");
}

#[test]
fn p04_a_cut_drops_what_was_unread() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    client.send("unread");
    // It is in the inbox when the revocation comes, and no tick has read it.
    client.settle();
    drop(game.bouncer.revoke(user("player-1")));
    game.until("the despawn", |game| game.entities() == 0);
    game.tick();
    assert!(game.seen().frames.is_empty());
}

/// Another session of the same user is in, so that a tick looks for earlier ends while somebody joins.
#[test]
fn p04_whoever_is_cut_while_joining_leaves_no_entity_behind() {
    let mut game = Game::limited(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 8;
    });
    let _first = game.join("player-1");
    let mut other = claims("player-1");
    other["jti"] = "another".into();
    let (token, address) = (sign(&other), game.address);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_over = {
        let stop = stop.clone();
        move || stop.load(std::sync::atomic::Ordering::Relaxed)
    };
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (token, is_over) = (token.clone(), is_over.clone());
            std::thread::spawn(move || {
                while !is_over() {
                    drop(Client::connect(address, &token));
                }
            })
        })
        .collect();
    let revoker = std::thread::spawn({
        let bouncer = game.bouncer.clone();
        move || {
            while !is_over() {
                drop(bouncer.revoke(Revocation::token("another")));
                drop(bouncer.restore(Subject::Token("another".into())));
                std::thread::sleep(Duration::from_micros(20));
            }
        }
    });
    let until = std::time::Instant::now() + Duration::from_secs(5);
    game.until("time passes", |_| std::time::Instant::now() > until);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for thread in clients.into_iter().chain([revoker]) {
        game.until("the thread ends", |_| thread.is_finished());
        thread.join().unwrap();
    }
    game.until("the others are gone", |game| game.entities() == 1);
    assert_eq!(game.players(), 1);
    let seen = game.seen();
    println!("{} joined", seen.joined.len());
    assert!(seen.joined.len() > 10, "the race took place");
    assert_eq!(seen.joined.len(), seen.left.len() + 1);
}
