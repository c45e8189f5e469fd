//! Who is revoked in the very tick of the arrival hears no `hello`, and nothing else of the game.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Mutex, mpsc},
    thread,
};

use bevy_app::Update;
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

fn game() -> Game {
    let config = config().subprotocols(["bouncer.v1"]);
    Game::open(BouncerPlugin::bind(config, authenticator()).unwrap())
}

/// The client has its `101`, and `hello` waits for the end of the tick.
#[test]
fn p05_between_the_101_and_hello_a_revocation_leaves_nothing_but_the_close() {
    let mut game = game();
    let (joined, has_joined) = mpsc::channel();
    let address = game.address;
    let client = thread::spawn(move || {
        let client = Client::connect_with(address, &token("player-1"), Some("bouncer.v1"));
        let mut client = client.unwrap();
        joined.send(()).unwrap();
        [client.hear(), client.hear()]
    });
    let has_joined = Mutex::new(has_joined);
    game.app.add_systems(
        Update,
        move |users: Query<&User, Added<User>>, bouncer: Res<Bouncer>| {
            for user in &users {
                let joined = has_joined.lock().unwrap().recv_timeout(PATIENCE);
                joined.expect("the 101 waits for no tick");
                assert_eq!(bouncer.revoke(user.id().clone()).cut(), 1);
            }
        },
    );
    game.until("the client has heard", |_| client.is_finished());
    let closed = Heard::Closed(4101, "token_revoked".into());
    assert_eq!(client.join().unwrap(), [closed, Heard::Lost]);
    assert_eq!((game.seen().joined.len(), game.entities()), (1, 0));
}

/// The player has entered, and the `101` is not written yet.
#[test]
fn p05_between_entering_and_the_101_a_revocation_leaves_nothing_but_the_refusal() {
    let mut game = game();
    game.app.add_observer(
        |joined: On<Add<User>>, users: Query<&User>, bouncer: Res<Bouncer>| {
            let user = users.get(joined.entity).unwrap().id().clone();
            drop(bouncer.revoke(Revocation::user(user).ban()));
        },
    );
    let address = game.address;
    let answer = game.during(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let credential = format!("Authorization: Bearer {}", token("player-1"));
        let request = upgrade(&[&credential, "Sec-WebSocket-Protocol: bouncer.v1"]);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(&answer).unwrap()
    });
    // Whatever came behind the refusal would be a part of its body.
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    assert_eq!((game.seen().joined.len(), game.entities()), (1, 0));
}
