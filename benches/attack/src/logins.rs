//! Good logins while others knock all the time with what is no good.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use attack::Keys;
use serde_json::{Value, json};

use crate::{
    Effort, Outcome,
    client::{self, loopback},
    knocking::{SlowOnes, Tally},
    machine,
    server::Server,
    statistics::{counts, mebibytes, milliseconds, percentile, verdict},
};

const BAD_PER_SECOND: f64 = 2000.0;
const GOOD_PER_SECOND: f64 = 20.0;
/// Hands of the attacker, and of those who want to play.
const BAD_HANDS: usize = 96;
const GOOD_HANDS: usize = 8;
/// The attacker's addresses: 127.0.0.2 to 127.0.0.250.
const BAD_ADDRESSES: usize = 249;
const GOAL_P95_MS: f64 = 100.0;

struct Scene {
    name: &'static str,
    keys: Keys,
    bad: fn(Keys, usize) -> Option<Bad>,
    /// Whether each address may knock only as often as by default.
    throttled: bool,
}

/// One bad handshake.
enum Bad {
    Whole(Vec<u8>),
    /// The rest never comes.
    Half(&'static [u8]),
}

const SCENES: [Scene; 7] = [
    Scene {
        name: "none",
        keys: Keys::Hs256,
        bad: |_, _| None,
        throttled: true,
    },
    Scene {
        name: "a mixture, within the default limits",
        keys: Keys::Hs256,
        bad: mixture,
        throttled: true,
    },
    Scene {
        name: "a mixture, unlimited per address",
        keys: Keys::Hs256,
        bad: mixture,
        throttled: false,
    },
    Scene {
        name: "forged HS256, unlimited per address",
        keys: Keys::Hs256,
        bad: forged,
        throttled: false,
    },
    Scene {
        name: "forged RS256, unlimited per address",
        keys: Keys::Rs256,
        bad: forged,
        throttled: false,
    },
    Scene {
        name: "forged ES256, unlimited per address",
        keys: Keys::Es256,
        bad: forged,
        throttled: false,
    },
    Scene {
        name: "forged ES256, within the default limits",
        keys: Keys::Es256,
        bad: forged,
        throttled: true,
    },
];

fn forged(keys: Keys, number: usize) -> Option<Bad> {
    thread_local! {
        static GOOD: std::cell::OnceCell<String> = const { std::cell::OnceCell::new() };
    }
    let token = GOOD.with(|good| {
        let good = good.get_or_init(|| client::token(keys, "flood"));
        keys.forge(good, number)
    });
    Some(Bad::Whole(client::upgrade(&token).into_bytes()))
}

/// In equal shares: a bad signature, garbage, a page that is not on the list, half a head.
fn mixture(keys: Keys, number: usize) -> Option<Bad> {
    match number % 4 {
        0 => forged(keys, number),
        1 => {
            let garbage = (0..300_u32).map(|at| (at * 167 + 13) as u8);
            Some(Bad::Whole(garbage.collect()))
        }
        2 => {
            let elsewhere = client::upgrade("x").replacen(
                "Host: localhost\r\n",
                "Host: localhost\r\nOrigin: https://elsewhere.example\r\n",
                1,
            );
            Some(Bad::Whole(elsewhere.into_bytes()))
        }
        _ => Some(Bad::Half(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nAuth")),
    }
}

pub fn run(effort: Effort) -> Outcome<()> {
    let time = effort.half * effort.rounds.min(2) as u32;
    println!("### Good logins during a flood of bad handshakes\n");
    println!(
        "{GOOD_PER_SECOND} good logins a second, each from an address of its own, and {BAD_PER_SECOND} \
         bad handshakes a second from {BAD_ADDRESSES} addresses, for {} s. The mixture is, in equal \
         shares: a forged HS256 token, garbage, a wrong origin, half a head. Each forged token is another one.\n",
        time.as_secs()
    );
    println!(
        "| bad handshakes | a second | their answers | good logins | lost (goal 0) | p50, ms \
         | p95, ms (goal ≤ {GOAL_P95_MS}) | frame p50, ms | frame p99, ms | growth, MiB | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    SCENES.iter().try_for_each(|scene| measure(scene, time))?;
    println!();
    Ok(())
}

fn measure(scene: &Scene, time: Duration) -> Outcome<()> {
    let mut server = Server::start(scene.keys, &limits(scene))?;
    // What the first logins make the server allocate is not what the flood costs.
    log_in(server.address, scene.keys, Duration::from_secs(1), 5);
    server.report()?;
    let before = server.resident_bytes()?;
    let over = AtomicBool::new(false);
    let (bad, slow) = (Tally::default(), SlowOnes::default());
    let target = server.address;
    let (good, most) = thread::scope(|scope| {
        let knocking = scope.spawn(|| knock_badly(target, scene, &bad, &slow, &over));
        let logging_in = scope.spawn(|| log_in(target, scene.keys, time, 1));
        let most = server.watch(time);
        let good = logging_in.join().map_err(|_| "the logins ended");
        over.store(true, Ordering::Relaxed);
        knocking.join().map_err(|_| "the knocking ended")??;
        Outcome::Ok((good?, most?))
    })?;
    let report = server.report()?;
    let (lost, p95) = (
        good.other_than(101),
        milliseconds(percentile(&mut good.times(), 95)),
    );
    println!(
        "| {} | {:.0} | {} | {} | {lost}{} | {:.1} | {p95:.1} | {:.2} | {:.2} | {:.2} | {} |",
        scene.name,
        bad.all() as f64 / time.as_secs_f64(),
        counts(&bad.answers()),
        good.all(),
        match lost {
            0 => String::new(),
            _ => format!(" ({})", counts(&good.answers())),
        },
        milliseconds(percentile(&mut good.times(), 50)),
        report.frame_p50,
        report.frame_p99,
        mebibytes(most.saturating_sub(before)),
        verdict(lost == 0 && p95 <= GOAL_P95_MS),
    );
    Ok(())
}

fn limits(scene: &Scene) -> Value {
    match scene.throttled {
        true => json!({}),
        false => {
            json!({ "handshakes_per_ip_per_minute": 10_000_000, "connections_per_ip": 10_000 })
        }
    }
}

/// Good logins at their rate, each of another user from another address.
fn log_in(target: SocketAddr, keys: Keys, time: Duration, block: u8) -> Tally {
    let tally = Tally::default();
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..GOOD_HANDS {
            scope.spawn(|| {
                while start.elapsed() < time {
                    let number = tally.turn(start, GOOD_PER_SECOND);
                    let token = client::token(keys, &format!("login-{block}-{number}"));
                    let request = client::upgrade(&token);
                    tally.knock(loopback(block, number), target, request.as_bytes(), false);
                }
            });
        }
    });
    tally
}

fn knock_badly(
    target: SocketAddr,
    scene: &Scene,
    tally: &Tally,
    slow: &SlowOnes,
    over: &AtomicBool,
) -> Outcome<()> {
    machine::give_way()?;
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..BAD_HANDS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = tally.turn(start, BAD_PER_SECOND);
                    // Each kind from each address.
                    let from = loopback(0, 2 + number / 4 % BAD_ADDRESSES);
                    match (scene.bad)(scene.keys, number) {
                        None => return,
                        Some(Bad::Whole(request)) => tally.knock(from, target, &request, true),
                        Some(Bad::Half(half)) => slow.begin(tally, from, target, half),
                    }
                    slow.reap(tally, false);
                }
            });
        }
    });
    slow.reap(tally, true);
    Ok(())
}
