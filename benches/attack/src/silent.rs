//! What somebody costs who connects and says nothing, or not enough, or nothing more.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use attack::Keys;
use serde_json::json;

use crate::{
    Outcome,
    client::{self, PATIENCE, loopback},
    server::Server,
    statistics::verdict,
};

/// Some, and as many players as there may be by default: the tables have room for them from the start.
const SOME: usize = 5_000;
const ALL: usize = 10_000;
/// Who connect at the same time.
const HANDS: usize = 16;
/// They make the server allocate what is not the price of each connection.
const WARM_UP: usize = 30;
const GOAL_KIB: f64 = 4.0;
const SETTLED: Duration = Duration::from_secs(1);

pub fn run() -> Outcome<()> {
    println!("### Memory of one connection that says nothing\n");
    println!("| connections | each sent | goal, KiB each | KiB each | |");
    println!("|---|---|---|---|---|");
    let nothing = |_| String::new();
    let half_a_head = |_| "GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthoriz".into();
    let upgrade = |number| client::upgrade(&client::token(Keys::Hs256, &format!("idle-{number}")));
    print(SOME, "nothing", nothing, "")?;
    print(SOME, "half a head", half_a_head, "")?;
    for connections in [SOME, ALL] {
        let what = "a good login, and nothing since";
        print(connections, what, upgrade, "HTTP/1.1 101")?;
    }
    println!();
    Ok(())
}

fn print(
    connections: usize,
    what: &str,
    sent: impl Fn(usize) -> String + Sync,
    answer: &str,
) -> Outcome<()> {
    let kib = measure(connections, sent, answer)?;
    println!(
        "| {connections} | {what} | ≤ {GOAL_KIB} | {kib:.2} | {} |",
        verdict(kib <= GOAL_KIB)
    );
    Ok(())
}

fn measure(
    connections: usize,
    sent: impl Fn(usize) -> String + Sync,
    answer: &str,
) -> Outcome<f64> {
    let server = Server::start(
        Keys::Hs256,
        &json!({
            "pending_handshakes": 2 * connections,
            "connections": ALL + WARM_UP,
            "handshake_timeout_seconds": 3600,
            "head_timeout_seconds": 3600,
            "ping_interval_seconds": 1800,
            "pong_timeout_seconds": 3600,
        }),
    )?;
    let hold = |numbers: Range<usize>| -> Outcome<Vec<TcpStream>> {
        let next = AtomicUsize::new(numbers.start);
        let come = || {
            let mine = std::iter::from_fn(|| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                (number < numbers.end).then(|| hold(&server, number, &sent(number), answer))
            });
            mine.collect::<io::Result<Vec<_>>>()
        };
        thread::scope(|scope| {
            let hands: Vec<_> = (0..HANDS).map(|_| scope.spawn(come)).collect();
            let mut held = Vec::new();
            for hand in hands {
                held.extend(hand.join().map_err(|_| "a hand broke")??);
            }
            Ok(held)
        })
    };
    let _warm = hold(connections..connections + WARM_UP)?;
    thread::sleep(SETTLED);
    let (before, descriptors) = (server.resident_bytes()?, server.descriptors()?);
    let _held = hold(0..connections)?;
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors()? < descriptors + connections {
        if Instant::now() > deadline {
            return Err("the server has not accepted all of them".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(SETTLED);
    if server.descriptors()? != descriptors + connections {
        return Err("the server has not kept all of them".into());
    }
    let grown = server.resident_bytes()?.saturating_sub(before);
    Ok(grown as f64 / connections as f64 / 1024.0)
}

/// A connection that has sent this, and got the beginning of an answer when there is one.
fn hold(server: &Server, number: usize, sent: &str, answer: &str) -> io::Result<TcpStream> {
    let mut stream = client::connect(loopback(3, number), server.address, None)?;
    stream.write_all(sent.as_bytes())?;
    let mut got = vec![0; answer.len()];
    stream.read_exact(&mut got)?;
    if got == answer.as_bytes() {
        Ok(stream)
    } else {
        Err(io::Error::other("another answer"))
    }
}
