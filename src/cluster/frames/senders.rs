//! Frames that come twice: which numbers of each sender were seen.

use std::collections::HashMap;

use crate::cluster::backplane::NodeId;

/// Nodes whose frames are told apart at the same time.
const NODES_MAX: usize = 1024;

/// Which frames of each node have come: of the last 64 each one once, and none before them.
#[derive(Default)]
pub(super) struct Senders(HashMap<NodeId, Window>);

/// The highest number of one sender, and which of the 64 up to it have come.
struct Window {
    highest: u64,
    /// The lowest bit stands for the highest number.
    seen: u64,
}

impl Senders {
    /// Notes a frame. False when it came before, or is too old to be sure.
    pub fn is_new(&mut self, node: &NodeId, number: u64) -> bool {
        if self.0.len() >= NODES_MAX && !self.0.contains_key(node) {
            self.0.clear();
        }
        let Some(window) = self.0.get_mut(node) else {
            let first = Window {
                highest: number,
                seen: 1,
            };
            self.0.insert(node.clone(), first);
            return true;
        };
        if number > window.highest {
            let ahead = number - window.highest;
            window.seen = if ahead < 64 { window.seen << ahead } else { 0 } | 1;
            window.highest = number;
            return true;
        }
        let behind = window.highest - number;
        if behind >= 64 || window.seen & (1 << behind) != 0 {
            return false;
        }
        window.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_counts_once_in_any_order() {
        let mut senders = Senders::default();
        let node = NodeId("a".into());
        let mut is_new = |number| senders.is_new(&node, number);
        assert!(is_new(5) && is_new(3) && is_new(4) && is_new(9));
        assert!(!is_new(5) && !is_new(3) && !is_new(9));
        assert!(is_new(8) && is_new(200));
        assert!(!is_new(136), "too old to be sure");
        assert!(is_new(137) && !is_new(137));
        assert!(senders.is_new(&NodeId("b".into()), 5), "another node");
    }

    #[test]
    fn p09_so_many_nodes_are_told_apart() {
        let mut senders = Senders::default();
        for number in 0..5000 {
            assert!(senders.is_new(&NodeId(number.to_string().into()), 1));
            assert!(senders.0.len() <= NODES_MAX);
        }
    }
}
