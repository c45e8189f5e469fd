//! The handle for the game and the operator: who is in, and out with you.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use bevy_ecs::prelude::*;

use crate::{
    auth::{Credential, DirectoryError, Known, Ticket},
    config::Limits,
    connection::Handle,
    drain::{Drain, Draining},
    identity::{CloseReason, ConnectionId, DisconnectReason, Refusal, User, UserId},
    revocation::{Receipt, Revocation, Storing, Subject},
    server::{AUDIT, Server},
};

/// Revokes, kicks and lists players, and drains the server. A resource that is cheap to clone and works from any thread.
///
/// ```
/// use bevy_bouncer::{Bouncer, Revocation, StoreError, UserId};
///
/// async fn ban(cheater: UserId, bouncer: &Bouncer) -> Result<(), StoreError> {
///     let receipt = bouncer.revoke(Revocation::user(cheater).ban().reason("cheating"));
///     println!("{} sessions are cut", receipt.cut());
///     receipt.await
/// }
/// ```
///
/// In systems, [`PlayerCommands`](crate::PlayerCommands) and [`BouncerCommands`](crate::BouncerCommands) are
/// shorter.
#[derive(Resource, Clone)]
pub struct Bouncer(Arc<Server>);

/// A player who is in.
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
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self(server)
    }

    pub(crate) fn server(&self) -> &Server {
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
            "{}", if receipt.is_in_force() { "revoked" } else { "not revoked, only cut" }
        );
        receipt
    }

    /// Lets a subject come in again: removes all its entries. When too much waits to be stored, nothing changes, and the
    /// [`Receipt`] is not [in force](Receipt::is_in_force).
    pub fn restore(&self, subject: impl Into<Subject>) -> Receipt {
        let subject = subject.into();
        let receipt = self.0.registry.restore(subject.clone());
        if receipt.is_in_force() {
            tracing::info!(target: AUDIT, ?subject, "restored");
        } else {
            tracing::error!(target: AUDIT, ?subject, "not restored, too much waits to be stored");
        }
        receipt
    }

    /// Sends a user's sessions away with 4004 and these words. Nothing is barred. What was sent
    /// before still goes out. Returns how many sessions it ended; on one of many nodes, those of the
    /// others end soon, and are not counted.
    pub fn kick(&self, user: &UserId, message: Option<&str>) -> usize {
        self.kick_everywhere(user, message).cut()
    }

    /// Kicks, with a receipt that tells when the other nodes will hear of it.
    pub(crate) fn kick_everywhere(&self, user: &UserId, message: Option<&str>) -> Receipt {
        let close_reason = CloseReason {
            reason: DisconnectReason::Kicked,
            message: message.map(Arc::from),
            lasts: None,
        };
        let subject = Subject::User(user.clone());
        let cut = self.0.registry.send_home(&subject, &close_reason);
        tracing::info!(target: AUDIT, %user, reason = message, cut, "kicked");
        let storing = match self.0.node() {
            None => Storing::done(),
            Some(node) => node.kicks.append(user.clone(), message.map(Arc::from)),
        };
        Receipt::new(cut, storing)
    }

    /// The subjects of revocations and restorations that are in force here and not stored yet, those that wait longest
    /// first. They are written as soon as the store takes them; a drain and the end of the app wait for that within their
    /// time, and an app that ends before logs them and ends with an error.
    pub fn unsaved(&self) -> Vec<Subject> {
        self.0.registry.journal.subjects()
    }

    /// Takes the server out of service: nobody comes in any more, and everybody is asked to leave and to
    /// come back elsewhere or later. From any thread; it waits for nothing.
    ///
    /// At once [`is_ready`](Self::is_ready) is false and newcomers get 503 `draining` with a `Retry-After`,
    /// also those whom the game was about to see. The game hears [`DrainStarted`](crate::DrainStarted),
    /// and then players are closed with 4000 and `draining: come back in 3200 ms`, in batches, each after
    /// what was sent to it before. The game sees [`Disconnected`](crate::Disconnected) for each. Those
    /// who are left at the deadline are reset.
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
        let first = self.0.registry.drain.begin(drain);
        let draining = Draining::new(self.0.registry.drain.clone());
        let left = draining
            .deadline()
            .saturating_duration_since(Instant::now());
        tracing::info!(deadline = ?left, exit = draining.exits(), "{}", if first { "draining" } else { "still draining" });
        draining
    }

    /// The drain that has begun, if any.
    pub fn draining(&self) -> Option<Draining> {
        let drain = &self.0.registry.drain;
        drain.is_ordered().then(|| Draining::new(drain.clone()))
    }

    /// Exchanges a player's token for a single-use ticket, which the player's page brings as
    /// `?ticket=…`: a token should not stand in an address, a ticket may.
    ///
    /// The token goes through all that it would go through at the door, but its
    /// [`peer`](crate::HandshakeRequest::peer) is `0.0.0.0:0` and there are no header fields, because nobody is
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
        let server = &*self.0;
        server.check_room()?;
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let admission = server.authenticate(token, nobody).await?;
        server.check(admission.user.id(), &admission.token).await?;
        let Some(node) = server.node() else {
            return server.tickets.issue(admission);
        };
        let copy = admission.without_components();
        let ticket = server.tickets.issue(admission)?;
        node.share_ticket(&ticket.hash(), &copy, ticket.expires_in())
            .await?;
        Ok(ticket)
    }

    /// Asks of a token what the door asks: whether it is valid, whether its user exists and may come in, and whether user or
    /// token are barred, on any node. Not whether there is room, nor whether the user is in already. For log-in services that
    /// give a new token for an old one; the rules for waiting are those of [`issue_ticket`](Self::issue_ticket).
    ///
    /// A service asks this *after* it has made the new token, and before it hands it over: then no revocation that comes
    /// meanwhile is missed by both.
    ///
    /// ```
    /// use bevy_bouncer::{Bouncer, Credential, Refusal, TokenIssuer};
    ///
    /// async fn renew(old: &Credential, bouncer: &Bouncer, tokens: &TokenIssuer) -> Result<String, Refusal> {
    ///     let user = bouncer.check_token(old).await?;
    ///     let new = tokens.issue(user.id()).map_err(|error| Refusal::unavailable(error.to_string()))?;
    ///     bouncer.check_token(old).await?;
    ///     Ok(new)
    /// }
    /// ```
    ///
    /// # Errors
    /// What the door would say.
    pub async fn check_token(&self, token: &Credential) -> Result<User, Refusal> {
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let admission = self.0.authenticate(token, nobody).await?;
        let user = admission.user.id();
        self.0.check_barred(user, &admission.token).await?;
        Ok(admission.user)
    }

    /// The entries of this subject that count on this node now: at most four.
    pub fn revocations_of(&self, subject: &Subject) -> Vec<Revocation> {
        self.0.registry.barred(subject)
    }

    /// Everybody who is in. Takes time that grows with their number.
    pub fn players(&self) -> Vec<PlayerInfo> {
        let info = |handle: Arc<Handle>| PlayerInfo {
            connection: handle.id,
            user: handle.user(),
            peer: handle.peer,
            is_connected: handle.is_live(),
        };
        self.0.registry.everybody().into_iter().map(info).collect()
    }

    /// Who this is, connected or not: a player who is in, as the game sees it, or else what
    /// [`UserDirectory::look_up`](crate::UserDirectory::look_up) says. From any thread; to be awaited in a Tokio runtime, within
    /// [`Limits::lookup_timeout`](crate::Limits::lookup_timeout).
    ///
    /// Whoever is about to decide something about a user who is away asks this first: what was heard of the user
    /// before need not be true any more.
    ///
    /// # Errors
    /// [`DirectoryError`] when it could not be found out.
    pub async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        let here = self.0.registry.newest_of(user);
        match here {
            Some(handle) => Ok(Known::User(handle.user())),
            None => self.0.auth.look_up(user).await,
        }
    }

    /// How many of the [`Limits::connections`](crate::Limits::connections) places are taken: players,
    /// verified handshakes that wait for the game, and sockets that are still closing.
    pub fn occupied(&self) -> usize {
        self.0.registry.occupied()
    }

    /// Reads the files of [`BouncerConfig::tls`](crate::BouncerConfig::tls) again. Handshakes from now on get the
    /// new certificate,
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

    /// What the server allows, as it was configured.
    pub fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    /// The address of the listener, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr
    }

    /// Whether the door was opened.
    pub(crate) fn is_open(&self) -> bool {
        self.0.runtime.get().is_some()
    }

    /// Whether players can come in: false before the app has opened the door, once the server drains or the app is about to end, and on one of
    /// many nodes while it does not know what the others decided.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            admitted: read(&self.0.counts.admitted),
            refused: read(&self.0.counts.refused),
            refused_sends: read(&self.0.counts.refused_sends),
            merged_ticks: read(&self.0.counts.merged_ticks),
            dropped_notices: read(&self.0.counts.dropped_notices),
        }
    }
}
