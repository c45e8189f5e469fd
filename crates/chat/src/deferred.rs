//! Work that is done beside the frame and finished in a later tick.

use std::future::Future;

use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;
use tokio::sync::mpsc;

use crate::context::ChatContext;

/// Results that wait for the frame. Tasks wait for room.
const WAITING_RESULTS: usize = 1024;

/// What is left to do with a result.
type Finish = Box<dyn FnOnce(&mut ChatContext) + Send>;

/// Where tasks leave their results.
#[derive(Resource)]
pub(crate) struct DeferredReplies {
    sender: mpsc::Sender<Finish>,
    receiver: mpsc::Receiver<Finish>,
}

impl Default for DeferredReplies {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_RESULTS);
        Self { sender, receiver }
    }
}

impl DeferredReplies {
    /// What can be finished now.
    pub fn take(&mut self) -> Vec<Finish> {
        std::iter::from_fn(|| self.receiver.try_recv().ok())
            .take(WAITING_RESULTS)
            .collect()
    }
}

/// Whether there is something to finish.
pub(crate) fn has_deferred_replies(deferred: Res<DeferredReplies>) -> bool {
    !deferred.receiver.is_empty()
}

/// Does `work` beside the frame, and calls `finish` with its result in a later tick.
pub(crate) fn defer<T: Send + 'static>(
    world: &World,
    work: impl Future<Output = T> + Send + 'static,
    finish: impl FnOnce(&mut ChatContext, T) + Send + 'static,
) {
    let results = world.resource::<DeferredReplies>().sender.clone();
    let runtime = world.resource::<TokioTasksRuntime>().runtime();
    runtime.spawn(async move {
        let result = work.await;
        let finish: Finish = Box::new(move |context| finish(context, result));
        // The app has ended when nobody takes it.
        let _ = results.send(finish).await;
    });
}
