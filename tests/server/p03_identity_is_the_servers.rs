//! `User` is immutable; nothing that a client sends can set, change or forge it.

use bevy_bouncer::*;
use bevy_ecs::{component::Immutable, prelude::*};

use crate::support::*;

#[test]
fn p03_identity_components_are_immutable() {
    fn immutable<C: Component<Mutability = Immutable>>() {}
    immutable::<User>();
    immutable::<Connection>();
}

#[test]
fn p03_headers_and_messages_cannot_change_who_somebody_is() {
    let mut game = Game::start();
    let address = game.address;
    let bearer = token("player-1");
    let mut client = game
        .during(move || {
            use tungstenite::client::IntoClientRequest;
            let mut request = format!("ws://{address}/ws?user=admin&sub=admin")
                .into_client_request()
                .unwrap();
            let headers = request.headers_mut();
            headers.insert("Authorization", format!("Bearer {bearer}").parse().unwrap());
            headers.insert("X-User", "admin".parse().unwrap());
            headers.insert("X-Forwarded-For", "10.0.0.1".parse().unwrap());
            Client::with_request(address, request)
        })
        .unwrap();
    client.send(r#"{"user":"admin","from":{"id":"admin"}}"#);
    game.until("the message", |game| !game.seen().frames.is_empty());
    let entity = game.seen().frames[0].0;
    assert_eq!(entity, game.entity_of("player-1"));
    let world = game.world();
    let user = world.get::<User>(entity).unwrap();
    assert_eq!(
        (user.id().as_str(), user.name()),
        ("player-1", "Name of player-1")
    );
    assert!(user.roles().is_empty());
    let peer = world.get::<Connection>(entity).unwrap().peer();
    assert!(
        peer.ip().is_loopback(),
        "a forwarded address is not believed"
    );
}

use tokio_tungstenite::tungstenite;
