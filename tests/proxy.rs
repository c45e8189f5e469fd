//! Behind a proxy: only trusted ones are believed about the client's address, and that address is the
//! one that counts.

#[path = "support/mod.rs"]
mod support;

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use bevy_bouncer::*;
use support::*;

/// Trusted in these tests; [`STRANGER`] is not.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

fn behind_proxies(change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config().trusted_proxies(["127.0.0.2/31"]);
    change(&mut config.limits);
    Game::with(config)
}

/// A connection from this address of the machine.
fn connect(from: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request from there and reads until the answer ends, or until a 101.
fn ask(game: &mut Game, from: Ipv4Addr, request: String) -> (Answer, TcpStream) {
    let address = game.address;
    game.during(move || {
        let mut stream = connect(from, address);
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let mut byte = [0];
        while let Ok(1) = stream.read(&mut byte) {
            answer.push(byte[0]);
            if answer.starts_with(b"HTTP/1.1 101") && answer.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        (Answer::parse(&answer).unwrap(), stream)
    })
}

fn refused(game: &mut Game, from: Ipv4Addr, lines: &[&str]) -> u16 {
    ask(game, from, upgrade(lines)).0.status
}

/// Comes in from there with these lines.
#[track_caller]
fn join(game: &mut Game, user: &str, from: Ipv4Addr, lines: &[&str]) -> TcpStream {
    let authorization = format!("Authorization: Bearer {}", token(user));
    let mut all = vec![authorization.as_str()];
    all.extend(lines);
    let (answer, stream) = ask(game, from, upgrade(&all));
    assert_eq!(answer.status, 101, "{answer:?}");
    stream
}

fn peer(game: &mut Game) -> SocketAddr {
    let players = game.bouncer.players();
    let component = {
        let world = game.world();
        let mut connections = world.query::<&Connection>();
        connections.single(world).unwrap().peer()
    };
    assert_eq!(players.len(), 1);
    assert_eq!(players[0].peer, component);
    component
}

#[test]
fn a_trusted_proxy_tells_who_the_client_is() {
    for (line, expected) in [
        ("X-Forwarded-For: 203.0.113.9", "203.0.113.9:0"),
        (
            "X-Forwarded-For: 6.6.6.6, 203.0.113.9:4711",
            "203.0.113.9:4711",
        ),
        ("X-Forwarded-For: 203.0.113.9, 127.0.0.3", "203.0.113.9:0"),
        ("X-Forwarded-For: ::ffff:203.0.113.9", "203.0.113.9:0"),
        ("X-Forwarded-For: 2001:db8::9", "[2001:db8::9]:0"),
        (
            "Forwarded: for=6.6.6.6, for=203.0.113.9;proto=https",
            "203.0.113.9:0",
        ),
        ("Forwarded: for=\"[2001:db8::9]:80\"", "[2001:db8::9]:80"),
    ] {
        let mut config = config().trusted_proxies(["127.0.0.2/31"]);
        if line.starts_with("Forwarded") {
            config = config.forwarded_header(ForwardedHeader::Forwarded);
        }
        let mut game = Game::with(config);
        let _player = join(&mut game, "player-1", PROXY, &[line]);
        assert_eq!(peer(&mut game), expected.parse().unwrap(), "{line}");
    }
}

#[test]
fn several_fields_are_one_list_in_their_order() {
    let mut game = behind_proxies(|_| {});
    let lines = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9"];
    let _player = join(&mut game, "player-1", PROXY, &lines);
    assert_eq!(peer(&mut game).ip(), IpAddr::from([203, 0, 113, 9]));
}

/// `Connection` lets a client have fields dropped that are for one hop only, and some proxies do that to the one that
/// they have just added.
#[test]
fn a_client_that_has_the_proxy_drop_its_header_is_refused() {
    let mut game = behind_proxies(|_| {});
    let good = format!("Authorization: Bearer {}", token("player-1"));
    for lines in [
        &[good.as_str()][..],
        &[&good, "Forwarded: for=203.0.113.9"],
        &[&good, "X-Real-IP: 203.0.113.9"],
    ] {
        assert_eq!(refused(&mut game, PROXY, lines), 400, "{lines:?}");
    }
    let preflight = upgrade(&[&good]).replace("/ws", "/ws/preflight");
    assert_eq!(ask(&mut game, PROXY, preflight).0.status, 400);
    assert_eq!(game.entities(), 0);

    let other = config()
        .trusted_proxies([PROXY.to_string()])
        .forwarded_header(ForwardedHeader::Forwarded);
    let mut game = Game::with(other);
    let lines = [good.as_str(), "X-Forwarded-For: 203.0.113.9"];
    assert_eq!(refused(&mut game, PROXY, &lines), 400);
}

#[test]
fn what_a_stranger_says_is_ignored() {
    for lines in [
        &["X-Forwarded-For: 203.0.113.9"][..],
        &["Forwarded: for=203.0.113.9"],
        &["X-Forwarded-For: 127.0.0.2", "Forwarded: for=127.0.0.2"],
        &["X-Forwarded-For: no address at all"],
    ] {
        let mut game = behind_proxies(|_| {});
        let _player = join(&mut game, "player-1", STRANGER, lines);
        assert_eq!(peer(&mut game).ip(), IpAddr::from(STRANGER), "{lines:?}");
    }
    let mut game = Game::start();
    let _player = join(
        &mut game,
        "player-1",
        PROXY,
        &["X-Forwarded-For: 203.0.113.9"],
    );
    assert_eq!(peer(&mut game).ip(), IpAddr::from(PROXY), "none is trusted");
}

#[test]
fn a_header_that_does_not_say_who_it_is_is_400() {
    let mut game = behind_proxies(|_| {});
    let many = format!("X-Forwarded-For: {}", vec!["192.0.2.1"; 17].join(", "));
    let good = format!("Authorization: Bearer {}", token("player-1"));
    for lines in [
        &["X-Forwarded-For: unknown"][..],
        &["X-Forwarded-For: unknown, 203.0.113.9"],
        &["X-Forwarded-For:"],
        &["X-Forwarded-For: 203.0.113.9,"],
        &["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: _hidden"],
        &[&many],
        &["Forwarded: for=unknown"],
        &["Forwarded: for=\"_hidden\""],
        &["Forwarded: proto=https"],
        &["Forwarded: for=203.0.113.9", "Forwarded: for="],
        &["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"],
    ] {
        let all: Vec<&str> = [&[good.as_str()], lines].concat();
        assert_eq!(refused(&mut game, PROXY, &all), 400, "{lines:?}");
    }
    assert_eq!(game.entities(), 0);
}

#[test]
fn p09_the_client_is_charged_and_not_its_proxy() {
    let mut game = behind_proxies(|limits| limits.handshakes_per_ip_per_minute = 2);
    let ann = ["X-Forwarded-For: 203.0.113.9"];
    let ben = ["X-Forwarded-For: 203.0.113.10"];
    for _ in 0..5 {
        // The proxy itself is trusted, whatever it does.
        drop(connect(PROXY, game.address));
    }
    for _ in 0..2 {
        assert_eq!(refused(&mut game, PROXY, &ann), 401);
    }
    assert_eq!(refused(&mut game, PROXY, &ann), 429);
    assert_eq!(refused(&mut game, PROXY, &ben), 401);
    // Nobody gets another budget by a made up hop, nor a stranger by a made up header.
    let made_up = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"];
    assert_eq!(refused(&mut game, PROXY, &made_up), 429);
    for expected in [401, 401, 429] {
        assert_eq!(refused(&mut game, STRANGER, &ben), expected);
    }
}

#[test]
fn p09_a_refused_credential_is_dear_for_the_client_and_not_for_its_proxy() {
    let mut game = behind_proxies(|limits| {
        limits.handshakes_per_ip_per_minute = 6;
        limits.failed_handshake_price = 6;
    });
    let guess = [
        "X-Forwarded-For: 203.0.113.9",
        "Authorization: Bearer guess",
    ];
    assert_eq!(refused(&mut game, PROXY, &guess), 401);
    assert_eq!(refused(&mut game, PROXY, &guess), 429);
    let ben = ["X-Forwarded-For: 203.0.113.10"];
    assert_eq!(refused(&mut game, PROXY, &ben), 401);
}

#[test]
fn p09_the_connections_of_the_client_are_counted_and_not_those_of_its_proxy() {
    let mut game = behind_proxies(|limits| limits.connections_per_ip = 1);
    let ann = ["X-Forwarded-For: 203.0.113.9"];
    let ben = ["X-Forwarded-For: 203.0.113.10"];
    let first = join(&mut game, "player-1", PROXY, &ann);
    let _second = join(&mut game, "player-2", PROXY, &ben);
    assert_eq!(refused(&mut game, PROXY, &ann), 429);
    drop(first);
    game.until("the place", |game| game.entities() == 1);
    let address = game.address;
    game.until("the place of the address", |_| {
        let mut stream = connect(PROXY, address);
        stream.write_all(upgrade(&ann).as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer).unwrap().status == 401
    });
}

#[test]
fn p09_pending_handshakes_are_limited_behind_a_proxy_as_well() {
    let mut game = behind_proxies(|limits| {
        limits.pending_handshakes = 2;
        limits.head_timeout = PATIENCE * 2;
    });
    let _silent: Vec<_> = (0..2).map(|_| connect(PROXY, game.address)).collect();
    assert_eq!(refused(&mut game, PROXY, &[]), 503);
}

#[test]
fn health_checks_of_a_proxy_have_a_budget_of_their_own() {
    let mut game = behind_proxies(|limits| {
        limits.handshakes_per_ip_per_minute = 1;
        limits.health_checks_per_ip_per_minute = 3;
    });
    let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(refused(&mut game, PROXY, &[]), 400, "no health check");
    for expected in [200, 200, 200, 429] {
        let (answer, _) = ask(&mut game, PROXY, health.to_owned());
        assert_eq!(answer.status, expected);
    }
    let ann = ["X-Forwarded-For: 203.0.113.9"];
    assert_eq!(refused(&mut game, PROXY, &ann), 401);
}

/// Remembers what an authenticator can see of the client.
#[derive(Clone, Default)]
struct Watching(Arc<Mutex<Vec<(SocketAddr, bool)>>>);

impl Authenticator for Watching {
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let headers = ["x-forwarded-for", "forwarded"];
        let shown = headers.iter().any(|name| request.header(name).is_some());
        self.0.lock().unwrap().push((request.peer(), shown));
        Err(Refusal::unauthorized("nobody comes in"))
    }
}

#[test]
fn an_authenticator_sees_the_client_and_not_the_header() {
    let watching = Watching::default();
    let config = config().trusted_proxies([PROXY.to_string()]);
    let mut game = Game::open(BouncerPlugin::bind(config, watching.clone()).unwrap());
    let line = ["X-Forwarded-For: 203.0.113.9:80"];
    assert_eq!(refused(&mut game, PROXY, &line), 401);
    assert_eq!(refused(&mut game, STRANGER, &line), 401);
    let seen = watching.0.lock().unwrap();
    assert_eq!(seen[0], ("203.0.113.9:80".parse().unwrap(), false));
    assert_eq!((seen[1].0.ip(), seen[1].1), (STRANGER.into(), false));
}

#[test]
fn a_network_that_is_none_fails_at_start_with_its_name() {
    let config = config().trusted_proxies(["10.0.0.1/8"]);
    let error = BouncerPlugin::bind(config, authenticator()).err().unwrap();
    assert!(
        error.to_string().starts_with("trusted_proxies: "),
        "{error}"
    );
}
