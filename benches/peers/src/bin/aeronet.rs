//! `aeronet_websocket`: each message goes into the send buffer of each session, and aeronet flushes them
//! in its own systems. It has no hook for a token in its handshake, so everybody is let in.

use std::{thread, time::Duration};

use aeronet_io::{Session, connection::LocalAddr};
use aeronet_websocket::server::{ServerConfig, WebSocketServer, WebSocketServerPlugin};
use bevy_app::{App, Update};
use bevy_ecs::prelude::*;
use peers::{
    Arguments, Broadcast, Command, Commands, Pace, SERVER_CORE, Usage, pin, raise_descriptor_limit,
    say, wait_until_idle,
};

/// Between two frames while nothing is broadcast.
const FRAME: Duration = Duration::from_micros(16_667);

/// What each frame sends.
#[derive(Resource, Default)]
struct Speech(Vec<String>);

fn speak(speech: Res<Speech>, mut sessions: Query<&mut Session>) {
    for mut session in &mut sessions {
        for text in &speech.0 {
            session.send.push(text.clone().into());
        }
    }
}

fn main() {
    let broadcast = Broadcast::from(&Arguments::read());
    pin(SERVER_CORE);
    raise_descriptor_limit();
    let mut app = App::new();
    app.add_plugins(WebSocketServerPlugin)
        .init_resource::<Speech>()
        .add_systems(Update, speak);
    app.finish();
    app.cleanup();
    let config = ServerConfig::builder()
        .with_bind_address(([127, 0, 0, 1], 0).into())
        .with_no_encryption();
    let server = app.world_mut().spawn_empty().id();
    WebSocketServer::open(config).apply(app.world_mut().entity_mut(server));
    let port = loop {
        app.update();
        if let Some(address) = app.world().get::<LocalAddr>(server) {
            break address.port();
        }
        thread::sleep(Duration::from_millis(1));
    };
    let commands = Commands::announce(port);
    loop {
        match commands.wait(FRAME) {
            Some(Command::Go) => say(&run(&mut app, broadcast)),
            Some(Command::Quit) => return,
            _ => app.update(),
        }
    }
}

/// A tick begins once the one before is written.
fn run(app: &mut App, broadcast: Broadcast) -> serde_json::Value {
    app.update();
    wait_until_idle();
    app.world_mut().resource_mut::<Speech>().0 = broadcast.texts();
    let start = Usage::now();
    let mut pace = Pace::new(broadcast.period);
    for _ in 0..broadcast.ticks {
        pace.sleep();
        app.update();
        wait_until_idle();
    }
    app.world_mut().resource_mut::<Speech>().0.clear();
    broadcast.report(start)
}
