//! Who is online on the other nodes of the fleet, in which rooms, and with which rank.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use bevy_bouncer::{SharedState, SharedStateChanged, SharedStateError, UserId};
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

/// A user's entry is kept for so many times as long as the one that says that the node lives: it is renewed less often.
const USER_KEPT: u32 = 10;
/// Users who are renewed at once: all of those who came together are due together.
const RENEWED_AT_ONCE: usize = 256;
/// Nodes that are known by name; of more, those that do not live are forgotten.
const NODES_MAX: usize = 1024;

/// A user on another node, as that node has told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OnlineUser {
    /// What the user is called.
    pub name: String,
    /// A player (0), a moderator (1) or an admin (2).
    pub rank: u8,
    /// The names of the rooms that the user is in there, in the order of the alphabet. Empty when they are too many to be
    /// told: more than [`ClusterOptions::shared_value_bytes`](bevy_bouncer::ClusterOptions::shared_value_bytes).
    pub rooms: Vec<String>,
}

/// Who is online on the other nodes of the fleet, in which rooms, and with which rank: as they told it last, usually less
/// than half a second ago. Users of a node that has died are gone after
/// [`ChatOptions::presence_lifetime`](crate::ChatOptions::presence_lifetime). Without a cluster it is empty.
///
/// Users of this node are not in it: for them ask [`Players`](bevy_bouncer::Players).
///
/// ```
/// use bevy_bouncer::UserId;
/// use bevy_bouncer_chat::FleetPresence;
/// use bevy_ecs::prelude::*;
///
/// fn is_a_moderator_elsewhere(presence: Res<FleetPresence>, user: UserId) -> bool {
///     presence.rank_of(&user).is_some_and(|rank| rank > 0)
/// }
/// ```
#[derive(Resource, Debug, Default)]
pub struct FleetPresence {
    shared: Option<Own>,
    /// The other nodes that were heard of.
    nodes: BTreeSet<String>,
}

/// What this node tells.
#[derive(Debug)]
struct Own {
    map: SharedState,
    node: String,
    /// How long this node counts as alive.
    lifetime: Duration,
    renewed: Option<Instant>,
    /// What was told of each user, and when.
    told: HashMap<UserId, (OnlineUser, Instant)>,
    /// Users to renew.
    due: Vec<UserId>,
}

/// What an entry is about.
#[derive(Debug, Serialize, Deserialize)]
enum Key {
    Node(String),
    User(String, UserId),
}

impl FleetPresence {
    /// The rank of a user who is online on another node, the highest if on several; `None` when the user is on none.
    pub fn rank_of(&self, user: &UserId) -> Option<u8> {
        self.of(user).into_iter().map(|online| online.rank).max()
    }

    /// A user as each other node has told it: several when the user is on several nodes.
    pub fn of(&self, user: &UserId) -> Vec<OnlineUser> {
        let Some(own) = &self.shared else {
            return Vec::new();
        };
        let nodes = self.nodes.iter().filter(|node| own.lives(node));
        let online = nodes.filter_map(|node| own.get(&Key::User(node.clone(), user.clone())));
        online.collect()
    }

    /// Everybody who is online on another node, once for each of these nodes, in no order. It looks at every entry.
    pub fn users(&self) -> Vec<(UserId, OnlineUser)> {
        let Some(own) = &self.shared else {
            return Vec::new();
        };
        let nodes = self.nodes.iter().filter(|node| own.lives(node));
        let living: BTreeSet<&String> = nodes.collect();
        let keys = own.map.keys().into_iter();
        let users = keys.filter_map(|key| match serde_json::from_str(&key).ok()? {
            Key::User(node, user) if living.contains(&node) => {
                let online = own.get(&Key::User(node, user.clone()))?;
                Some((user, online))
            }
            _ => None,
        });
        users.collect()
    }

    /// Whether it is as new as [`ClusterOptions::max_lag`](bevy_bouncer::ClusterOptions::max_lag): while this node is cut
    /// off, users of the others may have come, gone, and got another rank.
    pub fn is_current(&self) -> bool {
        self.shared.as_ref().is_none_or(|own| own.map.is_current())
    }

    /// That of a node, whose name in the fleet this is.
    pub(crate) fn shared(map: SharedState, node: String, lifetime: Duration) -> Self {
        Self {
            shared: Some(Own {
                map,
                node,
                lifetime,
                renewed: None,
                told: HashMap::new(),
                due: Vec::new(),
            }),
            nodes: BTreeSet::new(),
        }
    }

    /// Hears of another node.
    pub(crate) fn hear(&mut self, change: &SharedStateChanged) {
        let Some(own) = &self.shared else {
            return;
        };
        if *change.state != *own.map.name() {
            return;
        }
        let key = serde_json::from_str(&change.key);
        if let Ok(Key::Node(node) | Key::User(node, _)) = key
            && node != own.node
        {
            if self.nodes.len() >= NODES_MAX {
                self.nodes.retain(|node| own.lives(node));
            }
            self.nodes.insert(node);
        }
    }

    /// Tells how a user is here now, `None` when no more.
    pub(crate) fn tell(&mut self, user: &UserId, online: Option<OnlineUser>) {
        let Some(own) = &mut self.shared else {
            return;
        };
        let told = own.told.get(user).map(|(told, _)| told);
        if told == online.as_ref() {
            return;
        }
        match online {
            Some(online) => own.tell(user, online),
            None => {
                own.told.remove(user);
                let gone = own.map.remove(&own.key(user));
                if let Err(error) = gone {
                    tracing::warn!(%error, "other nodes are not told that a user is gone");
                }
            }
        }
    }

    /// Renews what would end, not all of it at once.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.note_due(now);
        self.renew_some();
    }

    fn note_due(&mut self, now: Instant) {
        let Some(own) = &mut self.shared else {
            return;
        };
        let is_due = |at: Instant, period| now.duration_since(at) >= period;
        if own.renewed.is_some_and(|at| !is_due(at, own.lifetime / 3)) {
            return;
        }
        own.renewed = Some(now);
        let alive = key(&Key::Node(own.node.clone()));
        if let Err(error) = own.map.put(&alive, "", Some(own.lifetime)) {
            tracing::warn!(%error, "other nodes are not told who is online here");
        }
        let kept = own.lifetime * USER_KEPT;
        let told = own.told.iter();
        let due = told.filter(|(_, (_, at))| is_due(*at, kept / 3));
        own.due = due.map(|(user, _)| user.clone()).collect();
    }

    /// Renews some of those who would end.
    fn renew_some(&mut self) {
        let Some(own) = &mut self.shared else {
            return;
        };
        let first = own.due.len().saturating_sub(RENEWED_AT_ONCE);
        for user in own.due.split_off(first) {
            if let Some((online, _)) = own.told.get(&user) {
                own.tell(&user, online.clone());
            }
        }
    }
}

impl Own {
    fn key(&self, user: &UserId) -> String {
        key(&Key::User(self.node.clone(), user.clone()))
    }

    fn tell(&mut self, user: &UserId, online: OnlineUser) {
        let kept = Some(self.lifetime * USER_KEPT);
        let key = self.key(user);
        let mut told = self.map.put(&key, json(&online), kept);
        if told == Err(SharedStateError::ValueTooLong) {
            let short = OnlineUser {
                rooms: Vec::new(),
                ..online.clone()
            };
            told = self.map.put(&key, json(&short), kept);
        }
        if let Err(error) = told {
            tracing::warn!(%error, "other nodes are not told that a user is online");
        }
        self.told.insert(user.clone(), (online, Instant::now()));
    }

    fn lives(&self, node: &str) -> bool {
        let key = key(&Key::Node(node.to_owned()));
        self.map.get(&key).is_some()
    }

    fn get(&self, about: &Key) -> Option<OnlineUser> {
        let entry = self.map.get(&key(about))?;
        serde_json::from_slice(&entry.value).ok()
    }
}

fn key(key: &Key) -> String {
    json(key)
}

fn json(value: &impl Serialize) -> String {
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_string(value).unwrap_or_default()
}
