//! What is finished beside the frame and answered in a later tick.

use std::future::Future;

use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;
use tokio::sync::mpsc;

use super::{
    error_code::Denied,
    filter::{Undecided, Verdict},
    relay::Whisper,
    told::Ack,
};
use bevy_bouncer::UserId;

/// Answers that wait for the frame. Tasks wait for room.
const ROOM: usize = 1024;

/// Something is finished.
pub(super) enum Done {
    Answer {
        player: Entity,
        id: Option<String>,
        result: Result<Ack, Denied>,
    },
    /// Whether the receiver of a whisper is on another node.
    Located {
        player: Entity,
        id: Option<String>,
        whisper: Whisper,
        /// `None` when nobody knows.
        is_online: Option<bool>,
    },
    Judged {
        user: UserId,
        number: u64,
        verdict: Result<Verdict, Undecided>,
    },
}

/// Where tasks leave what they have finished.
#[derive(Resource)]
pub(super) struct Later {
    sender: mpsc::Sender<Done>,
    receiver: mpsc::Receiver<Done>,
}

impl Default for Later {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        Self { sender, receiver }
    }
}

impl Later {
    pub fn sender(&self) -> mpsc::Sender<Done> {
        self.sender.clone()
    }

    /// What is finished by now.
    pub fn take(&mut self) -> Vec<Done> {
        std::iter::from_fn(|| self.receiver.try_recv().ok())
            .take(ROOM)
            .collect()
    }
}

/// Answers a request when this is done.
pub(super) fn answer_later(
    world: &World,
    player: Entity,
    id: Option<String>,
    work: impl Future<Output = Result<Ack, Denied>> + Send + 'static,
) {
    let done = world.resource::<Later>().sender();
    let runtime = world.resource::<TokioTasksRuntime>().runtime();
    runtime.spawn(async move {
        let result = work.await;
        let answer = Done::Answer { player, id, result };
        // The app has ended when nobody listens.
        let _ = done.send(answer).await;
    });
}
