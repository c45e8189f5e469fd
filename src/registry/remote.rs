//! What other nodes decided, applied here and not passed on again.
//!
//! The list is always what the log says, in its order, and over it what was decided here and is not in
//! the log yet: a remote restoration does not undo a revocation of this node that still waits.

use super::{Registry, session_index::SessionIndex};
use crate::{
    connection::Fence,
    identity::{CloseReason, DisconnectReason, UserId},
    revocation::{Decision, Revocation, Subject},
    util::{lock, unix_now},
};

impl Registry {
    /// Applies a decision from the log. One that was made `here` has ended already the sessions that it ends.
    /// Returns how many sessions it ended.
    pub fn hear(&self, decision: &Decision, here: bool) -> usize {
        match decision {
            Decision::Bar(entry) if here => {
                self.change(&entry.subject, |index, now| note(index, entry.clone(), now));
                0
            }
            Decision::Bar(entry) => self.bar(entry),
            Decision::Restore(subject) => {
                self.change(subject, |index, _| index.restore(subject));
                0
            }
            Decision::Kick { .. } | Decision::Replace { .. } if here => 0,
            Decision::Kick { user, message, .. } => {
                let close_reason = CloseReason {
                    reason: DisconnectReason::Kicked,
                    message: message.clone(),
                    lasts: None,
                };
                self.send_home(&Subject::User(user.clone()), &close_reason)
            }
            Decision::Replace { connection, .. } => {
                let close_reason = DisconnectReason::Replaced.into();
                self.send_home(&Subject::Session(*connection), &close_reason)
            }
        }
    }

    /// Replaces the entries of a subject by these, which the shared store has. Sessions end when one of the
    /// entries is new here.
    pub fn align(&self, subject: &Subject, stored: &[Revocation]) {
        let now = unix_now();
        let counts = |entry: &&Revocation| entry.until.is_none_or(|until| now < until);
        let stored: Vec<_> = stored.iter().filter(counts).collect();
        let held = lock(&self.index).barred(subject, now);
        let missing: Vec<_> = stored
            .iter()
            .filter(|entry| !held.iter().any(|held| is_as_strict(held, entry)))
            .collect();
        let is_no_stricter = |held| stored.iter().any(|entry| is_as_strict(entry, held));
        if missing.is_empty() && held.len() == stored.len() && held.iter().all(is_no_stricter) {
            return;
        }
        self.change(subject, |index, now| {
            index.restore(subject);
            for entry in &stored {
                note(index, (*entry).clone(), now);
            }
        });
        for entry in missing {
            self.bar(entry);
        }
    }

    /// Has the entries of a subject stored again, which the shared store has lost.
    pub fn store_again(&self, subject: &Subject) {
        let index = lock(&self.index);
        let entries = index.barred(subject, unix_now());
        for entry in &entries {
            // Nobody waits for it.
            drop(self.journal.bar(entry.clone(), entries.clone()));
        }
    }

    /// How many sessions of this user hold a place here.
    pub fn held(&self, user: &UserId) -> usize {
        lock(&self.index).held(user)
    }

    fn bar(&self, entry: &Revocation) -> usize {
        let found = self.change(&entry.subject, |index, now| {
            let (found, listed) = index.revoke(entry.clone(), now);
            if let Err(error) = listed {
                tracing::error!(%error, "a revocation of another node only cuts here");
            }
            found
        });
        self.cut(&found, &entry.close_reason(unix_now()), Fence::Now)
    }

    /// Changes the entries of a subject, and applies again what this node has decided since.
    fn change<R>(&self, subject: &Subject, change: impl FnOnce(&mut SessionIndex, u64) -> R) -> R {
        let now = unix_now();
        let mut index = lock(&self.index);
        let changed = change(&mut index, now);
        for decision in self.journal.waiting_for(subject) {
            match decision {
                Decision::Bar(entry) => note(&mut index, entry, now),
                Decision::Restore(subject) => index.restore(&subject),
                Decision::Kick { .. } | Decision::Replace { .. } => {}
            }
        }
        changed
    }
}

fn note(index: &mut SessionIndex, entry: Revocation, now: u64) {
    if let Err(error) = index.bar(entry, now) {
        tracing::error!(%error, "a revocation of the shared store is not kept here");
    }
}

/// Whether an entry bars every user whom another one bars, for as long.
fn is_as_strict(held: &Revocation, other: &Revocation) -> bool {
    held.kind == other.kind
        && held.issued_before.is_some() == other.issued_before.is_some()
        && held.issued_before >= other.issued_before
        && match (held.until, other.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(held), Some(other)) => held >= other,
        }
}
