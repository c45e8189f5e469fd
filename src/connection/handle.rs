//! One connection's state, shared by the network, the game and the operator.
//!
//! ```text
//! Pending ──enter──► Live ──leave──► Leaving(polite) ──fence──► Leaving(fenced)
//!    │                │ └─────────────────fence────────────────────┘ ▲
//!    │                └──lose──► Absent ──leave or take over─────────┘
//!    └─abandon──► Abandoned
//! ```
//!
//! The caller that makes a transition does what follows from it; every other caller finds it made. This is what
//! makes "exactly once" true without a central authority. Frames are written under the same lock
//! ([`Handle::write`]), so after [`Handle::leave`] has fenced a connection no frame can be on its way.

use std::{
    any::Any,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::{
    identity::{
        CloseReason, ConnectionId, DisconnectReason, OwnedComponents, Refusal, TokenFacts, User,
        UserId,
    },
    util::{Mutex, lock, microseconds},
};

/// Who is connected, and how far the connection has come.
#[derive(Debug)]
pub(crate) struct Handle {
    pub id: ConnectionId,
    user_id: UserId,
    pub peer: SocketAddr,
    /// What the directory last said.
    identity: Mutex<Identity>,
    /// The token that the session lasts on.
    token: Mutex<TokenFacts>,
    /// When the session may bring another one, in [`microseconds`].
    next_refresh: AtomicU64,
    /// Whether one that it brought was refused.
    has_guessed: AtomicBool,
    /// Whether it is another one than the session's task knows.
    renewed: AtomicBool,
    phase: Mutex<Phase>,
    wake: Notify,
    /// When the player is checked again, in [`microseconds`]; 0 when that is not planned yet.
    pub recheck_at: AtomicU64,
    /// Held until nothing knows the connection any more, neither a task nor the game.
    _seat: Option<OwnedSemaphorePermit>,
    /// What is given back by its drop, as late unless it is [given back](Self::give_back) before.
    kept: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Debug)]
enum Phase {
    Pending,
    Abandoned(Refusal),
    Live,
    /// The connection is lost, and its player is kept for a while. No task owns the connection.
    Absent,
    Leaving {
        close_reason: CloseReason,
        fenced: bool,
    },
}

#[derive(Debug)]
struct Identity {
    user: User,
    owned: OwnedComponents,
    /// The game has not taken it yet.
    is_news: bool,
    /// The number of the look that it came from; how many have begun.
    look: u64,
    looks: u64,
}

/// One look at what the directory says now. What an earlier one found never overrules a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look(u64);

/// What [`Handle::follow`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The game has to hear of it.
    News,
    /// It was so before.
    Unchanged,
    /// A later look, or another token, was first: this one does not count.
    Overtaken,
}

/// When a session that ends takes nothing more from the game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// At once: no frame but Close is written any more, not even one that is queued.
    Now,
    /// After what is queued.
    AfterQueue,
}

/// One attempt to bring another token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

/// What [`Handle::leave`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// The player was live and this call ended it: the caller reports the departure.
    Now,
    /// The player's connection was lost, and this call ended the session: the caller reports the departure and
    /// takes the session out of the indexes, because no task of a connection does.
    WhileAbsent,
    /// The handshake was under way and will answer with a refusal.
    BeforeEntering,
    /// Another call had ended it.
    Already,
}

impl Handle {
    pub fn new(
        id: ConnectionId,
        user: User,
        token: TokenFacts,
        peer: SocketAddr,
        seat: Option<OwnedSemaphorePermit>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            user_id: user.id().clone(),
            peer,
            identity: Mutex::new(Identity {
                user,
                owned: OwnedComponents::default(),
                is_news: false,
                look: 0,
                looks: 0,
            }),
            token: Mutex::new(token),
            next_refresh: AtomicU64::new(0),
            has_guessed: AtomicBool::new(false),
            renewed: AtomicBool::new(false),
            phase: Mutex::new(Phase::Pending),
            wake: Notify::new(),
            recheck_at: AtomicU64::new(0),
            _seat: seat,
            kept: Mutex::new(None),
        })
    }

    /// Whose connection it is.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The user, as the directory last said.
    pub fn user(&self) -> User {
        lock(&self.identity).user.clone()
    }

    /// The directory's components, as it last said.
    pub fn owned(&self) -> OwnedComponents {
        lock(&self.identity).owned.clone()
    }

    /// Gives a new session the directory's components.
    pub fn own(&self, owned: OwnedComponents) {
        lock(&self.identity).owned = owned;
    }

    /// Begins to look what the directory says.
    pub fn look(&self) -> Look {
        let mut identity = lock(&self.identity);
        identity.looks += 1;
        Look(identity.looks)
    }

    /// Takes what a look has found with this token.
    pub fn follow(
        &self,
        look: Look,
        token: &TokenFacts,
        user: User,
        owned: OwnedComponents,
    ) -> Followed {
        let mut identity = lock(&self.identity);
        if look.0 < identity.look || *lock(&self.token) != *token {
            return Followed::Overtaken;
        }
        identity.look = look.0;
        // The game may have changed a component that is the directory's.
        let has_owned = !owned.is_empty() || !identity.owned.is_empty();
        identity.is_news |= has_owned || identity.user != user;
        (identity.user, identity.owned) = (user, owned);
        if identity.is_news {
            Followed::News
        } else {
            Followed::Unchanged
        }
    }

    /// For the game: what it has not taken yet.
    pub fn take_news(&self) -> Option<(User, OwnedComponents)> {
        let mut identity = lock(&self.identity);
        let is_news = std::mem::take(&mut identity.is_news);
        is_news.then(|| (identity.user.clone(), identity.owned.clone()))
    }

    /// Drops this when nothing knows the connection any more.
    pub fn keep(&self, kept: Box<dyn Any + Send>) {
        *lock(&self.kept) = Some(kept);
    }

    /// Drops what is kept now.
    pub fn give_back(&self) {
        drop(lock(&self.kept).take());
    }

    /// Pending → Live. False when the handshake was abandoned first.
    pub fn enter(&self) -> bool {
        let mut phase = lock(&self.phase);
        let pending = matches!(*phase, Phase::Pending);
        if pending {
            *phase = Phase::Live;
        }
        pending
    }

    /// Pending → Abandoned. False when the player has entered, or another call was first.
    pub fn abandon(&self, refusal: Refusal) -> bool {
        let mut phase = lock(&self.phase);
        let pending = matches!(*phase, Phase::Pending);
        if pending {
            *phase = Phase::Abandoned(refusal);
            self.wake();
        }
        pending
    }

    /// Live → Absent: the connection is lost. `report` as for [`leave`](Self::leave). False when the session
    /// has ended.
    pub fn lose(&self, report: impl FnOnce()) -> bool {
        let mut phase = lock(&self.phase);
        let live = matches!(*phase, Phase::Live);
        if live {
            *phase = Phase::Absent;
            report();
        }
        live
    }

    /// Absent → Leaving, without a word: the player goes on with another connection. False when the session
    /// has ended.
    pub fn take_over(&self) -> bool {
        let mut phase = lock(&self.phase);
        let absent = matches!(*phase, Phase::Absent);
        if absent {
            *phase = Phase::Leaving {
                close_reason: DisconnectReason::Replaced.into(),
                fenced: true,
            };
        }
        absent
    }

    /// Ends the session. [`Fence::Now`] also stops everything that is still queued, even for a player who was
    /// leaving politely already; when this returns, no frame but Close is written any more. `report` runs when
    /// this call ended a live session, before any other thread can find it ended.
    pub fn leave(&self, close_reason: CloseReason, fence: Fence, report: impl FnOnce()) -> Left {
        let mut phase = lock(&self.phase);
        let left = match &mut *phase {
            Phase::Pending => {
                *phase = Phase::Abandoned(close_reason.refusal());
                Left::BeforeEntering
            }
            Phase::Live => {
                *phase = Phase::Leaving {
                    close_reason,
                    fenced: fence == Fence::Now,
                };
                report();
                Left::Now
            }
            Phase::Absent => {
                *phase = Phase::Leaving {
                    close_reason,
                    fenced: true,
                };
                report();
                Left::WhileAbsent
            }
            Phase::Leaving {
                close_reason: first,
                fenced,
            } => {
                if fence == Fence::Now && !*fenced {
                    *first = close_reason;
                    *fenced = true;
                }
                Left::Already
            }
            Phase::Abandoned(_) => Left::Already,
        };
        self.wake();
        left
    }

    /// Runs one non-blocking write, unless the connection is fenced. The lock is held meanwhile, so
    /// that a fence waits for a write that has begun and none begins after it.
    pub fn write<R>(&self, write: impl FnOnce() -> R) -> Option<R> {
        let phase = lock(&self.phase);
        match &*phase {
            Phase::Live | Phase::Leaving { fenced: false, .. } => Some(write()),
            _ => None,
        }
    }

    /// The close reason, once the connection is fenced.
    pub fn fenced(&self) -> Option<CloseReason> {
        match &*lock(&self.phase) {
            Phase::Leaving {
                close_reason,
                fenced: true,
            } => Some(close_reason.clone()),
            _ => None,
        }
    }

    /// The close reason, once the session was ended, also politely.
    pub fn leaving(&self) -> Option<CloseReason> {
        match &*lock(&self.phase) {
            Phase::Leaving { close_reason, .. } => Some(close_reason.clone()),
            _ => None,
        }
    }

    /// The answer to a handshake that was abandoned.
    pub fn abandoned(&self) -> Option<Refusal> {
        match &*lock(&self.phase) {
            Phase::Abandoned(refusal) => Some(refusal.clone()),
            _ => None,
        }
    }

    /// Whether the player is in, with a connection, and the session was not ended.
    pub fn is_live(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Live)
    }

    /// Whether the player is in, and its connection is lost.
    pub fn is_absent(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Absent)
    }

    /// Whether the player is in, with a connection or without.
    pub fn is_in(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Live | Phase::Absent)
    }

    /// Whether the player is in with a connection, or about to be.
    pub fn holds_place(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Live | Phase::Pending)
    }

    /// Whether the player is not in yet.
    pub fn is_pending(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Pending)
    }

    /// Whether the player came in, also when the session has ended since.
    pub fn is_entered(&self) -> bool {
        matches!(
            *lock(&self.phase),
            Phase::Live | Phase::Absent | Phase::Leaving { .. }
        )
    }

    /// What is known about the token that the session lasts on.
    pub fn token(&self) -> TokenFacts {
        lock(&self.token).clone()
    }

    /// From now on the session lasts on this token. Returns the one before. Only under the index's lock,
    /// whose index by token has to follow.
    pub fn renew(&self, token: TokenFacts) -> TokenFacts {
        let before = std::mem::replace(&mut *lock(&self.token), token);
        self.renewed.store(true, Ordering::Release);
        self.wake();
        before
    }

    /// The player is checked again at once.
    pub fn recheck_now(&self) {
        self.recheck_at.store(1, Ordering::Relaxed);
    }

    /// Takes the right to bring another token, which is there again after the pause; or tells how long to
    /// wait.
    pub fn may_refresh(&self, pause: Duration) -> Result<Attempt, Duration> {
        let now = microseconds();
        let after = now.saturating_add(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX));
        // Never the same twice, so that an attempt knows whether it is the last.
        let take = |next: u64| (next <= now).then_some(after.max(next + 1));
        let (order, next) = (Ordering::Relaxed, &self.next_refresh);
        match next.fetch_update(order, order, take) {
            Ok(next) => Ok(Attempt(after.max(next + 1))),
            Err(next) => Err(Duration::from_micros(next - now)),
        }
    }

    /// Whether no other attempt has begun since this one.
    pub fn is_last(&self, attempt: Attempt) -> bool {
        self.next_refresh.load(Ordering::Relaxed) == attempt.0
    }

    /// A token that the session brought was refused as a guess.
    pub fn note_guess(&self) {
        self.has_guessed.store(true, Ordering::Relaxed);
    }

    /// Whether that ever happened.
    pub fn has_guessed(&self) -> bool {
        self.has_guessed.load(Ordering::Relaxed)
    }

    /// For the session's task: whether the token is another one since the last time.
    pub fn take_renewed(&self) -> bool {
        self.renewed.load(Ordering::Relaxed) && self.renewed.swap(false, Ordering::Acquire)
    }

    /// Tells the one task that owns the connection that there is something to look after: another phase,
    /// frames that the socket did not take, room for messages.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// For that task: waits for the next such word. There may be nothing to do after all.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}
