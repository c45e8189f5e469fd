//! A real app with a real listener, ticked by the test, and real clients.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod log;
mod standstill;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bevy_app::App;
use bevy_bouncer::*;
use bevy_ecs::{prelude::*, system::RunSystemOnce};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket, client::IntoClientRequest, handshake::client::Request,
    protocol::CloseFrame,
};

#[allow(unused_imports, reason = "each test file uses its part")]
pub use standstill::{Standstill, one_network_thread};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const SECRET: &[u8] =
    b"a secret of the tests, long enough for any HMAC: 0123456789abcdefghijklmnopq";
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "game";

pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

/// The claims of a good token.
pub fn claims(user: &str) -> Value {
    let now = unix_now();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": user,
        "iat": now, "exp": now + 3600, "jti": format!("token-of-{user}"),
    })
}

pub fn sign(claims: &Value) -> String {
    jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        claims,
        &jsonwebtoken::EncodingKey::from_secret(SECRET),
    )
    .unwrap()
}

/// A good token.
pub fn token(user: &str) -> String {
    sign(&claims(user))
}

/// Counts of what the ECS has seen of players, from hooks and observers.
#[derive(Resource, Default)]
pub struct Seen {
    pub joined: Vec<(Entity, String)>,
    pub left: Vec<(Entity, DisconnectReason)>,
    /// Component hooks and lifecycle observers that ran for identity components.
    pub hooks: usize,
    pub frames: Vec<(Entity, Payload)>,
    pub arriving: usize,
}

/// An app that the test ticks.
pub struct Game {
    pub app: App,
    pub address: SocketAddr,
    pub bouncer: Bouncer,
    /// The subprotocol that players offer.
    pub offer: Option<&'static str>,
}

/// The answer to an HTTP request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The `error` member of a refusal.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// The tokens and users of most tests: everybody called `player-…` or `stress-…` exists.
pub fn authenticator() -> impl Authenticator {
    JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .users(|claims: &Claims| {
            let id = claims.subject();
            Ok(match id.as_str() {
                "barred" => Standing::Barred,
                known if known.starts_with("player-") => Standing::active(
                    User::new(id.clone(), format!("Name of {id}")).expect("a valid user"),
                ),
                _ => Standing::Missing,
            })
        })
}

pub fn config() -> BouncerConfig {
    let mut config = BouncerConfig::new("127.0.0.1:0")
        .origins(["https://game.example"])
        .subprotocols(["game.v1"]);
    config.limits.connections_per_ip = 20_000;
    config.limits.handshakes_per_ip_per_minute = 1_000_000;
    config
}

impl Game {
    pub fn start() -> Self {
        Self::with(config())
    }

    pub fn with(config: BouncerConfig) -> Self {
        Self::open(BouncerPlugin::bind(config, authenticator()).unwrap())
    }

    /// The defaults but for some limits.
    pub fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = config();
        change(&mut config.limits);
        Self::with(config)
    }

    pub fn open(door: BouncerPlugin) -> Self {
        Self::open_with(door, |_| ())
    }

    /// With more plugins.
    pub fn open_with(door: BouncerPlugin, add: impl FnOnce(&mut App)) -> Self {
        let (address, bouncer) = (door.local_addr(), door.bouncer());
        let mut app = App::new();
        app.init_resource::<Seen>()
            .add_plugins(door)
            .add_observer(
                |joined: On<Add<User>>, users: Query<&User>, mut seen: ResMut<Seen>| {
                    let id = users.get(joined.entity).unwrap().id().to_string();
                    seen.joined.push((joined.entity, id));
                    seen.hooks += 1;
                },
            )
            .add_observer(|_: On<Add<Connection>>, mut seen: ResMut<Seen>| seen.hooks += 1)
            .add_observer(|_: On<Arriving>, mut seen: ResMut<Seen>| seen.arriving += 1)
            .add_observer(|left: On<Disconnected>, mut seen: ResMut<Seen>| {
                seen.left.push((left.entity, left.reason));
            })
            .add_systems(
                bevy_app::Update,
                |mut frames: MessageReader<ClientFrame>, mut seen: ResMut<Seen>| {
                    let read = frames
                        .read()
                        .map(|frame| (frame.entity, frame.payload.clone()));
                    seen.frames.extend(read);
                },
            );
        add(&mut app);
        app.finish();
        app.cleanup();
        Self {
            app,
            address,
            offer: None,
            bouncer,
        }
    }

    pub fn tick(&mut self) {
        self.app.update();
    }

    pub fn world(&mut self) -> &mut World {
        self.app.world_mut()
    }

    pub fn seen(&self) -> &Seen {
        self.app.world().resource::<Seen>()
    }

    pub fn players(&self) -> usize {
        self.app.world().resource::<Players>().len()
    }

    /// Player entities, whatever the bookkeeping says.
    pub fn entities(&mut self) -> usize {
        let world = self.app.world_mut();
        world
            .query_filtered::<Entity, Or<(With<User>, With<Connection>)>>()
            .iter(world)
            .count()
    }

    /// Ticks until the condition holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, condition: impl Fn(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "timed out: {what}");
            self.tick();
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ticks while a client does something on a thread of its own.
    #[track_caller]
    pub fn during<R: Send + 'static>(&mut self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let worker = thread::spawn(work);
        let deadline = Instant::now() + PATIENCE * 3;
        while !worker.is_finished() {
            assert!(Instant::now() < deadline, "timed out");
            self.tick();
            thread::sleep(Duration::from_millis(1));
        }
        worker.join().unwrap()
    }

    /// Connects with a good token and expects to be let in.
    #[track_caller]
    pub fn join(&mut self, user: &str) -> Client {
        self.connect(&token(user))
            .unwrap_or_else(|answer| panic!("{user} was refused: {answer:?}"))
    }

    /// Connects players 0 to `count` at the same time, and expects all of them to be let in.
    pub fn join_together(&mut self, count: usize) -> Vec<Client> {
        let address = self.address;
        self.during(move || {
            let join = |number| {
                let token = token(&format!("player-{number}"));
                thread::spawn(move || Client::connect(address, &token).unwrap())
            };
            let joining: Vec<_> = (0..count).map(join).collect();
            let joined = joining.into_iter().map(|one| one.join().unwrap());
            joined.collect()
        })
    }

    /// Connects with this bearer token.
    pub fn connect(&mut self, token: &str) -> Result<Client, Answer> {
        let (address, token) = (self.address, token.to_owned());
        let offer = self.offer;
        self.during(move || Client::connect_with(address, &token, offer))
    }

    /// Sends these bytes and reads everything that comes back.
    pub fn raw(&mut self, request: impl Into<Vec<u8>>) -> Option<Answer> {
        let (address, request) = (self.address, request.into());
        self.during(move || raw(address, &request))
    }

    pub fn entity_of(&self, user_id: &str) -> Entity {
        self.app.world().resource::<Players>().of(&user(user_id))[0]
    }

    /// Gives a command about a player.
    pub fn command(&mut self, player: Entity, give: impl FnOnce(&mut EntityCommands<'_>)) {
        let world = self.world();
        give(&mut world.commands().entity(player));
        world.flush();
    }

    /// Ends a player's session in order.
    pub fn disconnect(&mut self, player: Entity, reason: DisconnectReason) {
        self.command(player, |player| _ = player.disconnect(reason, None));
    }

    /// Runs a system once, outside of the schedule.
    pub fn run<M, O: 'static>(&mut self, system: impl IntoSystem<(), O, M> + 'static) -> O {
        self.world().run_system_once(system).unwrap()
    }
}

/// One request on a connection of its own, and all that comes back.
pub fn raw(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server that has answered may be gone already.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Answer::parse(&bytes)
}

/// A well-formed upgrade with these additional lines.
pub fn upgrade(lines: &[&str]) -> String {
    let mut request = String::from(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    for line in lines {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request + "\r\n"
}

/// A WebSocket client.
pub struct Client<S = TcpStream> {
    pub socket: WebSocket<S>,
}

/// What a client speaks through.
pub trait Line: Read + Write {
    fn tcp(&self) -> &TcpStream;
}

impl Line for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Closed(u16, String),
    /// The connection ended without a Close.
    Lost,
    Nothing,
}

impl Client {
    pub fn connect(address: SocketAddr, token: &str) -> Result<Self, Answer> {
        Self::connect_with(address, token, None)
    }

    /// Offers a subprotocol.
    pub fn connect_with(
        address: SocketAddr,
        token: &str,
        offer: Option<&'static str>,
    ) -> Result<Self, Answer> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
        if let Some(offer) = offer {
            let offer = offer.parse().unwrap();
            request
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", offer);
        }
        Self::with_request(address, request)
    }

    pub fn with_request(address: SocketAddr, request: Request) -> Result<Self, Answer> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream, request)
    }
}

impl<S: Line> Client<S> {
    /// Asks to come in over this line.
    pub fn over(stream: S, request: Request) -> Result<Self, Answer> {
        match tungstenite::client::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                Err(Answer {
                    status: response.status().as_u16(),
                    head: format!("{:?}", response.headers()),
                    body: String::from_utf8(body).unwrap(),
                })
            }
            Err(error) => Err(Answer {
                status: 0,
                head: error.to_string(),
                body: String::new(),
            }),
        }
    }

    pub fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The next thing that the server says, within this time.
    pub fn hear_within(&mut self, patience: Duration) -> Heard {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            self.socket
                .get_ref()
                .tcp()
                .set_read_timeout(Some(left))
                .unwrap();
            return match self.socket.read() {
                Ok(Message::Text(text)) => Heard::Text(text.to_string()),
                Ok(Message::Binary(bytes)) => Heard::Binary(bytes.to_vec()),
                Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                    let heard = Heard::Closed(code.into(), reason.to_string());
                    let _ = self.socket.flush();
                    let _ = self.socket.get_ref().tcp().shutdown(Shutdown::Write);
                    heard
                }
                Ok(Message::Close(None)) => Heard::Closed(1005, String::new()),
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    Heard::Nothing
                }
                Err(_) => Heard::Lost,
            };
        }
    }

    pub fn hear(&mut self) -> Heard {
        self.hear_within(PATIENCE)
    }

    /// Waits until the server has taken everything that was sent: it answers a ping after it.
    pub fn settle(&mut self) {
        self.socket.send(Message::Ping("settle".into())).unwrap();
        self.socket
            .get_ref()
            .tcp()
            .set_read_timeout(Some(PATIENCE))
            .unwrap();
        while self.socket.read().unwrap() != Message::Pong("settle".into()) {}
    }

    /// Reads on until the close, and returns its code.
    #[track_caller]
    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.hear() {
                Heard::Closed(code, _) => return code,
                Heard::Text(_) | Heard::Binary(_) => {}
                other => panic!("no close but {other:?}"),
            }
        }
    }
}

/// A client that has connected and then never reads again. Its receive buffer is small.
pub fn deaf_client(game: &mut Game, user: &str) -> TcpStream {
    let (address, token) = (game.address, token(user));
    game.during(move || {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream: TcpStream = socket.into();
        let authorization = format!("Authorization: Bearer {token}");
        stream
            .write_all(upgrade(&[&authorization]).as_bytes())
            .unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream
    })
}

/// Waits for something of the library's, outside of its runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
