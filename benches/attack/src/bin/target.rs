//! The server under attack: 60 ticks a second, and each message goes back to its sender.
//!
//! Its only argument is the limits as JSON. It prints its address, and then obeys its standard input:
//! a number on a line makes it broadcast that many bytes in every tick, and it exits at the end.

use std::{
    env,
    error::Error,
    io::{BufRead, stdin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use attack::{KNOWN_USER, SECRET};
use bevy_app::{App, Update};
use bevy_bouncer::{
    BouncerConfig, BouncerPlugin, Claims, ClientFrame, JwtAuthenticator, Outbox, Standing, User,
};
use bevy_ecs::prelude::*;

const TICK: Duration = Duration::from_micros(16_667);

/// Bytes of the broadcast in every tick; 0 for none.
#[derive(Resource, Clone, Default)]
struct Speech(Arc<AtomicUsize>);

fn echo(mut frames: MessageReader<ClientFrame>, mut outbox: Outbox) {
    for frame in frames.read() {
        outbox.send(frame.entity, frame.payload.clone());
    }
}

fn speak(speech: Res<Speech>, mut outbox: Outbox) {
    let bytes = speech.0.load(Ordering::Relaxed);
    if bytes > 0 {
        outbox.broadcast(vec![0; bytes]);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let limits = serde_json::from_str(&env::args().nth(1).ok_or("limits are missing")?)?;
    let players = |claims: &Claims| {
        let id = claims.subject().clone();
        if !id.as_str().starts_with(KNOWN_USER) {
            return Ok(Standing::Missing);
        }
        let name = id.to_string();
        Ok(User::new(id, name).map_or(Standing::Missing, Standing::Active))
    };
    let tokens = JwtAuthenticator::hs256(SECRET)?.users(players);
    let config = BouncerConfig::new("127.0.0.1:0").limits(limits);
    let door = BouncerPlugin::bind(config, tokens)?;
    let address = door.local_addr();
    let speech = Speech::default();
    let mut app = App::new();
    app.add_plugins(door)
        .insert_resource(speech.clone())
        .add_systems(Update, (echo, speak));
    app.finish();
    app.cleanup();
    let control = thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let bytes = line.trim().parse().unwrap_or_default();
            speech.0.store(bytes, Ordering::Relaxed);
        }
    });
    println!("{address}");
    let mut next = Instant::now();
    while !control.is_finished() {
        app.update();
        next = Instant::now().max(next + TICK);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
