//! The game puts players into rooms and takes them out.

use bevy_bouncer::{Connection, Players, User};
use bevy_bouncer_protocol::{BOUNCER_V1, ErrorCode};
use bevy_ecs::prelude::*;

use crate::{
    conditions::send_out, context::ChatContext, entry, events::entering::EnterRefused,
    model::members::AskedBy,
};

/// Puts a player into a room, as if the client had asked for it: by the room's [`RoomAccess`](crate::RoomAccess) and
/// condition, within the limits, and past the observers of [`Entering`](crate::Entering). The client is told `room.joined`,
/// which has what `room.join` is answered with. A player who is in already stays.
///
/// What does not happen is a line of the log and an [`EnterRefused`]. The client may leave the room again, as any other. When a
/// player's connection is lost and comes back, the client is told again.
///
/// ```
/// use bevy_bouncer::User;
/// use bevy_bouncer_chat::{Enter, Leave};
/// use bevy_ecs::prelude::*;
///
/// #[derive(Resource)]
/// struct Lobby(Entity);
///
/// #[derive(Resource)]
/// struct Arena(Entity);
///
/// fn welcome(joined: On<Add<User>>, lobby: Res<Lobby>, mut commands: Commands) {
///     commands.queue(Enter { player: joined.entity, room: lobby.0 });
/// }
///
/// fn begin(players: Query<Entity, With<User>>, lobby: Res<Lobby>, arena: Res<Arena>, mut commands: Commands) {
///     for player in players {
///         commands.queue(Leave { player, room: lobby.0 });
///         commands.queue(Enter { player, room: arena.0 });
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enter {
    /// The player.
    pub player: Entity,
    /// The room's entity.
    pub room: Entity,
}

/// Takes a player out of a room. The client is told `room.closed`. Of a player who is not in it, nothing is told.
///
/// [`Enter`] has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// The player.
    pub player: Entity,
    /// The room's entity.
    pub room: Entity,
}

impl Command for Enter {
    type Out = ();

    fn apply(self, world: &mut World) {
        let Self { player, room } = self;
        let mut context = ChatContext::new(world);
        let entered = enter(&mut context, player, room);
        context.finish();
        if let Err(code) = entered {
            let word = code.as_str();
            tracing::warn!(%player, %room, code = word, "a player does not come into a room");
            let entity = player;
            if world.get_entity(player).is_ok() {
                world.trigger(EnterRefused { entity, room, code });
            }
        }
    }
}

fn enter(context: &mut ChatContext, player: Entity, room: Entity) -> Result<(), ErrorCode> {
    check_player(context.world, player)?;
    let name = context.name_of_room(room).ok_or(ErrorCode::UnknownRoom)?;
    if context.is_member(player, room) {
        return Ok(());
    }
    let come_in = context.check_knows_decisions().and_then(|()| {
        let asked_by = AskedBy::Game;
        entry::come_in(context, player, &name, asked_by)
    });
    let room = come_in.map_err(|denied| denied.code)?;
    entry::tell_joined(context, player, room);
    Ok(())
}

/// Refuses an entity that is no player of the chat, or has left.
fn check_player(world: &World, player: Entity) -> Result<(), ErrorCode> {
    let user = world.get::<User>(player);
    let players = world.resource::<Players>();
    let is_in = user.is_some_and(|user| players.of(user.id()).contains(&player));
    let connection = world.get::<Connection>(player);
    let speaks = connection.is_some_and(|it| it.subprotocol() == Some(BOUNCER_V1));
    if is_in && speaks {
        Ok(())
    } else {
        Err(ErrorCode::UnknownUser)
    }
}

impl Command for Leave {
    type Out = ();

    fn apply(self, world: &mut World) {
        let Self { player, room } = self;
        let mut context = ChatContext::new(world);
        if context.is_member(player, room) {
            send_out(&mut context, player, room);
        }
        context.finish();
    }
}
