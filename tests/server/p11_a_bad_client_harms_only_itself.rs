//! Slow, flooding, silent or malformed: the others do not notice.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        outbox.send(frame.entity, frame.payload.clone()).unwrap();
    }
}

/// A good player's messages all come back while these are around.
#[track_caller]
fn is_served(game: &mut Game, id: &str) {
    let mut good = game.join(id);
    let heard = game.during(move || {
        (0..20)
            .filter(|number| {
                good.send(&number.to_string());
                good.hear() == Heard::Text(number.to_string())
            })
            .count()
    });
    assert_eq!(heard, 20);
}

#[test]
fn p11_slow_readers_do_not_hold_up_others() {
    let mut game = Game::start();
    game.app.add_systems(bevy_app::Update, echo);
    let _deaf: Vec<_> = (10..15)
        .map(|number| deaf_client(&mut game, &format!("player-{number}")))
        .collect();
    for _ in 0..20 {
        game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(10_000)).unwrap());
        game.tick();
    }
    is_served(&mut game, "player-1");
}

#[test]
fn p11_flooders_and_malformed_ones_do_not_hold_up_others() {
    let mut game = Game::start();
    game.app.add_systems(bevy_app::Update, echo);
    let address = game.address;
    let mut flooder = game.join("player-10");
    let flooding = thread::spawn(move || {
        let stream = flooder.socket.get_mut();
        stream
            .set_write_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        for _ in 0..1000 {
            if stream
                .write_all(&[0x82, 0x80, 0, 0, 0, 0].repeat(100))
                .is_err()
            {
                return;
            }
        }
    });
    let malformed = thread::spawn(move || {
        for round in 0..100 {
            let mut stream = TcpStream::connect(address).unwrap();
            let bytes: Vec<u8> = (0..200_u32)
                .map(|at| (at * 31 + round * 17) as u8)
                .collect();
            let _ = stream.write_all(&bytes);
        }
    });
    is_served(&mut game, "player-1");
    game.until("the others", |_| {
        flooding.is_finished() && malformed.is_finished()
    });
    is_served(&mut game, "player-2");
}

#[test]
fn p11_silent_connections_do_not_hold_up_others() {
    let mut game = Game::start();
    game.app.add_systems(bevy_app::Update, echo);
    let _silent: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(game.address).unwrap())
        .collect();
    is_served(&mut game, "player-1");
}

/// A panic in the code of an authenticator ends one handshake.
#[test]
fn p11_a_panic_in_a_task_ends_one_connection() {
    struct Fragile;
    impl Authenticator for Fragile {
        async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
            let id = request.credential().unwrap().expose().to_owned();
            assert_ne!(id, "player-panic", "this is the panic of the test");
            Ok(Admission::new(User::new(id.as_str(), "Ann").unwrap()))
        }
    }
    let mut game = Game::open(BouncerPlugin::bind(config(), Fragile).unwrap());
    assert!(game.connect("player-panic").is_err());
    game.connect("player-1").unwrap();
    assert_eq!(game.entities(), 1);
    game.until("the place", |game| game.bouncer.occupied() == 1);
}

/// Every piece that arrives ends within some message, and no message takes long.
#[test]
fn p11_a_client_on_a_slow_line_is_not_taken_for_one_that_never_finishes() {
    let mut game = Game::limited(|limits| limits.message_timeout = Duration::from_millis(500));
    let mut raw = deaf_client(&mut game, "player-1");
    let heard = game.during(move || {
        let frame = [&[0x81, 0x85, 0, 0, 0, 0][..], b"hello"].concat();
        let stream = frame.repeat(30);
        let mut at = 0;
        for end in (5..stream.len()).step_by(frame.len()) {
            raw.write_all(&stream[at..end]).unwrap();
            at = end;
            thread::sleep(Duration::from_millis(50));
        }
        raw.write_all(&stream[at..]).is_ok()
    });
    assert!(heard);
    game.until("all of it", |game| game.seen().frames.len() == 30);
}

#[test]
fn p11_half_requests_do_not_take_all_the_places() {
    let mut game = Game::limited(|limits| limits.pending_handshakes = 3);
    game.app.add_systems(bevy_app::Update, echo);
    let silent: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(game.address).unwrap();
            stream.write_all(b"GET /ws HTTP/1.1\r\nHost: l").unwrap();
            stream
        })
        .collect();
    game.until("a silent one to give way", |game| {
        let address = game.address;
        game.during(move || Client::connect(address, &token("player-1")))
            .is_ok()
    });
    is_served(&mut game, "player-2");
    let given_way = silent.into_iter().filter(|mut stream| {
        // It is not told why: it has not asked for anything yet.
        stream.set_nonblocking(true).unwrap();
        let read = stream.read(&mut [0]);
        !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    });
    assert_eq!(given_way.count(), 1, "as many as there was need");
}
