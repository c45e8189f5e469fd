//! Nodes that share a backplane within the process.

use bevy_bouncer::*;

use crate::{
    fleet::{Switch, Ways},
    nodes::chat_over_nodes,
    three_nodes::chat_over_three_nodes,
};

impl Ways for InProcessBackplane {
    type Backplane = Self;

    fn straight(&self) -> Self {
        self.clone()
    }

    fn own(&self) -> (Self, Switch) {
        let way = self.own_way();
        let switched = way.clone();
        let switch = Switch::new(move |unreachable| {
            switched.set_faults(Faults {
                unreachable,
                ..Faults::default()
            });
        });
        (way, switch)
    }

    fn elsewhere(&self) -> Self {
        Self::new()
    }
}

chat_over_nodes!(Some(InProcessBackplane::new()));
chat_over_three_nodes!(Some(InProcessBackplane::new()));
