//! The players: each a connection that notes when it heard what.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::processes::SECRET;

/// What all players have heard.
#[derive(Default)]
pub struct Heard {
    /// Chat messages, over all players.
    pub messages: AtomicU64,
    /// How long each of them was on its way.
    pub delays: Mutex<Vec<Duration>>,
}

/// One player.
pub struct Player {
    /// Says something.
    pub say: mpsc::Sender<String>,
    /// When the connection ended, and with which close code.
    pub ended: tokio::sync::oneshot::Receiver<(Instant, u16)>,
}

fn token(user: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs());
    let claims = serde_json::json!({"sub": user, "jti": user, "iat": now, "exp": now + 3600});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("the key is good")
}

/// Connects; or the status of the refusal.
pub async fn join(
    to: SocketAddr,
    user: &str,
    begun: Instant,
    heard: Arc<Heard>,
) -> Result<Player, u16> {
    let mut request = format!("ws://{to}/ws")
        .into_client_request()
        .map_err(|_| 0_u16)?;
    let bearer = format!("Bearer {}", token(user))
        .parse()
        .map_err(|_| 0_u16)?;
    request.headers_mut().insert("Authorization", bearer);
    let stream = TcpStream::connect(to).await.map_err(|_| 0_u16)?;
    stream.set_nodelay(true).map_err(|_| 0_u16)?;
    let (mut socket, _) = client_async(request, stream)
        .await
        .map_err(|error| match error {
            Error::Http(answer) => answer.status().as_u16(),
            _ => 0,
        })?;
    let (say, mut words) = mpsc::channel::<String>(64);
    let (end, ended) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut code = 0;
        loop {
            tokio::select! {
                Some(text) = words.recv() => {
                    if socket.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => note(&heard, &text, begun),
                    Some(Ok(Message::Close(frame))) => {
                        code = frame.map_or(1005, |frame| frame.code.into());
                        break;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                }
            }
        }
        let _ = end.send((Instant::now(), code));
    });
    Ok(Player { say, ended })
}

/// A message carries when it was said.
fn note(heard: &Heard, text: &str, begun: Instant) {
    let said = text
        .rsplit_once("at ")
        .and_then(|(_, rest)| rest.trim_end_matches(['"', '}']).parse().ok());
    let Some(said) = said.map(Duration::from_micros) else {
        return;
    };
    heard.messages.fetch_add(1, Ordering::Relaxed);
    let delay = begun.elapsed().saturating_sub(said);
    heard
        .delays
        .lock()
        .expect("nobody panics with it")
        .push(delay);
}
