//! Attackers who are in, or about to be: what they cost the server's memory and the others' time.

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    Effort, Outcome,
    client::{self, CONTINUATION, FINAL, PING, TEXT, frame, loopback},
    players::Players,
    server::Server,
    statistics::{mebibytes, median, milliseconds, percentile},
};

const ATTACKERS: usize = 32;
/// Those who send a head byte by byte: nearly as many as may be pending.
const SLOW: usize = 900;
const BETWEEN_BYTES: Duration = Duration::from_millis(200);
const BROADCAST_BYTES: usize = 4096;
/// So small that what is not read waits in the server.
const DEAF_BUFFER_BYTES: usize = 4096;
const SETTLED: Duration = Duration::from_secs(2);
/// How long an attacker waits for the socket before it looks whether the attack is over.
const STEP: Duration = Duration::from_millis(100);

struct Attack {
    name: &'static str,
    /// What the server broadcasts in each tick, also when it is quiet.
    broadcast: usize,
    attack: fn(&Scene),
}

/// What the attackers of one scene share.
struct Scene {
    target: SocketAddr,
    over: AtomicBool,
    connections: AtomicUsize,
    bytes: AtomicUsize,
}

pub fn run(effort: Effort) -> Outcome<()> {
    let attacks = [
        Attack {
            name: "none",
            broadcast: 0,
            attack: |_| {},
        },
        Attack {
            name: "pings of 125 bytes whose pongs nobody reads",
            broadcast: 0,
            attack: |scene| scene.flood(&[], &frame(FINAL | PING, &[0; 125])),
        },
        Attack {
            name: "empty continuation frames without end",
            broadcast: 0,
            attack: |scene| scene.flood(&frame(TEXT, b"x"), &frame(CONTINUATION, b"")),
        },
        Attack {
            name: "fragments of one byte without end",
            broadcast: 0,
            attack: |scene| scene.flood(&frame(TEXT, b"x"), &frame(CONTINUATION, b"x")),
        },
        Attack {
            name: "clients that never read 4 KiB of broadcast a tick",
            broadcast: BROADCAST_BYTES,
            attack: Scene::never_read,
        },
        Attack {
            name: "heads byte by byte",
            broadcast: 0,
            attack: Scene::send_heads_slowly,
        },
    ];
    println!("## Floods\n");
    println!(
        "{ATTACKERS} attackers ({SLOW} with slow heads), who come again when they are cut; {} rounds \
         of {} s quiet and {} s of attack. Medians of the rounds; goals: growth at most 4 MiB, p99 at \
         most twice the quiet one.\n",
        effort.rounds,
        effort.half.as_secs(),
        effort.half.as_secs()
    );
    println!(
        "| attack | connections | MiB sent | growth of the server in MiB | others' p99 quiet, ms \
         | attacked, ms | ratio | others lost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for attack in &attacks {
        measure(attack, effort)?;
    }
    println!();
    Ok(())
}

fn measure(attack: &Attack, effort: Effort) -> Outcome<()> {
    let mut server = Server::start(&json!({}))?;
    server.broadcast(attack.broadcast)?;
    let players = Players::join(&server)?;
    thread::sleep(SETTLED);
    let before = server.resident_bytes()?;
    let (mut most, mut connections, mut bytes) = (before, 0, 0);
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        players.take();
        thread::sleep(effort.half);
        quiet.push(milliseconds(percentile(&mut players.take(), 99)));
        let scene = Scene {
            target: server.address,
            over: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        };
        thread::scope(|scope| {
            scope.spawn(|| (attack.attack)(&scene));
            let watched = server.watch(effort.half);
            scene.over.store(true, Ordering::Relaxed);
            most = most.max(watched?);
            Outcome::Ok(())
        })?;
        attacked.push(milliseconds(percentile(&mut players.take(), 99)));
        connections += scene.connections.into_inner();
        bytes += scene.bytes.into_inner();
        thread::sleep(SETTLED);
    }
    let ratios = attacked
        .iter()
        .zip(&quiet)
        .map(|(attacked, quiet)| attacked / quiet);
    println!(
        "| {} | {connections} | {:.1} | {:.2} | {:.1} | {:.1} | {:.2} | {} |",
        attack.name,
        mebibytes(bytes),
        mebibytes(most - before),
        median(quiet.clone()),
        median(attacked.clone()),
        median(ratios.collect()),
        players.lost(),
    );
    Ok(())
}

impl Scene {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Attackers each of whom sends `start` and then `cycle` for ever, as fast as the socket takes it.
    fn flood(&self, start: &[u8], cycle: &[u8]) {
        let cycle = cycle.repeat(64 * 1024 / cycle.len());
        self.attackers(Some(DEAF_BUFFER_BYTES), |stream| {
            stream.set_write_timeout(Some(STEP))?;
            stream.write_all(start)?;
            let mut place = 0;
            while !self.is_over() {
                match stream.write(&cycle[place..]) {
                    Ok(count) => {
                        place = (place + count) % cycle.len();
                        self.bytes.fetch_add(count, Ordering::Relaxed);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
    }

    fn never_read(&self) {
        self.attackers(Some(DEAF_BUFFER_BYTES), |stream| {
            while !self.is_over() {
                thread::sleep(STEP);
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
            }
            Ok(())
        });
    }

    /// Each on a thread of its own, from its own address, and again when it was thrown out.
    fn attackers(
        &self,
        receive_buffer: Option<usize>,
        attack: impl Fn(&mut TcpStream) -> io::Result<()> + Sync,
    ) {
        let (attack, this) = (&attack, &self);
        thread::scope(|scope| {
            for number in 0..ATTACKERS {
                scope.spawn(move || {
                    while !this.is_over() {
                        let attempt = this.connections.fetch_add(1, Ordering::Relaxed);
                        let from = loopback(2, number);
                        let name = format!("bad-{attempt}");
                        let thrown_out = client::connect(from, this.target, receive_buffer)
                            .and_then(|stream| client::enter(stream, &client::token(&name)))
                            .and_then(|stream| attack(&mut stream.into_inner()));
                        if thrown_out.is_err() {
                            thread::sleep(STEP);
                        }
                    }
                });
            }
        });
    }

    fn send_heads_slowly(&self) {
        let head = client::upgrade(&"x".repeat(2000));
        let mut held: Vec<Option<(TcpStream, usize)>> = (0..SLOW).map(|_| None).collect();
        while !self.is_over() {
            for (number, place) in held.iter_mut().enumerate() {
                let sent = match place.take() {
                    Some((mut stream, at)) => {
                        let byte = head.as_bytes()[at % head.len()];
                        stream.write_all(&[byte]).map(|()| (stream, at + 1))
                    }
                    None => {
                        self.connections.fetch_add(1, Ordering::Relaxed);
                        let from = loopback(2, number);
                        client::connect(from, self.target, None).map(|stream| (stream, 0))
                    }
                };
                self.bytes
                    .fetch_add(usize::from(sent.is_ok()), Ordering::Relaxed);
                *place = sent.ok();
            }
            thread::sleep(BETWEEN_BYTES);
        }
    }
}
