//! The server under attack: 60 ticks a second, and each message goes back to its sender.
//!
//! Its arguments are its keys and the limits as JSON. It prints its address, and then obeys its
//! standard input: `broadcast 4096` makes it send that many bytes to everybody in every tick, and
//! `report` has it print, as a line of JSON, how long its frames took and why attackers were thrown
//! out since the last report. It exits at the end of its input.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::stdin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use attack::{BAD_USER, KNOWN_USER, Keys};
use bevy::prelude::*;
use bevy_bouncer::{
    BouncerConfig, BouncerPlugin, Claims, ClientFrame, Disconnected, Outbox, Standing, User,
};
use serde_json::json;

const TICK: Duration = Duration::from_micros(16_667);

/// What the game and the control share.
#[derive(Resource, Clone, Default)]
struct Record(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    /// Bytes of the broadcast in every tick; 0 for none.
    broadcast: usize,
    frames: Vec<Duration>,
    thrown_out: BTreeMap<u16, usize>,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn obey(&self, line: &str) {
        let mut record = self.lock();
        if let Some(bytes) = line.strip_prefix("broadcast ") {
            record.broadcast = bytes.trim().parse().unwrap_or_default();
            return;
        }
        let mut frames = std::mem::take(&mut record.frames);
        let thrown_out = std::mem::take(&mut record.thrown_out);
        drop(record);
        frames.sort_unstable();
        let at = |percent: usize| {
            let place = (frames.len() * percent).div_ceil(100).saturating_sub(1);
            frames.get(place).map_or(0, Duration::as_micros)
        };
        println!(
            "{}",
            json!({ "p50_us": at(50), "p99_us": at(99), "thrown_out": thrown_out })
        );
    }
}

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        // What does not fit is counted: see `Counters::refused_sends`.
        let _ = outbox.send(frame.entity, frame.payload.clone());
    }
}

fn speak(record: Res<Record>, mut outbox: Outbox) {
    let bytes = record.lock().broadcast;
    if bytes > 0 {
        let _ = outbox.broadcast(vec![0; bytes]);
    }
}

fn note(left: On<Disconnected>, record: Res<Record>) {
    if left.user.id().as_str().starts_with(BAD_USER) {
        let code = left.reason.close_code();
        *record.lock().thrown_out.entry(code).or_default() += 1;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let keys = arguments.next().and_then(|name| Keys::named(&name));
    let limits = serde_json::from_str(&arguments.next().ok_or("limits are missing")?)?;
    let players = |claims: &Claims| {
        let id = claims.subject().clone();
        if !id.as_str().starts_with(KNOWN_USER) {
            return Ok(Standing::Missing);
        }
        let name = id.to_string();
        Ok(User::new(id, name).map_or(Standing::Missing, Standing::active))
    };
    let tokens = keys.ok_or("keys are missing")?.authenticator()?;
    let config = BouncerConfig::new("127.0.0.1:0").limits(limits);
    let door = BouncerPlugin::bind(config, tokens.users(players))?;
    let address = door.local_addr();
    let record = Record::default();
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, door))
        .insert_resource(record.clone())
        .add_observer(note)
        .add_systems(Update, (echo, speak));
    app.finish();
    app.cleanup();
    let control = thread::spawn({
        let record = record.clone();
        move || {
            for line in stdin().lines().map_while(Result::ok) {
                record.obey(&line);
            }
        }
    });
    println!("{address}");
    let mut next = Instant::now();
    while !control.is_finished() {
        let start = Instant::now();
        app.update();
        record.lock().frames.push(start.elapsed());
        next = Instant::now().max(next + TICK);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
