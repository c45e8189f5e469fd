//! Why a message was not taken.

use thiserror::Error;

/// Why a message was not taken.
///
/// A system or an observer can return it with `?`. Bevy's error handler then panics, unless the app has
/// another one, as a server should: `app.set_error_handler(bevy_ecs::error::error)` logs it and goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The entity is not a player, or has left. Neither counted nor logged: players leave at any time.
    #[error("the entity is not a player")]
    NotAPlayer,
    /// The message is longer than [`Limits::outgoing_queue_bytes`](crate::Limits::outgoing_queue_bytes), so that
    /// no client could get it. Logged, and counted in [`Counters::refused_sends`](crate::Counters::refused_sends).
    /// Between nodes: longer than [`ClusterOptions::frame_bytes`](crate::ClusterOptions::frame_bytes), counted in
    /// [`ClusterCounters::unsent`](crate::ClusterCounters::unsent).
    #[error("the message is too long")]
    TooLong,
    /// So much waits for the network that [`Limits::outbox_messages`](crate::Limits::outbox_messages) or
    /// [`Limits::outbox_bytes`](crate::Limits::outbox_bytes) is reached. Logged, and counted in
    /// [`Counters::refused_sends`](crate::Counters::refused_sends). Between nodes:
    /// [`ClusterOptions::outgoing_frames`](crate::ClusterOptions::outgoing_frames) wait, counted in
    /// [`ClusterCounters::unsent`](crate::ClusterCounters::unsent).
    #[error("too much waits for the network")]
    QueueFull,
}
