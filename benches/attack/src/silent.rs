//! What somebody costs who connects and says nothing, or not enough.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Outcome,
    client::{self, PATIENCE, loopback},
    server::Server,
};

const SETTLED: Duration = Duration::from_secs(1);

pub fn run() -> Outcome<()> {
    println!("## Memory of a connection before its handshake\n");
    println!("| connections | what they sent | KiB each (goal: at most 4) |");
    println!("|---|---|---|");
    for (what, bytes) in [
        ("nothing", ""),
        ("half a head", "GET /ws HTTP/1.1\r\nHost: loc"),
    ] {
        for connections in [5_000, 10_000] {
            let each = measure(connections, bytes)?;
            println!("| {connections} | {what} | {:.2} |", each / 1024.0);
        }
    }
    println!();
    Ok(())
}

fn measure(connections: usize, sent: &str) -> Outcome<f64> {
    let server = Server::start(&json!({
        "pending_handshakes": 2 * connections,
        "handshake_timeout_seconds": 3600,
        "head_timeout_seconds": 3600,
    }))?;
    // What the first ones make the server allocate is not what each of them costs.
    let _warm = hold(&server, 30, sent, 2)?;
    let (before, descriptors) = (server.resident_bytes()?, server.descriptors()?);
    let _held = hold(&server, connections, sent, 3)?;
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors()? < descriptors + connections {
        if Instant::now() > deadline {
            return Err("the server has not accepted all of them".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(SETTLED);
    let grown = server.resident_bytes()?.saturating_sub(before);
    Ok(grown as f64 / connections as f64)
}

fn hold(server: &Server, count: usize, sent: &str, block: u8) -> Outcome<Vec<impl Sized>> {
    let held: Result<Vec<_>, _> = (0..count)
        .map(|number| {
            let from = loopback(block, number);
            let mut stream = client::connect(from, server.address, None)?;
            stream.write_all(sent.as_bytes())?;
            Ok::<_, std::io::Error>(stream)
        })
        .collect();
    thread::sleep(SETTLED);
    Ok(held?)
}
