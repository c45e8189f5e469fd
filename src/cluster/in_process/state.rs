//! What the nodes share, as plain data: the log with the list, seats, tickets and players.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{faults::Faults, seats::Seats, shared_state::SharedMap};
use crate::{
    cluster::{
        backplane::{
            BackplaneError, Claim, Claimed, Issue, LogBatch, LogEntry, LogPosition, NodeId,
        },
        decide,
    },
    revocation::{Decision, Revocation, Subject},
    util::{Digest, unix_now},
};

/// See the module's documentation.
#[derive(Default)]
pub(super) struct State {
    log: Vec<(Instant, Issue)>,
    list: HashMap<Subject, Vec<Revocation>>,
    issued: HashMap<(NodeId, u64), LogPosition>,
    /// How often everything was forgotten.
    pub epoch: u64,
    pub seats: Seats,
    /// Players of each node, and until when the number counts.
    reports: HashMap<NodeId, (usize, Instant)>,
    tickets: HashMap<Digest, (Bytes, Instant)>,
    pub listeners: Vec<mpsc::Sender<Bytes>>,
    pub maps: HashMap<Arc<str>, SharedMap>,
}

fn position(length: usize) -> LogPosition {
    LogPosition {
        major: 0,
        minor: length as u64,
    }
}

impl State {
    fn append(&mut self, issue: Issue) -> LogPosition {
        self.log.push((Instant::now(), issue));
        position(self.log.len())
    }

    /// Changes the list as the decision says and appends it to the log, unless that was done before.
    pub fn issue(&mut self, issue: &Issue) -> Result<LogPosition, BackplaneError> {
        let key = (issue.node.clone(), issue.number);
        if let Some(known) = self.issued.get(&key) {
            return Ok(*known);
        }
        if let Some(subject) = issue.decision.subject() {
            let held = self.list.get(subject).cloned().unwrap_or_default();
            let held = decide(held, &issue.decision, unix_now())?;
            if held.is_empty() {
                self.list.remove(subject);
            } else {
                self.list.insert(subject.clone(), held);
            }
        }
        let position = self.append(issue.clone());
        self.issued.insert(key, position);
        Ok(position)
    }

    /// Forgets everything but who listens.
    pub fn forget(&mut self) {
        let listeners = std::mem::take(&mut self.listeners);
        *self = Self {
            listeners,
            epoch: self.epoch + 1,
            ..Self::default()
        };
    }

    /// Answers a claim, and tells the other nodes by the log which of their sessions it replaces.
    pub fn claim(&mut self, claim: &Claim) -> Claimed {
        let (claimed, replaced) = self.seats.claim(claim);
        for (node, connection) in replaced {
            self.append(Issue {
                number: 0,
                node: claim.seat.node.clone(),
                decision: Decision::Replace {
                    node: node.0,
                    connection,
                },
            });
        }
        claimed
    }

    /// What is in the log after a position by now, and when there is more.
    pub fn read(&self, after: LogPosition, faults: &Faults) -> (LogBatch, Option<Instant>) {
        let first = usize::try_from(after.minor).unwrap_or(usize::MAX);
        let is_trimmed = faults.log_trimmed && first < self.log.len();
        let mut batch = LogBatch {
            gap: first > self.log.len() || is_trimmed,
            complete: true,
            ..LogBatch::default()
        };
        if faults.log_lost || is_trimmed {
            return (batch, None);
        }
        let mut more = None;
        let begin = first.saturating_sub(usize::from(faults.log_twice));
        for (place, (at, issue)) in self.log.iter().enumerate().skip(begin) {
            let due = *at + faults.log_delay;
            if due > Instant::now() {
                batch.complete = false;
                more = Some(due);
                break;
            }
            for _ in 0..=usize::from(faults.log_twice) {
                batch.entries.push(LogEntry {
                    position: position(place + 1),
                    age: at.elapsed(),
                    issue: Some(issue.clone()),
                });
            }
        }
        if batch
            .entries
            .last()
            .is_some_and(|last| last.position <= after)
        {
            batch.entries.clear();
        }
        (batch, more)
    }

    /// The position of the log's last entry.
    pub fn tail(&self) -> LogPosition {
        position(self.log.len())
    }

    /// All subjects with their entries.
    pub fn list(&self) -> Vec<(Subject, Vec<Revocation>)> {
        self.list.clone().into_iter().collect()
    }

    /// The entries of these subjects.
    pub fn barred(&self, subjects: &[Subject]) -> Vec<Revocation> {
        let found = subjects.iter().filter_map(|subject| self.list.get(subject));
        found.flatten().cloned().collect()
    }

    /// Notes how many players a node has.
    pub fn report(&mut self, node: &NodeId, players: usize, lifetime: Duration) {
        let report = (players, Instant::now() + lifetime);
        self.reports.insert(node.clone(), report);
    }

    /// Players of all nodes.
    pub fn players(&self) -> usize {
        let reports = self.reports.values();
        let alive = reports.filter(|(_, until)| *until > Instant::now());
        alive.map(|(players, _)| players).sum()
    }

    /// Keeps a ticket under its hash.
    pub fn put_ticket(&mut self, hash: &Digest, ticket: Bytes, lifetime: Duration) {
        let now = Instant::now();
        self.tickets.retain(|_, (_, until)| *until > now);
        self.tickets.insert(*hash, (ticket, now + lifetime));
    }

    /// Takes a ticket out.
    pub fn take_ticket(&mut self, hash: &Digest) -> Option<Bytes> {
        let (ticket, until) = self.tickets.remove(hash)?;
        (until > Instant::now()).then_some(ticket)
    }

    /// Looks at a ticket and leaves it there.
    pub fn ticket(&self, hash: &Digest) -> Option<Bytes> {
        let (ticket, until) = self.tickets.get(hash)?;
        (*until > Instant::now()).then(|| ticket.clone())
    }
}
