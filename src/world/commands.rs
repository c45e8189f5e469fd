//! Requests to the [`Bouncer`] as commands.

use bevy_ecs::prelude::*;

use super::bouncer::Bouncer;
use crate::{
    drain::Drain,
    identity::UserId,
    revocation::{Revocation, Subject},
};

/// [`Bouncer`] as commands.
pub trait BouncerCommands {
    /// See [`Bouncer::revoke`].
    fn revoke(&mut self, revocation: impl Into<Revocation>);
    /// See [`Bouncer::restore`].
    fn restore(&mut self, subject: impl Into<Subject>);
    /// See [`Bouncer::kick`].
    fn kick(&mut self, user: UserId);
    /// See [`Bouncer::drain`].
    fn drain(&mut self, drain: Drain);
}

impl BouncerCommands for Commands<'_, '_> {
    fn revoke(&mut self, revocation: impl Into<Revocation>) {
        let revocation = revocation.into();
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().revoke(revocation);
        });
    }

    fn restore(&mut self, subject: impl Into<Subject>) {
        let subject = subject.into();
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().restore(subject);
        });
    }

    fn kick(&mut self, user: UserId) {
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().kick(&user, None);
        });
    }

    fn drain(&mut self, drain: Drain) {
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().drain(drain);
        });
    }
}
