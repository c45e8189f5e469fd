//! Seats: a sorted set for each user, by the time at which each seat ends.

use std::time::Duration;

use redis::pipe;

use super::{RedisBackplane, keys::member, millis};
use crate::{
    cluster::backplane::{BackplaneError, Claim, Claimed, HeldSeat, Seat, SeatPlace},
    identity::UserId,
};

impl RedisBackplane {
    pub(super) async fn take_seat(&self, claim: &Claim) -> Result<Claimed, BackplaneError> {
        let user = &claim.seat.user;
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(self.keys.seats(user));
        call.key(self.keys.replaced(user)).key(&self.keys.log);
        call.key(self.keys.since(user));
        call.arg(claim.seat.node.as_str());
        call.arg(claim.seat.connection.as_u64());
        call.arg(match (claim.policy.replaces(), claim.entered) {
            (true, false) => "ask",
            (true, true) => "replace",
            (false, _) => "limit",
        });
        call.arg(claim.sessions).arg(claim.held_here);
        call.arg(claim.replacements_per_minute);
        call.arg(millis(claim.lifetime)).arg(self.log_length);
        let answer: String = self.run(&call).await?;
        match (answer.as_str(), answer.parse()) {
            ("yes", _) => Ok(Claimed::Yes),
            ("full", _) => Ok(Claimed::Full),
            (_, Ok(wait)) => Ok(Claimed::TooOften(Duration::from_millis(wait))),
            _ => Err(BackplaneError("an answer cannot be read".to_owned())),
        }
    }

    pub(super) async fn renew_seats(
        &self,
        seats: &[HeldSeat],
        lifetime: Duration,
    ) -> Result<Vec<SeatPlace>, BackplaneError> {
        let mut call = self.scripts.renew.prepare_invoke();
        call.arg(millis(lifetime));
        for HeldSeat { seat, age } in seats {
            call.key(self.keys.seats(&seat.user));
            call.key(self.keys.since(&seat.user));
            let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
            call.arg(member(seat)).arg(age);
        }
        let places: Vec<(usize, usize)> = self.run(&call).await?;
        let places = places.into_iter();
        Ok(places.map(|(place, of)| SeatPlace { place, of }).collect())
    }

    pub(super) async fn release_seats(&self, seats: &[Seat]) -> Result<(), BackplaneError> {
        let mut commands = pipe();
        for seat in seats {
            let remove = commands.cmd("ZREM").arg(self.keys.seats(&seat.user));
            remove.arg(member(seat)).ignore();
            let forget = commands.cmd("HDEL").arg(self.keys.since(&seat.user));
            forget.arg(member(seat)).ignore();
        }
        self.tell(&commands).await
    }

    pub(super) async fn count_sessions(&self, user: &UserId) -> Result<usize, BackplaneError> {
        let mut call = self.scripts.sessions.prepare_invoke();
        call.key(self.keys.seats(user));
        self.run(&call).await
    }
}
