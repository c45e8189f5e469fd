//! A server in this process, with a store that can break.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use bevy_app::prelude::*;
use bevy_bouncer::{
    AdminPlugin, Admission, Authenticator, BouncerConfig, BouncerPlugin, HandshakeRequest, Refusal,
    Revocation, RevocationStore, StoreError, StoreFuture, Subject, User,
};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{
    self, WebSocket,
    client::{IntoClientRequest, client},
    handshake::client::Request,
};

use crate::http_client::{Answer, request};

pub const TOKEN: &str = "the-operators-token";
/// Most tickets that wait to be used.
pub const TICKETS: usize = 8;

/// How long the server waits for the answer to its Close.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Whoever names a user is that user.
pub struct Trusting;

impl Authenticator for Trusting {
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let name = request
            .credential()
            .ok_or_else(|| Refusal::unauthorized("no name"))?
            .expose();
        let user = User::new(name, name.to_uppercase())
            .and_then(|user| user.with_roles(["moderator"]))
            .map_err(|error| Refusal::unauthorized(error.to_string()))?;
        Ok(Admission::new(user).token_id(format!("token-of-{name}")))
    }
}

/// A store that can break, or hang.
#[derive(Clone, Default)]
pub struct Fragile {
    pub broken: Arc<AtomicBool>,
    pub stuck: Arc<AtomicBool>,
}

impl Fragile {
    fn answer(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            if self.stuck.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.broken.load(Ordering::SeqCst) {
                return Err(StoreError::Failed("disk full".to_owned()));
            }
            Ok(())
        })
    }
}

impl RevocationStore for Fragile {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
        self.answer()
    }
}

/// A running server with an admin API.
pub struct Server {
    pub game: SocketAddr,
    pub admin: SocketAddr,
    pub store: Fragile,
    stop: Arc<AtomicBool>,
    ticking: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Self {
        let store = Fragile::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, started) = mpsc::channel();
        let ticking = std::thread::spawn({
            let (store, stop) = (store.clone(), stop.clone());
            move || {
                let mut config = BouncerConfig::new("127.0.0.1:0");
                config.limits.replacements_per_minute = 1000;
                config.limits.tickets = TICKETS;
                config.limits.close_timeout = CLOSE_TIMEOUT;
                let door = BouncerPlugin::bind(config, Trusting)
                    .unwrap()
                    .revocations(store)
                    .unwrap();
                let admin = AdminPlugin::bind("127.0.0.1:0", TOKEN, door.bouncer()).unwrap();
                ready.send((door.local_addr(), admin.local_addr())).unwrap();
                let mut app = App::new();
                app.add_plugins((door, admin));
                app.finish();
                app.cleanup();
                while !stop.load(Ordering::SeqCst) {
                    app.update();
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let (game, admin) = started.recv().unwrap();
        Self {
            game,
            admin,
            store,
            stop,
            ticking: Some(ticking),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        request(self.admin, "GET", path, Some(&bearer()), "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    pub fn post_text(&self, path: &str, body: &str) -> Answer {
        request(self.admin, "POST", path, Some(&bearer()), body)
    }

    /// Comes in as this user, or says with which status that was refused.
    pub fn join(&self, user: &str) -> Result<WebSocket<TcpStream>, u16> {
        let mut request = format!("ws://{}/ws", self.game)
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("Authorization", format!("Bearer {user}").parse().unwrap());
        self.open(request)
    }

    /// Comes in with this ticket, or says with which status that was refused.
    pub fn join_with_ticket(&self, ticket: &str) -> Result<WebSocket<TcpStream>, u16> {
        let url = format!("ws://{}/ws?ticket={ticket}", self.game);
        self.open(url.into_client_request().unwrap())
    }

    fn open(&self, request: Request) -> Result<WebSocket<TcpStream>, u16> {
        let stream = TcpStream::connect(self.game).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        match client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(ticking) = self.ticking.take() {
            let ended = ticking.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// What a request of the operator carries.
pub fn bearer() -> String {
    format!("Bearer {TOKEN}")
}
