//! From one command list per tick to the connections.
//!
//! Each tick's commands go to every shard. A shard serves the connections whose number falls to it:
//! it joins the frames of the tick into few pieces of memory, once for all, and has each connection
//! write them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::sync::mpsc;

use crate::{
    bridge::{Command, Recipients},
    connection::{FrameBatch, Outbound},
    identity::ConnectionId,
};

/// Connections that are written before others of the runtime have a turn.
const TURN: usize = 64;
/// Ticks that may wait for one shard while others are ahead.
const AHEAD: usize = 2;

/// Serves all connections with so many shards, until the game is gone.
pub(crate) async fn run(mut ticks: mpsc::Receiver<Vec<Command>>, shards: usize) {
    let shards: Vec<_> = (0..shards)
        .map(|index| {
            let (sender, receiver) = mpsc::channel(AHEAD);
            tokio::spawn(Shard::new(index, shards).run(receiver));
            sender
        })
        .collect();
    while let Some(commands) = ticks.recv().await {
        let commands = Arc::new(commands);
        for shard in &shards {
            // Fails only when the runtime is about to end.
            let _ = shard.send(commands.clone()).await;
        }
    }
}

struct Shard {
    index: u64,
    shards: u64,
    /// In the order in which they came, which is about their order in memory, here and in the kernel.
    members: BTreeMap<ConnectionId, Arc<Outbound>>,
}

/// Frames with the same recipients, in the order of the tick.
#[derive(Default)]
struct Batch {
    sends: Vec<(Recipients, FrameBatch)>,
}

impl Shard {
    fn new(index: usize, shards: usize) -> Self {
        Self {
            index: index as u64,
            shards: shards as u64,
            members: BTreeMap::new(),
        }
    }

    async fn run(mut self, mut ticks: mpsc::Receiver<Arc<Vec<Command>>>) {
        while let Some(commands) = ticks.recv().await {
            let mut batch = Batch::default();
            for command in commands.iter() {
                match command {
                    Command::Send { to, frame } => {
                        batch.sends.push((to.clone(), frame.clone().into()));
                    }
                    Command::Join { id, outbound } if self.serves(*id) => {
                        self.deliver(&mut batch).await;
                        self.members.insert(*id, outbound.clone());
                    }
                    Command::Leave { id, close_reason } if self.serves(*id) => {
                        self.deliver(&mut batch).await;
                        if let Some(outbound) = self.members.remove(id) {
                            outbound.close(close_reason.clone());
                        }
                    }
                    Command::Join { .. } | Command::Leave { .. } => {}
                }
            }
            self.deliver(&mut batch).await;
        }
    }

    fn serves(&self, id: ConnectionId) -> bool {
        id.as_u64() % self.shards == self.index
    }

    async fn deliver(&self, batch: &mut Batch) {
        let sends = std::mem::take(&mut batch.sends);
        if sends.is_empty() {
            return;
        }
        let plan = self.plan(&sends);
        let mut turn = Turn::default();
        if plan.common.is_empty() {
            let mut joined = HashMap::new();
            for (id, sets) in &plan.named {
                if let Some(outbound) = self.members.get(id) {
                    plan.deliver(sets, &sends, &mut joined, outbound);
                    turn.served().await;
                }
            }
            return;
        }
        let common = plan.join(&[], &sends);
        let mut joined = HashMap::new();
        for (id, outbound) in &self.members {
            match plan.named.get(id) {
                Some(sets) => plan.deliver(sets, &sends, &mut joined, outbound),
                None => outbound.deliver(&common),
            }
            turn.served().await;
        }
    }

    fn plan(&self, sends: &[(Recipients, FrameBatch)]) -> Plan {
        let mut plan = Plan::default();
        let mut known = HashMap::new();
        for (place, (recipients, _)) in sends.iter().enumerate() {
            let (key, ids) = match recipients {
                Recipients::Everyone => {
                    plan.common.push(place);
                    continue;
                }
                Recipients::EveryoneBut(id) => {
                    plan.common.push(place);
                    (Key::AllBut(*id), std::slice::from_ref(id))
                }
                Recipients::One(id) => (Key::One(*id), std::slice::from_ref(id)),
                Recipients::Some(ids) => (Key::Group(ids.as_ptr()), &ids[..]),
            };
            let set = *known.entry(key).or_insert_with(|| {
                plan.name(ids.iter().filter(|id| self.members.contains_key(id)));
                plan.sets.len() - 1
            });
            plan.sets[set].places.push(place);
        }
        plan
    }
}

/// Lets others of the runtime have their turn.
#[derive(Default)]
struct Turn(usize);

impl Turn {
    async fn served(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
}

/// What makes two lists of recipients equal. A group is alive for as long as the tick's commands, so
/// its address is its own.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    One(ConnectionId),
    AllBut(ConnectionId),
    Group(*const ConnectionId),
}

/// Which connection gets which frames of a tick, as places in its list of frames. It grows with the list and with the sizes
/// of the groups, each counted once, not with the number of connections.
#[derive(Default)]
struct Plan {
    /// What every connection gets that is not named.
    common: Vec<usize>,
    sets: Vec<Set>,
    /// The sets in which a connection is.
    named: BTreeMap<ConnectionId, Vec<usize>>,
}

/// Connections that are named together.
struct Set {
    /// What they get, or, where it is common, what they do not get.
    places: Vec<usize>,
    members: usize,
}

impl Plan {
    /// Adds a set of these.
    fn name<'a>(&mut self, ids: impl Iterator<Item = &'a ConnectionId>) {
        let set = self.sets.len();
        let mut members = 0;
        for id in ids {
            let sets = self.named.entry(*id).or_default();
            if sets.last() != Some(&set) {
                sets.push(set);
                members += 1;
            }
        }
        let places = Vec::new();
        self.sets.push(Set { places, members });
    }

    /// Writes what a member of these sets gets. What several get is joined once.
    fn deliver<'a>(
        &self,
        sets: &'a [usize],
        sends: &[(Recipients, FrameBatch)],
        joined: &mut HashMap<&'a [usize], Vec<FrameBatch>>,
        outbound: &Outbound,
    ) {
        if sets.iter().any(|set| self.sets[*set].members == 1) {
            return outbound.deliver(&self.join(sets, sends));
        }
        let batches = joined.entry(sets);
        outbound.deliver(batches.or_insert_with(|| self.join(sets, sends)));
    }

    /// The common frames and those of the sets, in the order of the tick. A frame of both is *not* for a
    /// member. Example: frame 0 goes to everybody, 1 to everybody but Ann, 2 to Ann alone. Common are [0, 1];
    /// Ann is in the sets `[1]` and `[2]`. Together, sorted: `[0, 1, 1, 2]`. The 1 is there twice, so Ann gets 0
    /// and 2. Ben is in no set and gets [0, 1].
    fn join(&self, sets: &[usize], sends: &[(Recipients, FrameBatch)]) -> Vec<FrameBatch> {
        let own = sets.iter().flat_map(|set| &self.sets[*set].places);
        let mut places: Vec<usize> = self.common.iter().chain(own).copied().collect();
        places.sort_unstable();
        let groups = places.chunk_by(|one, other| one == other);
        let once = groups.filter(|group| group.len() == 1);
        FrameBatch::join(once.map(|group| sends[group[0]].1.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::Limits,
        connection::Handle,
        identity::{TokenFacts, User},
    };

    const MEMBERS: u64 = 6;

    fn shard() -> Shard {
        let mut shard = Shard::new(0, 1);
        for number in 0..MEMBERS {
            let id = ConnectionId::from_u64(number);
            let user = User::new(format!("player-{number}"), "Ann").unwrap();
            let address = ([127, 0, 0, 1], 1).into();
            let handle = Handle::new(id, user, TokenFacts::default(), address, None);
            let outbound = Outbound::new(handle, &Limits::default());
            shard.members.insert(id, Arc::new(outbound));
        }
        shard
    }

    /// Ids past the members are of those who have left.
    fn id() -> impl Strategy<Value = ConnectionId> {
        (0..MEMBERS + 2).prop_map(ConnectionId::from_u64)
    }

    fn recipients() -> impl Strategy<Value = Vec<Recipients>> {
        let groups = prop::collection::vec(prop::collection::vec(id(), 0..8), 3);
        groups.prop_flat_map(|groups| {
            let groups: Vec<Arc<[ConnectionId]>> = groups.into_iter().map(Arc::from).collect();
            let one = prop_oneof![
                Just(Recipients::Everyone),
                id().prop_map(Recipients::EveryoneBut),
                id().prop_map(Recipients::One),
                prop::sample::select(groups).prop_map(Recipients::Some),
            ];
            prop::collection::vec(one, 0..20)
        })
    }

    proptest! {
        #[test]
        fn p10_everybody_gets_what_is_for_them_in_its_order(recipients in recipients()) {
            let shard = shard();
            let sends: Vec<_> = recipients
                .into_iter()
                .enumerate()
                .map(|(place, to)| (to, FrameBatch::from(Bytes::from(vec![place as u8]))))
                .collect();
            let plan = shard.plan(&sends);
            for id in shard.members.keys() {
                let sets = plan.named.get(id).map_or(&[][..], Vec::as_slice);
                let gets: Vec<u8> = plan
                    .join(sets, &sends)
                    .iter()
                    .flat_map(|batch| batch.first_write().to_vec())
                    .collect();
                let is_for = |to: &Recipients| match to {
                    Recipients::Everyone => true,
                    Recipients::EveryoneBut(other) => other != id,
                    Recipients::One(one) => one == id,
                    Recipients::Some(ids) => ids.contains(id),
                };
                let should: Vec<u8> = (0..sends.len())
                    .filter(|place| is_for(&sends[*place].0))
                    .map(|place| place as u8)
                    .collect();
                prop_assert_eq!(gets, should);
            }
        }
    }

    #[test]
    fn a_group_is_looked_at_once_however_many_messages_it_gets() {
        let shard = shard();
        let group: Arc<[_]> = shard.members.keys().copied().collect();
        let send = |_| {
            let frame = Bytes::from_static(b"frame");
            (Recipients::Some(group.clone()), FrameBatch::from(frame))
        };
        let plan = shard.plan(&(0..100).map(send).collect::<Vec<_>>());
        assert_eq!(plan.sets.len(), 1);
        assert_eq!(plan.sets[0].places.len(), 100);
        assert!(plan.named.values().all(|sets| sets == &[0]));
    }
}
