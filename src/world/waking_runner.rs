//! A loop for headless servers that sleeps until something arrives.

use std::{
    thread,
    time::{Duration, Instant},
};

use bevy_app::{App, AppExit, Plugin, PluginsState};
use crossbeam_channel::Receiver;

use super::incoming::Incoming;

/// Runs the app whenever something arrives from the network, instead of at a fixed rate.
///
/// A server that has nothing to do between its players' messages, such as a lobby or a chat, answers
/// sooner with it and sleeps more. An arrival, a departure, a message or a failed store wakes it; never
/// sooner than `shortest` after the beginning of the last update, so that a flood does not turn into
/// updates. Without any of them it runs once in `longest`, for the game's own clocks.
///
/// It replaces the app's runner, so add it instead of `ScheduleRunnerPlugin`, or after it. A server that
/// simulates at a fixed rate does not want it.
///
/// ```
/// use bevy_app::App;
/// use bevy_bouncer::WakingRunnerPlugin;
/// use std::time::Duration;
///
/// App::new().add_plugins(WakingRunnerPlugin {
///     shortest: Duration::from_millis(5),
///     longest: Duration::from_millis(250),
/// });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WakingRunnerPlugin {
    /// Least time from the beginning of an update to the beginning of the next one.
    pub shortest: Duration,
    /// Most time between them. When it is less than `shortest`, that one counts.
    pub longest: Duration,
}

impl Default for WakingRunnerPlugin {
    /// At most 200 updates in a second, at least 4.
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(5),
            longest: Duration::from_millis(250),
        }
    }
}

impl Plugin for WakingRunnerPlugin {
    fn build(&self, app: &mut App) {
        let pace = *self;
        app.set_runner(move |app| run(app, pace));
    }
}

fn run(mut app: App, pace: WakingRunnerPlugin) -> AppExit {
    while app.plugins_state() == PluginsState::Adding {
        thread::yield_now();
    }
    if app.plugins_state() != PluginsState::Cleaned {
        app.finish();
        app.cleanup();
    }
    let wakes = app
        .world()
        .get_resource::<Incoming>()
        .map_or_else(crossbeam_channel::never, |incoming| {
            incoming.end.wakes.clone()
        });
    loop {
        let begun = Instant::now();
        app.update();
        if let Some(exit) = app.should_exit() {
            return exit;
        }
        pace.wait(begun, &wakes);
    }
}

impl WakingRunnerPlugin {
    fn wait(&self, begun: Instant, wakes: &Receiver<()>) {
        thread::sleep((begun + self.shortest).saturating_duration_since(Instant::now()));
        // Silence until then is as good as a call.
        let _ = match begun.checked_add(self.longest) {
            Some(at_the_latest) => wakes.recv_deadline(at_the_latest).ok(),
            None => wakes.recv().ok(),
        };
    }
}
