//! Chat for game servers with bevy_bouncer.
