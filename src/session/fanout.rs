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

use super::{Outlet, backlog::Run};
use crate::{
    bridge::{Command, Recipients},
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
    /// In the order in which they came, which is about their order in memory, ours and the kernel's.
    members: BTreeMap<ConnectionId, Arc<Outlet>>,
}

/// Frames with the same recipients, in the order of the tick.
#[derive(Default)]
struct Batch {
    sends: Vec<(Recipients, Run)>,
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
                    Command::Join { id, outlet } if self.serves(*id) => {
                        self.deliver(&mut batch).await;
                        self.members.insert(*id, outlet.clone());
                    }
                    Command::Leave { id, goodbye } if self.serves(*id) => {
                        self.deliver(&mut batch).await;
                        if let Some(outlet) = self.members.remove(id) {
                            outlet.close(goodbye.clone());
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
        let common = Run::join(plan.common.iter().map(|at| sends[*at].1.clone()).collect());
        let mut served = 0;
        for (id, outlet) in &self.members {
            match plan.special.get(id) {
                Some(own) => outlet.deliver(&Run::join(plan.runs_for(own, &sends))),
                None if common.is_empty() => continue,
                None => outlet.deliver(&common),
            }
            served += 1;
            if served % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn plan(&self, sends: &[(Recipients, Run)]) -> Plan {
        let mut plan = Plan::default();
        let special = &mut plan.special;
        let mut note = |id: &ConnectionId, at| {
            if self.members.contains_key(id) {
                let own = special.entry(*id).or_insert_with(Vec::new);
                if own.last() != Some(&at) {
                    own.push(at);
                }
            }
        };
        for (at, (recipients, _)) in sends.iter().enumerate() {
            match recipients {
                Recipients::Everyone => plan.common.push(at),
                Recipients::EveryoneBut(id) => {
                    plan.common.push(at);
                    note(id, at);
                }
                Recipients::One(id) => note(id, at),
                Recipients::Some(ids) => ids.iter().for_each(|id| note(id, at)),
            }
        }
        plan
    }
}

/// Who gets what of a tick, as places in its list of frames. It grows with that list, not with the
/// number of connections.
#[derive(Default)]
struct Plan {
    /// What everybody gets who is not named.
    common: Vec<usize>,
    /// For those who are named: what they alone get, and, when it is common, what they do not get.
    special: HashMap<ConnectionId, Vec<usize>>,
}

impl Plan {
    /// The common frames and one's own, in the order of the tick.
    fn runs_for(&self, own: &[usize], sends: &[(Recipients, Run)]) -> Vec<Run> {
        let mut places = Vec::with_capacity(self.common.len() + own.len());
        let mut own = own.iter().copied().peekable();
        for at in &self.common {
            while let Some(private) = own.next_if(|private| private < at) {
                places.push(private);
            }
            if own.next_if_eq(at).is_none() {
                places.push(*at);
            }
        }
        places.extend(own);
        places.into_iter().map(|at| sends[at].1.clone()).collect()
    }
}
