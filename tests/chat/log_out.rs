//! Log out everywhere: the sessions end, and a new log-in works.

use std::time::Instant;

use serde_json::json;

use crate::{fleet::Fleet, support::*, talker::*};

/// A token that is issued now.
fn fresh(user: &str) -> String {
    let mut claims = claims(user);
    claims["jti"] = json!(format!("fresh-{}", unix_now()));
    sign(&claims)
}

#[test]
fn who_is_logged_out_gets_in_with_a_new_token_and_not_with_the_old() {
    let mut fleet = Fleet::start(&bevy_bouncer::InProcessBackplane::new());
    let mut moderator = Talker::join(&mut fleet.nodes[0], "mod-1");
    let old = token("ann");
    let mut ann = Talker::over(fleet.nodes[1].connect(&old).unwrap());
    fleet.until("it is known where ann is", |fleet| {
        let presence = fleet.nodes[0]
            .world()
            .resource::<bevy_bouncer_chat::FleetPresence>();
        presence.rank_of(&user("ann")).is_some()
    });
    let log_out = json!({"op": "mod.logout", "user": "ann", "reason": "lost phone"});
    moderator.ack(&mut fleet.nodes[0], log_out);
    let closed = (4101, "token_revoked: lost phone");
    find_close(&mut fleet, 1, &mut ann, closed);
    for node in &mut fleet.nodes {
        assert_eq!(node.connect(&old).err().unwrap().status, 401);
    }
    // Tokens of the same second count as old.
    let deadline = Instant::now() + PATIENCE;
    while fleet.nodes[0].connect(&fresh("ann")).is_err() {
        assert!(Instant::now() < deadline, "a new log-in does not work");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(fleet.nodes[1].connect(&old).err().unwrap().status, 401);
    // A lock is another thing: no log-in helps.
    let lock = json!({"op": "mod.revoke", "user": "ann"});
    moderator.ack(&mut fleet.nodes[0], lock);
    let begun = unix_now();
    fleet.until("seconds pass", |_| unix_now() > begun + 1);
    assert_eq!(
        fleet.nodes[0].connect(&fresh("ann")).err().unwrap().status,
        401
    );
}

/// A talker on this node reads this Close, while the other node goes on.
#[track_caller]
fn find_close(fleet: &mut Fleet, node: usize, talker: &mut Talker, closed: (u16, &str)) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while talker.closed.is_none() {
        assert!(std::time::Instant::now() < deadline, "still open");
        fleet.nodes[1 - node].tick();
        talker.listen(&mut fleet.nodes[node]);
    }
    let (code, reason) = talker.closed.clone().unwrap();
    assert_eq!((code, reason.as_str()), closed);
}
