//! From one command list per tick to the connections.
//!
//! Each tick's commands go to every shard. A shard serves the connections whose number falls to it:
//! it joins the frames of the tick into few pieces of memory, once for all, and has each connection
//! write them.

use std::{
    collections::{HashMap, HashSet},
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
    members: HashMap<ConnectionId, Arc<Outlet>>,
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
            members: HashMap::new(),
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
        let (common, special) = self.plan(sends);
        let mut served = 0;
        for (id, outlet) in &self.members {
            let runs = special.get(id).unwrap_or(&common);
            if runs.is_empty() {
                continue;
            }
            outlet.deliver(runs);
            served += 1;
            if served % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// What most connections get, and what those get who get something else.
    fn plan(&self, sends: Vec<(Recipients, Run)>) -> (Vec<Run>, HashMap<ConnectionId, Vec<Run>>) {
        let mut common = Vec::new();
        let mut special: HashMap<ConnectionId, Vec<Run>> = HashMap::new();
        let is_member = |id: &ConnectionId| self.members.contains_key(id);
        for (recipients, run) in sends {
            match recipients {
                Recipients::Everyone => {
                    special.values_mut().for_each(|runs| runs.push(run.clone()));
                    common.push(run);
                }
                Recipients::EveryoneBut(id) => {
                    let spared = is_member(&id)
                        .then(|| special.remove(&id).unwrap_or_else(|| common.clone()));
                    special.values_mut().for_each(|runs| runs.push(run.clone()));
                    common.push(run);
                    if let Some(runs) = spared {
                        special.insert(id, runs);
                    }
                }
                Recipients::One(id) => {
                    if is_member(&id) {
                        let runs = special.entry(id).or_insert_with(|| common.clone());
                        runs.push(run);
                    }
                }
                Recipients::Some(ids) => {
                    let once: HashSet<_> = ids.iter().filter(|id| is_member(id)).collect();
                    for id in once {
                        let runs = special.entry(*id).or_insert_with(|| common.clone());
                        runs.push(run.clone());
                    }
                }
            }
        }
        (Run::join(common), special)
    }
}
