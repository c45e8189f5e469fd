//! What players and the game say to each other.

use std::{thread, time::Duration};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{certificate::game, client::Offer, support::*};

const MIB: usize = 1024 * 1024;

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        outbox.send(frame.entity, frame.payload.clone()).unwrap();
    }
}

fn roomy(limits: &mut Limits) {
    limits.max_message_bytes = MIB;
    limits.inbound_bytes_per_second = 64 * MIB;
    limits.inbound_frames_burst = 10_000;
    limits.inbound_queue_bytes = 4 * MIB;
    limits.outgoing_queue_bytes = 4 * MIB;
}

#[test]
fn a_player_logs_in_and_chats() {
    let (mut game, certificate) = game(|_| ());
    let offer = Offer::trusting([&certificate]);
    let mut ann = offer.join(&mut game, "player-1");
    let mut ben = offer.join(&mut game, "player-2");
    assert_eq!(game.players(), 2);
    ann.send("hello");
    game.until("the message", |game| game.seen().frames.len() == 1);
    let (from, payload) = game.seen().frames[0].clone();
    assert_eq!(from, game.entity_of("player-1"));
    game.run(move |mut outbox: Outbox| outbox.broadcast(payload.clone()).unwrap());
    game.tick();
    for client in [&mut ann, &mut ben] {
        assert_eq!(client.hear(), Heard::Text("hello".into()));
    }
}

#[test]
fn p10_large_messages_of_many_frames_arrive_whole_and_in_order_both_ways() {
    let (mut game, certificate) = game(roomy);
    game.app.add_systems(bevy_app::Update, echo);
    let mut ann = Offer::trusting([&certificate]).join(&mut game, "player-1");
    game.during(move || {
        for round in 0..3_usize {
            let large: Vec<u8> = (0..MIB)
                .map(|at| (at * 7 + at / 251 + round) as u8)
                .collect();
            let pieces: Vec<_> = large.chunks(10_000).collect();
            for (number, piece) in pieces.iter().enumerate() {
                let code = match number {
                    0 => Data::Binary,
                    _ => Data::Continue,
                };
                let is_last = number == pieces.len() - 1;
                let frame = Frame::message(piece.to_vec(), OpCode::Data(code), is_last);
                ann.socket.send(Message::Frame(frame)).unwrap();
            }
            ann.send("after it");
            assert!(ann.hear() == Heard::Binary(large), "round {round}");
            assert_eq!(ann.hear(), Heard::Text("after it".into()));
        }
    });
}

#[test]
fn p10_many_players_at_once_get_everything_in_order() {
    const PLAYERS: usize = 40;
    const MESSAGES: usize = 300;
    let (mut game, certificate) = game(roomy);
    game.app.add_systems(bevy_app::Update, echo);
    let offer = Offer::trusting([&certificate]);
    let players: Vec<_> = (0..PLAYERS)
        .map(|number| {
            let (offer, address) = (offer.clone(), game.address);
            thread::spawn(move || {
                let token = token(&format!("player-{number}"));
                let mut client = offer.connect(address, &token).unwrap();
                for message in 0..MESSAGES {
                    client.send(&format!("{message} of {number}"));
                }
                let mut own = 0;
                let mut public = 0;
                while own < MESSAGES || public < MESSAGES {
                    match client.hear() {
                        Heard::Text(text) => {
                            assert_eq!(text, format!("{own} of {number}"));
                            own += 1;
                        }
                        Heard::Binary(bytes) => {
                            assert_eq!(bytes, public.to_be_bytes());
                            public += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    game.until("everybody", |game| game.players() == PLAYERS);
    for message in 0..MESSAGES {
        game.run(move |mut outbox: Outbox| {
            outbox.broadcast(message.to_be_bytes().to_vec()).unwrap()
        });
        if message % 10 == 0 {
            game.tick();
        }
    }
    game.until("all messages", |_| {
        players.iter().all(thread::JoinHandle::is_finished)
    });
    for player in players {
        player.join().unwrap();
    }
}

/// The limits of the queue count what a player leaves unread, not what a tick has to say.
#[test]
fn p11_a_tick_with_much_to_say_cuts_nobody_who_reads() {
    let (mut game, certificate) = game(|_| ());
    let mut ann = Offer::trusting([&certificate]).join(&mut game, "player-1");
    for round in 0..3 {
        for number in 0..5000 {
            let text = format!("{round}: {number}");
            game.run(move |mut outbox: Outbox| outbox.broadcast(text.clone()).unwrap());
        }
        game.tick();
        for number in 0..5000 {
            assert_eq!(ann.hear(), Heard::Text(format!("{round}: {number}")));
        }
    }
}

#[test]
fn pings_are_answered() {
    let (mut game, certificate) = game(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.pong_timeout = Duration::from_secs(1);
    });
    let mut ann = Offer::trusting([&certificate]).join(&mut game, "player-1");
    ann.settle();
    let heard = game.during(move || ann.hear_within(Duration::from_secs(3)));
    assert_eq!(heard, Heard::Nothing, "not cut in three times the limit");
    assert_eq!(game.players(), 1);
}
