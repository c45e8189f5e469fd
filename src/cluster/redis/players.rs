//! How many players the nodes have: a key for each node that lives as long as its number counts, and a sorted
//! set of the nodes.

use std::time::Duration;

use redis::cmd;

use super::{RedisBackplane, millis};
use crate::cluster::backplane::{BackplaneError, NodeId};

impl RedisBackplane {
    pub(super) async fn report_players(
        &self,
        node: &NodeId,
        players: usize,
        lifetime: Duration,
    ) -> Result<(), BackplaneError> {
        let mut call = self.scripts.report.prepare_invoke();
        call.key(self.keys.players(node.as_str()));
        call.key(&self.keys.nodes);
        call.arg(players).arg(millis(lifetime));
        // Only to forget the names of old nodes: twice as long is long enough.
        call.arg(lifetime.as_secs().saturating_mul(2).saturating_add(60));
        call.arg(node.as_str());
        self.run::<String>(&call).await.map(drop)
    }

    pub(super) async fn count_players(&self) -> Result<usize, BackplaneError> {
        let nodes: Vec<String> = self
            .ask(cmd("ZRANGE").arg(&self.keys.nodes).arg(0).arg(-1))
            .await?;
        if nodes.is_empty() {
            return Ok(0);
        }
        let keys: Vec<String> = nodes.iter().map(|node| self.keys.players(node)).collect();
        let counts: Vec<Option<usize>> = self.ask(cmd("MGET").arg(keys)).await?;
        Ok(counts.into_iter().flatten().sum())
    }
}
