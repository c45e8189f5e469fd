//! The operator's HTTP API, in process: who may ask, what may be asked, and when it is answered.
#![cfg(feature = "admin")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bevy_app::prelude::*;
use bevy_bouncer::{
    AdminError, AdminPlugin, Admission, Authenticator, BouncerConfig, BouncerPlugin,
    HandshakeRequest, Refusal, Revocation, RevocationStore, StoreError, StoreFuture, Subject, User,
};
use http_client::{Answer, exchange, request};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::{IntoClientRequest, client},
    protocol::CloseFrame,
};

mod http_client;

const TOKEN: &str = "the-operators-token";

/// Whoever names a user is that user.
struct Trusting;

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
struct Fragile {
    broken: Arc<AtomicBool>,
    stuck: Arc<AtomicBool>,
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
    fn put<'a>(&'a self, _: &'a Revocation) -> StoreFuture<'a, ()> {
        self.answer()
    }
    fn remove<'a>(&'a self, _: &'a Subject) -> StoreFuture<'a, ()> {
        self.answer()
    }
}

/// A running server with an admin API.
struct Server {
    game: SocketAddr,
    admin: SocketAddr,
    store: Fragile,
    stop: Arc<AtomicBool>,
    ticking: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let store = Fragile::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, started) = mpsc::channel();
        let ticking = std::thread::spawn({
            let (store, stop) = (store.clone(), stop.clone());
            move || {
                let mut config = BouncerConfig::new("127.0.0.1:0");
                config.limits.replacements_per_minute = 1000;
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

    fn get(&self, path: &str) -> Answer {
        request(self.admin, "GET", path, Some(&bearer()), "")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    fn post_text(&self, path: &str, body: &str) -> Answer {
        request(self.admin, "POST", path, Some(&bearer()), body)
    }

    /// Comes in as this user, or says with which status that was refused.
    fn join(&self, user: &str) -> Result<WebSocket<TcpStream>, u16> {
        let mut request = format!("ws://{}/ws", self.game)
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("Authorization", format!("Bearer {user}").parse().unwrap());
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

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// The code and the words of the Close that comes next.
fn farewell(socket: &mut WebSocket<TcpStream>) -> (u16, String) {
    loop {
        if let Message::Close(close) = socket.read().unwrap() {
            let CloseFrame { code, reason } = close.unwrap();
            return (code.into(), reason.as_str().to_owned());
        }
    }
}

#[test]
fn health_needs_no_token_and_everything_else_does() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let answer = request(server.admin, "GET", path, None, "");
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})));
    }
    let wrong = format!("Bearer {TOKEN}!");
    let basic = format!("Basic {TOKEN}");
    let guarded = [
        ("GET", "/v1/players"),
        ("POST", "/v1/revoke"),
        ("POST", "/v1/restore"),
        ("POST", "/v1/kick"),
        ("POST", "/v1/drain"),
        ("GET", "/v1/revoke"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1"),
        ("GET", "/metrics"),
    ];
    for (method, path) in guarded {
        for authorization in [
            None,
            Some("Bearer "),
            Some("Bearer"),
            Some(TOKEN),
            Some(&wrong),
            Some(&basic),
        ] {
            let answer = request(
                server.admin,
                method,
                path,
                authorization,
                r#"{"user":"ann"}"#,
            );
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (401, "unauthorized"),
                "{method} {path}"
            );
            assert!(answer.has_header("WWW-Authenticate: Bearer"));
            assert!(answer.has_header("Content-Type: application/json"));
        }
    }
    let lower_case = request(
        server.admin,
        "GET",
        "/v1/players",
        Some(&format!("bearer {TOKEN}")),
        "",
    );
    assert_eq!(lower_case.status, 200, "the scheme's case does not matter");
}

#[test]
fn two_authorization_fields_are_none() {
    let server = Server::start();
    let twice = format!(
        "GET /v1/players HTTP/1.1\r\nHost: a\r\nAuthorization: {0}\r\nAuthorization: {0}\r\n\r\n",
        bearer()
    );
    assert_eq!(exchange(server.admin, twice.as_bytes()).status, 401);
}

#[test]
fn paths_and_methods_that_do_not_exist_are_told_so_in_json() {
    let server = Server::start();
    let cases = [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/v1/revoke", 405, "method_not_allowed"),
        ("POST", "/v1/players", 405, "method_not_allowed"),
        ("GET", "/metrics", 501, "not_built"),
        ("POST", "/v1/drain", 501, "not_built"),
    ];
    for (method, path, status, error) in cases {
        let answer = request(server.admin, method, path, Some(&bearer()), "");
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (status, error),
            "{method} {path}"
        );
    }
    assert!(server.get("/v1/revoke").has_header("Allow: POST"));
}

#[test]
fn a_body_that_breaks_a_rule_is_400_and_names_it() {
    let server = Server::start();
    let long = "x".repeat(201);
    let subjects = "exactly one of user, token_id, session, everyone is required";
    let now = unix_now();
    let cases = [
        ("/v1/revoke", json!({}), subjects),
        (
            "/v1/revoke",
            json!({"user": "ann", "everyone": true}),
            subjects,
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "token_id": "t"}),
            subjects,
        ),
        ("/v1/revoke", json!({"session": 1, "user": "ann"}), subjects),
        ("/v1/revoke", json!({"everyone": false}), subjects),
        (
            "/v1/revoke",
            json!({"issued_before": now, "ban": true}),
            subjects,
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "banned": true}),
            "unknown field `banned`",
        ),
        (
            "/v1/revoke",
            json!({"user": ""}),
            "user: a user id has 1 to 128 bytes",
        ),
        ("/v1/revoke", json!({"user": 7}), "invalid type"),
        ("/v1/revoke", json!({"token_id": ""}), "token_id: "),
        (
            "/v1/revoke",
            json!({"user": "ann", "reason": long}),
            "reason: ",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "reason": "a\nb"}),
            "reason: ",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "until": now - 10}),
            "until must be in the future",
        ),
        (
            "/v1/revoke",
            json!({"user": "ann", "until": -1}),
            "invalid value",
        ),
        (
            "/v1/revoke",
            json!({"session": 1, "ban": true}),
            "a session bars nobody",
        ),
        (
            "/v1/revoke",
            json!(["ann"]),
            "the body must be a JSON object",
        ),
        (
            "/v1/restore",
            json!({}),
            "exactly one of user, token_id, everyone is required",
        ),
        (
            "/v1/restore",
            json!({"user": "ann", "everyone": true}),
            "exactly one of",
        ),
        (
            "/v1/restore",
            json!({"user": "ann", "ban": true}),
            "unknown field `ban`",
        ),
        ("/v1/kick", json!({}), "user is required"),
        (
            "/v1/kick",
            json!({"everyone": true}),
            "unknown field `everyone`",
        ),
        (
            "/v1/kick",
            json!({"user": "ann", "reason": long}),
            "reason: ",
        ),
    ];
    for (path, body, rule) in cases {
        let answer = server.post(path, &body);
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "bad_request"),
            "{path} {body}"
        );
        assert!(
            answer.message().starts_with(rule),
            "{} for {body}",
            answer.message()
        );
    }
    for broken in [
        "",
        "{",
        r#"{"user":"ann"} x"#,
        r#"{"user":"ann","user":"ben"}"#,
    ] {
        let answer = server.post_text("/v1/revoke", broken);
        assert_eq!(answer.status, 400, "{broken:?}");
    }
    assert_eq!(
        server.join("ann").err(),
        None,
        "none of these had an effect"
    );
}

#[test]
fn a_body_above_16_kib_is_413() {
    let server = Server::start();
    for kib in [17, 100] {
        let body = json!({"user": "a".repeat(kib * 1024)});
        let answer = server.post("/v1/revoke", &body);
        assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"));
    }
}

#[test]
fn a_client_that_is_still_writing_when_the_answer_comes_is_not_reset() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.admin).unwrap();
    let head = "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n";
    for part in [head, r#"{"user":"#, r#""player-1"}"#] {
        stream
            .write_all(part.as_bytes())
            .expect("the server still reads");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn an_unknown_user_is_fine() {
    let server = Server::start();
    for path in ["/v1/revoke", "/v1/restore", "/v1/kick"] {
        let answer = server.post(path, &json!({"user": "nobody"}));
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({"ok": true, "cut": 0}))
        );
    }
}

#[test]
fn players_lists_who_is_in() {
    let server = Server::start();
    assert_eq!(server.get("/v1/players").json(), json!({"players": []}));
    let ann = server.join("ann").unwrap();
    let answer = server.get("/v1/players");
    let player = &answer.json()["players"][0];
    assert_eq!(player["user"], "ann");
    assert_eq!(player["name"], "ANN");
    assert_eq!(player["roles"], json!(["moderator"]));
    assert_eq!(
        player["peer"],
        ann.get_ref().local_addr().unwrap().to_string()
    );
    assert!(player["session"].is_u64());
}

#[test]
fn revoke_cuts_and_bars_until_restore() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let mut ben = server.join("ben").unwrap();
    let answer = server.post("/v1/revoke", &json!({"user": "ann", "reason": "stolen"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(
        farewell(&mut ann),
        (4101, "token_revoked: stolen".to_owned())
    );
    assert_eq!(server.join("ann").err(), Some(401));
    ben.send(Message::text("still here")).unwrap();

    assert_eq!(
        server.post("/v1/restore", &json!({"user": "ann"})).status,
        200
    );
    assert!(server.join("ann").is_ok());
}

#[test]
fn a_ban_says_so_and_ends_when_it_is_over() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let until = unix_now() + 3;
    let answer = server.post(
        "/v1/revoke",
        &json!({"user": "ann", "ban": true, "until": until}),
    );
    assert_eq!(answer.json(), json!({"ok": true, "cut": 1}));
    assert_eq!(farewell(&mut ann).0, 4403);
    assert_eq!(server.join("ann").err(), Some(403));
    let patience = Instant::now() + Duration::from_secs(10);
    while server.join("ann").is_err() {
        assert!(Instant::now() < patience, "the ban never ends");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(unix_now() >= until);
}

#[test]
fn a_token_a_session_and_everyone_are_subjects() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let mut ben = server.join("ben").unwrap();
    let answer = server.post("/v1/revoke", &json!({"token_id": "token-of-ann"}));
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));

    let session = server.get("/v1/players").json()["players"][0]["session"].clone();
    let answer = server.post("/v1/revoke", &json!({"session": session}));
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ben).0, 4101);
    assert!(server.join("ben").is_ok(), "a session's end bars nobody");

    assert_eq!(
        server.post("/v1/revoke", &json!({"everyone": true})).status,
        200
    );
    assert_eq!(server.join("cid").err(), Some(401));
    assert_eq!(
        server
            .post("/v1/restore", &json!({"everyone": true}))
            .status,
        200
    );
    assert!(server.join("cid").is_ok());
    assert_eq!(
        server.join("ann").err(),
        Some(401),
        "the token has its own entry"
    );
}

#[test]
fn issued_before_bars_older_tokens_only() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    // The test's tokens have no `iat`, so they count as older than everything.
    let answer = server.post("/v1/revoke", &json!({"user": "ann", "issued_before": 1}));
    assert_eq!(answer.json(), json!({"ok": true, "cut": 1}));
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}

#[test]
fn kick_ends_a_session_and_bars_nobody() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    let answer = server.post("/v1/kick", &json!({"user": "ann", "reason": "be nice"}));
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"ok": true, "cut": 1}))
    );
    assert_eq!(farewell(&mut ann), (4004, "kicked: be nice".to_owned()));
    assert!(server.join("ann").is_ok());
}

#[test]
fn a_failing_store_is_503_and_the_fence_is_kept() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    server.store.broken.store(true, Ordering::SeqCst);
    let answer = server.post("/v1/revoke", &json!({"user": "ann"}));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "store_unavailable")
    );
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}

#[test]
fn a_store_that_hangs_is_503_in_time_and_the_fence_is_kept() {
    let server = Server::start();
    let mut ann = server.join("ann").unwrap();
    server.store.stuck.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    let answer = server.post("/v1/revoke", &json!({"user": "ann"}));
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (503, "store_unavailable")
    );
    assert_eq!(answer.json()["cut"], 1);
    assert_eq!(farewell(&mut ann).0, 4101);
    assert_eq!(server.join("ann").err(), Some(401));
}

#[test]
fn a_client_that_sends_no_head_is_closed() {
    let server = Server::start();
    let started = Instant::now();
    let answer = exchange(server.admin, b"GET /healthz HTTP/1.1\r\n");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!([0, 408].contains(&answer.status));
}

#[test]
fn silent_clients_take_the_places_only_for_a_while() {
    let server = Server::start();
    let silent: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(server.admin).unwrap())
        .collect();
    let asked = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    let waited = asked.elapsed();
    assert!(waited > Duration::from_secs(1), "all places were taken");
    assert!(waited < Duration::from_secs(10));
    drop(silent);
}

#[test]
fn what_cannot_be_served_is_an_error_before_the_app_runs() {
    let door = BouncerPlugin::bind(BouncerConfig::new("127.0.0.1:0"), Trusting).unwrap();
    let bind = |address: &str, token: &str| AdminPlugin::bind(address, token, door.bouncer());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    assert!(matches!(bind(&taken, TOKEN), Err(AdminError::Bind { .. })));
    assert!(matches!(bind("localhost", TOKEN), Err(AdminError::Address)));
    assert!(matches!(
        bind(&door.local_addr().to_string(), TOKEN),
        Err(AdminError::GameAddress)
    ));
    for token in [
        "",
        "fifteen-bytes-x",
        "with a space in between",
        "ümlaut-in-the-token",
    ] {
        let error = bind("127.0.0.1:0", token).unwrap_err();
        assert!(matches!(error, AdminError::Token));
        assert!(token.is_empty() || !error.to_string().contains(token));
    }
    let plugin = bind("127.0.0.1:0", TOKEN).unwrap();
    assert!(!format!("{plugin:?}").contains(TOKEN));
}
