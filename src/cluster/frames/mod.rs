//! Frames between nodes: to whom, from whom, and each once. They may be lost. An empty one is a sign of life.

mod codec;
mod senders;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_ecs::message::Message;
use bevy_reflect::prelude::*;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{backplane::NodeId, node::Node, options::ClusterOptions};
use crate::{
    identity::{Payload, UserId},
    util::{Backoff, Counts, Line, Mutex, lock},
};

use codec::{HEADER_MAX, Header, decode, encode};
use senders::Senders;

/// Frames that are sent with one question to the backplane.
const BATCH: usize = 64;
/// How often the node says that it is alive; and after three times that without hearing itself, the
/// subscription is made anew.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// For whom a frame of another node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Reflect)]
#[reflect(Debug, Clone, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Audience {
    /// Every player; the crate has sent it to those of this node.
    Everyone,
    /// One user; the crate has sent it to the user's sessions on this node.
    User(UserId),
    /// The game on this node.
    Game,
    /// Whatever reads this channel on this node: see [`Cluster::publish_on`](crate::Cluster::publish_on).
    Channel(Arc<str>),
}

/// Something that another node sent: see [`ClusterOutbox`](crate::ClusterOutbox) and
/// [`Cluster::publish`](crate::Cluster::publish).
#[derive(Message, Debug, Clone, Reflect)]
#[reflect(Debug, Clone)]
pub struct ClusterFrame {
    /// What the sending node is called.
    pub node: Arc<str>,
    /// For whom it is.
    pub audience: Audience,
    /// The content.
    pub payload: Payload,
}

/// What happened to frames since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClusterCounters {
    /// Frames that were sent to the other nodes.
    pub sent: u64,
    /// Frames that were not sent: too long, too many, or the backplane failed.
    pub unsent: u64,
    /// Frames of other nodes that the game was handed.
    pub received: u64,
    /// Frames of other nodes that were dropped: too long, not understood, or too many.
    pub dropped: u64,
    /// Frames that came twice.
    pub duplicates: u64,
}

/// Where frames go out.
pub(crate) struct Frames {
    queue: mpsc::Sender<Bytes>,
    waiting: Mutex<Option<mpsc::Receiver<Bytes>>>,
    name: Arc<str>,
    next: AtomicU64,
    limit: usize,
    sent: AtomicU64,
    unsent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    duplicates: AtomicU64,
}

impl Frames {
    pub fn new(options: &ClusterOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.outgoing_frames);
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            name: options.node.as_str().into(),
            next: AtomicU64::new(1),
            limit: options.frame_bytes,
            sent: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
        }
    }

    /// Puts a frame in line, unless it is too long or the line is full. Never waits.
    pub fn send(&self, node: &NodeId, audience: Audience, payload: &Payload) -> bool {
        let header = Header {
            node: node.clone(),
            name: self.name.clone(),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            audience,
            text: payload.is_text(),
        };
        let taken = payload.len() <= self.limit
            && encode(&header, payload).is_some_and(|frame| self.queue.try_send(frame).is_ok());
        if !taken {
            Counts::count(&self.unsent);
        }
        taken
    }

    pub fn counters(&self) -> ClusterCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClusterCounters {
            sent: read(&self.sent),
            unsent: read(&self.unsent),
            received: read(&self.received),
            dropped: read(&self.dropped),
            duplicates: read(&self.duplicates),
        }
    }
}

/// Sends what is in line, for as long as the server runs.
pub(crate) async fn send(node: Arc<Node>) {
    let frames = &node.frames;
    let Some(mut waiting) = lock(&frames.waiting).take() else {
        return;
    };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        if waiting.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let signs = batch.iter().filter(|frame| frame.is_empty()).count();
        let outcome = node.client.ask(|backplane| backplane.publish(&batch)).await;
        let counter = match &outcome {
            Ok(()) => &frames.sent,
            Err(error) => {
                tracing::debug!(%error, "frames for other nodes are lost");
                &frames.unsent
            }
        };
        counter.fetch_add((batch.len() - signs) as u64, Ordering::Relaxed);
    }
}

/// Hears what other nodes send, for as long as the server runs.
pub(crate) async fn receive(node: Arc<Node>, game: Line<ClusterFrame>) {
    let mut backoff = Backoff::default();
    loop {
        let heard = Mutex::new((Instant::now(), Senders::default()));
        let hear = |frame: Bytes| {
            let mut heard = lock(&heard);
            heard.0 = Instant::now();
            if !frame.is_empty() {
                take(&node, &mut heard.1, &game, frame);
            }
        };
        let silence = async {
            loop {
                let _ = node.frames.queue.try_send(Bytes::new());
                tokio::time::sleep(SIGN_OF_LIFE).await;
                if lock(&heard).0.elapsed() > SIGN_OF_LIFE * 3 {
                    return "nothing was heard";
                }
            }
        };
        let began = Instant::now();
        tokio::select! {
            outcome = node.client.listen(&hear) => {
                let error = outcome.err();
                tracing::warn!(error = error.map(tracing::field::display), "frames of other nodes are not heard");
            }
            cause = silence => tracing::warn!(cause, "frames of other nodes are not heard"),
        }
        if began.elapsed() > SIGN_OF_LIFE {
            backoff.reset();
        }
        backoff.wait().await;
    }
}

fn take(node: &Node, senders: &mut Senders, game: &Line<ClusterFrame>, frame: Bytes) {
    let frames = &node.frames;
    let fits = frame.len() <= frames.limit + 2 + HEADER_MAX;
    let Some((header, payload)) = fits.then(|| decode(frame)).flatten() else {
        return Counts::count(&frames.dropped);
    };
    if header.node == node.id {
        return;
    }
    if !senders.is_new(&header.node, header.number) {
        return Counts::count(&frames.duplicates);
    }
    let frame = ClusterFrame {
        node: header.name,
        audience: header.audience,
        payload,
    };
    Counts::count(match game.put(frame) {
        Ok(()) => &frames.received,
        Err(_) => &frames.dropped,
    });
}
