//! A game of 60 ticks a second with a chat. For each line of its input it says how long its updates took since the line
//! before: the number of updates, and in microseconds the median, the p99 and the mean.

use std::{
    io::BufRead,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use bevy::prelude::*;
use bevy_bouncer::{
    BouncerConfig, BouncerPlugin, Claims, JwtAuthenticator, Standing, User,
};
use bevy_bouncer_chat::{ChatOptions, ChatPlugin, Room, SUBPROTOCOL, SqliteChat};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rooms: usize = arguments.next().ok_or("how many rooms?")?.parse()?;
    let file = arguments.next();
    let mut config = BouncerConfig::new("127.0.0.1:0").subprotocols([SUBPROTOCOL]);
    config.limits.connections_per_ip = 20_000;
    config.limits.handshakes_per_ip_per_minute = 1_000_000;
    let users = |claims: &Claims| {
        let id = claims.subject().clone();
        let user = User::new(id.clone(), id.as_str())?;
        Ok(Standing::active(user))
    };
    let tokens = JwtAuthenticator::hs256(chat::SECRET)?.users(users);
    let door = BouncerPlugin::bind(config, tokens)?;
    println!("{}", door.local_addr());
    let mut plugin = ChatPlugin::new(ChatOptions::default())?;
    if let Some(file) = file {
        plugin = plugin.archive(SqliteChat::open(file)?);
    }
    let mut app = App::new();
    app.add_plugins((door, plugin));
    for room in 0..rooms {
        app.world_mut().spawn(Room::open(format!("room-{room}")));
    }
    app.finish();
    app.cleanup();

    let (asked, asks) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if asked.send(line).is_err() {
                return;
            }
        }
        std::process::exit(0);
    });
    let tick = Duration::from_secs(1) / 60;
    let mut next = Instant::now();
    let mut updates = Vec::new();
    loop {
        let begun = Instant::now();
        app.update();
        updates.push(begun.elapsed());
        if asks.try_recv().is_ok() {
            report(&mut updates);
        }
        next += tick;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn report(updates: &mut Vec<Duration>) {
    updates.sort_unstable();
    let total: Duration = updates.iter().sum();
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let mean = micros(total) / updates.len() as f64;
    let [median, p99] =
        [2, 100].map(|part| micros(updates[updates.len() - 1 - updates.len() / part]));
    println!("{} {median:.0} {p99:.0} {mean:.0}", updates.len());
    updates.clear();
}
