//! Coming into rooms, leaving them, and reading what was said.

use super::{
    desk::{Answer, Asker, Desk},
    error_code::ErrorCode,
    history::{Page, RoomHistory},
    members::{InRooms, RoomMembers},
    room::{Room, RoomIndex, RoomRules},
    speak::{Place, check_silence},
    told::{Ack, ListedRoom, Told},
};

/// Rooms of one list, so that it fits any queue.
const ROOMS_LISTED: usize = 500;

/// `room.list`
pub(super) fn list(desk: &mut Desk, asker: &Asker) -> Answer {
    let index = desk.world.resource::<RoomIndex>();
    let mut rooms = index.0.iter().filter_map(|(name, room)| {
        let access = &desk.world.get::<Room>(*room)?.access;
        let members = desk.world.get::<RoomMembers>(*room)?;
        access.may_join(&asker.user).then(|| ListedRoom {
            room: name.clone(),
            members: members.len(),
        })
    });
    Ok(Ack {
        rooms: Some(rooms.by_ref().take(ROOMS_LISTED).collect()),
        more: Some(rooms.next().is_some()),
        ..Default::default()
    }
    .into())
}

/// `room.join`
pub(super) fn join(desk: &mut Desk, asker: &Asker, name: &str) -> Answer {
    let (entity, room) = desk.room_for(&asker.user, name)?;
    let name = room.shared_name();
    if desk.own_room(asker.player, &name).is_err() {
        let own = desk.world.get::<InRooms>(asker.player);
        let own = own.map_or(0, |rooms| rooms.0.len());
        let members = desk.world.get::<RoomMembers>(entity);
        let members = members.map_or(0, RoomMembers::players);
        if own >= desk.options.rooms_per_player || members >= desk.options.members_per_room {
            return Err(ErrorCode::Full.into());
        }
        desk.enter(asker.player, &asker.user, entity, &name);
    }
    let mut ack = Ack {
        room: Some(name),
        ..Default::default()
    };
    if let Some(members) = desk.world.get::<RoomMembers>(entity) {
        ack.count = Some(members.len());
        ack.members = Some(members.shown());
    }
    ack.rules = desk.world.get::<RoomRules>(entity).map(RoomRules::shown);
    if let Some(history) = desk.world.get::<RoomHistory>(entity) {
        (ack.epoch, ack.seq) = (Some(history.epoch.clone()), Some(history.last_seq()));
        if room.access.may_read(&asker.user) {
            let page = history.page(None, None, desk.options.history_page);
            put(page, &mut ack);
        }
    }
    Ok(ack.into())
}

fn put(page: Page, ack: &mut Ack) {
    ack.messages = Some(page.messages);
    ack.more = Some(page.more);
}

/// `room.leave`
pub(super) fn leave(desk: &mut Desk, asker: &Asker, name: &str) -> Answer {
    let (room, _) = desk.own_room(asker.player, name)?;
    desk.leave(asker.player, room);
    Ok(Ack::default().into())
}

/// `chat.history`
pub(super) fn history(
    desk: &mut Desk,
    asker: &Asker,
    name: &str,
    after: Option<u64>,
    before: Option<u64>,
) -> Answer {
    let (entity, room) = desk.own_room(asker.player, name)?;
    if !room.access.may_read(&asker.user) {
        return Err(ErrorCode::Forbidden.into());
    }
    let mut ack = Ack {
        room: Some(room.shared_name()),
        ..Default::default()
    };
    if let Some(history) = desk.world.get::<RoomHistory>(entity) {
        ack.epoch = Some(history.epoch.clone());
        put(
            history.page(after, before, desk.options.history_page),
            &mut ack,
        );
    }
    Ok(ack.into())
}

/// `chat.typing`
pub(super) fn typing(desk: &mut Desk, asker: &Asker, name: &str) -> Answer {
    let (entity, room) = desk.own_room(asker.player, name)?;
    let place = Place::Room(entity, room.shared_name());
    let is_silent = check_silence(desk, &asker.user, asker.rank, &place).is_err();
    let may_speak = !is_silent && room.access.may_send(&asker.user);
    let (now, most) = (desk.now, desk.options.rooms_per_player);
    let mut person = desk.person(&asker.user)?;
    if may_speak && person.pace.may_type(entity, now, most) {
        let typing = Told::Typing {
            room: room.shared_name(),
            from: (&asker.user).into(),
        };
        desk.tell_room(entity, &typing);
    }
    Ok(Ack::default().into())
}
