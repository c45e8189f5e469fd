//! SIGTERM: the server drains, then exits. SIGINT: the server closes everybody at once. After a second signal,
//! whichever it is, the process is gone.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bevy::prelude::*;
use bevy_bouncer::{Bouncer, Drain};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::problem::Problem;

/// What the shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Ends the app with [`AppExit::Success`] once a signal has come, after a drain when it was SIGTERM.
#[derive(Resource, Clone)]
pub struct StopPlugin {
    signalled: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    drain: Drain,
}

impl StopPlugin {
    /// Takes the signals over. The app exits after the drain, whether that says so or not.
    pub fn new(drain: Drain) -> Result<Self, Problem> {
        let plugin = Self {
            signalled: Arc::default(),
            terminated: Arc::default(),
            drain: drain.then_exit(),
        };
        plugin
            .take_over()
            .map_err(|error| Problem::runtime("signals", error))?;
        Ok(plugin)
    }

    fn take_over(&self) -> std::io::Result<()> {
        flag::register(SIGTERM, self.terminated.clone())?;
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down, and then raises it.
            flag::register_conditional_shutdown(signal, INTERRUPTED, self.signalled.clone())?;
            flag::register(signal, self.signalled.clone())?;
        }
        Ok(())
    }
}

impl Plugin for StopPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone()).add_systems(Update, stop);
    }
}

fn stop(
    asked: Res<StopPlugin>,
    bouncer: Res<Bouncer>,
    mut exit: MessageWriter<AppExit>,
    mut stopping: Local<bool>,
) {
    if *stopping || !asked.signalled.load(Ordering::Acquire) {
        return;
    }
    *stopping = true;
    info!("stopping");
    if asked.terminated.load(Ordering::Acquire) {
        bouncer.drain(asked.drain.clone());
    } else {
        exit.write(AppExit::Success);
    }
}
