//! Frames between nodes: to whom, from whom, and each once. They may be lost.
//!
//! On the wire a frame is the length of its header (two bytes, big endian), the header in JSON, and the
//! payload. Nothing at all is a sign of life.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_ecs::message::Message;
use bevy_reflect::prelude::*;
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{backplane::NodeId, node::Node};
use crate::{
    identity::{Payload, UserId},
    util::{Backoff, Counts, Line, Mutex, lock},
};

/// Frames that are sent with one question to the backplane.
const BATCH: usize = 64;
/// How often the node says that it is alive; and after three times that without hearing itself, the
/// subscription is made anew.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Nodes whose frames are told apart at the same time.
const NODES_MAX: usize = 1024;
/// Longest header: a name, a user id, and what is around them, all escaped.
const HEADER_MAX: usize = 4096;

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

#[derive(Serialize, Deserialize)]
struct Header {
    node: NodeId,
    name: Arc<str>,
    number: u64,
    audience: Audience,
    text: bool,
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
    pub fn new(options: &super::ClusterOptions) -> Self {
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

fn encode(header: &Header, payload: &Payload) -> Option<Bytes> {
    let header = serde_json::to_vec(header).ok()?;
    let length = u16::try_from(header.len()).ok()?;
    if header.len() > HEADER_MAX {
        return None;
    }
    let mut frame = BytesMut::with_capacity(2 + header.len() + payload.len());
    frame.put_u16(length);
    frame.put_slice(&header);
    frame.put_slice(payload.as_bytes());
    Some(frame.freeze())
}

fn decode(mut frame: Bytes) -> Option<(Header, Payload)> {
    let length = usize::from(u16::from_be_bytes([*frame.first()?, *frame.get(1)?]));
    if length > HEADER_MAX || frame.len() < 2 + length {
        return None;
    }
    let payload = frame.split_off(2 + length);
    let header: Header = serde_json::from_slice(&frame[2..]).ok()?;
    let payload = match header.text {
        true => Payload::from_text(Utf8Bytes::try_from(payload).ok()?),
        false => Payload::from(payload),
    };
    Some((header, payload))
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
        let outcome = node.ask(|backplane| backplane.publish(&batch)).await;
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
            outcome = node.listen(&hear) => {
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

/// Which frames of each node have come: of the last 64 each one once, and none before them.
#[derive(Default)]
struct Senders(HashMap<NodeId, Window>);

struct Window {
    highest: u64,
    /// The lowest bit stands for the highest number.
    seen: u64,
}

impl Senders {
    fn is_new(&mut self, node: &NodeId, number: u64) -> bool {
        if self.0.len() >= NODES_MAX && !self.0.contains_key(node) {
            self.0.clear();
        }
        let Some(window) = self.0.get_mut(node) else {
            let first = Window {
                highest: number,
                seen: 1,
            };
            self.0.insert(node.clone(), first);
            return true;
        };
        if number > window.highest {
            let ahead = number - window.highest;
            window.seen = if ahead < 64 { window.seen << ahead } else { 0 } | 1;
            window.highest = number;
            return true;
        }
        let behind = window.highest - number;
        if behind >= 64 || window.seen & (1 << behind) != 0 {
            return false;
        }
        window.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u64, text: bool) -> Header {
        Header {
            node: NodeId("0123456789abcdef".into()),
            name: "eu-1".into(),
            number,
            audience: Audience::User(UserId::new("ann").unwrap()),
            text,
        }
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        for payload in [Payload::from("grüße"), Payload::from(vec![0, 255, 1])] {
            let frame = encode(&header(7, payload.is_text()), &payload).unwrap();
            let (header, read) = decode(frame).unwrap();
            assert_eq!((header.number, read), (7, payload));
        }
    }

    #[test]
    fn what_is_not_a_frame_is_none() {
        let good = encode(&header(1, true), &Payload::from("hi")).unwrap();
        let header_end = good.len() - 2;
        for length in 0..header_end {
            assert!(decode(good.slice(..length)).is_none(), "{length} bytes");
        }
        let not_text = encode(&header(1, true), &Payload::from(vec![0xff])).unwrap();
        assert!(decode(not_text).is_none());
        assert!(decode(Bytes::from_static(&[0xff; 100])).is_none());
    }

    #[test]
    fn each_number_counts_once_in_any_order() {
        let mut senders = Senders::default();
        let node = NodeId("a".into());
        let mut is_new = |number| senders.is_new(&node, number);
        assert!(is_new(5) && is_new(3) && is_new(4) && is_new(9));
        assert!(!is_new(5) && !is_new(3) && !is_new(9));
        assert!(is_new(8) && is_new(200));
        assert!(!is_new(136), "too old to be sure");
        assert!(is_new(137) && !is_new(137));
        assert!(senders.is_new(&NodeId("b".into()), 5), "another node");
    }

    #[test]
    fn p09_so_many_nodes_are_told_apart() {
        let mut senders = Senders::default();
        for number in 0..5000 {
            assert!(senders.is_new(&NodeId(number.to_string().into()), 1));
            assert!(senders.0.len() <= NODES_MAX);
        }
    }
}
