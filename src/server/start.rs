//! The start of the tasks that run beside the door and the game.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;

use super::{Server, drain, recheck};
use crate::{
    bridge::{Command, NetworkEnd, Notice},
    cluster::{self, ClusterFrame},
    revocation::JournalWriter,
    session::fanout,
};

/// Starts the fan-out, the drain, the recheck and the journal. To be called within the runtime.
pub(crate) fn start(
    server: &Arc<Server>,
    writer: Arc<dyn JournalWriter>,
    ticks: mpsc::Receiver<Vec<Command>>,
) {
    tokio::spawn(fanout::run(ticks, server.config.limits.fan_out_shards));
    tokio::spawn(drain::run(server.clone()));
    tokio::spawn(recheck::run(server.clone()));
    tokio::spawn(store_decisions(server.clone(), writer));
}

/// Starts what this node does for its cluster, if it has one. Returns what the other nodes send to the game. To be
/// called within the runtime.
pub(crate) fn join_cluster(
    server: &Arc<Server>,
    network: &NetworkEnd,
) -> Option<Receiver<ClusterFrame>> {
    let node = server.node()?;
    let (line, frames) = network.line(node.options.incoming_frames);
    cluster::start(node, server.registry.clone(), line);
    Some(frames)
}

/// Stores revocations, and tells the game of each that cannot be stored yet.
async fn store_decisions(server: Arc<Server>, writer: Arc<dyn JournalWriter>) {
    let registry = &server.registry;
    let failed = |error| registry.notices.put(Notice::NotStored(error));
    registry.journal.run(writer, failed).await;
}
