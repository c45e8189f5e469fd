//! A second opinion about a message, before it is said: a word list, a service, a model.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bevy_bouncer::{User, UserId};
use bevy_ecs::prelude::*;

use crate::{context::ChatContext, deferred::defer, options::SharedOptions};

/// What the filter is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The author.
    pub user: User,
    /// The room's name; `None` for a whisper.
    pub room: Option<Arc<str>>,
    /// The words.
    pub text: String,
}

/// What the filter thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Say it.
    Allow,
    /// Say this instead. What cannot be shown is taken out, and what is longer than a message may be is cut; when
    /// there is nothing to see in it, the client gets `refused`.
    Replace(String),
    /// Do not say it; the client gets `refused`.
    Drop,
}

/// A verdict that may take a moment.
pub type FilterFuture<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Looks at every message and whisper before it is said, beside the frame. Messages of one user stay in
/// their order.
///
/// ```
/// use bevy_bouncer_chat::{ChatFilter, ChatOptions, ChatPlugin, Draft, FilterFuture, Verdict};
///
/// struct Polite;
///
/// impl ChatFilter for Polite {
///     fn check<'a>(&'a self, draft: &'a Draft) -> FilterFuture<'a> {
///         Box::pin(async move {
///             if draft.text.contains("darn") {
///                 Verdict::Replace(draft.text.replace("darn", "****"))
///             } else {
///                 Verdict::Allow
///             }
///         })
///     }
/// }
///
/// # fn chat() -> Result<ChatPlugin, bevy_bouncer::ConfigError> {
/// let chat = ChatPlugin::new(ChatOptions::default())?.filter(Polite);
/// # Ok(chat)
/// # }
/// ```
pub trait ChatFilter: Send + Sync + 'static {
    /// Decides about one message. It must not block the thread.
    fn check<'a>(&'a self, draft: &'a Draft) -> FilterFuture<'a>;
}

/// The filter that the plugin was given.
#[derive(Resource, Clone)]
pub(crate) struct ActiveFilter(pub Arc<dyn ChatFilter>);

/// Something that a user may say, unless the filter decides otherwise.
pub(crate) struct PendingMessage {
    pub player: Entity,
    pub user: User,
    pub id: Option<String>,
    pub to: Destination,
    pub text: String,
}

/// Where something is said.
pub(crate) enum Destination {
    Room(Entity, Arc<str>),
    User(UserId),
}

impl Destination {
    /// The room's entity and name; `None` for a whisper.
    pub fn room(&self) -> Option<(Entity, &Arc<str>)> {
        match self {
            Self::Room(entity, name) => Some((*entity, name)),
            Self::User(_) => None,
        }
    }
}

impl PendingMessage {
    fn draft(&self) -> Draft {
        Draft {
            user: self.user.clone(),
            room: self.to.room().map(|(_, name)| name.clone()),
            text: self.text.clone(),
        }
    }
}

/// Messages that wait for the filter, each user's in order.
#[derive(Resource, Default)]
pub(crate) struct PendingFilter {
    waiting: HashMap<UserId, VecDeque<Waiting>>,
    count: usize,
    next: u64,
}

struct Waiting {
    number: u64,
    message: PendingMessage,
    verdict: Option<Result<Verdict, Undecided>>,
}

/// There was no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undecided;

impl PendingFilter {
    /// Whether so many wait that no other one may.
    pub fn is_full(&self, most: usize) -> bool {
        self.count >= most
    }

    /// Whether the message with this id waits. Then its answer goes to this player.
    pub fn is_waiting(&mut self, user: &UserId, id: &str, player: Entity) -> bool {
        let mut waiting = self.waiting.get_mut(user).into_iter().flatten();
        let found = waiting.find(|one| one.message.id.as_deref() == Some(id));
        found.map(|one| one.message.player = player).is_some()
    }

    fn add(&mut self, message: PendingMessage) -> u64 {
        let number = self.next;
        self.next += 1;
        self.count += 1;
        let waiting = self.waiting.entry(message.user.id().clone()).or_default();
        waiting.push_back(Waiting {
            number,
            message,
            verdict: None,
        });
        number
    }

    /// Takes a verdict. Returns what is decided by now and is this user's turn.
    pub fn decide(
        &mut self,
        user: &UserId,
        number: u64,
        verdict: Result<Verdict, Undecided>,
    ) -> Vec<(PendingMessage, Result<Verdict, Undecided>)> {
        let mut decided = Vec::new();
        let Some(waiting) = self.waiting.get_mut(user) else {
            return decided;
        };
        if let Some(one) = waiting.iter_mut().find(|one| one.number == number) {
            one.verdict = Some(verdict);
        }
        while waiting.front().is_some_and(|one| one.verdict.is_some()) {
            let first = waiting.pop_front();
            decided.extend(first.and_then(|one| Some((one.message, one.verdict?))));
        }
        if waiting.is_empty() {
            self.waiting.remove(user);
        }
        self.count -= decided.len();
        decided
    }
}

/// Asks the filter, beside the frame. `decided` is called for each message of the user whose turn it is.
pub(crate) fn ask(
    world: &mut World,
    filter: Arc<dyn ChatFilter>,
    message: PendingMessage,
    decided: fn(&mut ChatContext, PendingMessage, Result<Verdict, Undecided>),
) {
    let draft = message.draft();
    let user = message.user.id().clone();
    let number = world.resource_mut::<PendingFilter>().add(message);
    let deadline = world.resource::<SharedOptions>().0.filter_deadline;
    let author = user.clone();
    let work = async move {
        // A task of its own, so that a panic is no more than a message without a verdict.
        let task = tokio::spawn(async move { decide(&*filter, &draft, deadline).await });
        let verdict = task.await.unwrap_or(Err(Undecided));
        if verdict.is_err() {
            tracing::warn!(user = %author, ?deadline, "the filter did not decide about a message");
        }
        verdict
    };
    defer(world, work, move |context, verdict| {
        let mut pending = context.world.resource_mut::<PendingFilter>();
        for (message, verdict) in pending.decide(&user, number, verdict) {
            decided(context, message, verdict);
        }
    });
}

async fn decide(
    filter: &dyn ChatFilter,
    draft: &Draft,
    deadline: Duration,
) -> Result<Verdict, Undecided> {
    let verdict = tokio::time::timeout(deadline, filter.check(draft)).await;
    verdict.map_err(|_| Undecided)
}
