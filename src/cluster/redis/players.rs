//! How many players the nodes have: a key for each node that lives as long as its number counts, and a sorted
//! set of the nodes.

use std::time::Duration;

use redis::{cmd, pipe};

use super::{RedisBackplane, millis};
use crate::{
    cluster::backplane::{BackplaneError, NodeId},
    util::unix_now,
};

impl RedisBackplane {
    pub(super) async fn report_players(
        &self,
        node: &NodeId,
        players: usize,
        lifetime: Duration,
    ) -> Result<(), BackplaneError> {
        let (now, nodes) = (unix_now(), &self.keys.nodes);
        // Only to forget the names of old nodes: twice as long is long enough.
        let until = now + lifetime.as_secs().saturating_mul(2) + 60;
        let mut commands = pipe();
        let set = commands.cmd("SET").arg(self.keys.players(node.as_str()));
        set.arg(players).arg("PX").arg(millis(lifetime)).ignore();
        let add = commands.cmd("ZADD").arg(nodes).arg(until);
        add.arg(node.as_str()).ignore();
        let forget = commands.cmd("ZREMRANGEBYSCORE").arg(nodes);
        forget.arg("-inf").arg(now).ignore();
        self.tell(&commands).await
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
