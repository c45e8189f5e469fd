//! This crate: JWT (HS256) at the door, users in a map, and the `Outbox` for broadcasts. Also times
//! each `App::update`, and revokes a player in the middle of a broadcast.

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use bevy_app::{App, Update};
use bevy_bouncer::{
    Bouncer, BouncerConfig, BouncerPlugin, JwtAuthenticator, MapDirectory, Outbox, Payload,
    Players, Revocation, User, UserId,
};
use bevy_ecs::prelude::*;
use peers::{
    AUDIENCE, Arguments, Broadcast, Command, Commands, Pace, SECRET, SERVER_CORE, Usage, monotonic,
    pin, raise_descriptor_limit, say, stamped, thread_cpu, user_id,
};
use serde_json::{Value, json};

/// Between two frames while nothing is broadcast.
const FRAME: Duration = Duration::from_micros(16_667);
/// Frames without a broadcast, before those with one.
const QUIET_FRAMES: usize = 20;
/// No heartbeat within a measurement.
const NO_PINGS: Duration = Duration::from_secs(600);
/// A sleep that is enough for everything to get through.
const SETTLED: Duration = Duration::from_millis(500);

/// What each frame sends.
#[derive(Resource, Default)]
struct Speech {
    texts: Vec<String>,
    /// Each message begins with the time at which it was sent.
    stamped: bool,
}

fn speak(speech: Res<Speech>, mut outbox: Outbox) {
    for text in &speech.texts {
        let payload = if speech.stamped {
            Payload::from(stamped(text))
        } else {
            Payload::from(text.clone())
        };
        outbox.broadcast(payload).expect("room in the outbox");
    }
}

/// Wall time and CPU time of the game's thread for each frame.
#[derive(Default)]
struct Frames {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Frames {
    fn time(&mut self, frame: impl FnOnce()) {
        let (start, cpu) = (Instant::now(), thread_cpu());
        frame();
        self.cpu.push(thread_cpu() - cpu);
        self.wall.push(start.elapsed());
    }

    /// In µs. Begins anew.
    fn json(&mut self) -> Value {
        let count = self.wall.len();
        let mut sorted = [&mut self.wall, &mut self.cpu].map(std::mem::take);
        sorted.iter_mut().for_each(|times| times.sort_unstable());
        let of = |times: &[Duration], share: f64| {
            let place = ((times.len() as f64 * share) as usize).min(times.len().max(1) - 1);
            times
                .get(place)
                .map_or(0.0, |time| time.as_nanos() as f64 / 1000.0)
        };
        let [wall, cpu] = &sorted;
        json!({
            "count": count,
            "wall_p50_us": of(wall, 0.5),
            "wall_p999_us": of(wall, 0.999),
            "cpu_p50_us": of(cpu, 0.5),
            "cpu_p999_us": of(cpu, 0.999),
        })
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
    config.limits.pending_handshakes = 10_000;
    // The servers to compare with send none either.
    config.limits.ping_interval = NO_PINGS;
    config.limits.pong_timeout = 2 * NO_PINGS;
    let door = BouncerPlugin::bind(config, tokens)?;

    let mut app = App::new();
    app.add_plugins(door)
        .insert_resource(Speech {
            texts: Vec::new(),
            stamped: arguments.number("stamped", 0) == 1,
        })
        .add_systems(Update, speak);
    app.finish();
    app.cleanup();
    let port = app.world().resource::<Bouncer>().local_addr().port();
    let commands = Commands::announce(port);
    let revoke_after = arguments.number("revoke_after_ms", 0) as u64;
    let mut frames = Frames::default();
    loop {
        match commands.wait(FRAME) {
            Some(Command::Go) => {
                let revoked = (revoke_after > 0)
                    .then(|| revoke_later(&app, Duration::from_millis(revoke_after)));
                let (mut report, departures) = run(&mut app, broadcast);
                if let Some(revoked) = revoked {
                    report["revoke"] = revoked.join().expect("no thread panics");
                    report["revoke"]["gone"] = json!(departures);
                }
                say(&report);
            }
            Some(Command::Frames) => say(&frames.json()),
            Some(Command::Quit) => return Ok(()),
            None => frames.time(|| app.update()),
        }
    }
}

/// Revokes the first user from another thread, at no particular moment of a tick.
fn revoke_later(app: &App, after: Duration) -> thread::JoinHandle<Value> {
    let bouncer = app.world().resource::<Bouncer>().clone();
    thread::spawn(move || {
        thread::sleep(after);
        let user = UserId::new(user_id(0)).expect("a valid id");
        let called = monotonic();
        let receipt = bouncer.revoke(Revocation::user(user));
        let returned = monotonic();
        json!({ "called": called, "returned": returned, "cut": receipt.cut() })
    })
}

/// Broadcasts. Answers what it cost, and when the first player's entity was found gone.
fn run(app: &mut App, broadcast: Broadcast) -> (Value, u64) {
    thread::sleep(SETTLED);
    let mut quiet = Frames::default();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..QUIET_FRAMES {
        pace.sleep();
        quiet.time(|| app.update());
    }
    app.world_mut().resource_mut::<Speech>().texts = broadcast.texts();
    let mut speaking = Frames::default();
    let first = UserId::new(user_id(0)).expect("a valid id");
    let mut gone = 0;
    let start = Usage::now();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..broadcast.ticks {
        pace.sleep();
        speaking.time(|| app.update());
        if gone == 0 && app.world().resource::<Players>().of(&first).is_empty() {
            gone = monotonic();
        }
    }
    app.world_mut().resource_mut::<Speech>().texts.clear();
    let mut report = broadcast.report(start);
    report["frame_quiet"] = quiet.json();
    report["frame"] = speaking.json();
    report["players"] = json!(app.world().resource::<Bouncer>().players().len());
    (report, gone)
}
