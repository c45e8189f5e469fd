//! What is kept for the next start, if anything is.

use bevy_ecs::prelude::*;
use tokio::sync::mpsc;

use super::{
    people::{Mute, MutedIn},
    told::ChatMessage,
};
use crate::UserId;

/// Something to keep.
#[derive(Debug)]
pub(super) enum Record {
    Said {
        message: ChatMessage,
        /// What the client called it, so that it is not said again.
        client_id: Option<String>,
    },
    Deleted {
        mid: std::sync::Arc<str>,
    },
    Mute {
        user: UserId,
        name: String,
        place: MutedIn,
        mute: Mute,
    },
    Unmute {
        user: UserId,
        place: MutedIn,
    },
}

/// Where records go, off the ECS thread.
#[derive(Resource)]
pub(super) struct Archive(pub mpsc::Sender<Record>);

impl Archive {
    /// Never waits: when nothing can be written for long, what does not fit is lost, and the log says so.
    pub fn put(&self, record: Record) {
        if self.0.try_send(record).is_err() {
            tracing::error!("a part of the chat is not kept: the archive does not keep up");
        }
    }
}
