//! One player: a connection in one room.

use std::{
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chat::SECRET;
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// All times are since then.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A player heard something.
pub struct Heard {
    pub player: usize,
    /// Which message, over all rooms.
    pub number: usize,
    /// Its number in the room.
    pub seq: u64,
    pub said: Instant,
    pub at: Instant,
}

pub struct Player {
    words: mpsc::Sender<String>,
    room: String,
}

impl Player {
    /// Comes in, and into the room.
    pub async fn join(
        to: SocketAddr,
        number: usize,
        room: String,
        heard: mpsc::UnboundedSender<Heard>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        LazyLock::force(&BEGUN);
        let mut request = format!("ws://{to}/ws").into_client_request()?;
        let bearer = format!("Bearer {}", token(number)?);
        request
            .headers_mut()
            .insert("Authorization", bearer.parse()?);
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", "bouncer.v1".parse()?);
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut socket, _) = client_async(request, stream).await?;
        let join = json!({"op": "room.join", "id": "join", "room": room});
        socket.send(Message::text(join.to_string())).await?;
        let (words, mut said) = mpsc::channel::<String>(64);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    text = said.recv() => match text {
                        Some(text) => if socket.send(Message::text(text)).await.is_err() { return },
                        None => return,
                    },
                    message = socket.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Some(message) = read(number, &text) {
                                let _ = heard.send(message);
                            }
                        }
                        Some(Ok(Message::Close(frame))) => panic!("u{number} is out: {frame:?}"),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    }
                }
            }
        });
        Ok(Self { words, room })
    }

    /// Says something with this number.
    pub async fn say(&self, number: usize) {
        let text = format!("{number} {}", BEGUN.elapsed().as_micros());
        let id = format!("m{number}");
        let message = json!({"op": "chat.send", "id": id, "room": self.room, "d": {"text": text}});
        // Whoever is out says so.
        let _ = self.words.send(message.to_string()).await;
    }
}

fn token(number: usize) -> jsonwebtoken::errors::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs());
    let claims = json!({"sub": format!("u{number}"), "iat": now, "exp": now + 3600});
    jsonwebtoken::encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(SECRET),
    )
}

fn read(player: usize, text: &str) -> Option<Heard> {
    if text.contains(r#""op":"err""#) {
        panic!("u{player} may not speak: {text}");
    }
    if !text.starts_with(r#"{"op":"chat.msg""#) {
        return None;
    }
    let message: Value = serde_json::from_str(text).ok()?;
    let (number, micros) = message["d"]["text"].as_str()?.split_once(' ')?;
    Some(Heard {
        player,
        number: number.parse().ok()?,
        seq: message["seq"].as_u64()?,
        said: *BEGUN + Duration::from_micros(micros.parse().ok()?),
        at: Instant::now(),
    })
}
