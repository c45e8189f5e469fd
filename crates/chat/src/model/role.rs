//! Who is above whom.

use bevy_bouncer::User;

/// The highest rank.
pub(crate) const ADMIN: u8 = 2;
/// May moderate.
pub(crate) const MODERATOR: u8 = 1;

/// Users with the role `admin` are above those with the role `moderator`, and these above everybody else.
pub(crate) fn rank_of(user: &User) -> u8 {
    if user.has_role("admin") {
        ADMIN
    } else if user.has_role("moderator") {
        MODERATOR
    } else {
        0
    }
}
