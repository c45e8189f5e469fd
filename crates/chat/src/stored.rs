//! Tells authors that what they said is stored.

use bevy_bouncer_protocol::ServerMessage;
use bevy_ecs::prelude::*;

use crate::{archive::writer::ArchiveWriter, context::ChatContext, model::users::Users};

/// Whether something has been stored.
pub(crate) fn has_stored(archive: Option<Res<ArchiveWriter>>) -> bool {
    archive.is_some_and(|archive| archive.has_stored())
}

/// Tells the authors, in all their sessions.
pub(crate) fn tell(world: &mut World) {
    let Some(archive) = world.get_resource::<ArchiveWriter>() else {
        return;
    };
    let stored = archive.take_stored();
    let mut context = ChatContext::new(world);
    for ((user, room), seq) in stored {
        let mut users = context.world.resource_mut::<Users>();
        if let Some(record) = users.get_mut(&user) {
            record.answers_given.note_stored(&room, seq);
        }
        context.tell_user(&user, &ServerMessage::Stored { room, seq });
    }
    context.finish();
}
