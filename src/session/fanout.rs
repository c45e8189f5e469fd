//! From one command list per tick to the connections.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Outlet;
use crate::{
    bridge::{Command, Recipients},
    identity::ConnectionId,
};

/// Who gets broadcasts. Runs until the game is gone.
pub(crate) async fn run(mut ticks: mpsc::Receiver<Vec<Command>>) {
    let mut fan_out = FanOut::default();
    while let Some(commands) = ticks.recv().await {
        for command in commands {
            fan_out.apply(command);
        }
        fan_out.flush();
        // A tick for many players takes a while; others have work as well.
        tokio::task::yield_now().await;
    }
}

#[derive(Default)]
struct FanOut {
    members: HashMap<ConnectionId, Arc<Outlet>>,
    /// Consecutive frames with the same recipients, handed over together.
    run: Vec<Bytes>,
    recipients: Option<Recipients>,
}

impl FanOut {
    fn apply(&mut self, command: Command) {
        match command {
            Command::Join { id, outlet } => {
                self.flush();
                self.members.insert(id, outlet);
            }
            Command::Send { to, frame } => {
                if !self.recipients.as_ref().is_some_and(|held| same(held, &to)) {
                    self.flush();
                    self.recipients = Some(to);
                }
                self.run.push(frame);
            }
            Command::Leave { id, goodbye } => {
                self.flush();
                if let Some(outlet) = self.members.remove(&id) {
                    outlet.close(goodbye);
                }
            }
        }
    }

    fn flush(&mut self) {
        let Some(recipients) = self.recipients.take() else {
            return;
        };
        let frames: Arc<[Bytes]> = std::mem::take(&mut self.run).into();
        let bytes = frames.iter().map(Bytes::len).sum();
        match recipients {
            Recipients::One(id) => self.push(id, &frames, bytes),
            Recipients::Some(ids) => {
                let once: HashSet<_> = ids.iter().copied().collect();
                once.into_iter()
                    .for_each(|id| self.push(id, &frames, bytes));
            }
            Recipients::Everyone => {
                self.members
                    .values()
                    .for_each(|outlet| outlet.push(&frames, bytes));
            }
            Recipients::EveryoneBut(id) => {
                let others = self.members.iter().filter(|(member, _)| **member != id);
                others.for_each(|(_, outlet)| outlet.push(&frames, bytes));
            }
        }
    }

    fn push(&self, id: ConnectionId, frames: &Arc<[Bytes]>, bytes: usize) {
        if let Some(outlet) = self.members.get(&id) {
            outlet.push(frames, bytes);
        }
    }
}

fn same(left: &Recipients, right: &Recipients) -> bool {
    match (left, right) {
        (Recipients::Everyone, Recipients::Everyone) => true,
        (Recipients::One(left), Recipients::One(right))
        | (Recipients::EveryoneBut(left), Recipients::EveryoneBut(right)) => left == right,
        (Recipients::Some(left), Recipients::Some(right)) => Arc::ptr_eq(left, right),
        _ => false,
    }
}
