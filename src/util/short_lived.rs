//! A bounded map whose entries live equally long.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// What is looked up by: a hash, so that a secret itself is not kept.
pub(crate) type Digest = [u8; 32];

/// A bounded map whose entries live equally long, from their insertion on.
pub(crate) struct ShortLived<V> {
    entries: HashMap<Digest, Entry<V>>,
    /// The keys, oldest first.
    order: BTreeMap<u64, Digest>,
    next_number: u64,
    capacity: usize,
    life: Duration,
}

struct Entry<V> {
    number: u64,
    until: Instant,
    value: V,
}

impl<V> ShortLived<V> {
    /// At most so many entries, each for this long.
    pub fn new(capacity: usize, life: Duration) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            next_number: 0,
            capacity,
            life,
        }
    }

    /// Adds an entry, unless there is no room or the key is taken.
    pub fn insert(&mut self, key: Digest, value: V, now: Instant) -> bool {
        self.expire(now);
        if self.entries.len() >= self.capacity || self.entries.contains_key(&key) {
            return false;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.order.insert(number, key);
        let until = now + self.life;
        let entry = Entry {
            number,
            until,
            value,
        };
        self.entries.insert(key, entry);
        true
    }

    /// Removes the oldest entry when there is no room for another one.
    pub fn make_room(&mut self, now: Instant) {
        self.expire(now);
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    /// What stands under this key.
    pub fn get(&self, key: &Digest, now: Instant) -> Option<&V> {
        let entry = self.entries.get(key)?;
        (now < entry.until).then_some(&entry.value)
    }

    /// Takes out what stands under this key.
    pub fn take(&mut self, key: &Digest, now: Instant) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.number);
        (now < entry.until).then_some(entry.value)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.order.first_entry() {
            let key = oldest.get();
            if self.entries.get(key).is_some_and(|entry| now < entry.until) {
                return;
            }
            self.entries.remove(key);
            oldest.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(10);

    fn key(number: u8) -> Digest {
        [number; 32]
    }

    #[test]
    fn an_entry_lives_for_its_time_and_can_be_taken_once() {
        let (mut map, start) = (ShortLived::new(2, LIFE), Instant::now());
        assert!(map.insert(key(1), "one", start));
        assert_eq!(map.get(&key(1), start), Some(&"one"));
        assert_eq!(map.get(&key(1), start + LIFE), None);
        assert_eq!(map.take(&key(1), start), Some("one"));
        assert_eq!(map.take(&key(1), start), None);
        assert!(map.insert(key(1), "again", start));
        assert_eq!(map.take(&key(1), start + LIFE), None, "too late");
        assert!(map.entries.is_empty() && map.order.is_empty());
    }

    #[test]
    fn p09_it_holds_so_many_and_no_more() {
        let (mut map, start) = (ShortLived::new(2, LIFE), Instant::now());
        assert!(map.insert(key(1), (), start));
        assert!(map.insert(key(2), (), start + LIFE / 2));
        assert!(!map.insert(key(3), (), start + LIFE / 2));
        assert!(map.insert(key(3), (), start + LIFE), "the first has ended");
        assert!(!map.insert(key(4), (), start + LIFE));
        map.make_room(start + LIFE);
        assert!(map.get(&key(2), start + LIFE).is_none(), "it was oldest");
        assert!(map.insert(key(4), (), start + LIFE));
        assert_eq!((map.entries.len(), map.order.len()), (2, 2));
    }

    #[test]
    fn p09_what_is_taken_leaves_nothing_behind() {
        let (mut map, start) = (ShortLived::new(2, LIFE), Instant::now());
        for _ in 0..1000 {
            assert!(map.insert(key(1), (), start));
            assert!(map.take(&key(1), start).is_some());
        }
        assert!(map.entries.is_empty() && map.order.is_empty());
    }

    #[test]
    fn a_key_is_not_overwritten() {
        let (mut map, start) = (ShortLived::new(2, LIFE), Instant::now());
        assert!(map.insert(key(1), "one", start));
        assert!(!map.insert(key(1), "two", start));
        assert_eq!(map.take(&key(1), start), Some("one"));
    }
}
