//! From the first byte to the 101.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::{
    AlertDescription, Error as TlsError, ProtocolVersion,
    crypto::CryptoProvider,
    version::{TLS12, TLS13},
};

use crate::{
    certificate::{Certificate, game},
    client::{Offer, tls_error},
    support::*,
};

/// Writes this on a socket and reads all that comes back, an error as the end.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = socket.write_all(bytes);
    let mut heard = Vec::new();
    if let Err(error) = socket.read_to_end(&mut heard) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    heard
}

#[test]
fn p01_a_refused_credential_gets_its_401_over_tls_and_an_end_in_order() {
    let (mut game, certificate) = game(|_| ());
    let (offer, address) = (Offer::trusting([&certificate]), game.address);
    let answers = game.during(move || {
        [
            upgrade(&["Authorization: Bearer guess"]),
            upgrade(&[]),
            upgrade(&[&format!("Authorization: Bearer {}", token("stranger"))]),
        ]
        .map(|request| offer.raw(address, &request).unwrap())
    });
    for answer in answers {
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "unauthorized")
        );
        assert_eq!(answer.header("Connection"), Some("close"));
    }
    assert_eq!(game.entities(), 0);
    assert_eq!(game.seen().hooks, 0);
}

#[test]
fn p01_a_request_in_plain_text_gets_no_101_and_an_end() {
    let (mut game, _) = game(|_| ());
    let address = game.address;
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-1"))]);
    let heard = game.during(move || exchange(address, request.as_bytes()));
    assert!(!heard.windows(4).any(|part| part == b"HTTP"), "{heard:?}");
    assert_eq!((game.entities(), game.seen().arriving), (0, 0));
}

#[test]
fn p01_a_certificate_that_the_client_does_not_trust_lets_nobody_in() {
    let (mut game, _) = game(|_| ());
    let (offer, address) = (Offer::trusting([&Certificate::new()]), game.address);
    let error = game.during(move || offer.dial(address).map(drop).unwrap_err());
    assert!(matches!(
        tls_error(&error),
        Some(TlsError::InvalidCertificate(_))
    ));
    assert_eq!(game.seen().arriving, 0);
}

#[test]
fn both_versions_of_tls_are_spoken_and_nothing_is_installed_for_the_process() {
    let (mut game, certificate) = game(|_| ());
    for (user, version, spoken) in [
        ("player-1", &TLS12, ProtocolVersion::TLSv1_2),
        ("player-2", &TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut offer = Offer::trusting([&certificate]);
        offer.versions = vec![version];
        let client = offer.join(&mut game, user);
        let version = client.socket.get_ref().conn.protocol_version();
        assert_eq!(version, Some(spoken));
    }
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn only_http_1_1_is_spoken_over_it() {
    let (mut game, certificate) = game(|_| ());
    let address = game.address;
    let mut offer = Offer::trusting([&certificate]);
    for (protocols, spoken) in [
        (&[][..], None),
        (&["http/1.1"][..], Some("http/1.1")),
        (&["h2", "http/1.1"][..], Some("http/1.1")),
    ] {
        offer.protocols = protocols;
        let client = offer.join(&mut game, "player-1");
        let chosen = client.socket.get_ref().conn.alpn_protocol();
        assert_eq!(chosen, spoken.map(str::as_bytes), "{protocols:?}");
    }
    offer.protocols = &["h2"];
    let error = game.during(move || offer.dial(address).map(drop).unwrap_err());
    assert_eq!(
        tls_error(&error),
        Some(&TlsError::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    );
}

#[test]
fn a_request_in_many_records_and_one_with_bytes_after_it_are_read_as_on_a_plain_socket() {
    let (mut game, certificate) = game(|_| ());
    let (offer, address) = (Offer::trusting([&certificate]), game.address);
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-1"))]);
    let (slow, early) = game.during(move || {
        let mut line = offer.dial(address).unwrap();
        for byte in request.as_bytes() {
            line.write_all(&[*byte]).unwrap();
        }
        let mut slow = [0; 12];
        line.read_exact(&mut slow).unwrap();
        let early = offer.raw(address, &(request + "early")).unwrap();
        (slow, early.status)
    });
    assert_eq!(&slow, b"HTTP/1.1 101");
    assert_eq!(early, 400);
}

#[test]
fn health_is_answered_over_tls() {
    let (mut game, certificate) = game(|_| ());
    let (offer, address) = (Offer::trusting([&certificate]), game.address);
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = game.during(move || offer.raw(address, request).unwrap());
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
}

#[test]
fn p09_who_is_silent_or_slow_in_the_tls_handshake_is_closed_at_the_one_deadline() {
    let (mut game, _) = game(|limits| limits.handshake_timeout = Duration::from_millis(500));
    let address = game.address;
    let took = game.during(move || {
        let silent = thread::spawn(move || {
            let start = Instant::now();
            exchange(address, b"");
            start.elapsed()
        });
        let slow = thread::spawn(move || {
            let start = Instant::now();
            let mut socket = TcpStream::connect(address).unwrap();
            // The start of a ClientHello of 256 bytes, one byte at a time.
            let hello = [22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3];
            for byte in hello.into_iter().chain([0; 245]) {
                if socket.write_all(&[byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
            start.elapsed()
        });
        [silent.join().unwrap(), slow.join().unwrap()]
    });
    for took in took {
        assert!(took >= Duration::from_millis(400), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn p09_the_deadline_goes_on_after_the_tls_handshake() {
    let (mut game, certificate) = game(|limits| {
        limits.handshake_timeout = Duration::from_secs(4);
    });
    let (offer, address) = (Offer::trusting([&certificate]), game.address);
    let (took, answer) = game.during(move || {
        let start = Instant::now();
        let socket = TcpStream::connect(address).unwrap();
        thread::sleep(Duration::from_secs(2));
        let mut line = offer.shake_hands(socket).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        (start.elapsed(), Answer::parse(&answer).unwrap())
    });
    assert_eq!(answer.status, 408);
    assert!(took < Duration::from_millis(5900), "{took:?}");
}

/// The server would have to compute for an answer.
#[test]
fn p09_whose_handshakes_are_used_up_is_closed_before_the_tls_handshake() {
    let (mut game, certificate) = game(|limits| limits.handshakes_per_ip_per_minute = 2);
    let (offer, address) = (Offer::trusting([&certificate]), game.address);
    let refused = game.during(move || {
        // Counted when they are accepted, also without TLS.
        exchange(address, b"GET / HTTP/1.1\r\n\r\n");
        exchange(address, b"GET / HTTP/1.1\r\n\r\n");
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        let heard = silent.read(&mut [0]);
        assert_eq!(heard.unwrap(), 0, "closed without a word");
        offer.dial(address).map(drop).unwrap_err()
    });
    assert_eq!(tls_error(&refused), None, "no alert");
}

#[test]
fn p09_one_connection_of_an_address_too_many_is_closed_before_the_tls_handshake() {
    let (mut game, certificate) = game(|limits| limits.connections_per_ip = 1);
    let offer = Offer::trusting([&certificate]);
    let ann = offer.join(&mut game, "player-1");
    let (again, address) = (offer.clone(), game.address);
    let refused = game.during(move || again.dial(address).map(drop).unwrap_err());
    assert_eq!(tls_error(&refused), None, "no alert");
    drop(ann);
    let bouncer = game.bouncer.clone();
    game.until("room", |_| bouncer.occupied() == 0);
    offer.join(&mut game, "player-1");
}

#[test]
fn p11_garbage_in_the_tls_handshake_harms_nobody_else() {
    let (mut game, certificate) = game(|_| ());
    let address = game.address;
    let garbage = thread::spawn(move || {
        for round in 0..200_u32 {
            let mut socket = TcpStream::connect(address).unwrap();
            let mut bytes: Vec<u8> = (0..300_u32)
                .map(|at| (at * 31 + round * 17) as u8)
                .collect();
            if round % 2 == 0 {
                // A record of the handshake, with anything in it.
                bytes[..5].copy_from_slice(&[22, 3, 1, 1, 39]);
            }
            let _ = socket.write_all(&bytes);
            let _ = socket.shutdown(Shutdown::Write);
            let _ = socket.set_read_timeout(Some(PATIENCE));
            let mut heard = Vec::new();
            let _ = socket.read_to_end(&mut heard);
            assert!(!heard.starts_with(b"HTTP"));
        }
    });
    let mut ann = Offer::trusting([&certificate]).join(&mut game, "player-1");
    game.until("the garbage", |_| garbage.is_finished());
    garbage.join().unwrap();
    ann.send("still here");
    game.until("the message", |game| game.seen().frames.len() == 1);
    assert_eq!(game.players(), 1);
}

#[test]
fn p02_who_hangs_up_while_the_game_decides_does_not_come_in() {
    let (mut game, certificate) = game(|_| ());
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-1"))]);
    let offer = Offer::trusting([&certificate]);
    for (number, in_order) in [true, false].into_iter().enumerate() {
        let mut line = offer.dial(game.address).unwrap();
        line.write_all(request.as_bytes()).unwrap();
        let bouncer = game.bouncer.clone();
        wait_for("the place", || bouncer.occupied() == 1);
        if in_order {
            line.conn.send_close_notify();
            line.conn.complete_io(&mut line.sock).unwrap();
        } else {
            line.sock.shutdown(Shutdown::Write).unwrap();
        }
        // Only now the game looks who is there.
        wait_for("the hang-up", || {
            bouncer.counters().refused > number.try_into().unwrap()
        });
        game.until("the end", |_| bouncer.occupied() == 0);
        assert_eq!(game.seen().joined, [], "in order: {in_order}");
    }
}

/// Without a tick.
#[track_caller]
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
