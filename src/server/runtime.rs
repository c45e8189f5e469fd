//! The runtime of the network, beside the game.

use std::num::NonZero;

use bevy_app::App;
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};
use tokio::runtime::{Builder, Runtime};

/// The app's runtime. Adds one unless the app has it already, so it is to be called when all plugins are built.
pub(crate) fn runtime(app: &mut App) -> &Runtime {
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
