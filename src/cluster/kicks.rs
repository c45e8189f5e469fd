//! The line of kicks on their way to the other nodes. A kick is about now: it does not wait behind decisions that
//! last, and it is dropped rather than carried out late.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::node::Node;
use crate::{
    identity::UserId,
    revocation::{Decision, StoreError, Storing},
    util::{Backoff, Mutex, lock},
};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(crate) struct Kicks {
    waiting: Mutex<VecDeque<Kick>>,
    limit: usize,
    added: Notify,
}

struct Kick {
    user: UserId,
    message: Option<Arc<str>>,
    decided: Instant,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Kick {
    /// As it is written now: the other nodes do not know when it was decided.
    fn decision(&self) -> Decision {
        Decision::Kick {
            user: self.user.clone(),
            message: self.message.clone(),
            waited_ms: u64::try_from(self.decided.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Kicks {
    pub fn new(limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            limit,
            added: Notify::new(),
        }
    }

    /// Kicks a user on the other nodes. Never waits.
    pub fn append(&self, user: UserId, message: Option<Arc<str>>) -> Storing {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.limit {
            tracing::error!(%user, "a kick stays on this node: too many wait already");
            return Storing::failed(StoreError::Backlog);
        }
        let (done, storing) = Storing::channel();
        waiting.push_back(Kick {
            user,
            message,
            decided: Instant::now(),
            done,
        });
        self.added.notify_one();
        storing
    }
}

/// Writes kicks to the control log for as long as the server runs.
pub(crate) async fn run(node: Arc<Node>) {
    loop {
        let first = lock(&node.kicks.waiting).pop_front();
        let Some(kick) = first else {
            node.kicks.added.notified().await;
            continue;
        };
        let issued = write(&node, &kick).await;
        if let Err(error) = &issued {
            tracing::warn!(%error, user = %kick.user, "a kick stays on this node");
        }
        let _ = kick.done.send(issued);
    }
}

/// Tries for as long as the kick is worth it. Its number stays the same, so that it is written once.
async fn write(node: &Node, kick: &Kick) -> Result<(), StoreError> {
    let mut issue = node.issue(kick.decision());
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    let mut last = StoreError::Failed("it waited for too long".to_owned());
    while kick.decided.elapsed() < node.options.kick_lifetime {
        issue.decision = kick.decision();
        match node.client.ask(|backplane| backplane.issue(&issue)).await {
            Ok(_) => return Ok(()),
            Err(error) => last = error.into(),
        }
        backoff.wait().await;
    }
    Err(last)
}
