//! Users who are in on two nodes that did not hear of each other.

use bevy_bouncer::*;

use crate::{fleet::*, support::Client};

/// Lets the user in on `a` first and, once `a`'s seats are forgotten, on `b`. Afterwards both hear of each other again, and
/// those of the three sessions stay that the policy names.
pub fn who_is_in_twice_leaves_by_the_policy(
    fleet: &mut Fleet,
    policy: DuplicateLogin,
    forget: impl FnOnce(&mut Fleet),
    remember: impl FnOnce(),
) {
    let mut older = fleet.a.join("player-1");
    let mut beside = (policy == DuplicateLogin::Allow).then(|| fleet.a.join("player-1"));
    let mut other = fleet.a.join("player-2");
    forget(fleet);
    let mut newer = fleet.b.join("player-1");
    assert_eq!(fleet.a.entities(), if beside.is_some() { 3 } else { 2 });
    remember();
    let is_older_out = matches!(policy, DuplicateLogin::KickOld | DuplicateLogin::TakeOver);
    let (gone, stays) = if is_older_out {
        (&mut older, &mut newer)
    } else {
        (&mut newer, &mut older)
    };
    assert_eq!(fleet.close_of(gone).0, 4409);
    let stay: [&mut Client; 2] = [stays, &mut other];
    for client in stay.into_iter().chain(&mut beside) {
        client.send("still here");
        hears(fleet, client, "still here");
    }
    fleet.a.tick();
    fleet.b.tick();
    let sessions = fleet.a.entities() + fleet.b.entities();
    assert_eq!(
        sessions,
        if policy == DuplicateLogin::Allow {
            3
        } else {
            2
        }
    );
}
