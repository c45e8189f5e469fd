//! Somebody else's opinion about a message, before it is said: a word list, a service, a model.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bevy_ecs::prelude::*;
use bevy_tokio_tasks::TokioTasksRuntime;

use super::{
    ChatSettings,
    later::{Done, Later},
    speak::Utterance,
};
use bevy_bouncer::{User, UserId};

/// What the filter is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Who wants to say it.
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
    /// Say this instead.
    Replace(String),
    /// Do not say it; the client gets `refused`.
    Drop,
}

/// What happens to a message that the filter did not answer within
/// [`filter_deadline`](super::ChatOptions::filter_deadline), or because of which it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilterFailure {
    /// It is not said; the client gets `unavailable`.
    #[default]
    Refuse,
    /// It is said.
    Allow,
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
///             match draft.text.contains("darn") {
///                 true => Verdict::Replace(draft.text.replace("darn", "****")),
///                 false => Verdict::Allow,
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

/// Messages that wait for the filter, each user's in order.
#[derive(Resource, Default)]
pub(super) struct Judging {
    waiting: HashMap<UserId, VecDeque<Case>>,
    count: usize,
    next: u64,
}

struct Case {
    number: u64,
    utterance: Utterance,
    verdict: Option<Result<Verdict, Undecided>>,
}

/// There was no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecided;

impl Judging {
    /// Whether so many wait that no other one may.
    pub fn is_full(&self, most: usize) -> bool {
        self.count >= most
    }

    /// Whether the message with this id waits. Then its answer goes to this player.
    pub fn is_waiting(&mut self, user: &UserId, id: &str, player: Entity) -> bool {
        let mut cases = self.waiting.get_mut(user).into_iter().flatten();
        let case = cases.find(|case| case.utterance.id.as_deref() == Some(id));
        case.map(|case| case.utterance.player = player).is_some()
    }

    fn add(&mut self, utterance: Utterance) -> u64 {
        let number = self.next;
        self.next += 1;
        self.count += 1;
        let cases = self.waiting.entry(utterance.user.id().clone()).or_default();
        cases.push_back(Case {
            number,
            utterance,
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
    ) -> Vec<(Utterance, Result<Verdict, Undecided>)> {
        let mut decided = Vec::new();
        let Some(cases) = self.waiting.get_mut(user) else {
            return decided;
        };
        if let Some(case) = cases.iter_mut().find(|case| case.number == number) {
            case.verdict = Some(verdict);
        }
        while cases.front().is_some_and(|case| case.verdict.is_some()) {
            let first = cases.pop_front();
            decided.extend(first.and_then(|case| Some((case.utterance, case.verdict?))));
        }
        if cases.is_empty() {
            self.waiting.remove(user);
        }
        self.count -= decided.len();
        decided
    }
}

/// Asks the filter, beside the frame.
pub(super) fn ask(
    world: &mut World,
    filter: Arc<dyn ChatFilter>,
    draft: Draft,
    utterance: Utterance,
) {
    let user = utterance.user.id().clone();
    let number = world.resource_mut::<Judging>().add(utterance);
    let deadline = world.resource::<ChatSettings>().options.filter_deadline;
    let done = world.resource::<Later>().sender();
    let runtime = world.resource::<TokioTasksRuntime>().runtime();
    // A task of its own, so that a panic is no more than a message without a verdict.
    let thinking = runtime.spawn(async move { decide(&*filter, &draft, deadline).await });
    runtime.spawn(async move {
        let verdict = thinking.await.unwrap_or(Err(Undecided));
        if verdict.is_err() {
            tracing::warn!(%user, ?deadline, "the filter did not decide about a message");
        }
        let judged = Done::Judged {
            user,
            number,
            verdict,
        };
        // The app has ended when nobody listens.
        let _ = done.send(judged).await;
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
