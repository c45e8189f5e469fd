//! What the game sees of the fleet.

use crate::{
    cluster::{Audience, BackplaneError, ClusterCounters, ClusterFrame, Frames, Node, NodeId},
    identity::{Payload, UserId},
    revocation::Receipt,
};
use std::sync::Arc;

use bevy_ecs::{prelude::*, system::SystemParam};
use crossbeam_channel::Receiver;

use super::{bouncer::Bouncer, components::Players, outbox::Outbox};

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
    /// [`Audience::Game`]. Never waits; false when there is no room, or it is too long. It may be lost.
    pub fn publish(&self, payload: impl Into<Payload>) -> bool {
        self.frames()
            .send(&self.node.id, Audience::Game, &payload.into())
    }

    /// The same for a part of the game, under a name of its own, of up to 64 bytes: there it is a
    /// [`ClusterFrame`] for [`Audience::Channel`], which nothing that is sent in another way becomes.
    pub fn publish_on(&self, channel: &str, payload: impl Into<Payload>) -> bool {
        const LONGEST: usize = 64;
        let audience = Audience::Channel(channel.into());
        channel.len() <= LONGEST && self.frames().send(&self.node.id, audience, &payload.into())
    }

    /// Whether a user is connected to any node. To be awaited in a Tokio runtime.
    ///
    /// # Errors
    /// [`BackplaneError`] when the backplane does not answer.
    pub async fn online(&self, user: &UserId) -> Result<bool, BackplaneError> {
        let sessions = self.node.ask(|backplane| backplane.sessions_of(user)).await;
        sessions.map(|count| count > 0)
    }

    /// How many players all nodes have, as they said when they last did: at most
    /// [`ClusterOptions::seat_lifetime`](crate::ClusterOptions::seat_lifetime) ago. To be awaited in a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`BackplaneError`] when the backplane does not answer.
    pub async fn players(&self) -> Result<usize, BackplaneError> {
        self.node.ask(|backplane| backplane.players()).await
    }

    /// What happened to frames between nodes since the start.
    pub fn counters(&self) -> ClusterCounters {
        self.frames().counters()
    }

    fn frames(&self) -> &Frames {
        &self.node.frames
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
///         outbox.broadcast_everywhere(frame.payload.clone());
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
    /// Sends to every player on every node. False when it was not taken here or for the others.
    pub fn broadcast_everywhere(&mut self, payload: impl Into<Payload>) -> bool {
        let payload = payload.into();
        let sent = self.send(Audience::Everyone, &payload);
        self.outbox.broadcast(payload) && sent
    }

    /// Sends to the sessions of one user, on whichever nodes they are. False when it was not taken; true
    /// does not say that the user is there.
    pub fn send_to_user(&mut self, user: &UserId, payload: impl Into<Payload>) -> bool {
        let payload = payload.into();
        let sent = self.send(Audience::User(user.clone()), &payload);
        deliver(&mut self.outbox, &self.players, user, payload) && sent
    }

    /// The players of this node only.
    pub fn local(&mut self) -> &mut Outbox<'w, 's> {
        &mut self.outbox
    }

    fn send(&self, audience: Audience, payload: &Payload) -> bool {
        let node = &self.cluster.node;
        node.frames.send(&node.id, audience, payload)
    }
}

fn deliver(outbox: &mut Outbox, players: &Players, user: &UserId, payload: Payload) -> bool {
    match players.of(user) {
        [] => true,
        sessions => outbox.send_to(sessions.iter().copied(), payload),
    }
}

/// What has come from other nodes and waits for the game.
#[derive(Resource)]
pub(crate) struct Arrived {
    pub frames: Receiver<ClusterFrame>,
    pub per_tick: usize,
}

/// Hands the frames of other nodes to the game, and to the players for whom they are.
pub(crate) fn receive(
    arrived: Res<Arrived>,
    mut frames: MessageWriter<ClusterFrame>,
    players: Res<Players>,
    mut outbox: Outbox,
) {
    for frame in arrived.frames.try_iter().take(arrived.per_tick) {
        match &frame.audience {
            Audience::Everyone => {
                outbox.broadcast(frame.payload.clone());
            }
            Audience::User(user) => {
                deliver(&mut outbox, &players, user, frame.payload.clone());
            }
            Audience::Game | Audience::Channel(_) => {}
        }
        frames.write(frame);
    }
}
