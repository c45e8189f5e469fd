//! Per connection, both ways; and a good-bye comes after what was sent before it.

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

#[test]
fn p10_messages_keep_their_order_both_ways() {
    let mut game = Game::start();
    game.app.add_systems(
        bevy_app::Update,
        |mut frames: MessageReader<ClientFrame>, mut outbox: Outbox| {
            for frame in frames.read() {
                outbox.send(frame.entity, frame.payload.clone()).unwrap();
            }
        },
    );
    let mut client = game.join("player-1");
    let heard = game.during(move || {
        let mut heard = Vec::new();
        for number in 0..100 {
            client.send(&number.to_string());
        }
        while heard.len() < 100 {
            match client.hear() {
                Heard::Text(text) => heard.push(text.parse::<u32>().unwrap()),
                other => panic!("{other:?}"),
            }
        }
        heard
    });
    assert_eq!(heard, (0..100).collect::<Vec<_>>());
}

#[test]
fn p10_private_and_public_messages_keep_the_order_in_which_they_were_sent() {
    let mut game = Game::start();
    let mut ann = game.join("player-1");
    let mut ben = game.join("player-2");
    let (ann_is, ben_is) = (game.entity_of("player-1"), game.entity_of("player-2"));
    game.run(move |mut outbox: Outbox| {
        outbox.broadcast("1 all").unwrap();
        outbox.send(ann_is, "2 ann").unwrap();
        outbox.broadcast("3 all").unwrap();
        outbox.broadcast_except(ann_is, "4 but ann").unwrap();
        outbox
            .send_to([ann_is, ben_is, ann_is], "5 both, once")
            .unwrap();
        outbox.send(ann_is, vec![6_u8]).unwrap();
        outbox.broadcast("7 all").unwrap();
    });
    game.tick();
    let all = |client: &mut Client| {
        std::iter::from_fn(|| match client.hear() {
            Heard::Text(text) => Some(text),
            Heard::Binary(bytes) => Some(format!("{} bytes", bytes[0])),
            other => panic!("{other:?}"),
        })
        .take_while(|text| text != "7 all")
        .collect::<Vec<_>>()
    };
    assert_eq!(
        all(&mut ann),
        ["1 all", "2 ann", "3 all", "5 both, once", "6 bytes"]
    );
    assert_eq!(
        all(&mut ben),
        ["1 all", "3 all", "4 but ann", "5 both, once"]
    );
}

#[test]
fn p10_a_group_gets_its_messages_among_all_others() {
    let mut game = Game::start();
    let mut ann = game.join("player-1");
    let mut ben = game.join("player-2");
    let ann_is = game.entity_of("player-1");
    game.run(move |connections: Query<&Connection>, mut outbox: Outbox| {
        let both: Group = connections.iter().collect();
        let ann: Group = connections.get(ann_is).into_iter().collect();
        outbox.send_to_group(&both, "1 both").unwrap();
        outbox.send_to_group(&ann, "2 ann").unwrap();
        outbox.broadcast("3 all").unwrap();
        outbox.send_to_group(&both, "4 both").unwrap();
        outbox.send_to_group(&ann, "5 ann").unwrap();
        outbox.send_to_group(&Group::default(), "nobody").unwrap();
        outbox.broadcast("6 all").unwrap();
    });
    game.tick();
    let all = |client: &mut Client| {
        std::iter::from_fn(|| match client.hear() {
            Heard::Text(text) => Some(text),
            other => panic!("{other:?}"),
        })
        .take_while(|text| text != "6 all")
        .collect::<Vec<_>>()
    };
    assert_eq!(
        all(&mut ann),
        ["1 both", "2 ann", "3 all", "4 both", "5 ann"]
    );
    assert_eq!(all(&mut ben), ["1 both", "3 all", "4 both"]);
}

#[test]
fn p10_a_kick_comes_after_what_was_sent_before() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    game.run(move |mut outbox: Outbox, bouncer: Res<Bouncer>| {
        for number in 0..50 {
            outbox.send(entity, format!("{number}")).unwrap();
        }
        bouncer.kick(&UserId::new("player-1").unwrap(), None);
    });
    game.tick();
    for number in 0..50 {
        assert_eq!(client.hear(), Heard::Text(number.to_string()));
    }
    assert_eq!(client.hear(), Heard::Closed(4004, "kicked".into()));
}

#[test]
fn p10_a_disconnect_comes_between_what_was_sent_before_and_after() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    game.run(move |mut outbox: Outbox| outbox.send(entity, "before").unwrap());
    game.disconnect(entity, DisconnectReason::Kicked);
    game.run(move |mut outbox: Outbox| outbox.broadcast("after").unwrap());
    game.tick();
    assert_eq!(client.hear(), Heard::Text("before".into()));
    assert_eq!(client.close_code(), 4004);
}

#[test]
fn p10_who_joins_gets_what_is_sent_from_then_on() {
    let mut game = Game::start();
    game.app.add_observer(
        |joined: On<Add<User>>, users: Query<&User>, mut outbox: Outbox| {
            let name = users.get(joined.entity).unwrap().id().to_string();
            outbox.send(joined.entity, "welcome").unwrap();
            outbox.broadcast(format!("{name} joined")).unwrap();
        },
    );
    let mut ann = game.join("player-1");
    let mut ben = game.join("player-2");
    game.tick();
    let text = |text: &str| Heard::Text(text.to_owned());
    assert_eq!(ann.hear(), text("welcome"));
    assert_eq!(ann.hear(), text("player-1 joined"));
    assert_eq!(ann.hear(), text("player-2 joined"));
    assert_eq!(ben.hear(), text("welcome"));
    assert_eq!(ben.hear(), text("player-2 joined"));
}
