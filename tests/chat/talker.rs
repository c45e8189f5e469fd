//! A game with a chat, and somebody who talks.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bevy_app::AppExit;
use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// Whoever is called `mod-…` is a moderator, and `admin-…` an admin.
pub fn authenticator() -> impl Authenticator {
    JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .users(|claims: &Claims| {
            let id = claims.subject().clone();
            let roles = match id.as_str() {
                id if id.starts_with("mod-") => vec!["moderator"],
                id if id.starts_with("admin-") => vec!["admin"],
                "vip" => vec!["vip"],
                _ => vec![],
            };
            let user = User::new(id.clone(), format!("Name of {id}")).unwrap();
            Ok(Standing::Active(user.with_roles(roles).unwrap()))
        })
}

/// Nobody has to wait long.
pub fn options() -> ChatOptions {
    ChatOptions {
        burst: 100,
        presence_interval: Duration::from_millis(20),
        ..Default::default()
    }
}

/// A game with the rooms "a" and "b", and "vip" for those who have the role.
pub fn open(plugin: ChatPlugin) -> Game {
    open_with(config(), plugin)
}

pub fn open_with(mut config: BouncerConfig, plugin: ChatPlugin) -> Game {
    config = config.subprotocols([SUBPROTOCOL]);
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_plugins(plugin);
    });
    game.offer = Some(SUBPROTOCOL);
    let world = game.world();
    world.spawn(Room::open("a"));
    world.spawn(Room::open("b"));
    world.spawn(Room::new("vip", ByRole("vip".into())));
    game
}

pub fn chat(change: impl FnOnce(&mut ChatOptions)) -> Game {
    let mut options = options();
    change(&mut options);
    open(ChatPlugin::new(options).unwrap())
}

pub fn start() -> Game {
    chat(|_| ())
}

/// A user may be here several times.
pub fn with_sessions() -> Game {
    let mut config = config();
    config.limits.duplicate_login = DuplicateLogin::Allow;
    config.limits.connections_per_user = 3;
    open_with(config, ChatPlugin::new(options()).unwrap())
}

pub fn room(game: &mut Game, name: &str) -> Entity {
    let world = game.world();
    let mut rooms = world.query::<(Entity, &Room)>();
    let mut found = rooms.iter(world).filter(|(_, room)| room.name() == name);
    found.next().unwrap().0
}

/// Ends the app as a game does.
pub fn exit(mut game: Game) {
    game.world().write_message(AppExit::Success);
    game.tick();
}

/// No id is used twice, also not by another connection of a user.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Somebody who talks.
pub struct Talker {
    pub client: Client,
    /// What was heard and not looked at.
    pub heard: Vec<Value>,
    pub closed: Option<(u16, String)>,
}

impl Talker {
    /// Comes in, and hears hello.
    #[track_caller]
    pub fn join(game: &mut Game, user: &str) -> Self {
        let mut talker = Self::arrive(game, user);
        talker.hear(game, "hello");
        talker
    }

    #[track_caller]
    pub fn arrive(game: &mut Game, user: &str) -> Self {
        Self::over(game.join(user))
    }

    pub fn over(client: Client) -> Self {
        Self {
            client,
            heard: Vec::new(),
            closed: None,
        }
    }

    /// The same, and goes into room "a".
    #[track_caller]
    pub fn in_room(game: &mut Game, user: &str) -> Self {
        let mut talker = Self::join(game, user);
        talker.ack(game, json!({"op": "room.join", "room": "a"}));
        talker
    }

    /// One tick, and whatever comes then.
    pub fn listen(&mut self, game: &mut Game) {
        game.tick();
        loop {
            match self.client.hear_within(Duration::from_millis(1)) {
                Heard::Text(text) => self.heard.push(serde_json::from_str(&text).unwrap()),
                Heard::Closed(code, reason) => self.closed = Some((code, reason)),
                Heard::Nothing | Heard::Lost | Heard::Binary(_) => return,
            }
        }
    }

    /// The next message like this, whatever else was said before it.
    #[track_caller]
    pub fn find(&mut self, game: &mut Game, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.heard.iter().position(&like) {
                return self.heard.remove(place);
            }
            assert!(
                Instant::now() < deadline && self.closed.is_none(),
                "no {what}, but {:?} {:?}",
                self.heard,
                self.closed
            );
            self.listen(game);
        }
    }

    /// The next message with this op.
    #[track_caller]
    pub fn hear(&mut self, game: &mut Game, op: &str) -> Value {
        self.find(game, op, |message| message["op"] == op)
    }

    /// Everything that has come by now, after the server has answered something.
    #[track_caller]
    pub fn all(&mut self, game: &mut Game) -> Vec<Value> {
        self.ack(game, json!({"op": "room.list"}));
        std::mem::take(&mut self.heard)
    }

    pub fn send(&mut self, request: Value) {
        self.client.send(&request.to_string());
    }

    /// Asks, and returns the answer.
    #[track_caller]
    pub fn ask(&mut self, game: &mut Game, mut request: Value) -> Value {
        if request["id"].is_null() {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            request["id"] = format!("r{number}").into();
        }
        let id = request["id"].clone();
        self.send(request);
        self.find(game, "answer", |message| message["re"] == id)
    }

    #[track_caller]
    pub fn ack(&mut self, game: &mut Game, request: Value) -> Value {
        let answer = self.ask(game, request);
        assert_eq!(answer["op"], "ack", "{answer}");
        answer
    }

    /// Asks, and returns the error.
    #[track_caller]
    pub fn err(&mut self, game: &mut Game, request: Value) -> String {
        let answer = self.ask(game, request);
        assert_eq!(answer["op"], "err", "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Says something in room "a".
    #[track_caller]
    pub fn say(&mut self, game: &mut Game, text: &str) -> Value {
        self.ack(game, said(text))
    }

    /// What others said, in the order in which it came.
    #[track_caller]
    pub fn texts(&mut self, game: &mut Game) -> Vec<String> {
        let all = self.all(game).into_iter();
        let said = all.filter(|message| message["op"] == "chat.msg");
        said.map(|message| text_of(&message)).collect()
    }

    #[track_caller]
    pub fn close(&mut self, game: &mut Game) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(closed) = &self.closed {
                return closed.clone();
            }
            assert!(Instant::now() < deadline, "still open");
            self.listen(game);
        }
    }
}

pub fn said(text: &str) -> Value {
    json!({"op": "chat.send", "room": "a", "d": {"text": text}})
}

pub fn whispered(to: &str, text: &str) -> Value {
    json!({"op": "chat.whisper", "to": to, "d": {"text": text}})
}

pub fn text_of(message: &Value) -> String {
    message["d"]["text"]
        .as_str()
        .unwrap_or("(deleted)")
        .to_owned()
}
