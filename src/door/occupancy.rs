//! What one address may hold at a time: connections, and answers that it is being given.

use std::{collections::HashMap, sync::Arc};

use crate::{
    server::AddressKey,
    util::{Mutex, lock},
};

/// How many each address holds.
pub(crate) struct Occupancy {
    counts: Mutex<HashMap<AddressKey, usize>>,
    per_address: usize,
}

impl Occupancy {
    /// So many for each, at least one.
    pub fn new(per_address: usize) -> Self {
        Self {
            counts: Mutex::default(),
            per_address,
        }
    }

    /// One more of this address, until the permit is dropped. `None` when it has as many
    /// as it may.
    pub fn enter(self: &Arc<Self>, address: AddressKey) -> Option<AddressPermit> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        // The limit is at least 1, so a fresh entry never stays at 0.
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(AddressPermit {
            occupancy: Arc::clone(self),
            address,
        })
    }

    fn leave(&self, address: AddressKey) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// What an address holds. Dropping it makes room for another one.
pub(crate) struct AddressPermit {
    occupancy: Arc<Occupancy>,
    address: AddressKey,
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        self.occupancy.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn key(address: &str) -> AddressKey {
        AddressKey::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let occupancy = Arc::new(Occupancy::new(2));
        let ann = key("192.0.2.1");
        let first = occupancy.enter(ann).unwrap();
        let second = occupancy.enter(ann).unwrap();
        assert!(occupancy.enter(ann).is_none());
        assert!(occupancy.enter(key("192.0.2.2")).is_some());
        assert_eq!(second.address, ann);
        drop(first);
        let third = occupancy.enter(ann).unwrap();
        drop((second, third));
        assert!(lock(&occupancy.counts).is_empty(), "nothing is left behind");
    }
}
