//! The runtime of the network, beside the game.

use std::num::NonZero;

use bevy_app::App;
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};
use tokio::runtime::{Builder, Runtime};

/// The app's Tokio runtime: what a plugin spawns there lives as long as the app.
///
/// Adds a [`TokioTasksPlugin`] with a thread for each core but one, which is the game's, unless the app has one already. So call
/// it in [`Plugin::finish`](bevy_app::Plugin::finish), when all plugins are built.
///
/// ```
/// use bevy_app::prelude::*;
///
/// struct Accounts;
///
/// impl Plugin for Accounts {
///     fn build(&self, _: &mut App) {}
///
///     fn finish(&self, app: &mut App) {
///         let names = bevy_bouncer::runtime(app).block_on(async { ["ann"] });
///         assert_eq!(names.len(), 1);
///     }
/// }
/// ```
pub fn runtime(app: &mut App) -> &Runtime {
    if !app.is_plugin_added::<TokioTasksPlugin>() {
        app.add_plugins(TokioTasksPlugin {
            make_runtime: Box::new(beside_the_game),
            ..Default::default()
        });
    }
    app.world().resource::<TokioTasksRuntime>().runtime()
}

/// One core is left to the game: on a machine with few of them, the network's threads would take the
/// frame's time otherwise.
fn beside_the_game() -> Runtime {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()
        .unwrap_or_else(|_| (TokioTasksPlugin::default().make_runtime)())
}
