//! The entries in memory, and the question that the door asks of them.

use std::collections::HashMap;

use super::{Revocation, RevocationKind, StoreError, Subject};
use crate::identity::{TokenFacts, UserId};

/// All entries, by subject. A subject has at most four: revoke and ban, each with and without
/// `issued_before`.
#[derive(Debug)]
pub(crate) struct BarredList {
    entries: HashMap<Subject, Vec<Revocation>>,
    count: usize,
    limit: usize,
}

impl BarredList {
    pub fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            count: 0,
            limit,
        }
    }

    /// Adds an entry, or makes the one of the same shape as strict as both. To make it milder, restore
    /// first.
    pub fn put(&mut self, entry: Revocation, now: u64) -> Result<(), StoreError> {
        if self.count >= self.limit {
            self.purge(now);
        }
        if let Some(same) = self
            .entries
            .get_mut(&entry.subject)
            .and_then(|held| held.iter_mut().find(|held| have_one_shape(held, &entry)))
        {
            *same = merge(same, entry, now);
            return Ok(());
        }
        if self.count >= self.limit {
            return Err(StoreError::Full);
        }
        self.count += 1;
        self.entries
            .entry(entry.subject.clone())
            .or_default()
            .push(entry);
        Ok(())
    }

    /// Removes all entries of a subject.
    pub fn remove(&mut self, subject: &Subject) {
        self.count -= self.entries.remove(subject).map_or(0, |held| held.len());
    }

    /// The entries of a subject that still count.
    pub fn of(&self, subject: &Subject, now: u64) -> Vec<Revocation> {
        let held = self.entries.get(subject).into_iter().flatten();
        held.filter(|entry| entry.until.is_none_or(|until| now < until))
            .cloned()
            .collect()
    }

    /// The entry that bars this user with this token, bans first.
    pub fn verdict(&self, user: &UserId, token: &TokenFacts, now: u64) -> Option<&Revocation> {
        if self.count == 0 {
            return None;
        }
        let by_user = self.entries.get(&Subject::User(user.clone()));
        let by_token = token
            .id
            .as_ref()
            .and_then(|id| self.entries.get(&Subject::Token(id.clone())));
        let by_all = self.entries.get(&Subject::Everyone);
        [by_user, by_token, by_all]
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.until.is_none_or(|until| now < until))
            .filter(|entry| {
                entry
                    .issued_before
                    .is_none_or(|before| token.issued_at <= before)
            })
            .min_by_key(|entry| entry.kind != RevocationKind::Ban)
    }

    /// How many entries there are, expired ones included.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.count
    }

    fn purge(&mut self, now: u64) {
        self.entries.retain(|_, held| {
            held.retain(|entry| entry.until.is_none_or(|until| now < until));
            !held.is_empty()
        });
        self.count = self.entries.values().map(Vec::len).sum();
    }
}

/// Whether a subject can have only one of the two: they have one kind, and both are limited to older tokens or
/// neither is.
pub(super) fn have_one_shape(one: &Revocation, other: &Revocation) -> bool {
    one.kind == other.kind && one.issued_before.is_some() == other.issued_before.is_some()
}

/// An entry that is as strict as both, which have one shape, with the words of the later one.
pub(super) fn merge(held: &Revocation, mut later: Revocation, now: u64) -> Revocation {
    if held.until.is_none_or(|until| now < until) {
        later.issued_before = held.issued_before.max(later.issued_before);
        // Without an end is the strictest.
        let ends = held.until.zip(later.until);
        later.until = ends.map(|(one, other)| one.max(other));
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> UserId {
        UserId::new("ann").unwrap()
    }

    fn token(id: &str, issued_at: u64) -> TokenFacts {
        TokenFacts {
            id: Some(id.into()),
            issued_at,
            ..TokenFacts::default()
        }
    }

    #[test]
    fn issued_before_bars_tokens_of_that_second_and_older() {
        let mut list = BarredList::new(10);
        list.put(Revocation::user(ann()).issued_before(100), 0)
            .unwrap();
        assert!(list.verdict(&ann(), &token("a", 100), 0).is_some());
        assert!(list.verdict(&ann(), &token("a", 101), 0).is_none());
        assert!(
            list.verdict(&ann(), &TokenFacts::default(), 0).is_some(),
            "a token without iat counts as issued at 0"
        );
    }

    #[test]
    fn a_ban_is_told_before_a_revocation_and_both_end_with_restore() {
        let mut list = BarredList::new(10);
        list.put(Revocation::user(ann()), 0).unwrap();
        list.put(Revocation::user(ann()).ban(), 0).unwrap();
        let told = list.verdict(&ann(), &token("a", 1), 0).unwrap();
        assert_eq!(told.kind, RevocationKind::Ban);
        assert_eq!(list.len(), 2);
        list.remove(&Subject::User(ann()));
        assert!(list.verdict(&ann(), &token("a", 1), 0).is_none());
        assert_eq!(list.len(), 0);
    }

    #[test]
    fn an_entry_ends_at_until_and_makes_room() {
        let mut list = BarredList::new(1);
        list.put(Revocation::token("a").until(50), 0).unwrap();
        assert!(list.verdict(&ann(), &token("a", 1), 49).is_some());
        assert!(list.verdict(&ann(), &token("a", 1), 50).is_none());
        assert_eq!(
            list.put(Revocation::token("b"), 49),
            Err(StoreError::Full),
            "the limit holds"
        );
        list.put(Revocation::token("b"), 50).unwrap();
    }

    #[test]
    fn a_second_entry_of_the_same_shape_never_forgets_younger_tokens() {
        let mut list = BarredList::new(10);
        list.put(Revocation::user(ann()).issued_before(100), 0)
            .unwrap();
        list.put(Revocation::user(ann()).issued_before(50), 0)
            .unwrap();
        assert!(list.verdict(&ann(), &token("a", 100), 0).is_some());
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn a_shorter_ban_does_not_shorten_a_longer_one() {
        let mut list = BarredList::new(10);
        list.put(Revocation::user(ann()).ban(), 0).unwrap();
        list.put(Revocation::user(ann()).ban().until(10), 0)
            .unwrap();
        assert!(list.verdict(&ann(), &token("a", 1), 11).is_some());
        list.put(Revocation::token("t").until(50), 0).unwrap();
        list.put(Revocation::token("t").until(20), 0).unwrap();
        assert!(list.verdict(&ann(), &token("t", 1), 40).is_some());
        list.remove(&Subject::User(ann()));
        list.put(Revocation::token("t").until(70), 60).unwrap();
        assert!(list.verdict(&ann(), &token("t", 1), 69).is_some());
        assert!(list.verdict(&ann(), &token("t", 1), 70).is_none());
    }

    #[test]
    fn everyone_means_everyone() {
        let mut list = BarredList::new(10);
        list.put(Revocation::new(Subject::Everyone).issued_before(10), 0)
            .unwrap();
        assert!(list.verdict(&ann(), &token("a", 10), 0).is_some());
        assert!(list.verdict(&ann(), &token("a", 11), 0).is_none());
    }
}
