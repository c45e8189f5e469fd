//! What waits for a slow reader when the revocation comes is not written any more, however fast the client then reads.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use bevy_bouncer::*;

use crate::support::*;

const SEND_BUFFER: usize = 16 * 1024;
/// More than the kernel's two buffers hold, and far less than what is queued.
const KERNEL_BYTES: usize = 256 * 1024;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

fn patient_game() -> Game {
    Game::limited(|limits| {
        limits.socket_send_buffer_bytes = SEND_BUFFER;
        limits.outgoing_queue_bytes = 16 * 1024 * 1024;
        limits.outgoing_queue_messages = 100_000;
        limits.max_message_bytes = 1024 * 1024;
        limits.write_timeout = PATIENCE * 10;
        limits.close_timeout = PATIENCE * 10;
        // The client has time to read everything that is written.
        limits.cut_timeout = std::time::Duration::from_secs(5);
    })
}

/// Everything that still comes, frame by frame, until the server has closed as well. The end may be a half one.
fn read_all(mut stream: TcpStream) -> (usize, Vec<(u8, Vec<u8>)>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    let mut frames = Vec::new();
    let mut at = 0;
    let mut is_answered = false;
    loop {
        while let Some((opcode, payload, end)) = frame(&bytes[at..]) {
            frames.push((opcode, payload));
            at += end;
        }
        if !is_answered && frames.last().is_some_and(|(opcode, _)| *opcode == CLOSE) {
            is_answered = true;
            stream.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
        }
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            Ok(_) => return (bytes.len(), frames),
            Err(error) => panic!("after {} bytes: {error}", bytes.len()),
        }
    }
}

/// The first frame of a server, and where it ends.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())),
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap());
            (10, usize::try_from(length).unwrap())
        }
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(start..start + length)?;
    Some((bytes[0] & 0x0f, payload.to_vec(), start + length))
}

/// Queues far more than the kernel takes, revokes, and only then reads. Returns the messages that came.
#[track_caller]
fn messages_after_a_revocation(queue: impl FnOnce(&mut Game)) -> usize {
    let mut game = patient_game();
    let deaf = deaf_client(&mut game, "player-1");
    let mut witness = game.join("player-2");
    queue(&mut game);
    game.run(|mut outbox: Outbox| outbox.broadcast("that was all").unwrap());
    game.tick();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        match witness.hear_within(std::time::Duration::from_millis(50)) {
            Heard::Text(text) if text == "that was all" => break,
            Heard::Text(_) => {}
            // The network was behind: what is left goes with the next tick.
            Heard::Nothing if std::time::Instant::now() < deadline => game.tick(),
            other => panic!("the witness hears {other:?}"),
        }
    }
    assert_eq!(game.players(), 2, "slow, but within its limits");
    assert_eq!(game.bouncer.revoke(user("player-1")).cut(), 1);
    let (bytes, frames) = read_all(deaf);
    let (last, before) = frames.split_last().expect("the Close");
    assert_eq!(last.0, CLOSE, "of {} frames", frames.len());
    assert_eq!(last.1[..2], 4101_u16.to_be_bytes());
    assert!(before.iter().all(|(opcode, _)| *opcode == TEXT));
    assert!(before.iter().all(|(_, text)| text != b"that was all"));
    println!("{bytes} bytes, {} messages", before.len());
    before.len()
}

#[test]
fn p05_of_a_backlog_of_broadcasts_only_the_kernels_part_is_read() {
    let messages = messages_after_a_revocation(|game| {
        for _ in 0..40 {
            game.run(|mut outbox: Outbox| {
                (0..100).for_each(|_| outbox.broadcast("x".repeat(1000)).unwrap());
            });
            game.tick();
        }
    });
    assert!(messages * 1000 < KERNEL_BYTES, "{messages} messages");
}

#[test]
fn p05_of_a_backlog_of_private_messages_only_the_kernels_part_is_read() {
    let messages = messages_after_a_revocation(|game| {
        let player = game.entity_of("player-1");
        for _ in 0..40 {
            game.run(move |mut outbox: Outbox| {
                (0..100).for_each(|_| outbox.send(player, "x".repeat(1000)).unwrap());
            });
            game.tick();
        }
    });
    assert!(messages * 1000 < KERNEL_BYTES, "{messages} messages");
}

#[test]
fn p05_a_half_written_frame_is_the_last_one() {
    let messages = messages_after_a_revocation(|game| {
        for _ in 0..8 {
            game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(600_000)).unwrap());
            game.tick();
        }
    });
    assert!(messages <= 1, "{messages} messages");
}

/// The fan-out has its turn before most of the sessions' own tasks have theirs.
#[test]
fn p05_a_tick_right_after_the_revocation_writes_to_nobody() {
    const PLAYERS: usize = 200;
    let mut game = Game::start();
    let mut clients = game.join_together(PLAYERS);
    game.run(|mut outbox: Outbox| outbox.broadcast("too late").unwrap());
    let everyone = Revocation::new(Subject::Everyone).issued_before(unix_now() + 1);
    assert_eq!(game.bouncer.revoke(everyone).cut(), PLAYERS);
    game.tick();
    for client in &mut clients {
        assert_eq!(client.hear(), Heard::Closed(4101, "token_revoked".into()));
    }
}

/// The tick's output is on its way to the network when the revocation comes, and is the first thing that the network
/// gets to afterwards.
#[test]
fn p05_what_the_network_has_not_got_to_is_written_to_nobody_who_is_revoked() {
    const PLAYERS: usize = 20;
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let mut game = Game::open_with(door, one_network_thread);
    let mut clients = game.join_together(PLAYERS);
    let mut witness = game.join("player-witness");
    let standstill = game.network_stands_still();
    game.run(|mut outbox: Outbox| outbox.broadcast("too late").unwrap());
    game.tick();
    for number in 0..PLAYERS {
        let cut = game.bouncer.revoke(user(&format!("player-{number}"))).cut();
        assert_eq!(cut, 1);
    }
    drop(standstill);
    assert_eq!(witness.hear(), Heard::Text("too late".into()));
    for client in &mut clients {
        assert_eq!(client.hear(), Heard::Closed(4101, "token_revoked".into()));
    }
}
