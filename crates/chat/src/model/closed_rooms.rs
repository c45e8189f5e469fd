//! What was said in rooms that are not open now.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bevy_ecs::prelude::*;

use crate::model::history::RoomHistory;

/// What was said in rooms that are not open, by the rooms' names.
#[derive(Resource, Default)]
pub(crate) struct ClosedRooms {
    /// Each with its number in `closed`.
    rooms: HashMap<Arc<str>, (u64, RoomHistory)>,
    /// The rooms' names in the order in which they were closed.
    closed: BTreeMap<u64, Arc<str>>,
    count: u64,
}

impl ClosedRooms {
    /// Keeps what was said in a room that is closed now. Of too many, the one that was closed first is forgotten.
    pub fn put(&mut self, history: &mut RoomHistory, most: usize) {
        let history = std::mem::take(history);
        let name = history.room.clone();
        if name.is_empty() {
            return;
        }
        self.count += 1;
        self.closed.insert(self.count, name.clone());
        if let Some((number, _)) = self.rooms.insert(name, (self.count, history)) {
            self.closed.remove(&number);
        }
        if self.rooms.len() > most
            && let Some((_, first)) = self.closed.pop_first()
        {
            self.rooms.remove(&first);
        }
    }

    /// Takes the words of a message away, if there are any.
    pub fn delete(&mut self, room: &str, mid: &str) -> Option<()> {
        let (_, history) = self.rooms.get_mut(room)?;
        history.delete(mid).map(drop)
    }

    /// Gives back what was said in a room that is open again.
    pub fn take(&mut self, name: &str, history: &mut RoomHistory) {
        if let Some((number, before)) = self.rooms.remove(name) {
            self.closed.remove(&number);
            *history = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_closed_rooms_the_first_is_forgotten() {
        let said = |name: &str, seq: u64| {
            let mut history = RoomHistory::restored(name.into(), Vec::new());
            for _ in 0..seq {
                history.count();
            }
            history
        };
        let mut closed = ClosedRooms::default();
        let last_of = |closed: &mut ClosedRooms, name: &str| {
            let mut history = RoomHistory::default();
            closed.take(name, &mut history);
            history.last_seq()
        };
        for (name, seq) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            closed.put(&mut said(name, seq), 2);
        }
        assert_eq!(last_of(&mut closed, "b"), 0);
        assert_eq!(last_of(&mut closed, "a"), 3);
        closed.put(&mut said("d", 5), 2);
        assert_eq!(last_of(&mut closed, "c"), 4);
        assert_eq!(last_of(&mut closed, "d"), 5);
        assert!(closed.rooms.is_empty() && closed.closed.is_empty());
    }
}
