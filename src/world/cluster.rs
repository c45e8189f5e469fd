//! What the game sees of the fleet.

use std::sync::Arc;

use bevy_ecs::{prelude::*, system::SystemParam};
use crossbeam_channel::Receiver;

use super::{bouncer::Bouncer, components::Players, outbox::Outbox, send_error::SendError};
use crate::{
    cluster::{
        Audience, BackplaneError, ClusterCounters, ClusterFrame, Node, NodeId, SharedState,
        SharedStateChanged, SharedStateLimits, WhenFull,
    },
    identity::{Payload, UserId},
    revocation::Receipt,
};

/// Longest name of a channel in bytes.
const CHANNEL_MAX_BYTES: usize = 64;

/// The fleet, for the game and the operator. A resource of apps with
/// [`BouncerPlugin::cluster`](crate::BouncerPlugin::cluster), cheap to clone; it works from any thread.
#[derive(Resource, Clone)]
pub struct Cluster {
    node: Arc<Node>,
    bouncer: Bouncer,
}

impl Cluster {
    pub(crate) fn new(node: Arc<Node>, bouncer: Bouncer) -> Self {
        Self { node, bouncer }
    }

    /// The name of this run of this node.
    pub fn node(&self) -> &NodeId {
        &self.node.id
    }

    /// Whether this node knows what the others decided. While it does not, new players get 503.
    pub fn is_current(&self) -> bool {
        self.node.is_current()
    }

    /// Sends a user's sessions away with 4004 and these words, on every node. Nothing is barred. Those
    /// of this node leave at once; await the [`Receipt`], which counts these, to know that the other
    /// nodes will hear of it.
    pub fn kick_everywhere(&self, user: &UserId, message: Option<&str>) -> Receipt {
        self.bouncer.kick_everywhere(user, message)
    }

    /// Sends something to the game on the other nodes, where it is a [`ClusterFrame`] for
    /// [`Audience::Game`]. Never waits. It may be lost.
    ///
    /// # Errors
    /// [`SendError::TooLong`] above [`ClusterOptions::frame_bytes`](crate::ClusterOptions::frame_bytes),
    /// [`SendError::QueueFull`] when
    /// [`ClusterOptions::outgoing_frames`](crate::ClusterOptions::outgoing_frames) wait. Both are counted in
    /// [`ClusterCounters::unsent`].
    pub fn publish(&self, payload: impl Into<Payload>) -> Result<(), SendError> {
        self.send(Audience::Game, &payload.into())
    }

    /// Sends something to one part of the game on the other nodes, under a name of its own of up to 64 bytes:
    /// there it is a [`ClusterFrame`] for [`Audience::Channel`], which nothing that is sent in another way
    /// becomes.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and [`SendError::TooLong`] for a longer name, which is not counted.
    pub fn publish_on(&self, channel: &str, payload: impl Into<Payload>) -> Result<(), SendError> {
        if channel.len() > CHANNEL_MAX_BYTES {
            return Err(SendError::TooLong);
        }
        self.send(Audience::Channel(channel.into()), &payload.into())
    }

    /// Whether a user is connected to any node. To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`BackplaneError`] when the backplane does not answer.
    pub async fn online(&self, user: &UserId) -> Result<bool, BackplaneError> {
        let sessions = self
            .node
            .client
            .ask(|backplane| backplane.sessions_of(user))
            .await;
        sessions.map(|count| count > 0)
    }

    /// How many players all nodes have, as they said when they last did: at most
    /// [`ClusterOptions::seat_lifetime`](crate::ClusterOptions::seat_lifetime) ago. To be awaited in a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`BackplaneError`] when the backplane does not answer.
    pub async fn players(&self) -> Result<usize, BackplaneError> {
        self.node.client.ask(|backplane| backplane.players()).await
    }

    /// What happened to frames between nodes since the start.
    pub fn counters(&self) -> ClusterCounters {
        self.node.frames.counters()
    }

    /// The map of this name, up to 64 bytes, which all nodes of the fleet share, with the bounds that
    /// [`ClusterOptions`](crate::ClusterOptions) names. The door stays closed until it has been read once, so ask for it
    /// before the first update. What other nodes change is a [`SharedStateChanged`].
    pub fn shared_state(&self, name: &str) -> SharedState {
        let limits = SharedStateLimits::from(&self.node.options);
        self.node.shared_state(name, limits)
    }

    /// As [`shared_state`](Self::shared_state), for what may be forgotten: of more than so many entries, the one goes
    /// that was written longest ago. All nodes must name the same number.
    pub fn recent_state(&self, name: &str, entries: usize) -> SharedState {
        let limits = SharedStateLimits {
            entries,
            when_full: WhenFull::ForgetOldest,
            ..SharedStateLimits::from(&self.node.options)
        };
        self.node.shared_state(name, limits)
    }

    fn send(&self, audience: Audience, payload: &Payload) -> Result<(), SendError> {
        let node = &self.node;
        if node.frames.send(&node.id, audience, payload) {
            Ok(())
        } else if payload.len() > node.options.frame_bytes {
            Err(SendError::TooLong)
        } else {
            Err(SendError::QueueFull)
        }
    }
}

/// An [`Outbox`] that reaches the players of every node.
///
/// Players of this node get what they would from an [`Outbox`]; those of others get it when it arrives
/// there, which may be never: what must not be lost belongs into a database.
///
/// ```
/// use bevy_bouncer::{ClientFrame, ClusterOutbox};
/// use bevy_ecs::prelude::*;
///
/// fn shout(mut frames: MessageReader<ClientFrame>, mut outbox: ClusterOutbox) {
///     for frame in frames.read() {
///         // A message that is not taken is counted. With `?` it would hold up the others'.
///         outbox.broadcast_everywhere(frame.payload.clone()).ok();
///     }
/// }
/// ```
#[derive(SystemParam)]
pub struct ClusterOutbox<'w, 's> {
    cluster: Res<'w, Cluster>,
    players: Res<'w, Players>,
    outbox: Outbox<'w, 's>,
}

impl<'w, 's> ClusterOutbox<'w, 's> {
    /// Sends to every player on every node.
    ///
    /// # Errors
    /// As [`Outbox::broadcast`] for the players of this node, and as [`Cluster::publish`] for those of the
    /// others. Either may get the message although the other did not take it.
    pub fn broadcast_everywhere(&mut self, payload: impl Into<Payload>) -> Result<(), SendError> {
        let payload = payload.into();
        let sent = self.cluster.send(Audience::Everyone, &payload);
        self.outbox.broadcast(payload).and(sent)
    }

    /// Sends to the sessions of one user, on whichever nodes they are. `Ok` does not say that the user is
    /// there.
    ///
    /// # Errors
    /// As [`broadcast_everywhere`](Self::broadcast_everywhere).
    pub fn send_to_user(
        &mut self,
        user: &UserId,
        payload: impl Into<Payload>,
    ) -> Result<(), SendError> {
        let payload = payload.into();
        let sent = self.cluster.send(Audience::User(user.clone()), &payload);
        deliver(&mut self.outbox, &self.players, user, payload).and(sent)
    }

    /// The players of this node only.
    pub fn local(&mut self) -> &mut Outbox<'w, 's> {
        &mut self.outbox
    }
}

fn deliver(
    outbox: &mut Outbox,
    players: &Players,
    user: &UserId,
    payload: Payload,
) -> Result<(), SendError> {
    match players.of(user) {
        [] => Ok(()),
        sessions => outbox.send_to(sessions.iter().copied(), payload),
    }
}

/// What has come from other nodes and waits for the game.
#[derive(Resource)]
pub(crate) struct Arrived(Receiver<ClusterFrame>);

impl Arrived {
    pub fn new(frames: Receiver<ClusterFrame>) -> Self {
        Self(frames)
    }
}

/// Whether frames of other nodes wait.
pub(crate) fn has_frames(arrived: Option<Res<Arrived>>) -> bool {
    arrived.is_some_and(|arrived| !arrived.0.is_empty())
}

/// Hands the frames of other nodes to the game, and to the players for whom they are.
pub(crate) fn receive(
    arrived: Res<Arrived>,
    cluster: Res<Cluster>,
    mut frames: MessageWriter<ClusterFrame>,
    players: Res<Players>,
    mut outbox: Outbox,
) {
    let per_tick = cluster.node.options.frames_per_tick;
    for frame in arrived.0.try_iter().take(per_tick) {
        // Messages between nodes may be lost. What does not fit is in the log and counted.
        let _ = match &frame.audience {
            Audience::Everyone => outbox.broadcast(frame.payload.clone()),
            Audience::User(user) => deliver(&mut outbox, &players, user, frame.payload.clone()),
            Audience::Game | Audience::Channel(_) => Ok(()),
        };
        frames.write(frame);
    }
}

/// Whether shared state has changed.
pub(crate) fn has_state_changes(cluster: Option<Res<Cluster>>) -> bool {
    cluster.is_some_and(|cluster| cluster.node.states.has_news())
}

/// Tells the game what other nodes have changed in shared state.
pub(crate) fn receive_state_changes(
    cluster: Res<Cluster>,
    mut changes: MessageWriter<SharedStateChanged>,
) {
    changes.write_batch(cluster.node.states.take_news());
}
