//! One chat on many nodes over a real Redis server.

#[path = "chat/fleet.rs"]
mod fleet;
#[path = "chat/moderating.rs"]
mod moderating;
#[path = "chat/nodes.rs"]
mod nodes;
#[path = "cluster/server.rs"]
#[allow(dead_code, reason = "the tests of the fleet use the rest")]
mod server;
#[path = "support/mod.rs"]
mod support;
#[path = "chat/talker.rs"]
#[allow(dead_code, reason = "the tests of one node use the rest")]
mod talker;
#[path = "chat/three_nodes.rs"]
mod three_nodes;
#[path = "cluster/wire.rs"]
mod wire;

use std::{
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use bevy_bouncer::RedisBackplane;

use fleet::{Switch, Ways};
use nodes::chat_over_nodes;
use server::Server;
use three_nodes::chat_over_three_nodes;
use wire::Wire;

/// Keys with one prefix in a server.
struct Keys {
    server: Rc<Server>,
    prefix: String,
}

impl Keys {
    fn of_a_server() -> Option<Self> {
        let server = Rc::new(Server::start()?);
        let prefix = "chat:".to_owned();
        Some(Self { server, prefix })
    }

    fn backplane(&self, url: &str) -> RedisBackplane {
        let backplane = RedisBackplane::open(url).unwrap();
        backplane.key_prefix(&self.prefix)
    }
}

impl Ways for Keys {
    type Backplane = RedisBackplane;

    fn straight(&self) -> RedisBackplane {
        self.backplane(&self.server.url())
    }

    fn own(&self) -> (RedisBackplane, Switch) {
        let wire = Wire::to(self.server.address());
        let backplane = self.backplane(&format!("redis://{}/", wire.address));
        (backplane, Switch::new(move |is_cut| wire.set_cut(is_cut)))
    }

    fn elsewhere(&self) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (server, prefix) = (self.server.clone(), format!("elsewhere-{number}:"));
        Self { server, prefix }
    }
}

chat_over_nodes!(Keys::of_a_server());
chat_over_three_nodes!(Keys::of_a_server());
