//! Who is above whom.

use bevy_bouncer::User;

/// The highest rank.
pub(super) const ADMIN: u8 = 2;
/// May moderate.
pub(super) const MODERATOR: u8 = 1;

/// Users with the role `admin` above those with the role `moderator`, and these above everybody else.
pub(super) fn rank_of(user: &User) -> u8 {
    match () {
        () if user.has_role("admin") => ADMIN,
        () if user.has_role("moderator") => MODERATOR,
        () => 0,
    }
}
