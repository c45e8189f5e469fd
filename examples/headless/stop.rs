//! SIGINT and SIGTERM: once for a good-bye to everybody, twice to be gone at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bevy::prelude::*;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::problem::Problem;

/// What the shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Writes [`AppExit::Success`] once a signal has come.
pub struct StopPlugin(Arc<AtomicBool>);

#[derive(Resource)]
struct Signalled(Arc<AtomicBool>);

impl StopPlugin {
    /// Takes the signals over.
    pub fn new() -> Result<Self, Problem> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down, and then raises it.
            flag::register_conditional_shutdown(signal, INTERRUPTED, signalled.clone())
                .and_then(|_| flag::register(signal, signalled.clone()))
                .map_err(|error| Problem::runtime("signals", error))?;
        }
        Ok(Self(signalled))
    }
}

impl Plugin for StopPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Signalled(self.0.clone()))
            .add_systems(Update, stop);
    }
}

fn stop(signalled: Res<Signalled>, mut exit: MessageWriter<AppExit>, mut stopping: Local<bool>) {
    if signalled.0.load(Ordering::Relaxed) && !*stopping {
        *stopping = true;
        info!("stopping");
        exit.write(AppExit::Success);
    }
}
