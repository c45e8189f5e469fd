//! Redis or Valkey as what the nodes share.
//!
//! | key | what |
//! |---|---|
//! | `<prefix>list` | hash: subject → its entries |
//! | `<prefix>log` | stream: what was decided |
//! | `<prefix>epoch` | a random number: when it is gone, so is the list |
//! | `<prefix>note:<node>:<number>` | where in the log an issue is |
//! | `<prefix>seats:<user>` | sorted set: node and connection, by their end |
//! | `<prefix>since:<user>` | hash: node and connection → when the seat was taken, in microseconds |
//! | `<prefix>replaced:<user>` | replacements in this minute |
//! | `<prefix>players:<node>`, `<prefix>nodes` | players of each node |
//! | `<prefix>ticket:<hash>` | a ticket |
//! | `<prefix>state:<map>:…` | a map of shared state |
//! | `<prefix><database>:frames` | channel: frames between nodes |

mod keys;
mod link;
mod listed;
mod log;
mod players;
mod scripts;
mod seats;
mod shared_state;

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use redis::{Client, aio::MultiplexedConnection, cmd, pipe};
use tokio::time::timeout;

use super::backplane::{
    Backplane, BackplaneError, BackplaneFuture, Claim, Claimed, HeldSeat, Issue, ListPage,
    LogBatch, LogPosition, NodeId, Seat, SeatPlace,
};
use super::shared_state::{StateChanges, StateMap, StatePosition, StateWrite, StateWritten};
use crate::{
    identity::UserId,
    revocation::{Revocation, Subject},
    util::{Digest, Mutex},
};

use keys::Keys;
use link::Link;
use scripts::Scripts;
use shared_state::StateScripts;

/// For a subscription to be made.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A [`Backplane`] over Redis (7 or later) or Valkey.
///
/// Acknowledged decisions survive what Redis survives: have it write each change to the disk
/// (`appendonly yes`, `appendfsync always`) where a power failure must not lose a ban. When a replica takes
/// over, what it had not received is lost; see docs/nodes.md. The log must not be evicted
/// (`maxmemory-policy noeviction`).
///
/// ```
/// use bevy_bouncer::RedisBackplane;
///
/// let backplane = RedisBackplane::open("redis://127.0.0.1:6379/0")?.key_prefix("game:");
/// # Ok::<(), bevy_bouncer::BackplaneError>(())
/// ```
pub struct RedisBackplane {
    client: Client,
    link: Link,
    /// The connection on which the log is read, between two reads.
    reader: Mutex<Option<MultiplexedConnection>>,
    scripts: Scripts,
    state_scripts: StateScripts,
    keys: Keys,
    log_length: usize,
}

impl RedisBackplane {
    /// Takes the address, `redis://[user:password@]host[:port][/database]`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BackplaneError`], without the address, when it cannot be read.
    pub fn open(url: &str) -> Result<Self, BackplaneError> {
        let client = Client::open(url)
            .map_err(|_| BackplaneError("this is not a redis:// address".to_owned()))?;
        Ok(Self {
            link: Link::new(client.clone()),
            keys: Keys::new("bevy_bouncer:", database_of(&client)),
            client,
            reader: Mutex::new(None),
            scripts: Scripts::new(),
            state_scripts: StateScripts::new(),
            log_length: 100_000,
        })
    }

    /// Sets what all keys begin with, which all nodes of a fleet have in common. Default
    /// `bevy_bouncer:`. Fleets with another prefix, or in another database, have nothing in common.
    pub fn key_prefix(mut self, prefix: &str) -> Self {
        self.keys = Keys::new(prefix, database_of(&self.client));
        self
    }

    /// Keeps about so many entries in the log. A node that was behind by more reads the
    /// whole list again. Default 100 000, at least 1000.
    pub fn log_length(mut self, entries: usize) -> Self {
        self.log_length = entries.max(1000);
        self
    }
}

impl fmt::Debug for RedisBackplane {
    /// Without the address, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackplane")
            .field("prefix", &self.keys.prefix)
            .finish_non_exhaustive()
    }
}

fn database_of(client: &Client) -> i64 {
    client.get_connection_info().redis_settings().db()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl RedisBackplane {
    /// One command.
    async fn ask<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> Result<T, BackplaneError> {
        self.link
            .with(async |mut redis| Ok(command.query_async(&mut redis).await?))
            .await
    }

    /// Several commands in one go, whose answers do not matter.
    async fn tell(&self, commands: &redis::Pipeline) -> Result<(), BackplaneError> {
        self.link
            .with(async |mut redis| Ok(commands.query_async(&mut redis).await?))
            .await
    }

    /// One script.
    async fn run<T: redis::FromRedisValue>(
        &self,
        call: &redis::ScriptInvocation<'_>,
    ) -> Result<T, BackplaneError> {
        self.link
            .with(async |mut redis| Ok(call.invoke_async(&mut redis).await?))
            .await
    }

    /// Hears frames on a connection of its own.
    async fn hear(&self, hear: &(dyn Fn(Bytes) + Send + Sync)) -> Result<(), BackplaneError> {
        let subscribed = async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(&self.keys.frames).await?;
            Ok::<_, BackplaneError>(subscription)
        };
        let mut subscription = timeout(SUBSCRIBE_TIMEOUT, subscribed)
            .await
            .map_err(|_| BackplaneError("subscribing took too long".to_owned()))??;
        let mut messages = subscription.on_message();
        while let Some(message) = messages.next().await {
            hear(Bytes::copy_from_slice(message.get_payload_bytes()));
        }
        Err(BackplaneError("the subscription has ended".to_owned()))
    }
}

impl Backplane for RedisBackplane {
    fn issue<'a>(&'a self, issue: &'a Issue) -> BackplaneFuture<'a, LogPosition> {
        Box::pin(self.issue(issue))
    }

    fn tail(&self) -> BackplaneFuture<'_, LogPosition> {
        Box::pin(self.tail())
    }

    fn epoch(&self) -> BackplaneFuture<'_, u64> {
        Box::pin(self.epoch())
    }

    fn list(&self, cursor: Option<u64>) -> BackplaneFuture<'_, ListPage> {
        Box::pin(self.list(cursor))
    }

    fn barred<'a>(&'a self, subjects: &'a [Subject]) -> BackplaneFuture<'a, Vec<Revocation>> {
        Box::pin(self.barred(subjects))
    }

    fn read(&self, after: LogPosition, wait: Duration) -> BackplaneFuture<'_, LogBatch> {
        Box::pin(self.read(after, wait))
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BackplaneFuture<'a, Claimed> {
        Box::pin(self.take_seat(claim))
    }

    fn renew<'a>(
        &'a self,
        seats: &'a [HeldSeat],
        lifetime: Duration,
    ) -> BackplaneFuture<'a, Vec<SeatPlace>> {
        Box::pin(self.renew_seats(seats, lifetime))
    }

    fn release<'a>(&'a self, seats: &'a [Seat]) -> BackplaneFuture<'a, ()> {
        Box::pin(self.release_seats(seats))
    }

    fn report<'a>(
        &'a self,
        node: &'a NodeId,
        players: usize,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        Box::pin(self.report_players(node, players, lifetime))
    }

    fn sessions_of<'a>(&'a self, user: &'a UserId) -> BackplaneFuture<'a, usize> {
        Box::pin(self.count_sessions(user))
    }

    fn players(&self) -> BackplaneFuture<'_, usize> {
        Box::pin(self.count_players())
    }

    fn put_ticket<'a>(
        &'a self,
        hash: &'a Digest,
        ticket: Bytes,
        lifetime: Duration,
    ) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            let mut set = cmd("SET");
            set.arg(self.keys.ticket(hash)).arg(&ticket[..]);
            set.arg("PX").arg(millis(lifetime)).arg("NX");
            self.ask(&set).await
        })
    }

    fn take_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            let found: Option<Vec<u8>> =
                self.ask(cmd("GETDEL").arg(self.keys.ticket(hash))).await?;
            Ok(found.map(Bytes::from))
        })
    }

    fn look_at_ticket<'a>(&'a self, hash: &'a Digest) -> BackplaneFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            let found: Option<Vec<u8>> = self.ask(cmd("GET").arg(self.keys.ticket(hash))).await?;
            Ok(found.map(Bytes::from))
        })
    }

    fn publish<'a>(&'a self, frames: &'a [Bytes]) -> BackplaneFuture<'a, ()> {
        Box::pin(async move {
            let mut commands = pipe();
            for frame in frames {
                let publish = commands.cmd("PUBLISH").arg(&self.keys.frames);
                publish.arg(&frame[..]).ignore();
            }
            self.tell(&commands).await
        })
    }

    fn listen<'a>(&'a self, hear: &'a (dyn Fn(Bytes) + Send + Sync)) -> BackplaneFuture<'a, ()> {
        Box::pin(self.hear(hear))
    }

    fn shares_state(&self) -> bool {
        true
    }

    fn write_state<'a>(
        &'a self,
        map: &'a StateMap,
        writes: &'a [StateWrite],
    ) -> BackplaneFuture<'a, Vec<StateWritten>> {
        Box::pin(self.write_map(map, writes))
    }

    fn read_state<'a>(
        &'a self,
        name: &'a str,
        after: Option<StatePosition>,
    ) -> BackplaneFuture<'a, StateChanges> {
        Box::pin(self.read_map(name, after))
    }
}
