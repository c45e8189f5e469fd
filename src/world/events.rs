//! What the game hears: of players, of what they say, and of the server.

use std::{net::SocketAddr, time::Instant};

use bevy_ecs::prelude::*;
use bevy_reflect::prelude::*;

use crate::{
    identity::{Admission, ConnectionId, DisconnectReason, Payload, Refusal, User},
    revocation::StoreError,
};

/// A user passed every check of the door and is about to join. Observers may refuse: the client then gets
/// an HTTP error and never becomes an entity.
///
/// ```
/// use bevy_bouncer::{Arriving, Players, Refusal};
/// use bevy_ecs::prelude::*;
///
/// fn keep_places(mut arriving: On<Arriving>, players: Res<Players>) {
///     if players.len() >= 8 && arriving.replaces().is_empty() {
///         arriving.refuse(Refusal::full("this match is full"));
///     }
/// }
/// ```
///
/// What the authenticator or the directory gives the player can decide as well:
///
/// ```
/// use bevy_bouncer::{Arriving, Refusal};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Guild(u32);
///
/// fn keep_out(mut arriving: On<Arriving>) {
///     if arriving.get::<Guild>().is_none_or(|guild| guild.0 != 7) {
///         arriving.refuse(Refusal::forbidden("this is the hall of guild 7"));
///     }
/// }
/// ```
#[derive(Event, Debug, Reflect)]
#[reflect(Debug, from_reflect = false)]
pub struct Arriving {
    pub(crate) user: User,
    pub(crate) peer: SocketAddr,
    #[reflect(ignore)]
    pub(crate) admission: Admission,
    pub(crate) replaces: Vec<Entity>,
    pub(crate) resumes: Option<Entity>,
    pub(crate) refusal: Option<Refusal>,
}

impl Arriving {
    /// Who wants to join.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The address of the client, as [`Connection::peer`](crate::Connection::peer) will have it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A component that the player will have, as it was given by [`Admission::with`] (alone, or a bundle as a whole),
    /// [`Admission::with_owned`] or [`Standing::with`](crate::Standing::with). The entity does not exist yet.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.admission.get()
    }

    /// The entities of the sessions that end if this one joins.
    pub fn replaces(&self) -> &[Entity] {
        &self.replaces
    }

    /// The player whose connection was lost that goes on if this one joins: no new entity comes.
    pub fn resumes(&self) -> Option<Entity> {
        self.resumes
    }

    /// Keeps the player out. The first refusal counts.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }

    /// Whether an observer has refused already.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }
}

/// A message from a client, in the order of its connection.
///
/// Read it in `Update`. The entity exists then, also when the client has gone meanwhile. What a connection said that
/// was lost or taken over comes before [`LinkRestored`], or not at all.
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct ClientFrame {
    /// The player.
    pub entity: Entity,
    /// The connection through which it came: another one than the player's [`Connection`](crate::Connection) when that has
    /// been replaced since.
    pub connection: ConnectionId,
    /// What the client sent.
    pub payload: Payload,
}

/// A player left. Triggered exactly once for each player entity, while it still has its components.
///
/// From here on the player is not in [`Players`](crate::Players) any more, and its entity has [`Leaving`]. After an
/// ordinary end (the client closed, the connection broke or was too slow, the token expired, …) the entity
/// stays for this tick, so that what the client said before can still be read; the next tick begins with its despawn. Who was cut (revoked,
/// banned, kicked, replaced, sent away by the game, drained, shut down) is despawned as soon as all observers have
/// run. When the game itself despawned the entity, it is gone already.
#[derive(EntityEvent, Debug, Clone, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct Disconnected {
    /// The player.
    pub entity: Entity,
    /// Who it was.
    pub user: User,
    /// Why.
    pub reason: DisconnectReason,
}

/// On a player entity from [`Disconnected`] to its despawn. `Query<Entity, (With<User>, Without<Leaving>)>` finds
/// exactly the entities of [`Players`](crate::Players).
///
/// ```
/// use bevy_bouncer::{Leaving, User};
/// use bevy_ecs::prelude::*;
///
/// fn next_round(players: Query<Entity, (With<User>, Without<Leaving>)>) {
///     for player in players {
///         // Who has just left gets no place in it.
/// #       let _ = player;
///     }
/// }
/// ```
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Default, Reflect)]
#[reflect(Component, Debug, Clone, PartialEq, Default)]
pub struct Leaving;

/// A player's connection is lost, and the player stays for a while: either [`LinkRestored`] follows, or
/// [`Disconnected`]. Only with [`Limits::resume_window`](crate::Limits::resume_window).
///
/// Meanwhile nothing that is sent reaches the player, and nothing is kept for it: tell it how things
/// stand when the link is restored.
///
/// ```
/// use bevy_bouncer::{LinkLost, LinkRestored, Outbox};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Component)]
/// struct Asleep;
///
/// fn fall_asleep(lost: On<LinkLost>, mut commands: Commands) {
///     commands.entity(lost.entity).insert(Asleep);
/// }
///
/// fn wake_up(restored: On<LinkRestored>, mut commands: Commands, mut outbox: Outbox) -> Result {
///     commands.entity(restored.entity).remove::<Asleep>();
///     outbox.send(restored.entity, "welcome back")?;
///     Ok(())
/// }
/// ```
#[derive(EntityEvent, Debug, Clone, Copy, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct LinkLost {
    /// The player.
    pub entity: Entity,
    /// Why.
    pub reason: DisconnectReason,
    /// When the player leaves unless the link is restored.
    pub until: Instant,
}

/// A player goes on with another connection, after the same checks as at any login: it came back in time,
/// or connected again while it was connected ([`DuplicateLogin::TakeOver`](crate::DuplicateLogin)).
///
/// [`Connection`](crate::Connection) is the new one by now, and so are [`User`] and the directory's components
/// ([`Standing::with`](crate::Standing::with)) when they have changed. What was given by
/// [`Admission::with`](crate::Admission::with) is as the game has left it.
#[derive(EntityEvent, Debug, Clone, Copy, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct LinkRestored {
    /// The player.
    pub entity: Entity,
}

/// The server is being taken out of service: see [`Bouncer::drain`](crate::Bouncer::drain). Triggered once,
/// before the first player is closed, so that matches can be ended and scores saved. What observers send
/// still reaches the players. [`is_draining`](crate::is_draining) is the run condition.
///
/// ```
/// use bevy_bouncer::{DrainStarted, Outbox};
/// use bevy_ecs::prelude::*;
///
/// fn last_call(_: On<DrainStarted>, mut outbox: Outbox) -> Result {
///     outbox.broadcast("the server restarts, see you in a moment")?;
///     Ok(())
/// }
/// ```
#[derive(Event, Debug, Clone, Copy, PartialEq, Eq, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
pub struct DrainStarted {
    /// When players who are still there are reset. A second call of `drain` may move it up:
    /// [`Draining::deadline`](crate::Draining::deadline) has the latest.
    pub deadline: Instant,
}

/// A revocation or a restoration is not stored.
///
/// After [`StoreError::Failed`] it counts in memory, and storing it is tried again until it succeeds. After
/// [`StoreError::Backlog`] a revocation counts and will be stored, and a restoration was not carried out. After
/// [`StoreError::Full`] a revocation has only cut: it bars no one.
/// [`Bouncer::unsaved`](crate::Bouncer::unsaved) has the subjects about which something is not stored yet.
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct RevocationNotStored {
    /// What the store said.
    pub error: StoreError,
}
