//! The load: many clients in one thread on a core of its own. Reads raw bytes, so that the server is
//! the bottleneck.
//!
//! Prints one line of JSON when everybody is in (or refused) and one when the expected messages have
//! arrived, or nothing has arrived for a while. Ends with its standard input.

use std::{
    io::{self, Read},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::{TokenIssuer, UserId};
use mio::{Events, Poll};
use peers::{
    AUDIENCE, Arguments, LOAD_CORE, SECRET, monotonic, pin, raise_descriptor_limit, say, user_id,
};
use serde_json::json;

use connection::{Connection, Progress, Protocol};

mod connection;
mod frames;

/// Nothing more comes after such a silence.
const SILENCE: Duration = Duration::from_secs(20);
/// What one read takes at most.
const BUFFER_BYTES: usize = 64 * 1024;

struct Plan {
    server: SocketAddr,
    connections: usize,
    pending: usize,
    expect: u64,
    path: String,
    valid: bool,
    protocol: Protocol,
    /// One of so many stops to read once it is in; 0 for nobody.
    stalled: usize,
}

/// What became of the first client: it is the one who is revoked.
#[derive(Default)]
struct First {
    /// When its last message was sent.
    last_stamp: u64,
    /// When its last bytes came, and its end.
    last_bytes: u64,
    ended: u64,
}

#[derive(Default)]
struct Totals {
    opened: usize,
    entered: usize,
    refused: usize,
    /// The last status that was not 101.
    status: u16,
    lost: usize,
    messages: u64,
    bytes: u64,
    /// Times from the send to here, in ns.
    delays: Vec<u64>,
    first: First,
}

impl Totals {
    fn add(&mut self, number: usize, progress: &Progress) {
        self.bytes += progress.bytes;
        self.messages += progress.messages;
        self.entered += usize::from(progress.entered);
        self.lost += usize::from(progress.lost);
        if progress.stamps.is_empty() && number > 0 {
            return;
        }
        let now = monotonic();
        let delays = progress
            .stamps
            .iter()
            .map(|stamp| now.saturating_sub(*stamp));
        self.delays.extend(delays);
        if number == 0 {
            if let Some(last) = progress.stamps.last() {
                self.first.last_stamp = *last;
                self.first.last_bytes = now;
            }
            if progress.lost {
                self.first.ended = now;
            }
        }
    }

    /// In µs.
    fn delay(&mut self, share: f64) -> f64 {
        self.delays.sort_unstable();
        let place = (self.delays.len() as f64 * share) as usize;
        self.delays
            .get(place)
            .map_or(0.0, |delay| *delay as f64 / 1000.0)
    }

    fn answered(&self) -> usize {
        self.entered + self.refused
    }
}

fn main() -> io::Result<()> {
    let arguments = Arguments::read();
    let plan = Plan {
        server: ([127, 0, 0, 1], arguments.number("port", 0) as u16).into(),
        connections: arguments.number("connections", 1000),
        pending: arguments.number("pending", 64),
        expect: arguments.number("expect", 0) as u64,
        path: arguments.text("path", "/ws"),
        valid: arguments.number("valid", 1) == 1,
        protocol: match arguments.text("protocol", "plain").as_str() {
            "socketio" => Protocol::SocketIo,
            _ => Protocol::Plain,
        },
        stalled: arguments.number("stalled", 0),
    };
    pin(LOAD_CORE);
    raise_descriptor_limit();
    let quit = Arc::new(AtomicBool::new(false));
    thread::spawn({
        let quit = quit.clone();
        move || {
            // Whatever it says, its end is the end.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            quit.store(true, Ordering::Relaxed);
        }
    });
    run(&plan, &quit)
}

fn run(plan: &Plan, quit: &AtomicBool) -> io::Result<()> {
    let requests = requests(plan);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Connection>> = Vec::with_capacity(plan.connections);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut totals = Totals::default();
    let start = Instant::now();
    let (mut in_told, mut end_told) = (false, false);
    let mut heard = start;
    let mut first = None;
    while !quit.load(Ordering::Relaxed) {
        while totals.opened < plan.connections && totals.opened - totals.answered() < plan.pending {
            let (number, request) = (totals.opened, requests[totals.opened].clone());
            let registry = poll.registry();
            let connection =
                Connection::open(number, plan.server, request, plan.protocol, registry)?;
            connections.push(Some(connection));
            totals.opened += 1;
        }
        poll.poll(&mut events, Some(Duration::from_millis(200)))?;
        for event in &events {
            let place = &mut connections[event.token().0];
            let Some(connection) = place else { continue };
            let progress = connection.ready(event.is_writable(), &mut buffer);
            totals.add(event.token().0, &progress);
            if progress.entered && plan.stalls(event.token().0) {
                connection.stall(poll.registry())?;
            }
            if let Some(status) = progress.refused {
                totals.refused += 1;
                totals.status = status;
                *place = None;
            }
            if progress.messages > 0 {
                heard = Instant::now();
                first.get_or_insert(heard);
            }
        }
        if !in_told && totals.answered() == plan.connections {
            in_told = true;
            heard = Instant::now();
            say(&json!({
                "entered": totals.entered,
                "refused": totals.refused,
                "status": totals.status,
                "seconds": start.elapsed().as_secs_f64(),
            }));
            totals.bytes = 0;
        }
        let over = totals.messages >= plan.expect || heard.elapsed() > SILENCE;
        if plan.expect > 0 && in_told && over && !end_told {
            end_told = true;
            say(&json!({
                "messages": totals.messages,
                "bytes": totals.bytes,
                "lost": totals.lost,
                "seconds": first.map_or(0.0, |first| (heard - first).as_secs_f64()),
                "delay_p50_us": totals.delay(0.5),
                "delay_p99_us": totals.delay(0.99),
                "first_last_stamp": totals.first.last_stamp,
                "first_last_bytes": totals.first.last_bytes,
                "first_ended": totals.first.ended,
            }));
        }
    }
    Ok(())
}

impl Plan {
    fn stalls(&self, number: usize) -> bool {
        self.stalled > 0 && number % self.stalled == self.stalled - 1
    }
}

/// One for each client, each as another user.
fn requests(plan: &Plan) -> Vec<Vec<u8>> {
    let secret = if plan.valid {
        SECRET.to_owned()
    } else {
        SECRET.to_uppercase()
    };
    let tokens = TokenIssuer::hs256(secret)
        .expect("long enough")
        .audience(AUDIENCE);
    let request = |number| {
        let user = UserId::new(user_id(number)).expect("a valid id");
        let token = tokens.issue(&user).expect("signing works");
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n",
            plan.path, plan.server
        )
        .into_bytes()
    };
    (0..plan.connections).map(request).collect()
}
