//! Users who make too many errors.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;

use super::Options;
use crate::{
    identity::{DisconnectReason, User, UserId},
    world::{Connection, PlayerCommands},
};

/// Within this time, [`MessageOptions::errors`](crate::MessageOptions::errors) are too many.
const WITHIN: Duration = Duration::from_secs(5);
/// Users of whom errors are remembered before those are looked for whose errors are old.
const USERS_MIN: usize = 64;

/// The errors that users made lately, in all their sessions and over reconnects. The session that makes one too many
/// is closed with 4400 at the end of the tick.
#[derive(Resource, Debug)]
pub struct ClientErrors {
    lately: HashMap<UserId, VecDeque<Instant>>,
    /// How many users there may be before those are forgotten whose errors are old.
    sweep_at: usize,
}

impl Default for ClientErrors {
    fn default() -> Self {
        Self {
            lately: HashMap::new(),
            sweep_at: USERS_MIN,
        }
    }
}

/// The player made too many errors: what it says does not count any more.
#[derive(Component)]
pub(super) struct TooManyErrors;

impl ClientErrors {
    /// Counts an error that a player was told.
    pub fn count(world: &mut World, player: Entity) {
        let most = world.resource::<Options>().0.errors;
        let Some(user) = world.get::<User>(player).map(|user| user.id().clone()) else {
            return;
        };
        let mut errors = world.resource_mut::<Self>();
        if errors.add(user, Instant::now()) >= most
            && let Ok(mut player) = world.get_entity_mut(player)
            && player.contains::<Connection>()
        {
            player.insert(TooManyErrors);
        }
    }

    /// Whether a player made too many: what it says does not count any more.
    pub fn are_too_many(world: &World, player: Entity) -> bool {
        world.get::<TooManyErrors>(player).is_some()
    }

    /// Notes an error, and tells how many the user made lately.
    fn add(&mut self, user: UserId, now: Instant) -> usize {
        let is_old = |at: &Instant| now.duration_since(*at) > WITHIN;
        if self.lately.len() >= self.sweep_at {
            self.lately
                .retain(|_, errors| errors.back().is_some_and(|last| !is_old(last)));
            self.sweep_at = USERS_MIN.max(self.lately.len() * 2);
        }
        let errors = self.lately.entry(user).or_default();
        while errors.front().is_some_and(is_old) {
            errors.pop_front();
        }
        errors.push_back(now);
        errors.len()
    }
}

/// Closes those who made too many errors, once they were told everything.
pub(super) fn close_noisy(players: Query<Entity, Added<TooManyErrors>>, mut commands: Commands) {
    for player in &players {
        let reason = DisconnectReason::BadProtocol;
        commands.entity(player).disconnect(reason, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn errors_count_for_five_seconds_and_for_one_user() {
        let (mut errors, start) = (ClientErrors::default(), Instant::now());
        assert_eq!(errors.add(user("a"), start), 1);
        assert_eq!(errors.add(user("a"), start + WITHIN), 2);
        assert_eq!(errors.add(user("b"), start + WITHIN), 1);
        let later = start + WITHIN + Duration::from_millis(1);
        assert_eq!(errors.add(user("a"), later), 2, "the first one is old");
    }

    #[test]
    fn users_whose_errors_are_old_are_forgotten() {
        let (mut errors, start) = (ClientErrors::default(), Instant::now());
        for number in 0..USERS_MIN * 4 {
            errors.add(user(&format!("old-{number}")), start);
        }
        assert_eq!(errors.lately.len(), USERS_MIN * 4, "all are of this moment");
        let later = start + WITHIN * 2;
        for number in 0..USERS_MIN * 4 {
            errors.add(user(&format!("new-{number}")), later);
        }
        assert_eq!(errors.lately.len(), USERS_MIN * 4, "the old ones are gone");
    }
}
