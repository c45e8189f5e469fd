//! A network that stands still for a while, so that a test knows what it has not done yet.

use std::sync::{Arc, Barrier};

use bevy_app::App;
use bevy_tokio_tasks::{TokioTasksPlugin, TokioTasksRuntime};

use super::Game;

/// All threads of the network wait until this is dropped.
#[must_use]
pub struct Standstill(Arc<Barrier>);

impl Game {
    /// Returns once nothing of the network runs any more.
    pub fn network_stands_still(&self) -> Standstill {
        let runtime = self.app.world().resource::<TokioTasksRuntime>().runtime();
        let threads = runtime.metrics().num_workers();
        let all = Arc::new(Barrier::new(threads + 1));
        for _ in 0..threads {
            let all = all.clone();
            runtime.spawn(async move { (all.wait(), all.wait()) });
        }
        all.wait();
        Standstill(all)
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// Gives the network one thread, which does first what it was told first.
pub fn one_network_thread(app: &mut App) {
    app.add_plugins(TokioTasksPlugin {
        make_runtime: Box::new(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
        }),
        ..Default::default()
    });
}
