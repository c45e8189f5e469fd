//! What somebody costs who connects and says nothing, or not enough, or nothing more.

use std::{
    io::{self, Write},
    net::TcpStream,
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

const CONNECTIONS: usize = 5_000;
/// They make the server allocate what is not the price of each connection.
const WARM_UP: usize = 30;
const GOAL_KIB: f64 = 4.0;
const SETTLED: Duration = Duration::from_secs(1);

pub fn run() -> Outcome<()> {
    println!("### Memory of one connection that says nothing\n");
    println!("| {CONNECTIONS} connections that sent | goal, KiB each | KiB each | |");
    println!("|---|---|---|---|");
    let nothing = |_| String::new();
    let half_a_head = |_| "GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthoriz".into();
    let upgrade = |number| client::upgrade(&client::token(Keys::Hs256, &format!("idle-{number}")));
    print("nothing", measure(nothing, "")?);
    print("half a head", measure(half_a_head, "")?);
    print(
        "a good login, and nothing since",
        measure(upgrade, "HTTP/1.1 101")?,
    );
    println!();
    Ok(())
}

fn print(what: &str, kib: f64) {
    println!(
        "| {what} | ≤ {GOAL_KIB} | {kib:.2} | {} |",
        verdict(kib <= GOAL_KIB)
    );
}

fn measure(sent: impl Fn(usize) -> String, answer: &str) -> Outcome<f64> {
    let server = Server::start(
        Keys::Hs256,
        &json!({
            "pending_handshakes": 2 * CONNECTIONS,
            "handshake_timeout_seconds": 3600,
            "head_timeout_seconds": 3600,
            "ping_interval_seconds": 1800,
            "pong_timeout_seconds": 3600,
        }),
    )?;
    let hold = |numbers: std::ops::Range<usize>| -> Outcome<Vec<TcpStream>> {
        let held: io::Result<_> = numbers
            .map(|number| hold(&server, number, &sent(number), answer))
            .collect();
        Ok(held?)
    };
    let _warm = hold(CONNECTIONS..CONNECTIONS + WARM_UP)?;
    thread::sleep(SETTLED);
    let (before, descriptors) = (server.resident_bytes()?, server.descriptors()?);
    let _held = hold(0..CONNECTIONS)?;
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors()? < descriptors + CONNECTIONS {
        if Instant::now() > deadline {
            return Err("the server has not accepted all of them".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(SETTLED);
    if server.descriptors()? != descriptors + CONNECTIONS {
        return Err("the server has not kept all of them".into());
    }
    let grown = server.resident_bytes()?.saturating_sub(before);
    Ok(grown as f64 / CONNECTIONS as f64 / 1024.0)
}

/// A connection that has sent this, and got the beginning of an answer when there is one.
fn hold(server: &Server, number: usize, sent: &str, answer: &str) -> io::Result<TcpStream> {
    let mut stream = client::connect(loopback(3, number), server.address, None)?;
    stream.write_all(sent.as_bytes())?;
    let mut got = vec![0; answer.len()];
    io::Read::read_exact(&mut stream, &mut got)?;
    match got == answer.as_bytes() {
        true => Ok(stream),
        false => Err(io::Error::other("another answer")),
    }
}
