//! The handle for the game and the operator: who is in, and out with you.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock, atomic::Ordering},
    time::{Duration, Instant},
};

use bevy_ecs::prelude::*;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::http::HeaderMap;

use crate::{
    auth::{Credential, Examiner, HandshakeRequest, Ticket, Tickets},
    bridge::Tally,
    cluster::Node,
    config::BouncerConfig,
    door::credential,
    drain::{Drain, Draining},
    identity::{
        Admission, ConnectionId, DisconnectReason, Goodbye, Refusal, RefusalKind, TokenFacts, User,
        UserId,
    },
    registry::{Receipt, Registry},
    revocation::{Decision, Revocation, Storing, Subject},
};

/// When to come back after a 503 that has to do with this server's state.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The target of the log's lines about decisions who may be in.
pub(crate) const AUDIT: &str = "bevy_bouncer::audit";

/// What the plugin, the network and every [`Bouncer`] share.
pub(crate) struct Shared {
    pub config: Arc<BouncerConfig>,
    pub registry: Arc<Registry>,
    pub examiner: Examiner,
    pub tickets: Tickets,
    pub tally: Arc<Tally>,
    pub local_addr: SocketAddr,
    /// This process as one of many.
    pub cluster: OnceLock<Arc<Node>>,
    /// True once the app is about to end.
    pub stopping: watch::Sender<bool>,
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<crate::transport::TlsAcceptor>>,
    /// True once nobody is accepted any more.
    pub closing: watch::Sender<bool>,
}

impl Shared {
    /// Closes the door. False when it was closed already.
    pub fn stop(&self) -> bool {
        self.close_listener();
        !self.stopping.send_replace(true)
    }

    /// This process as one of many, if it is.
    pub fn node(&self) -> Option<&Arc<Node>> {
        self.cluster.get()
    }

    /// Whether everything that has to be known before anybody comes in was read once.
    pub fn check_loaded(&self) -> Result<(), Refusal> {
        match self.node().is_none_or(|node| node.is_loaded()) {
            true => Ok(()),
            false => Err(Refusal::unavailable(
                "the list of the barred is not read yet",
            )),
        }
    }

    /// Whether this identity could come in now, as far as this and all other nodes know. Admits nobody.
    pub async fn check(&self, user: &UserId, token: &TokenFacts) -> Result<(), Refusal> {
        self.registry.check(user, token)?;
        match self.node() {
            Some(node) => node.check_barred(user, token).await,
            None => Ok(()),
        }
    }

    /// Has a token checked that does not come with a handshake.
    pub async fn authenticate(
        &self,
        token: &Credential,
        peer: SocketAddr,
    ) -> Result<Admission, Refusal> {
        let token = credential::check(token.expose(), self.config.limits.token_bytes)?;
        let request = HandshakeRequest {
            peer,
            path: self.config.path.clone(),
            headers: HeaderMap::new(),
            credential: Some(token),
        };
        self.examiner.authenticate(&request).await
    }

    /// Accepts nobody any more, not even to refuse.
    pub fn close_listener(&self) {
        self.closing.send_replace(true);
    }

    /// The cheap look whether somebody could come in; the place itself is taken at the end.
    pub fn check_room(&self) -> Result<(), Refusal> {
        if let Some(refusal) = self.registry.drainage.refusal() {
            return Err(refusal);
        }
        let kind = if *self.stopping.borrow() {
            RefusalKind::Draining
        } else if self.registry.is_full() {
            RefusalKind::Capacity
        } else {
            return self.node().map_or(Ok(()), |node| node.check_current());
        };
        Err(Refusal::from(kind).retry_after(RETRY_AFTER))
    }
}

/// Revokes, kicks and lists players, and drains the server. A resource that is cheap to clone and works from any thread.
///
/// ```
/// use bevy_bouncer::{Bouncer, Revocation, User};
/// use bevy_ecs::prelude::*;
///
/// fn ban_cheater(cheater: Entity, users: Query<&User>, bouncer: Res<Bouncer>) {
///     if let Ok(user) = users.get(cheater) {
///         bouncer.revoke(Revocation::user(user.id().clone()).ban().reason("cheating"));
///     }
/// }
/// ```
#[derive(Resource, Clone)]
pub struct Bouncer(Arc<Shared>);

/// Somebody who is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlayerInfo {
    /// The number of the connection.
    pub connection: ConnectionId,
    /// Who it is.
    pub user: User,
    /// The address of the client, as in [`Connection::peer`](crate::Connection::peer).
    pub peer: SocketAddr,
    /// False while the connection is lost and the player is kept for
    /// [`Limits::resume_window`](crate::Limits::resume_window).
    pub is_connected: bool,
}

/// How often something happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Handshakes answered with 101.
    pub admitted: u64,
    /// Handshakes answered with anything else.
    pub refused: u64,
    /// Messages of the game that were not taken, for their length or because too many waited.
    pub refused_sends: u64,
    /// Ticks whose output had to wait for the network.
    pub merged_ticks: u64,
    /// Events like [`TokenExpiring`](crate::TokenExpiring) that the game was too busy to take.
    pub dropped_notices: u64,
}

impl Bouncer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Bars a subject and cuts its live sessions, at once and from any thread.
    ///
    /// When this returns, no frame but Close is written to any of these sessions any more. It waits for
    /// nothing but, at most, one non-blocking write of up to 64 KiB that has begun on each of them. The
    /// game sees [`Disconnected`](crate::Disconnected) in the same tick when a system before
    /// `PostUpdate` calls it. Await the [`Receipt`] to know that the entry is stored.
    pub fn revoke(&self, revocation: impl Into<Revocation>) -> Receipt {
        let revocation = revocation.into();
        let receipt = self.0.registry.revoke(revocation.clone());
        tracing::info!(
            target: AUDIT,
            subject = ?revocation.subject,
            kind = ?revocation.kind,
            issued_before = revocation.issued_before,
            until = revocation.until,
            reason = revocation.reason,
            cut = receipt.cut(),
            "revoked"
        );
        receipt
    }

    /// Lets a subject come in again: removes all its entries.
    pub fn restore(&self, subject: impl Into<Subject>) -> Receipt {
        let subject = subject.into();
        tracing::info!(target: AUDIT, ?subject, "restored");
        self.0.registry.restore(subject)
    }

    /// Sends a user's sessions away with 4004 and these words. Nothing is barred. What was sent
    /// before still goes out. Returns how many sessions it ended; on one of many nodes, those of the
    /// others end soon, and are not counted.
    pub fn kick(&self, user: &UserId, message: Option<&str>) -> usize {
        self.kick_everywhere(user, message).cut()
    }

    /// The same with the word that the other nodes will hear of it.
    pub(crate) fn kick_everywhere(&self, user: &UserId, message: Option<&str>) -> Receipt {
        let goodbye = Goodbye {
            reason: DisconnectReason::Kicked,
            message: message.map(Arc::from),
        };
        let subject = Subject::User(user.clone());
        let cut = self.0.registry.send_home(&subject, &goodbye);
        tracing::info!(target: AUDIT, %user, reason = message, cut, "kicked");
        let storing = match self.0.node() {
            None => Storing::done(),
            Some(_) => self.0.registry.journal.append(Decision::Kick {
                user: user.clone(),
                message: message.map(Arc::from),
            }),
        };
        Receipt::new(cut, storing)
    }

    /// Takes the server out of service: nobody comes in any more, and everybody is asked to leave and to
    /// come back elsewhere or later. From any thread; it waits for nothing.
    ///
    /// At once [`is_ready`](Self::is_ready) is false and newcomers get 503 `draining` with a `Retry-After`,
    /// also those whom the game was about to see. The game hears [`DrainStarted`](crate::DrainStarted),
    /// and then players are closed with 4000 and `draining: come back in 3200 ms`, in batches, each after
    /// what was sent to it before. The game sees [`Disconnected`](crate::Disconnected) for each. Whoever is
    /// left at the deadline is reset.
    ///
    /// There is no way back. A second call can only move the deadline up, and ask for the exit.
    ///
    /// ```
    /// use bevy_bouncer::{Bouncer, Drain};
    /// use bevy_ecs::prelude::*;
    ///
    /// fn restart(bouncer: Res<Bouncer>) {
    ///     bouncer.drain(Drain::default().then_exit());
    /// }
    /// ```
    pub fn drain(&self, drain: Drain) -> Draining {
        let first = self.0.registry.drainage.begin(drain);
        let draining = Draining::new(self.0.registry.clone());
        let left = draining
            .deadline()
            .saturating_duration_since(Instant::now());
        tracing::info!(deadline = ?left, exit = draining.exits(), "{}", if first { "draining" } else { "still draining" });
        draining
    }

    /// The drain that has begun, if any.
    pub fn draining(&self) -> Option<Draining> {
        let registry = &self.0.registry;
        registry
            .drainage
            .is_ordered()
            .then(|| Draining::new(registry.clone()))
    }

    /// Exchanges a player's token for a single-use ticket, which the player's page brings as
    /// `?ticket=…`: a token should not stand in an address, a ticket may.
    ///
    /// The token goes through all that it would go through at the door, but its
    /// [`peer`](HandshakeRequest::peer) is `0.0.0.0:0` and there are no header fields, because nobody is
    /// connected yet. When the ticket is used, the user is looked up again, revocations of the user and
    /// of the token count, and the session ends with the token. To be awaited in a Tokio runtime, for
    /// instance that of [`TokioTasksRuntime`](bevy_tokio_tasks::TokioTasksRuntime).
    ///
    /// ```
    /// use bevy_bouncer::{Bouncer, Credential, Refusal};
    ///
    /// async fn address(bouncer: &Bouncer, token: &Credential) -> Result<String, Refusal> {
    ///     let ticket = bouncer.issue_ticket(token).await?;
    ///     Ok(format!("wss://game.example/ws?ticket={}", ticket.expose()))
    /// }
    /// ```
    ///
    /// # Errors
    /// What the door would say, and 503 `capacity` when there are
    /// [`Limits::tickets`](crate::Limits::tickets).
    pub async fn issue_ticket(&self, token: &Credential) -> Result<Ticket, Refusal> {
        let shared = &*self.0;
        shared.check_room()?;
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let admission = shared.authenticate(token, nobody).await?;
        shared.check(admission.user.id(), &admission.token).await?;
        let Some(node) = shared.node() else {
            return shared.tickets.issue(admission);
        };
        let copy = admission.without_components();
        let ticket = shared.tickets.issue(admission)?;
        node.share_ticket(&ticket.hash(), &copy, ticket.expires_in())
            .await?;
        Ok(ticket)
    }

    /// Everybody who is in. Takes time that grows with their number.
    pub fn players(&self) -> Vec<PlayerInfo> {
        let info = |handle: Arc<crate::connection::Handle>| PlayerInfo {
            connection: handle.id,
            user: handle.user.clone(),
            peer: handle.peer,
            is_connected: handle.is_live(),
        };
        self.0.registry.everybody().into_iter().map(info).collect()
    }

    /// How many of the [`Limits::connections`](crate::Limits::connections) places are taken: players,
    /// verified handshakes that wait for the game, and sockets that are still closing.
    pub fn occupied(&self) -> usize {
        self.0.registry.occupied()
    }

    /// Reads the files of [`BouncerConfig::tls`] again. Handshakes from now on get the new certificate,
    /// live sessions go on. Blocks while it reads: not to be called in a system or in async code.
    ///
    /// # Errors
    /// The file that cannot be used, by its field; or `tls` when there is none. The old certificate
    /// stays, and the log has it too.
    #[cfg(feature = "tls")]
    pub fn reload_tls(&self) -> Result<(), crate::config::ConfigError> {
        let reloaded = match &self.0.tls {
            Some(tls) => tls.reload(),
            None => Err(crate::config::ConfigError::new("tls", "is not configured")),
        };
        match &reloaded {
            Ok(()) => tracing::info!("the certificate is loaded anew"),
            Err(error) => tracing::error!(%error, "the old certificate stays"),
        }
        reloaded
    }

    /// The address of the listener, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr
    }

    /// Whether players can come in: false once the server drains or the app is about to end, and on one of
    /// many nodes while it does not know what the others decided.
    pub fn is_ready(&self) -> bool {
        let is_going = self.0.registry.drainage.is_ordered() || *self.0.stopping.borrow();
        !is_going && self.0.node().is_none_or(|node| node.is_current())
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            admitted: read(&self.0.tally.admitted),
            refused: read(&self.0.tally.refused),
            refused_sends: read(&self.0.tally.refused_sends),
            merged_ticks: read(&self.0.tally.merged_ticks),
            dropped_notices: read(&self.0.tally.dropped_notices),
        }
    }
}

/// [`Bouncer`] as commands.
pub trait BouncerCommands {
    /// See [`Bouncer::revoke`].
    fn revoke(&mut self, revocation: impl Into<Revocation>);
    /// See [`Bouncer::restore`].
    fn restore(&mut self, subject: impl Into<Subject>);
    /// See [`Bouncer::kick`].
    fn kick(&mut self, user: UserId);
    /// See [`Bouncer::drain`].
    fn drain(&mut self, drain: Drain);
}

impl BouncerCommands for Commands<'_, '_> {
    fn revoke(&mut self, revocation: impl Into<Revocation>) {
        let revocation = revocation.into();
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().revoke(revocation);
        });
    }

    fn restore(&mut self, subject: impl Into<Subject>) {
        let subject = subject.into();
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().restore(subject);
        });
    }

    fn kick(&mut self, user: UserId) {
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().kick(&user, None);
        });
    }

    fn drain(&mut self, drain: Drain) {
        self.queue(move |world: &mut World| {
            world.resource::<Bouncer>().drain(drain);
        });
    }
}
