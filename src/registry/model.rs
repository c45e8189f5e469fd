//! The registry against a model that is as simple as the promises: any sequence of what the door, the
//! game and the operator may do leaves both in the same state.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use proptest::{collection::vec, option, prelude::*};

use super::Registry;
use crate::{
    bridge::{GameEnd, bridge},
    config::{DuplicateLogin, Limits},
    connection::{Fence, Handle},
    identity::{DisconnectReason, RefusalKind, TokenFacts, User, UserId},
    revocation::{Revocation, RevocationKind, Subject},
};

#[derive(Debug, Clone)]
enum Step {
    Admit {
        user: u8,
        token: u8,
        issued_at: u64,
    },
    Enter(usize),
    Abandon(usize),
    Leave {
        session: usize,
        fence: bool,
    },
    Lose(usize),
    Renew {
        session: usize,
        token: u8,
        issued_at: u64,
    },
    Revoke {
        subject: Whom,
        before: Option<u64>,
        ban: bool,
    },
    Restore(Whom),
    Kick(u8),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Whom {
    User(u8),
    Token(u8),
    Session(usize),
    Everyone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Live,
    Absent,
    /// Ended in order: what was sent before still goes out.
    Leaving,
    Gone,
}

/// What the model knows of one session.
struct Session {
    handle: Arc<Handle>,
    user: u8,
    token: u8,
    issued_at: u64,
    state: State,
    /// It went on as another session, or never entered.
    ends_silently: bool,
}

struct Entry {
    subject: Whom,
    before: Option<u64>,
    ban: bool,
}

/// The registry and the model side by side.
struct Both {
    registry: Registry,
    game: GameEnd,
    policy: DuplicateLogin,
    per_user: usize,
    sessions: Vec<Session>,
    entries: Vec<Entry>,
    departed: Vec<u64>,
}

fn user_id(number: u8) -> UserId {
    UserId::new(format!("user-{number}")).unwrap()
}

fn facts(token: u8, issued_at: u64) -> TokenFacts {
    TokenFacts {
        id: Some(format!("token-{token}").into()),
        issued_at,
        ..TokenFacts::default()
    }
}

impl Both {
    fn new(policy: DuplicateLogin) -> Self {
        let limits = Limits {
            connections: 64,
            connections_per_user: 2,
            replacements_per_minute: 1000,
            duplicate_login: policy,
            ..Limits::default()
        };
        let (_network, game, departures, notices, _ticks) = bridge(&limits, &Arc::default());
        Self {
            registry: Registry::new(&limits, departures, notices, None),
            game,
            policy,
            per_user: if policy == DuplicateLogin::Allow {
                2
            } else {
                1
            },
            sessions: Vec::new(),
            entries: Vec::new(),
            departed: Vec::new(),
        }
    }

    /// What the list of the barred says to a user with this token, bans first; `None` when they may come in.
    fn verdict(&self, user: u8, token: u8, issued_at: u64) -> Option<RefusalKind> {
        let matching = self.entries.iter().filter(|entry| {
            let is_meant = match entry.subject {
                Whom::User(barred) => barred == user,
                Whom::Token(barred) => barred == token,
                Whom::Everyone => true,
                Whom::Session(_) => false,
            };
            is_meant && entry.before.is_none_or(|before| issued_at <= before)
        });
        let bans: Vec<bool> = matching.map(|entry| entry.ban).collect();
        if bans.contains(&true) {
            return Some(RefusalKind::Banned);
        }
        (!bans.is_empty()).then_some(RefusalKind::Unauthorized)
    }

    fn is_meant(&self, whom: Whom, index: usize) -> bool {
        let session = &self.sessions[index];
        match whom {
            Whom::User(user) => session.user == user,
            Whom::Token(token) => session.token == token,
            Whom::Session(which) => which == index,
            Whom::Everyone => true,
        }
    }

    fn subject(&self, whom: Whom) -> Option<Subject> {
        Some(match whom {
            Whom::User(user) => Subject::User(user_id(user)),
            Whom::Token(token) => Subject::Token(format!("token-{token}").into()),
            Whom::Session(which) => Subject::Session(self.sessions.get(which)?.handle.id),
            Whom::Everyone => Subject::Everyone,
        })
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Admit {
                user,
                token,
                issued_at,
            } => self.admit(user, token, issued_at),
            Step::Enter(which) => self.enter(which),
            Step::Abandon(which) => {
                if let Some(session) = self.sessions.get_mut(which) {
                    let refusal = RefusalKind::Timeout.into();
                    let abandoned = self.registry.abandon(&session.handle, refusal);
                    assert_eq!(abandoned, session.state == State::Pending);
                    if abandoned {
                        session.state = State::Gone;
                        session.ends_silently = true;
                    }
                }
            }
            Step::Leave { session, fence } => self.leave(session, fence),
            Step::Lose(which) => {
                if let Some(session) = self.sessions.get_mut(which) {
                    let reason = DisconnectReason::ConnectionLost;
                    let lost = self.registry.lose(&session.handle, reason.into());
                    assert_eq!(lost, session.state == State::Live);
                    if lost {
                        session.state = State::Absent;
                    }
                }
            }
            Step::Renew {
                session,
                token,
                issued_at,
            } => self.renew(session, token, issued_at),
            Step::Revoke {
                subject,
                before,
                ban,
            } => self.revoke(subject, before, ban),
            Step::Restore(whom) => {
                if let Some(subject) = self.subject(whom) {
                    drop(self.registry.restore(subject));
                    self.entries.retain(|entry| entry.subject != whom);
                }
            }
            Step::Kick(user) => {
                let subject = Subject::User(user_id(user));
                let kicked = self
                    .registry
                    .send_home(&subject, &DisconnectReason::Kicked.into());
                let mut expected = 0;
                for session in self
                    .sessions
                    .iter_mut()
                    .filter(|session| session.user == user)
                {
                    expected += usize::from(is_in(session.state));
                    session.state = match session.state {
                        State::Live => State::Leaving,
                        State::Absent => State::Gone,
                        other => other,
                    };
                }
                assert_eq!(kicked, expected);
            }
        }
        self.check();
    }

    fn admit(&mut self, user: u8, token: u8, issued_at: u64) {
        let who = User::new(user_id(user), "Ann").unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let admitted = self.registry.admit(who, facts(token, issued_at), peer);
        let held = self.sessions.iter().filter(|session| {
            session.user == user && matches!(session.state, State::Pending | State::Live)
        });
        let replaces = matches!(
            self.policy,
            DuplicateLogin::KickOld | DuplicateLogin::TakeOver
        );
        let is_full = !replaces && held.count() >= self.per_user;
        let full = is_full.then_some(RefusalKind::AlreadyConnected);
        let expected = self.verdict(user, token, issued_at).or(full);
        assert_eq!(
            admitted.as_ref().err().map(|refusal| refusal.kind()),
            expected
        );
        if let Ok(handle) = admitted {
            self.sessions.push(Session {
                handle,
                user,
                token,
                issued_at,
                state: State::Pending,
                ends_silently: false,
            });
        }
    }

    fn enter(&mut self, which: usize) {
        let Some(session) = self.sessions.get(which) else {
            return;
        };
        let (user, state) = (session.user, session.state);
        let entered = self.registry.enter(&session.handle);
        assert_eq!(entered.is_some(), state == State::Pending);
        let Some(entered) = entered else { return };
        for old in &entered.replaced {
            let close_reason = DisconnectReason::Replaced.into();
            self.registry.leave(old, close_reason, Fence::Now);
        }
        let replaces = matches!(
            self.policy,
            DuplicateLogin::KickOld | DuplicateLogin::TakeOver
        );
        let mut resumed = None;
        for (index, session) in self.sessions.iter_mut().enumerate() {
            if session.user != user || index == which {
                continue;
            }
            if session.state == State::Live && replaces {
                session.state = State::Gone;
            } else if session.state == State::Absent && resumed.is_none() {
                session.state = State::Gone;
                session.ends_silently = true;
                resumed = Some(session.handle.id);
            }
        }
        assert_eq!(entered.resumed.map(|handle| handle.id), resumed);
        self.sessions[which].state = State::Live;
    }

    fn leave(&mut self, which: usize, fence: bool) {
        let Some(session) = self.sessions.get_mut(which) else {
            return;
        };
        let close_reason = DisconnectReason::ConnectionLost.into();
        let how = if fence { Fence::Now } else { Fence::AfterQueue };
        self.registry.leave(&session.handle, close_reason, how);
        session.ends_silently |= session.state == State::Pending;
        session.state = match session.state {
            State::Live if !fence => State::Leaving,
            State::Leaving if !fence => State::Leaving,
            // Nobody else takes it out of the indexes.
            State::Pending if !fence => {
                let refusal = RefusalKind::Timeout.into();
                self.registry.abandon(&session.handle, refusal);
                self.registry.leave(
                    &session.handle,
                    DisconnectReason::ConnectionLost.into(),
                    Fence::Now,
                );
                State::Gone
            }
            _ => State::Gone,
        };
    }

    fn renew(&mut self, which: usize, token: u8, issued_at: u64) {
        let Some(session) = self.sessions.get(which) else {
            return;
        };
        let renewed = self
            .registry
            .renew(&session.handle, facts(token, issued_at));
        let ended = (session.state != State::Live).then_some(RefusalKind::Unauthorized);
        let expected = ended.or(self.verdict(session.user, token, issued_at));
        assert_eq!(renewed.err().map(|refusal| refusal.kind()), expected);
        if expected.is_none() {
            let session = &mut self.sessions[which];
            (session.token, session.issued_at) = (token, issued_at);
        }
    }

    fn revoke(&mut self, whom: Whom, before: Option<u64>, ban: bool) {
        let Some(subject) = self.subject(whom) else {
            return;
        };
        let mut entry = Revocation::new(subject);
        entry.issued_before = before;
        if ban {
            entry.kind = RevocationKind::Ban;
        }
        let cut = self.registry.revoke(entry).cut();
        let mut expected = 0;
        for index in 0..self.sessions.len() {
            if self.is_meant(whom, index) {
                let session = &mut self.sessions[index];
                expected += usize::from(is_in(session.state));
                session.ends_silently |= session.state == State::Pending;
                session.state = State::Gone;
                assert!(
                    session.handle.write(|| ()).is_none(),
                    "a write after the fence"
                );
            }
        }
        assert_eq!(cut, expected);
        if !matches!(whom, Whom::Session(_)) {
            self.entries.push(Entry {
                subject: whom,
                before,
                ban,
            });
        }
    }

    fn check(&mut self) {
        while let Ok(departure) = self.game.departures.try_recv() {
            if !departure.may_come_back {
                self.departed.push(departure.handle.id.as_u64());
            }
        }
        let mut expected = BTreeSet::new();
        for session in &self.sessions {
            let state = session.state;
            let handle = &session.handle;
            assert_eq!(handle.is_live(), state == State::Live);
            assert_eq!(handle.is_absent(), state == State::Absent);
            assert_eq!(handle.is_pending(), state == State::Pending);
            let may_write = matches!(state, State::Live | State::Leaving);
            assert_eq!(handle.write(|| ()).is_some(), may_write, "{state:?}");
            if is_in(state) {
                expected.insert(handle.id);
            }
            if is_in(state) || state == State::Pending {
                let verdict = self.verdict(session.user, session.token, session.issued_at);
                assert_eq!(verdict, None, "a barred player is {state:?}");
            }
            let told = self.departed.iter().filter(|id| **id == handle.id.as_u64());
            let ended = matches!(state, State::Leaving | State::Gone) && !session.ends_silently;
            assert_eq!(told.count(), usize::from(ended), "{state:?}");
        }
        let everybody = self.registry.everybody();
        let found: BTreeSet<_> = everybody.iter().map(|handle| handle.id).collect();
        assert_eq!(found, expected);
        for user in 0..3 {
            let live = self
                .sessions
                .iter()
                .filter(|session| session.user == user && session.state == State::Live);
            assert!(live.count() <= self.per_user, "too many of a user");
        }
    }
}

fn is_in(state: State) -> bool {
    matches!(state, State::Live | State::Absent)
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Whom::User),
        3 => (0..4_u8).prop_map(Whom::Token),
        2 => (0..12_usize).prop_map(Whom::Session),
        1 => Just(Whom::Everyone),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let time = 0..6_u64;
    prop_oneof![
        6 => (0..3_u8, 0..4_u8, time.clone())
            .prop_map(|(user, token, issued_at)| Step::Admit { user, token, issued_at }),
        6 => (0..12_usize).prop_map(Step::Enter),
        1 => (0..12_usize).prop_map(Step::Abandon),
        2 => (0..12_usize, any::<bool>())
            .prop_map(|(session, fence)| Step::Leave { session, fence }),
        2 => (0..12_usize).prop_map(Step::Lose),
        2 => (0..12_usize, 0..4_u8, time.clone())
            .prop_map(|(session, token, issued_at)| Step::Renew { session, token, issued_at }),
        2 => (whom(), option::of(time), any::<bool>())
            .prop_map(|(subject, before, ban)| Step::Revoke { subject, before, ban }),
        2 => whom().prop_map(Step::Restore),
        1 => (0..3_u8).prop_map(Step::Kick),
    ]
}

fn policy() -> impl Strategy<Value = DuplicateLogin> {
    prop_oneof![
        Just(DuplicateLogin::KickOld),
        Just(DuplicateLogin::TakeOver),
        Just(DuplicateLogin::RejectNew),
        Just(DuplicateLogin::Allow),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn p04_p05_p06_the_registry_does_what_the_model_does(
        policy in policy(),
        steps in vec(step(), 1..40),
    ) {
        let mut both = Both::new(policy);
        for step in &steps {
            both.step(step);
        }
    }
}
