//! This crate: JWT (HS256) at the door, users in a map, and the `Outbox` for broadcasts. Also measures
//! `App::update` with and without a broadcast.

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use bevy_app::{App, Update};
use bevy_bouncer::{
    Bouncer, BouncerConfig, BouncerPlugin, JwtAuthenticator, MapDirectory, Outbox, Payload, User,
};
use bevy_ecs::prelude::*;
use peers::{
    AUDIENCE, Arguments, Broadcast, Command, Commands, Pace, SECRET, SERVER_CORE, Usage, pin,
    raise_descriptor_limit, say, thread_cpu, user_id,
};
use serde_json::json;

/// Between two frames while nothing is measured.
const FRAME: Duration = Duration::from_micros(16_667);
/// Frames without a broadcast, before those with one.
const QUIET_FRAMES: usize = 20;
/// Sleeps that are enough for everything to get through.
const SETTLED: Duration = Duration::from_millis(500);

/// What each frame sends.
#[derive(Resource, Default)]
struct Speech(Vec<Payload>);

/// Wall time and CPU time of the game's thread, in µs, for each frame.
#[derive(Default)]
struct Frames {
    wall: Vec<u64>,
    cpu: Vec<u64>,
}

impl Frames {
    fn time(&mut self, frame: impl FnOnce()) {
        let (start, cpu) = (Instant::now(), thread_cpu());
        frame();
        self.cpu.push((thread_cpu() - cpu).as_nanos() as u64);
        self.wall.push(start.elapsed().as_nanos() as u64);
    }

    fn json(mut self) -> serde_json::Value {
        let p50 = |times: &mut Vec<u64>| {
            times.sort_unstable();
            times
                .get(times.len() / 2)
                .map_or(0.0, |time| *time as f64 / 1000.0)
        };
        json!({ "wall_p50_us": p50(&mut self.wall), "cpu_p50_us": p50(&mut self.cpu) })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read();
    let broadcast = Broadcast::from(&arguments);
    if arguments.number("pinned", 1) == 1 {
        pin(SERVER_CORE);
    }
    raise_descriptor_limit();
    let users = (0..broadcast.connections).map(|number| User::new(user_id(number), "Ann"));
    let tokens = JwtAuthenticator::hs256(SECRET)?
        .audience(AUDIENCE)
        .users(MapDirectory::new(users.collect::<Result<Vec<_>, _>>()?));
    let mut config = BouncerConfig::new("127.0.0.1:0");
    config.limits.connections_per_ip = 1_000_000;
    config.limits.handshakes_per_ip_per_minute = 10_000_000;
    let door = BouncerPlugin::bind(config, tokens)?;

    let mut app = App::new();
    app.add_plugins(door)
        .init_resource::<Speech>()
        .add_systems(Update, speak);
    app.finish();
    app.cleanup();
    let port = app.world().resource::<Bouncer>().local_addr().port();
    let commands = Commands::announce(port);
    loop {
        match commands.wait(FRAME) {
            Some(Command::Go) => say(&run(&mut app, broadcast)),
            Some(Command::Quit) => return Ok(()),
            None => app.update(),
        }
    }
}

fn speak(speech: Res<Speech>, mut outbox: Outbox) {
    for message in &speech.0 {
        outbox.broadcast(message.clone());
    }
}

fn run(app: &mut App, broadcast: Broadcast) -> serde_json::Value {
    thread::sleep(SETTLED);
    let mut quiet = Frames::default();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..QUIET_FRAMES {
        pace.sleep();
        quiet.time(|| app.update());
    }
    let texts = broadcast.texts().into_iter().map(Payload::from);
    app.world_mut().resource_mut::<Speech>().0 = texts.collect();
    let mut speaking = Frames::default();
    let start = Usage::now();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..broadcast.ticks {
        pace.sleep();
        speaking.time(|| app.update());
    }
    app.world_mut().resource_mut::<Speech>().0.clear();
    let mut report = broadcast.report(start);
    report["frame_quiet"] = quiet.json();
    report["frame"] = speaking.json();
    report["players"] = json!(app.world().resource::<Bouncer>().players().len());
    report
}
