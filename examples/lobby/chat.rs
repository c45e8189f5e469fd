//! The lobby itself: who is here, and what they say. Everything in here uses only what any game
//! could use.
//!
//! | server → client | |
//! |---|---|
//! | `{"op":"hello","user":{…},"players":[…],"history":[…],"beat_ms":10000}` | first, to the one who joined |
//! | `{"op":"joined","user":{…}}`, `{"op":"left","user":"u-1","reason":"client_closed"}` | to the others |
//! | `{"op":"chat.msg","seq":412,"ts":1767225600123,"from":{"id":"u-1","name":"Ann"},"d":{"text":"hi"}}` | to all |
//! | `{"op":"ack","re":"c1","seq":412}`, `{"op":"err","re":"c1","code":"too_fast","message":"…","retry_ms":800}` | to the sender |
//! | `{"op":"beat"}` | to all, so that a page can tell silence from a dead line |
//!
//! The only thing that a client sends is `{"op":"chat.send","id":"c1","d":{"text":"hi"}}`. It does
//! not say who it is: the server knows.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bevy::{prelude::*, time::common_conditions::on_timer};
use bevy_bouncer::{ClientFrame, Disconnected, Outbox, User, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{api::user_json, plain_text::plain_text, rate_limit::RateLimit};

/// Messages that somebody who joins can still read.
const HISTORY: usize = 50;
/// Longest message in characters.
const TEXT_CHARACTERS: usize = 500;
/// Longest id that a client may give a message, in bytes.
const MESSAGE_ID_BYTES: usize = 64;
/// Messages that one user may send at once,
const BURST: u32 = 5;
/// and one more in this time.
const PERIOD: Duration = Duration::from_secs(1);
/// Users whose messages are counted at the same time.
const COUNTED_USERS: usize = 10_000;
/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(10);

/// The players' list and the chat.
pub struct LobbyChatPlugin;

impl Plugin for LobbyChatPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Chat>()
            .add_observer(greet)
            .add_observer(say_goodbye)
            .add_systems(Update, (answer, beat.run_if(on_timer(BEAT))));
    }
}

/// What was said, and how fast everybody talks.
#[derive(Resource)]
struct Chat {
    next_number: u64,
    history: VecDeque<Value>,
    pace: RateLimit<UserId>,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            next_number: 1,
            history: VecDeque::with_capacity(HISTORY),
            pace: RateLimit::new(BURST, PERIOD, COUNTED_USERS),
        }
    }
}

fn greet(joined: On<Add, User>, users: Query<&User>, chat: Res<Chat>, mut outbox: Outbox) {
    let Ok(user) = users.get(joined.entity) else {
        return;
    };
    let players: Vec<_> = users.iter().map(user_json).collect();
    let hello = json!({
        "op": "hello",
        "user": user_json(user),
        "players": players,
        "history": chat.history,
        "beat_ms": BEAT.as_millis() as u64,
    });
    outbox.send(joined.entity, hello.to_string());
    let joins = json!({ "op": "joined", "user": user_json(user) });
    outbox.broadcast_except(joined.entity, joins.to_string());
}

fn say_goodbye(left: On<Disconnected>, users: Query<&User>, mut outbox: Outbox) {
    if let Ok(user) = users.get(left.entity) {
        let leaves = json!({ "op": "left", "user": user.id(), "reason": left.reason.code() });
        outbox.broadcast_except(left.entity, leaves.to_string());
    }
}

fn answer(
    mut frames: MessageReader<ClientFrame>,
    users: Query<&User>,
    mut chat: ResMut<Chat>,
    mut outbox: Outbox,
) {
    for frame in frames.read() {
        let Ok(user) = users.get(frame.entity) else {
            continue;
        };
        match chat.say(user, frame.payload.as_text()) {
            Ok(said) => {
                outbox.broadcast(said.message);
                outbox.send(frame.entity, said.acknowledgement);
            }
            Err(complaint) => {
                outbox.send(frame.entity, complaint.to_string());
            }
        }
    }
}

fn beat(mut outbox: Outbox) {
    outbox.broadcast(r#"{"op":"beat"}"#);
}

/// What a client sends. Fields that are not listed are ignored.
#[derive(Deserialize)]
struct Request {
    op: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    d: Content,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    text: String,
}

/// A message that went through: for all, and for the sender.
struct Said {
    message: String,
    acknowledgement: String,
}

impl Chat {
    /// Takes one message of a user, or says what is wrong with it.
    fn say(&mut self, user: &User, frame: Option<&str>) -> Result<Said, Value> {
        let request = frame.and_then(|text| serde_json::from_str::<Request>(text).ok());
        let Some(request) = request else {
            return Err(complaint("", "bad_request", "This is not a request."));
        };
        let Request { op, id, d } = request;
        if id.len() > MESSAGE_ID_BYTES {
            return Err(complaint("", "bad_request", "The id is too long."));
        }
        if op != "chat.send" {
            return Err(complaint(&id, "unknown_op", "There is no such operation."));
        }
        let text = plain_text(&d.text, TEXT_CHARACTERS)
            .map_err(|rule| complaint(&id, "bad_text", &format!("Not sent. {rule}")))?;
        self.pace
            .try_at(user.id().clone(), Instant::now())
            .map_err(|wait| {
                let mut slower = complaint(&id, "too_fast", "Not sent. You write too fast.");
                slower["retry_ms"] = json!(wait.as_millis() as u64);
                slower
            })?;
        Ok(self.publish(user, text, &id))
    }

    fn publish(&mut self, user: &User, text: &str, id: &str) -> Said {
        let number = self.next_number;
        self.next_number += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let message = json!({
            "op": "chat.msg",
            "seq": number,
            "ts": now.unwrap_or_default().as_millis() as u64,
            "from": { "id": user.id(), "name": user.name() },
            "d": { "text": text },
        });
        let said = Said {
            message: message.to_string(),
            acknowledgement: json!({ "op": "ack", "re": id, "seq": number }).to_string(),
        };
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(message);
        said
    }
}

fn complaint(id: &str, code: &str, message: &str) -> Value {
    json!({ "op": "err", "re": id, "code": code, "message": message })
}
