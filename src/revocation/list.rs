//! The entries in memory, and the question that the door asks of them.

use std::collections::{BTreeSet, HashMap};

use super::{Revocation, RevocationKind, StoreError, Subject};
use crate::identity::{TokenFacts, UserId};

/// Ends that one addition clears away. More than one, so that the list never has many entries that have ended;
/// and few, because players are waiting for the lock around the list.
const CLEARED: usize = 4;

/// All entries, by subject. A subject has at most four: revoke and ban, each with and without
/// `issued_before`.
#[derive(Debug)]
pub(crate) struct BarredList {
    entries: HashMap<Subject, Vec<Revocation>>,
    /// When entries end, and whose.
    ends: BTreeSet<(u64, Subject)>,
    count: usize,
    limit: usize,
}

impl BarredList {
    pub fn new(limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            ends: BTreeSet::new(),
            count: 0,
            limit,
        }
    }

    /// Adds an entry, or makes the one of the same shape as strict as both. To make it milder, restore
    /// first.
    pub fn put(&mut self, mut entry: Revocation, now: u64) -> Result<(), StoreError> {
        self.clear_ended(now);
        let same = self.entries.get(&entry.subject).and_then(|held| {
            let same = held.iter().find(|held| have_one_shape(held, &entry));
            same.cloned()
        });
        match same {
            None if self.count >= self.limit => return Err(StoreError::Full),
            None => {}
            Some(same) => {
                entry = merge(&same, entry, now);
                self.retain(&entry.subject, |held| !have_one_shape(held, &entry));
            }
        }
        self.ends
            .extend(entry.until.map(|until| (until, entry.subject.clone())));
        self.count += 1;
        self.entries
            .entry(entry.subject.clone())
            .or_default()
            .push(entry);
        Ok(())
    }

    /// Removes all entries of a subject.
    pub fn remove(&mut self, subject: &Subject) {
        self.retain(subject, |_| false);
    }

    /// The entries of a subject that still count.
    pub fn of(&self, subject: &Subject, now: u64) -> Vec<Revocation> {
        let held = self.entries.get(subject).into_iter().flatten();
        held.filter(|entry| entry.until.is_none_or(|until| now < until))
            .cloned()
            .collect()
    }

    /// The entry that bars this user with this token: bans first, and of those the one that ends last.
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
            .max_by_key(|entry| {
                let is_ban = entry.kind == RevocationKind::Ban;
                (is_ban, entry.until.unwrap_or(u64::MAX))
            })
    }

    /// How many entries there are, expired ones included.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Removes some of the entries that have ended.
    fn clear_ended(&mut self, now: u64) {
        for _ in 0..CLEARED {
            let first = self.ends.first().filter(|(until, _)| *until <= now);
            let Some((_, subject)) = first.cloned() else {
                return;
            };
            self.retain(&subject, |entry| {
                entry.until.is_none_or(|until| now < until)
            });
        }
    }

    /// Removes those of a subject's entries that are not to be kept.
    fn retain(&mut self, subject: &Subject, keep: impl Fn(&Revocation) -> bool) {
        let Some(held) = self.entries.get_mut(subject) else {
            return;
        };
        let ends = |held: &[Revocation]| -> Vec<_> {
            let ends = held.iter().filter_map(|entry| entry.until);
            ends.map(|until| (until, subject.clone())).collect()
        };
        for end in ends(held) {
            self.ends.remove(&end);
        }
        let before = held.len();
        held.retain(keep);
        self.count -= before - held.len();
        self.ends.extend(ends(held));
        if held.is_empty() {
            self.entries.remove(subject);
        }
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
    fn of_several_bans_the_one_that_ends_last_is_told() {
        let mut list = BarredList::new(10);
        list.put(Revocation::user(ann()).ban().until(50), 0)
            .unwrap();
        list.put(Revocation::token("a").ban().until(90), 0).unwrap();
        list.put(Revocation::user(ann()), 0).unwrap();
        let until = |list: &BarredList, now| list.verdict(&ann(), &token("a", 1), now)?.until;
        assert_eq!(until(&list, 0), Some(90));
        list.put(Revocation::new(Subject::Everyone).ban(), 0)
            .unwrap();
        assert_eq!(until(&list, 0), None);
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
    fn of_one_subject_only_the_entry_leaves_that_has_ended() {
        let mut list = BarredList::new(10);
        list.put(Revocation::token("a").until(50), 0).unwrap();
        list.put(Revocation::token("a").ban().until(100), 0)
            .unwrap();
        let subject = Subject::Token("a".into());
        assert_eq!(list.of(&subject, 49).len(), 2);
        assert_eq!(list.of(&subject, 50).len(), 1);
        list.put(Revocation::token("b"), 60).unwrap();
        assert_eq!(list.len(), 2);
        let told = list.verdict(&ann(), &token("a", 1), 99).unwrap();
        assert_eq!(told.kind, RevocationKind::Ban);
        assert!(list.of(&subject, 100).is_empty());
    }

    #[test]
    fn what_has_ended_makes_nothing_stricter() {
        let mut list = BarredList::new(10);
        let older = |than| Revocation::user(ann()).issued_before(than);
        list.put(older(100).until(50), 0).unwrap();
        list.put(older(10).until(90), 50).unwrap();
        assert!(list.verdict(&ann(), &token("a", 10), 60).is_some());
        assert!(list.verdict(&ann(), &token("a", 11), 60).is_none());
    }

    #[test]
    fn ended_entries_leave_a_few_at_a_time() {
        const ENDED: usize = 1000;
        let mut list = BarredList::new(ENDED);
        for number in 0..ENDED {
            let entry = Revocation::token(format!("token-{number}")).until(50);
            list.put(entry, 0).unwrap();
        }
        for added in 1..100 {
            let entry = Revocation::token(format!("another-{added}"));
            list.put(entry, 50).expect("there is room again");
            let cleared = added * CLEARED;
            assert_eq!(list.len(), ENDED + added - cleared, "no call does much");
        }
        let before = list.len();
        list.put(Revocation::token("token-999"), 50).unwrap();
        assert!(list.len() < before, "one that has ended may come again");
        list.remove(&Subject::Token("token-999".into()));
        for number in 0..ENDED {
            let entry = Revocation::token("one").until(100 + number as u64);
            list.put(entry, 50).unwrap();
        }
        assert_eq!(list.ends.len(), 1, "only ends that are still to come");
        assert_eq!(list.of(&Subject::Token("one".into()), 1098).len(), 1);
        list.put(Revocation::token("two").until(2000), 1099)
            .unwrap();
        assert!(list.of(&Subject::Token("one".into()), 0).is_empty());
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
