//! The names of the keys.

use crate::{
    cluster::backplane::{Issue, Seat},
    identity::UserId,
    util::Digest,
};

/// The names of the keys: those of one key are made once, the others on demand.
pub(super) struct Keys {
    pub prefix: String,
    pub list: String,
    pub log: String,
    pub epoch: String,
    pub nodes: String,
    pub frames: String,
}

impl Keys {
    /// With this at the start of all keys. Channels know no databases, so theirs is part of a channel's name, apart
    /// from the prefix: `game` in the database 12 is not `game1` in 2.
    pub fn new(prefix: &str, database: i64) -> Self {
        Self {
            prefix: prefix.to_owned(),
            list: format!("{prefix}list"),
            log: format!("{prefix}log"),
            epoch: format!("{prefix}epoch"),
            nodes: format!("{prefix}nodes"),
            frames: format!("{prefix}:{database}:frames"),
        }
    }

    pub fn note(&self, issue: &Issue) -> String {
        format!("{}note:{}:{}", self.prefix, issue.node, issue.number)
    }

    pub fn seats(&self, user: &UserId) -> String {
        format!("{}seats:{user}", self.prefix)
    }

    /// When the seats of a user began.
    pub fn since(&self, user: &UserId) -> String {
        format!("{}since:{user}", self.prefix)
    }

    pub fn replaced(&self, user: &UserId) -> String {
        format!("{}replaced:{user}", self.prefix)
    }

    pub fn players(&self, node: &str) -> String {
        format!("{}players:{node}", self.prefix)
    }

    pub fn state(&self, name: &str, part: &str) -> String {
        format!("{}state:{name}:{part}", self.prefix)
    }

    pub fn ticket(&self, hash: &Digest) -> String {
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}ticket:{hash}", self.prefix)
    }
}

/// How a seat is called among the seats of its user.
pub(super) fn member(seat: &Seat) -> String {
    format!("{}:{}", seat.node, seat.connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fleets_in_two_databases_share_no_channel_whatever_their_prefixes_end_in() {
        let names = [("game", 12), ("game1", 2), ("game", 2), ("game:1", 2)]
            .map(|(prefix, database)| Keys::new(prefix, database).frames);
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }
}
