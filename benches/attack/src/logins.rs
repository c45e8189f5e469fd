//! Good logins while others knock all the time with what is no good.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Effort, Outcome,
    client::{self, loopback},
    server::Server,
    statistics::{mebibytes, milliseconds, percentile},
};

const BAD_PER_SECOND: f64 = 2000.0;
const GOOD_PER_SECOND: f64 = 20.0;
/// Hands of the attacker, and of those who want to play.
const BAD_HANDS: usize = 128;
const GOOD_HANDS: usize = 8;
/// Addresses of the attacker: few are soon throttled, of many each stays below the rate.
const ADDRESSES: [usize; 2] = [8, 8192];

/// What is wrong with each bad handshake in turn.
struct Bad {
    requests: Vec<Vec<u8>>,
}

/// What came of knocking at a rate.
#[derive(Default)]
struct Tally {
    started: AtomicUsize,
    /// How often which status was the answer; 0 for none.
    answers: Mutex<BTreeMap<u16, usize>>,
    times: Mutex<Vec<Duration>>,
}

pub fn run(effort: Effort) -> Outcome<()> {
    println!("## Good logins during a flood of bad handshakes\n");
    println!(
        "{GOOD_PER_SECOND} good logins a second; {BAD_PER_SECOND} bad handshakes a second: garbage, a \
         token with a bad signature, a plain GET, a head of 9 KiB. Goals: none lost, p95 below 100 \
         ms.\n"
    );
    println!(
        "| attacker's addresses | bad handshakes a second | their answers | good logins | lost | p50, \
         ms | p95, ms | growth of the server in MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let time = effort.half * effort.rounds as u32;
    for addresses in ADDRESSES {
        let server = Server::start(&json!({}))?;
        let before = server.resident_bytes()?;
        report(
            "none",
            &Tally::default(),
            &log_in(&server, time, 1)?,
            0,
            time,
        );
        let over = AtomicBool::new(false);
        let bad = Tally::default();
        let target = server.address;
        let (good, most) = thread::scope(|scope| {
            scope.spawn(|| knock_badly(target, addresses, &bad, &over));
            let watching = scope.spawn(|| {
                let watched = server.watch(time).map_err(|error| error.to_string());
                watched
            });
            let good = log_in(&server, time, 2);
            over.store(true, Ordering::Relaxed);
            let most = watching.join().map_err(|_| "the watch ended")??;
            Outcome::Ok((good?, most))
        })?;
        report(&addresses.to_string(), &bad, &good, most - before, time);
    }
    println!();
    Ok(())
}

fn report(addresses: &str, bad: &Tally, good: &Tally, grown: usize, time: Duration) {
    let rate = bad.answered(|_| true) as f64 / time.as_secs_f64();
    let answers = bad.answers.lock().unwrap_or_else(PoisonError::into_inner);
    let answers: Vec<_> = answers
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    let mut times = good.times.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "| {addresses} | {rate:.0} | {} | {} | {} | {:.1} | {:.1} | {:.2} |",
        answers.join(", "),
        good.answered(|_| true),
        good.answered(|status| status != 101),
        milliseconds(percentile(&mut times, 50)),
        milliseconds(percentile(&mut times, 95)),
        mebibytes(grown),
    );
}

/// Good logins at their rate, each of another user from another address.
fn log_in(server: &Server, time: Duration, block: u8) -> Outcome<Tally> {
    let tally = Tally::default();
    let start = Instant::now();
    let target = server.address;
    thread::scope(|scope| {
        for _ in 0..GOOD_HANDS {
            scope.spawn(|| {
                while start.elapsed() < time {
                    let number = tally.turn(start, GOOD_PER_SECOND);
                    let token = client::token(&format!("login-{block}-{number}"));
                    let request = client::upgrade(&token);
                    let from = loopback(block, number);
                    tally.knock(from, target, request.as_bytes(), false);
                }
            });
        }
    });
    Ok(tally)
}

fn knock_badly(target: SocketAddr, addresses: usize, tally: &Tally, over: &AtomicBool) {
    let bad = Bad::new();
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..BAD_HANDS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = tally.turn(start, BAD_PER_SECOND);
                    // Not in step with the addresses.
                    let request = &bad.requests[number % bad.requests.len()];
                    let from = loopback(100, number / bad.requests.len() % addresses);
                    tally.knock(from, target, request, true);
                }
            });
        }
    });
}

impl Bad {
    fn new() -> Self {
        let good = client::token("flood");
        let (signed, _) = good.rsplit_once('.').expect("a token has three parts");
        let forged = format!("{signed}.{}", "A".repeat(43));
        let oversized = format!("GET /ws HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9 * 1024));
        let garbage: Vec<u8> = (0..300_u32).map(|at| (at * 167 + 13) as u8).collect();
        let plain = "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n";
        Self {
            requests: vec![
                garbage,
                client::upgrade(&forged).into_bytes(),
                plain.into(),
                oversized.into_bytes(),
            ],
        }
    }
}

impl Tally {
    /// The number of the next one, when its time has come.
    fn turn(&self, start: Instant, per_second: f64) -> usize {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let due = start + Duration::from_secs_f64(number as f64 / per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        number
    }

    /// One handshake, and the time to its answer. Whoever reads on to the end hangs up after that.
    fn knock(&self, from: Ipv4Addr, target: SocketAddr, request: &[u8], to_the_end: bool) {
        let start = Instant::now();
        let status = client::connect(from, target, None).and_then(|mut stream| {
            // The answer may come before all of it was sent.
            let _ = stream.write_all(request);
            let mut answer = [0; 2048];
            let mut length = stream.read(&mut answer)?;
            while to_the_end && length < answer.len() {
                match stream.read(&mut answer[length..]) {
                    Ok(count) if count > 0 => length += count,
                    _ => break,
                }
            }
            let text = String::from_utf8_lossy(&answer[..length]);
            let status = text
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            Ok(status.unwrap_or(0))
        });
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(start.elapsed());
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(status.unwrap_or(0)).or_default() += 1;
    }

    fn answered(&self, of: impl Fn(u16) -> bool) -> usize {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = answers.iter().filter(|(status, _)| of(**status));
        counts.map(|(_, count)| count).sum()
    }
}
