//! The seats of the fleet, by user.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    cluster::backplane::{Claim, Claimed, HeldSeat, NodeId, Seat, SeatPlace},
    identity::{ConnectionId, UserId},
    registry::{DuplicateLoginRules, Replacements, Verdict},
};

/// Which sessions have a seat, and until when.
pub(super) struct Seats {
    held: HashMap<UserId, HashMap<(NodeId, ConnectionId), Held>>,
    replacements: Replacements,
}

/// One seat.
struct Held {
    since: Instant,
    until: Instant,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            replacements: Replacements::new(usize::MAX),
        }
    }
}

impl Seats {
    /// Answers a claim. With it come the sessions on other nodes that end.
    pub fn claim(&mut self, claim: &Claim) -> (Claimed, Vec<(NodeId, ConnectionId)>) {
        let now = Instant::now();
        let Seat {
            node,
            connection,
            user,
        } = &claim.seat;
        let seats = self.held.entry(user.clone()).or_default();
        seats.retain(|_, held| held.until > now);
        // What happens on one node is that node's own affair.
        let elsewhere: Vec<_> = seats
            .keys()
            .filter(|seat| seat.0 != *node)
            .cloned()
            .collect();
        let replaces = claim.policy.replaces();
        if !(replaces && claim.entered) {
            let rules = DuplicateLoginRules {
                policy: claim.policy,
                sessions: claim.sessions,
                replacements_per_minute: claim.replacements_per_minute,
            };
            let others = if replaces {
                elsewhere.len()
            } else {
                // The claim's own session is among those that are held here.
                (elsewhere.len() + claim.held_here).saturating_sub(1)
            };
            match rules.judge(user, others, &self.replacements, now) {
                Verdict::Full => return (Claimed::Full, Vec::new()),
                Verdict::TooOften(wait) => return (Claimed::TooOften(wait), Vec::new()),
                // It is only asked whether the others may be replaced.
                Verdict::Beside | Verdict::Instead if replaces => {
                    return (Claimed::Yes, Vec::new());
                }
                Verdict::Beside | Verdict::Instead => {}
            }
        }
        let place = (node.clone(), *connection);
        let held = Held {
            since: now,
            until: now + claim.lifetime,
        };
        seats.insert(place, held);
        if !replaces {
            return (Claimed::Yes, Vec::new());
        }
        seats.retain(|seat, _| !elsewhere.contains(seat));
        if !elsewhere.is_empty() {
            self.replacements.note(user, now);
        }
        (Claimed::Yes, elsewhere)
    }

    /// Keeps these seats for longer, also when they were lost. Answers where each is among those of its user.
    pub fn renew(&mut self, seats: &[HeldSeat], lifetime: Duration) -> Vec<SeatPlace> {
        let now = Instant::now();
        for HeldSeat { seat, age } in seats {
            let held = self.held.entry(seat.user.clone()).or_default();
            held.retain(|_, held| held.until > now);
            let since = now.checked_sub(*age).unwrap_or(now);
            let held = held.entry((seat.node.clone(), seat.connection));
            let until = now + lifetime;
            held.or_insert(Held { since, until }).until = until;
        }
        let places = seats.iter().map(|HeldSeat { seat, .. }| {
            let held = self.held.get(&seat.user).into_iter().flatten();
            // Named as in Redis, where the name decides between two that began at once.
            let mut order: Vec<_> = held
                .map(|((node, connection), held)| (held.since, format!("{node}:{connection}")))
                .collect();
            order.sort_unstable();
            let name = format!("{}:{}", seat.node, seat.connection);
            let place = order.iter().position(|(_, other)| *other == name);
            SeatPlace {
                place: place.unwrap_or(0),
                of: order.len(),
            }
        });
        places.collect()
    }

    /// Gives these seats up.
    pub fn release(&mut self, seats: &[Seat]) {
        for seat in seats {
            if let Some(held) = self.held.get_mut(&seat.user) {
                held.remove(&(seat.node.clone(), seat.connection));
            }
        }
        let now = Instant::now();
        self.held
            .retain(|_, held| held.values().any(|held| held.until > now));
    }

    /// How many sessions this user has.
    pub fn of(&self, user: &UserId) -> usize {
        let held = self.held.get(user).into_iter().flatten();
        held.filter(|(_, held)| held.until > Instant::now()).count()
    }
}
