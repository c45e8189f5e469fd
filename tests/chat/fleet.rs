//! Nodes with one chat, and the ways on which they meet.

use std::time::{Duration, Instant};

use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use serde_json::Value;

use crate::{
    support::*,
    talker::{authenticator, *},
};

/// Ways to what the nodes share.
pub trait Ways {
    type Backplane: Backplane;

    /// One that is always there.
    fn straight(&self) -> Self::Backplane;
    /// One that can be cut, and the others go on.
    fn own(&self) -> (Self::Backplane, Switch);
    /// Ways to something else that nodes share, which is empty.
    fn elsewhere(&self) -> Self;
}

/// Cuts a way, and mends it again.
pub struct Switch(Box<dyn Fn(bool)>);

impl Switch {
    /// Calls this with true to cut the way.
    pub fn new(switch: impl Fn(bool) + 'static) -> Self {
        Self(Box::new(switch))
    }

    pub fn cut(&self) {
        (self.0)(true);
    }

    pub fn mend(&self) {
        (self.0)(false);
    }
}

/// Makes a test of each of these in a file of scenarios.
macro_rules! each_over {
    ($ways:expr, $file:ident: $($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                if let Some(ways) = $ways {
                    crate::$file::$scenario(&ways);
                }
            }
        )*
    };
}
pub(crate) use each_over;

/// Both nodes are ticked.
pub struct Fleet {
    pub nodes: [Game; 2],
}

impl Fleet {
    pub fn start(ways: &impl Ways) -> Self {
        Self::start_with(ways, |_| ChatPlugin::new(options()).unwrap())
    }

    pub fn start_with(ways: &impl Ways, chat: impl Fn(&str) -> ChatPlugin) -> Self {
        let nodes = ["one", "two"].map(|name| node(ways.straight(), name, chat(name)));
        Self { nodes }
    }

    /// Node two has a way of its own, which can be cut.
    pub fn with_own_way(ways: &impl Ways) -> (Self, Switch) {
        let (way, switch) = ways.own();
        let chat = || ChatPlugin::new(options()).unwrap();
        let nodes = [
            node(ways.straight(), "one", chat()),
            node(way, "two", chat()),
        ];
        (Self { nodes }, switch)
    }

    /// Ticks both until it is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "timed out: {what}");
            for game in &mut self.nodes {
                game.tick();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a talker on this node hears, while the other node goes on.
    pub fn find(
        &mut self,
        node: usize,
        talker: &mut Talker,
        what: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while !talker.heard.iter().any(&like) {
            assert!(Instant::now() < deadline, "no {what}: {:?}", talker.heard);
            self.nodes[1 - node].tick();
            talker.listen(&mut self.nodes[node]);
        }
        talker.find(&mut self.nodes[node], what, like)
    }
}

/// A node with the room "a".
pub fn node(backplane: impl Backplane, name: &str, chat: ChatPlugin) -> Game {
    let mut game = not_ready(backplane, name, chat);
    game.until("the node is ready", |game| game.bouncer.is_ready());
    game
}

/// The same, which may not know anything yet.
pub fn not_ready(backplane: impl Backplane, name: &str, chat: ChatPlugin) -> Game {
    let config = config().subprotocols([SUBPROTOCOL]);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut options = ClusterOptions::named(name);
    options.max_lag = Duration::from_secs(1);
    options.command_timeout = Duration::from_millis(500);
    let door = door.cluster(backplane, options).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_plugins(chat);
    });
    game.offer = Some(SUBPROTOCOL);
    game.world().spawn(Room::open("a"));
    game
}
