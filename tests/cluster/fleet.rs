//! Two nodes that share a backplane, and what must be true of them whatever the backplane is.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_app::Update;
use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::*;

/// Everything that the game heard from other nodes.
#[derive(Resource, Default)]
pub struct HeardFrames(pub Vec<ClusterFrame>);

pub struct Fleet {
    pub a: Game,
    pub b: Game,
}

pub fn options(node: &str) -> ClusterOptions {
    let mut options = ClusterOptions::named(node);
    options.max_lag = Duration::from_millis(1000);
    options.command_timeout = Duration::from_millis(500);
    options.kick_lifetime = Duration::from_secs(3);
    options
}

/// A node; what its players say goes to everybody everywhere, or to the user that they name.
pub fn node(backplane: impl Backplane, name: &str, change: impl Fn(&mut Limits)) -> Game {
    node_with(backplane, options(name), change)
}

pub fn node_with(
    backplane: impl Backplane,
    options: ClusterOptions,
    change: impl Fn(&mut Limits),
) -> Game {
    let mut config = config();
    config.limits.replacements_per_minute = 1000;
    change(&mut config.limits);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut game = Game::open(door.cluster(backplane, options).unwrap());
    game.app.init_resource::<HeardFrames>().add_systems(
        Update,
        |mut said: MessageReader<ClientFrame>,
         mut heard: MessageReader<ClusterFrame>,
         mut log: ResMut<HeardFrames>,
         mut outbox: ClusterOutbox| {
            for frame in said.read() {
                let text = frame.payload.as_text().unwrap_or_default();
                match text
                    .strip_prefix("to ")
                    .and_then(|text| text.split_once(' '))
                {
                    Some((name, words)) => {
                        // Frames may be lost, and are while a test breaks the backplane.
                        let _ = outbox.send_to_user(&user(name), words.to_owned());
                    }
                    None => {
                        let _ = outbox.broadcast_everywhere(text.to_owned());
                    }
                }
            }
            log.0.extend(heard.read().cloned());
        },
    );
    game
}

/// Waits until the node lets players in.
pub fn ready(game: &mut Game) {
    game.until("the node is current", |game| game.bouncer.is_ready());
}

impl Fleet {
    pub fn new<P: Backplane>(backplane: impl Fn() -> P, change: impl Fn(&mut Limits)) -> Self {
        let mut fleet = Self {
            a: node(backplane(), "a", &change),
            b: node(backplane(), "b", &change),
        };
        ready(&mut fleet.a);
        ready(&mut fleet.b);
        fleet
    }

    pub fn cluster(&self) -> Cluster {
        self.a.app.world().resource::<Cluster>().clone()
    }

    /// Ticks both until the condition holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "timed out: {what}");
            self.a.tick();
            self.b.tick();
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ticks both until the client has heard its close.
    #[track_caller]
    pub fn close_of(&mut self, client: &mut Client) -> (u16, String) {
        let mut heard = None;
        self.until("a close", |_| {
            match client.hear_within(Duration::from_millis(2)) {
                Heard::Closed(code, text) => {
                    heard = Some((code, text));
                    true
                }
                Heard::Lost => panic!("no close"),
                _ => false,
            }
        });
        heard.unwrap()
    }

    /// Ticks both while something else goes on.
    pub fn during<R: Send + 'static>(&mut self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let worker = thread::spawn(work);
        self.until("the work is done", |_| worker.is_finished());
        worker.join().unwrap()
    }
}

/// Waits until this node has applied everything that is in the log now: a restoration is acknowledged
/// only then. What is still tried again after a failure comes first.
pub fn catch_up(game: &mut Game) {
    let bouncer = game.bouncer.clone();
    let stored = game.during(move || {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match block_on(bouncer.restore(user("nobody"))) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                stored => return stored,
            }
        }
    });
    stored.expect("stored");
}

fn is_in(game: &Game, id: &UserId) -> bool {
    game.bouncer.players().iter().any(|one| one.user.id() == id)
}

pub fn a_decision_holds_on_every_node(fleet: &mut Fleet) {
    let ann = user("player-1");
    let mut client = fleet.b.join("player-1");
    let receipt = fleet.a.bouncer.revoke(ann.clone());
    assert_eq!(receipt.cut(), 0, "nobody was on this node");
    block_on(receipt).expect("stored");
    // From the acknowledgement on nobody comes in, whether the other node has heard of it or not.
    let answer = fleet.b.connect(&token("player-1")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "unauthorized")
    );
    assert_eq!(client.close_code(), 4101);
    fleet.until("the entity is gone", |fleet| fleet.b.entities() == 0);
    assert_eq!(
        fleet.a.connect(&token("player-1")).err().unwrap().status,
        401
    );

    block_on(fleet.b.bouncer.restore(ann.clone())).expect("stored");
    fleet.b.join("player-1");
    fleet.until("the restoration is heard", |fleet| {
        fleet.a.connect(&token("player-1")).is_ok()
    });

    let ban = Revocation::user(ann.clone()).ban().reason("cheating");
    block_on(fleet.a.bouncer.revoke(ban)).expect("stored");
    let answer = fleet.b.connect(&token("player-1")).err().unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    assert_eq!(answer.json()["message"], "cheating");
    block_on(fleet.a.bouncer.restore(ann)).expect("stored");
    fleet.a.join("player-1");
}

/// Whatever else is decided about a token, about everybody, or about older tokens.
pub fn every_kind_of_revocation_holds(fleet: &mut Fleet) {
    let mut client = fleet.b.join("player-2");
    block_on(
        fleet
            .a
            .bouncer
            .revoke(Revocation::token("token-of-player-2")),
    )
    .unwrap();
    assert_eq!(client.close_code(), 4101);
    assert_eq!(
        fleet.b.connect(&token("player-2")).err().unwrap().status,
        401
    );
    let mut other = claims("player-2");
    other["jti"] = "another".into();
    let mut client = fleet.b.connect(&sign(&other)).expect("another token");

    let everyone = Revocation::new(Subject::Everyone).issued_before(unix_now() - 10);
    block_on(fleet.a.bouncer.revoke(everyone)).unwrap();
    assert_eq!(client.close_code(), 4101, "all sessions end");
    let mut older = other.clone();
    older["iat"] = (unix_now() - 20).into();
    assert_eq!(fleet.b.connect(&sign(&older)).err().unwrap().status, 401);
    fleet.b.connect(&sign(&other)).expect("a younger token");
    block_on(fleet.a.bouncer.restore(Subject::Everyone)).unwrap();
}

pub fn a_node_that_starts_later_knows_the_barred(fleet: &mut Fleet, backplane: impl Backplane) {
    block_on(fleet.a.bouncer.revoke(user("player-3"))).unwrap();
    let ended = Revocation::user(user("player-4")).until(unix_now() + 1);
    block_on(fleet.a.bouncer.revoke(ended)).unwrap();
    thread::sleep(Duration::from_millis(1100));
    let mut late = node(backplane, "late", |_| {});
    // Also before it has read anything, nobody comes in whom it does not know.
    let early = late.connect(&token("player-3")).err().unwrap();
    assert!([401, 503].contains(&early.status), "{early:?}");
    ready(&mut late);
    assert_eq!(late.connect(&token("player-3")).err().unwrap().status, 401);
    late.join("player-4");
}

/// Players knock at B all the time while A revokes and restores them. After a revocation is acknowledged
/// and B has heard of it, none of them is in, and none comes in.
pub fn handshakes_race_revocations_and_nobody_survives(fleet: &mut Fleet, rounds: usize) {
    const CLIENTS: usize = 4;
    let stop = Arc::new(AtomicBool::new(false));
    let (admitted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let address = fleet.b.address;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (stop, admitted, refused) = (stop.clone(), admitted.clone(), refused.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // The listener is gone when the test has failed.
                    let Ok(probe) = std::net::TcpStream::connect(address) else {
                        return;
                    };
                    drop(probe);
                    match Client::connect(address, &token("player-5")) {
                        // Some stay, until they are cut or replaced.
                        Ok(mut client) => {
                            admitted.fetch_add(1, Ordering::Relaxed);
                            client.hear_within(Duration::from_millis(10));
                        }
                        Err(_) => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            })
        })
        .collect();
    let ann = user("player-5");
    for round in 0..rounds {
        // A moment that is different in each round.
        for _ in 0..round % 7 {
            fleet.b.tick();
            thread::sleep(Duration::from_micros(200));
        }
        let receipt = fleet.a.bouncer.revoke(ann.clone());
        let stored = thread::spawn(move || block_on(receipt));
        while !stored.is_finished() {
            fleet.b.tick();
        }
        stored.join().unwrap().expect("stored");
        catch_up(&mut fleet.b);
        for _ in 0..5 {
            fleet.b.tick();
            assert!(!is_in(&fleet.b, &ann), "round {round}: somebody survived");
            let entities = fleet.b.world().resource::<Players>().of(&ann).len();
            assert_eq!(entities, 0, "round {round}: an entity survived");
        }
        let receipt = fleet.a.bouncer.restore(ann.clone());
        let stored = thread::spawn(move || block_on(receipt));
        while !stored.is_finished() {
            fleet.b.tick();
        }
        stored.join().unwrap().expect("stored");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        fleet.until("the client ends", |_| client.is_finished());
        client.join().unwrap();
    }
    let (admitted, refused) = (
        admitted.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed),
    );
    println!("{admitted} admitted, {refused} refused in {rounds} rounds");
    assert!(admitted > 0 && refused > 0, "the race took place");
    fleet.until("all are gone", |fleet| fleet.b.entities() == 0);
    let seen = fleet.b.seen();
    assert_eq!(seen.joined.len(), seen.left.len(), "everybody left once");
}

pub fn a_login_elsewhere_replaces(fleet: &mut Fleet) {
    let mut first = fleet.a.join("player-6");
    let mut second = fleet.b.join("player-6");
    assert_eq!(fleet.close_of(&mut first).0, 4409);
    fleet.until("one is left", |fleet| fleet.a.entities() == 0);
    let mut third = fleet.a.join("player-6");
    assert_eq!(fleet.close_of(&mut second).0, 4409);
    fleet.until("the first node has it", |fleet| fleet.b.entities() == 0);
    third.settle();
    assert_eq!(fleet.a.entities(), 1);
}

pub fn going_back_and_forth_is_slowed_down(fleet: &mut Fleet) {
    let _one = fleet.a.join("player-1");
    let _two = fleet.b.join("player-1");
    let _three = fleet.a.join("player-1");
    let answer = fleet.b.connect(&token("player-1")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (429, "too_many_attempts")
    );
}

/// Many log in on both nodes at once: one session is left.
pub fn of_many_logins_at_once_one_is_left(fleet: &mut Fleet, rounds: usize) {
    for _ in 0..rounds {
        let addresses = [fleet.a.address, fleet.b.address];
        let clients: Vec<_> = fleet.during(move || {
            let together = Arc::new(Barrier::new(8));
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let together = together.clone();
                    thread::spawn(move || {
                        together.wait();
                        Client::connect(addresses[number % 2], &token("player-7"))
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(clients.iter().any(Result::is_ok));
        let ann = user("player-7");
        let count = |game: &Game| {
            let players = game.bouncer.players();
            players.iter().filter(|one| *one.user.id() == ann).count()
        };
        fleet.until("one is left", |fleet| {
            count(&fleet.a) + count(&fleet.b) == 1
        });
        for _ in 0..20 {
            fleet.until("a tick", |_| true);
            thread::sleep(Duration::from_millis(1));
            assert_eq!(count(&fleet.a) + count(&fleet.b), 1, "it stays");
        }
        drop(clients);
        fleet.until("all are gone", |fleet| {
            fleet.a.entities() + fleet.b.entities() == 0
        });
    }
}

pub fn a_login_elsewhere_is_rejected(fleet: &mut Fleet) {
    let first = fleet.a.join("player-6");
    for _ in 0..2 {
        let answer = fleet.b.connect(&token("player-6")).err().unwrap();
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (409, "already_connected")
        );
    }
    assert_eq!(fleet.b.seen().hooks, 0, "nobody was let in for that");
    drop(first);
    fleet.until("the seat is free", |fleet| {
        fleet.b.connect(&token("player-6")).is_ok()
    });
}

pub fn so_many_logins_are_allowed(fleet: &mut Fleet) {
    let _one = fleet.a.join("player-6");
    let two = fleet.b.join("player-6");
    let _three = fleet.a.join("player-6");
    assert_eq!(
        fleet.a.connect(&token("player-6")).err().unwrap().status,
        409
    );
    assert_eq!(
        fleet.b.connect(&token("player-6")).err().unwrap().status,
        409
    );
    drop(two);
    fleet.until("a seat is free", |fleet| {
        fleet.a.connect(&token("player-6")).is_ok()
    });
}

/// The backplane answers nothing between the two calls.
pub fn a_kick_that_is_too_old_hits_nobody(
    fleet: &mut Fleet,
    stop: impl FnOnce(),
    go_on: impl FnOnce(),
) {
    let mut client = fleet.b.join("player-1");
    stop();
    let kicked = fleet.cluster().kick_everywhere(&user("player-1"), None);
    // Its lifetime is over when the answer comes.
    let told = fleet.during(move || block_on(kicked));
    assert!(told.is_err(), "nobody was told");
    go_on();
    ready(&mut fleet.a);
    ready(&mut fleet.b);
    assert_eq!(block_on(fleet.a.bouncer.restore(user("nobody"))), Ok(()));
    client.settle();
    assert_eq!(fleet.b.players(), 1);
}

pub fn a_kick_reaches_every_node(fleet: &mut Fleet) {
    let mut here = fleet.a.join("player-8");
    let receipt = fleet
        .cluster()
        .kick_everywhere(&user("player-8"), Some("be nice"));
    assert_eq!(receipt.cut(), 1);
    block_on(receipt).expect("told");
    let close = fleet.close_of(&mut here);
    assert_eq!(close, (4004, "kicked: be nice".to_owned()));
    let mut there = fleet.b.join("player-8");
    block_on(fleet.cluster().kick_everywhere(&user("player-8"), None)).expect("told");
    assert_eq!(fleet.close_of(&mut there).0, 4004);
    fleet.b.join("player-8");
}

fn with_ticket(address: SocketAddr, ticket: &str) -> Result<Client, Answer> {
    let url = format!("ws://{address}/ws?ticket={ticket}");
    Client::with_request(address, url.into_client_request().unwrap())
}

pub fn a_ticket_is_good_once_on_any_node(fleet: &mut Fleet, rounds: usize) {
    for round in 0..rounds {
        let credential = Credential::new(token("player-9"));
        let ticket = block_on(fleet.a.bouncer.issue_ticket(&credential)).unwrap();
        let request = format!(
            "GET /ws/preflight?ticket={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            ticket.expose()
        );
        assert_eq!(fleet.b.raw(request).unwrap().status, 204);
        let addresses = [fleet.a.address, fleet.b.address];
        let secret = ticket.expose().to_owned();
        let results: Vec<Result<Client, Answer>> = fleet.during(move || {
            let together = Arc::new(Barrier::new(8));
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let (together, secret) = (together.clone(), secret.clone());
                    thread::spawn(move || {
                        together.wait();
                        with_ticket(addresses[number % 2], &secret)
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let refused: Vec<_> = results
            .iter()
            .filter_map(|one| one.as_ref().err())
            .collect();
        assert_eq!(refused.len(), 7, "round {round}: {refused:?}");
        assert!(
            refused.iter().all(|answer| answer.status == 401),
            "{refused:?}"
        );
        drop(results);
        fleet.until("all are gone", |fleet| {
            fleet.a.entities() + fleet.b.entities() == 0
        });
    }
    // Of what happened since it was issued, everything counts.
    let credential = Credential::new(token("player-9"));
    let ticket = block_on(fleet.a.bouncer.issue_ticket(&credential)).unwrap();
    block_on(fleet.a.bouncer.revoke(user("player-9"))).unwrap();
    let (address, secret) = (fleet.b.address, ticket.expose().to_owned());
    let answer = fleet
        .during(move || with_ticket(address, &secret))
        .err()
        .unwrap();
    assert_eq!(answer.status, 401);
    block_on(fleet.a.bouncer.restore(user("player-9"))).unwrap();
}

pub fn chat_reaches_every_node(fleet: &mut Fleet) {
    let mut ann = fleet.a.join("player-1");
    let mut ben = fleet.b.join("player-2");
    let mut cid = fleet.b.join("player-3");
    // Until both listen, frames are lost.
    fleet.until("chat is heard", |fleet| {
        ann.send("warming up");
        fleet.b.tick();
        fleet.a.tick();
        matches!(ben.hear_within(Duration::from_millis(20)), Heard::Text(_))
    });
    fleet.until("chat is heard back", |fleet| {
        ben.send("warming up too");
        fleet.b.tick();
        fleet.a.tick();
        loop {
            match ann.hear_within(Duration::from_millis(20)) {
                Heard::Text(text) if text == "warming up too" => return true,
                Heard::Text(_) => {}
                _ => return false,
            }
        }
    });
    ann.send("hello everybody");
    for client in [&mut ann, &mut ben, &mut cid] {
        hears(fleet, client, "hello everybody");
    }
    ann.send("to player-2 psst");
    ben.send("to player-2 me too");
    hears(fleet, &mut ben, "psst");
    ann.send("the end");
    assert_eq!(hears(fleet, &mut cid, "the end"), 0, "a whisper is for one");
    let heard = &fleet.b.app.world().resource::<HeardFrames>().0;
    assert!(
        heard
            .iter()
            .any(|frame| frame.audience == Audience::User(user("player-2")))
    );
    assert!(heard.iter().all(|frame| &*frame.node == "a"));
    fleet.cluster().publish(vec![1, 2, 3]).unwrap();
    fleet.until("the game hears the game", |fleet| {
        let heard = &fleet.b.app.world().resource::<HeardFrames>().0;
        heard
            .iter()
            .any(|frame| frame.audience == Audience::Game && frame.payload.len() == 3)
    });
    assert!(fleet.cluster().counters().sent > 0);
}

/// Ticks until the client has heard this; returns how many whispers it heard before.
#[track_caller]
pub fn hears(fleet: &mut Fleet, client: &mut Client, words: &str) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut whispers = 0;
    loop {
        assert!(Instant::now() < deadline, "never heard {words:?}");
        fleet.a.tick();
        fleet.b.tick();
        match client.hear_within(Duration::from_millis(5)) {
            Heard::Text(text) if text == words => return whispers,
            Heard::Text(text) if text == "psst" || text == "me too" => whispers += 1,
            Heard::Text(_) | Heard::Nothing => {}
            other => panic!("{other:?}"),
        }
    }
}

pub fn who_is_online_is_known_everywhere(fleet: &mut Fleet) {
    let cluster = fleet.cluster();
    let online = |name: &str| block_on(cluster.online(&user(name))).unwrap();
    assert!(!online("player-10"));
    let client = fleet.b.join("player-10");
    assert!(online("player-10"));
    drop(client);
    fleet.until("offline", |_| !online("player-10"));
    assert_eq!(block_on(cluster.players()).unwrap(), 0);
}
