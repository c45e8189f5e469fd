//! Every queue, map, buffer, token and header has a limit that a config field names, and a policy.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

#[test]
fn p09_connections_are_limited_and_places_come_back() {
    let mut game = Game::limited(|limits| limits.connections = 2);
    let first = game.join("player-1");
    let _second = game.join("player-2");
    let answer = game.connect(&token("player-3")).err().unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (503, "capacity"));
    drop(first);
    game.until("the place", |game| game.bouncer.occupied() == 1);
    game.join("player-3");
}

#[test]
fn p09_connections_of_one_address_are_limited() {
    let mut game = Game::limited(|limits| limits.connections_per_ip = 2);
    let _first = game.join("player-1");
    let _second = game.join("player-2");
    let answer = game.connect(&token("player-3")).err().unwrap();
    assert_eq!(answer.status, 429);
}

#[test]
fn p09_handshakes_of_one_address_are_limited_and_health_is_free() {
    let mut game = Game::limited(|limits| limits.handshakes_per_ip_per_minute = 3);
    for _ in 0..3 {
        assert_eq!(game.raw(upgrade(&[])).unwrap().status, 401);
    }
    let answer = game.raw(upgrade(&[])).unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (429, "too_many_attempts")
    );
    assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 0);
    assert!(
        answer
            .header("Retry-After")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    for _ in 0..10 {
        let health = game.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(health.unwrap().status, 200);
    }
}

#[test]
fn p09_pending_handshakes_are_limited() {
    let mut game = Game::limited(|limits| {
        limits.pending_handshakes = 2;
        limits.head_timeout = Duration::from_secs(60);
    });
    let silent: Vec<_> = (0..2)
        .map(|_| TcpStream::connect(game.address).unwrap())
        .collect();
    // The two are accepted before the third, in the order of their connections.
    let answer = game.raw(upgrade(&[])).unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (503, "capacity"));
    drop(silent);
    game.until("room", |game| {
        raw(game.address, upgrade(&[]).as_bytes()).is_some_and(|answer| answer.status == 401)
    });
}

#[test]
fn p09_messages_and_frames_from_clients_are_limited() {
    let limits = |limits: &mut Limits| {
        limits.max_message_bytes = 1000;
        limits.max_frame_bytes = 600;
    };
    let mut game = Game::limited(limits);
    let mut client = game.join("player-1");
    client.send(&"x".repeat(600));
    game.until("the message", |game| game.seen().frames.len() == 1);
    client.send(&"x".repeat(601));
    assert_eq!(client.close_code(), 1009);
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::MessageTooBig);

    let mut client = game.join("player-2");
    // Two frames of one message, each allowed, together too long.
    let frame = |first: u8| {
        [
            &[first, 0x80 | 126, 2, 0x30, 0, 0, 0, 0],
            &[b'x'; 0x230][..],
        ]
        .concat()
    };
    let stream = client.socket.get_mut();
    stream.write_all(&frame(0x01)).unwrap();
    stream.write_all(&frame(0x80)).unwrap();
    assert_eq!(client.close_code(), 1009);
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().frames.len(), 1);
}

#[test]
fn p09_a_slow_reader_is_cut_with_4001_and_a_reader_never_is() {
    // Not by the time that it takes, which has a limit of its own.
    let mut game = Game::limited(|limits| limits.write_timeout = PATIENCE * 10);
    let mut ben = game.join("player-2");
    let _deaf = deaf_client(&mut game, "player-1");
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = heard.clone();
    let reader = thread::spawn(move || {
        while let Heard::Text(_) = ben.hear() {
            if counted.fetch_add(1, Ordering::SeqCst) == 899 {
                break;
            }
        }
        ben
    });
    // A tick may have more messages than the queue holds: that cuts nobody who reads.
    for round in 1..=3 {
        for _ in 0..300 {
            game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(1000)).unwrap());
        }
        game.until("the reader has heard them", |_| {
            heard.load(Ordering::SeqCst) == 300 * round
        });
    }
    game.until("the cut", |game| game.entities() == 1);
    assert_eq!(game.seen().left[0].1, DisconnectReason::SlowConsumer);
    drop(reader.join().unwrap());
}

#[test]
fn p09_a_write_that_makes_no_progress_ends_the_session() {
    let mut game = Game::limited(|limits| {
        limits.outgoing_queue_bytes = 16 * 1024 * 1024;
        limits.outgoing_queue_messages = 100_000;
        limits.write_timeout = Duration::from_millis(300);
    });
    let _deaf = deaf_client(&mut game, "player-1");
    for _ in 0..100 {
        game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(60_000)).unwrap());
        game.tick();
    }
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::SlowConsumer);
}

#[test]
fn p09_a_single_message_that_is_too_long_is_the_senders_error() {
    let mut game = Game::start();
    let mut client = game.join("player-1");
    let taken = game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(256 * 1024 + 1)));
    assert_eq!(taken, Err(SendError::TooLong));
    assert_eq!(game.bouncer.counters().refused_sends, 1);
    game.run(|mut outbox: Outbox| outbox.broadcast("short").unwrap());
    game.tick();
    assert_eq!(client.hear(), Heard::Text("short".into()));
}

#[test]
fn p09_the_outbox_is_limited() {
    let mut game = Game::limited(|limits| limits.outbox_messages = 10);
    let taken: Vec<_> = (0..12)
        .map(|_| game.run(|mut outbox: Outbox| outbox.broadcast("x")))
        .collect();
    assert_eq!(taken[..10], [Ok(()); 10]);
    assert_eq!(taken[10..], [Err(SendError::QueueFull); 2]);
    assert_eq!(game.bouncer.counters().refused_sends, 2);
    game.tick();
    let again = game.run(|mut outbox: Outbox| outbox.broadcast("x"));
    assert_eq!(again, Ok(()), "room again");
}

#[test]
fn p09_a_flood_is_paced_and_then_cut_with_4003() {
    let mut game = Game::limited(|limits| {
        limits.inbound_frames_per_second = 20;
        limits.inbound_frames_burst = 20;
        limits.inbound_overload_timeout = Duration::from_millis(500);
    });
    let mut flooder = game.join("player-1");
    flooder
        .socket
        .get_ref()
        .set_write_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let start = Instant::now();
    let code = game.during(move || {
        loop {
            if flooder.socket.send(Message::text("x".repeat(200))).is_err() {
                break;
            }
            if let Heard::Closed(code, _) = flooder.hear_within(Duration::from_millis(1)) {
                return Some(code);
            }
        }
        None
    });
    assert!(matches!(code, Some(4003) | None), "{code:?}");
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::RateLimited);
    // One read may bring more than one message; what counts is that the rate holds on average.
    let allowed = 20.0 + 20.0 * start.elapsed().as_secs_f64() + 8192.0 / 200.0;
    let seen = game.seen().frames.len();
    assert!(
        (seen as f64) < allowed,
        "{seen} messages, {allowed} allowed"
    );
}

#[test]
fn p09_a_long_debt_is_not_waited_for() {
    let mut game = Game::limited(|limits| {
        limits.inbound_frames_per_second = 1;
        limits.inbound_frames_burst = 1;
        limits.inbound_overload_timeout = Duration::from_millis(300);
        limits.close_timeout = 2 * PATIENCE;
    });
    let mut flooder = game.join("player-1");
    let start = Instant::now();
    // A message in a thousand pieces that came at once: at this rate, a quarter of an hour.
    let pieces = [0x00, 0x81, 0, 0, 0, 0, b'x'].repeat(1000);
    let stream = flooder.socket.get_mut();
    stream.write_all(&[0x01, 0x80, 0, 0, 0, 0]).unwrap();
    stream.write_all(&pieces).unwrap();
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::RateLimited);
    assert!(start.elapsed() < Duration::from_secs(10), "the next ping");

    // An answer to the Close is not looked for in the rest of the flood.
    let stream = flooder.socket.get_mut();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut goodbye = Vec::new();
    stream.read_to_end(&mut goodbye).unwrap();
    let code = goodbye.windows(2).any(|two| two == 4003_u16.to_be_bytes());
    assert!(code, "{goodbye:?}");
}

#[test]
fn p09_pings_count_as_frames() {
    let mut game = Game::limited(|limits| {
        limits.inbound_frames_per_second = 10;
        limits.inbound_frames_burst = 10;
        limits.inbound_overload_timeout = Duration::from_millis(300);
    });
    let mut flooder = game.join("player-1");
    let flooding = thread::spawn(move || {
        let stream = flooder.socket.get_mut();
        stream
            .set_write_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        while stream
            .write_all(&[0x89, 0x80, 0, 0, 0, 0].repeat(10))
            .is_ok()
        {
            thread::sleep(Duration::from_millis(10));
        }
    });
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(game.seen().left[0].1, DisconnectReason::RateLimited);
    flooding.join().unwrap();
}

#[test]
fn p09_an_unfinished_message_has_a_deadline() {
    let mut game = Game::limited(|limits| limits.message_timeout = Duration::from_millis(300));
    let mut client = game.join("player-1");
    client
        .socket
        .get_mut()
        .write_all(&[0x01, 0x81, 0, 0, 0, 0, b'x'])
        .unwrap();
    assert_eq!(client.close_code(), 4003);
    game.until("the end", |game| game.entities() == 0);
    assert!(game.seen().frames.is_empty());
}

#[test]
fn p09_a_game_that_is_behind_pauses_the_client_and_loses_nothing() {
    const MESSAGES: usize = 800;
    let mut game = Game::limited(|limits| {
        limits.inbound_queue_messages = 4;
        limits.inbound_frames_burst = 10_000;
        limits.inbound_frames_per_second = 10_000;
        limits.inbound_bytes_per_second = 1024 * 1024 * 1024;
    });
    let mut client = game.join("player-1");
    let entity = game.entity_of("player-1");
    // Far more than the kernel's buffers hold, while the game does not tick.
    let sender = thread::spawn(move || {
        for number in 0..MESSAGES {
            client.send(&format!("{number:060000}"));
        }
        client
    });
    thread::sleep(Duration::from_millis(500));
    assert!(!sender.is_finished(), "the client has to wait");
    game.until("all", |game| game.seen().frames.len() == MESSAGES);
    for (number, (from, payload)) in game.seen().frames.iter().enumerate() {
        assert_eq!(*from, entity);
        let text = payload.as_text().unwrap();
        assert_eq!(text.parse::<usize>(), Ok(number), "in order");
    }
    sender.join().unwrap();
}

#[test]
fn p09_a_bad_limit_fails_at_start_with_its_name() {
    let mut config = config();
    config.limits.outgoing_queue_messages = 0;
    let error = BouncerPlugin::bind(config, authenticator()).err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("limits.outgoing_queue_messages: "),
        "{error}"
    );
}

#[test]
fn p09_a_port_in_use_fails_at_start_with_its_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = BouncerConfig::new(taken.local_addr().unwrap().to_string());
    let error = BouncerPlugin::bind(config, authenticator()).err().unwrap();
    assert!(matches!(error, BouncerError::Bind { .. }));
    assert!(error.to_string().starts_with("listen: "), "{error}");
}

/// Few messages, each long: the limit in bytes is the one that counts.
#[test]
fn p09_a_backlog_is_limited_in_bytes_as_well() {
    let mut game = Game::limited(|limits| {
        limits.outgoing_queue_bytes = 128 * 1024;
        limits.outgoing_queue_messages = 100_000;
        limits.write_timeout = PATIENCE * 10;
    });
    let _deaf = deaf_client(&mut game, "player-1");
    for _ in 0..40 {
        game.run(|mut outbox: Outbox| outbox.broadcast("x".repeat(60_000)).unwrap());
        game.tick();
    }
    game.until("the cut", |game| !game.seen().left.is_empty());
    assert_eq!(game.seen().left[0].1, DisconnectReason::SlowConsumer);
}
