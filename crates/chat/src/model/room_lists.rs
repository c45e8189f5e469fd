//! Which rooms are for whom, so that a list of rooms costs what it lists and not what there is.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bevy_bouncer::{User, UserId};
use bevy_ecs::prelude::*;

use crate::model::access::RoomAudience;

/// Rooms of an unknown audience that one request looks at.
const LOOKED_AT: usize = 250;

type Names = BTreeMap<Arc<str>, Entity>;

/// The rooms that can be found, by their audience.
#[derive(Resource, Default)]
pub(crate) struct RoomLists {
    everyone: Names,
    by_role: HashMap<String, Names>,
    by_user: HashMap<UserId, Names>,
    unknown: Names,
}

impl RoomLists {
    /// The room can be found from now on.
    pub fn add(&mut self, name: Arc<str>, audience: RoomAudience<'_>, entity: Entity) {
        match audience {
            RoomAudience::Everyone => _ = self.everyone.insert(name, entity),
            RoomAudience::Role(role) => {
                let names = self.by_role.entry(role.to_owned()).or_default();
                names.insert(name, entity);
            }
            RoomAudience::Users(users) => {
                for user in users {
                    let names = self.by_user.entry(user.clone()).or_default();
                    names.insert(name.clone(), entity);
                }
            }
            RoomAudience::Unknown => _ = self.unknown.insert(name, entity),
        }
    }

    /// The room cannot be found any more.
    pub fn remove(&mut self, name: &str, audience: RoomAudience<'_>) {
        match audience {
            RoomAudience::Everyone => _ = self.everyone.remove(name),
            RoomAudience::Role(role) => remove_from(&mut self.by_role, role, name),
            RoomAudience::Users(users) => {
                for user in users {
                    remove_from(&mut self.by_user, user, name);
                }
            }
            RoomAudience::Unknown => _ = self.unknown.remove(name),
        }
    }

    /// The rooms that may be for this user, by name: at least the first `most`, if there are so many. Whether they are is
    /// for [`RoomAccess`](crate::RoomAccess) to say. Of those that only it can tell anything about, the first 250
    /// are among them.
    pub fn candidates(&self, user: &User, most: usize) -> Vec<(Arc<str>, Entity)> {
        let by_role = user
            .roles()
            .iter()
            .filter_map(|role| self.by_role.get(role));
        let by_user = self.by_user.get(user.id());
        let known = [&self.everyone].into_iter().chain(by_role).chain(by_user);
        let known = known.flat_map(|names| names.iter().take(most));
        let found = known.chain(self.unknown.iter().take(LOOKED_AT));
        // Somebody can be an audience in more than one way, but a room has one.
        let mut found: Vec<_> = found.map(|(name, room)| (name.clone(), *room)).collect();
        found.sort_unstable();
        found
    }

    /// Whether there are rooms of which a list does not tell, because too many have to be looked at.
    pub fn looks_at_a_part(&self) -> bool {
        self.unknown.len() > LOOKED_AT
    }
}

fn remove_from<K, Q>(lists: &mut HashMap<K, Names>, key: &Q, name: &str)
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(names) = lists.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            lists.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::{ByRole, Invited, Open, RoomAccess};

    struct ForWhomever;

    impl RoomAccess for ForWhomever {
        fn may_join(&self, _: &User) -> bool {
            true
        }
    }

    #[test]
    fn a_user_is_shown_to_no_more_rooms_than_may_be_for_them() {
        let mut world = World::new();
        let mut lists = RoomLists::default();
        let ann = UserId::new("ann").unwrap();
        let invited = Invited([ann.clone()].into());
        let rooms: [(&str, &dyn RoomAccess); 4] = [
            ("open", &Open),
            ("staff", &ByRole("staff".into())),
            ("own", &invited),
            ("odd", &ForWhomever),
        ];
        for (name, access) in rooms {
            lists.add(name.into(), access.audience(), world.spawn_empty().id());
        }
        let names = |lists: &RoomLists, user: &User| {
            let found = lists.candidates(user, 10).into_iter();
            found.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        let ann = User::new(ann, "Ann").unwrap();
        assert_eq!(names(&lists, &ann), ["odd", "open", "own"]);
        let ben = User::new("ben", "Ben").unwrap().with_roles(["staff"]);
        let ben = ben.unwrap();
        assert_eq!(names(&lists, &ben), ["odd", "open", "staff"]);
        for (name, access) in rooms {
            lists.remove(name, access.audience());
        }
        assert!(names(&lists, &ann).is_empty());
        assert!(lists.by_role.is_empty() && lists.by_user.is_empty());
    }
}
