//! What both ends of bevy_bouncer agree on.
