//! What one step costs: the verification of a token, the encoding of a message, the registry's work.
//!
//! The parts that are not public are compiled in from the library's own source files.

#![allow(
    dead_code,
    unused_imports,
    reason = "only a part of these modules is measured"
)]

mod config {
    pub use bevy_bouncer::{DuplicateLogin, Limits};
}
#[path = "../src/connection"]
mod connection {
    mod handle;
    pub(crate) use handle::{Fence, Handle, Left};
}
#[path = "../src/identity"]
mod identity {
    mod close_reason;
    mod owned_components;
    mod token_facts;
    pub use bevy_bouncer::{ConnectionId, Payload, Refusal, RefusalKind, User, UserId};
    pub(crate) use close_reason::{CloseReason, DisconnectReason};
    pub(crate) use owned_components::OwnedComponents;
    pub(crate) use token_facts::TokenFacts;
}
#[path = "../src/registry"]
mod registry {
    mod duplicate_login;
    mod session_index;
    pub(crate) use session_index::SessionIndex;
}
#[path = "../src/revocation"]
mod revocation {
    mod list;
    pub use bevy_bouncer::{Revocation, RevocationKind, StoreError, Subject};
    pub(crate) use list::BarredList;
}
#[path = "../src/util"]
mod util {
    mod clock;
    mod lock;
    pub(crate) use clock::microseconds;
    pub(crate) use lock::{Mutex, MutexGuard, lock};
}

#[path = "../src/websocket"]
mod websocket {
    pub mod frame;
    mod header;

    #[derive(Debug)]
    pub(crate) enum ReadError {
        Protocol,
    }
}

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bevy_bouncer::{JwtAuthenticator, Limits, Payload, Revocation, Subject, User};
use connection::Handle;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use identity::TokenFacts;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use registry::SessionIndex;
use serde_json::json;

const PLAYERS: usize = 5000;
const SECRET: &[u8] = b"a secret of the benchmark, 32 bytes or longer";

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn sign(algorithm: Algorithm, key: &EncodingKey) -> String {
    let now = unix_now();
    let claims =
        json!({ "sub": "player-1", "aud": "game", "iat": now, "exp": now + 3600, "jti": "1" });
    jsonwebtoken::encode(&Header::new(algorithm), &claims, key).unwrap()
}

fn verification(criterion: &mut Criterion) {
    let public = |pem: &[u8]| JwtAuthenticator::public_key_pem(pem).unwrap();
    let cases = [
        (
            "HS256",
            sign(Algorithm::HS256, &EncodingKey::from_secret(SECRET)),
            JwtAuthenticator::hs256(SECRET).unwrap(),
        ),
        (
            "EdDSA",
            sign(
                Algorithm::EdDSA,
                &EncodingKey::from_ed_pem(include_bytes!("../tests/keys/ed25519.pem")).unwrap(),
            ),
            public(include_bytes!("../tests/keys/ed25519.pub.pem")),
        ),
        (
            "ES256",
            sign(
                Algorithm::ES256,
                &EncodingKey::from_ec_pem(include_bytes!("../tests/keys/p256.pem")).unwrap(),
            ),
            public(include_bytes!("../tests/keys/p256.pub.pem")),
        ),
        (
            "RS256",
            sign(
                Algorithm::RS256,
                &EncodingKey::from_rsa_pem(include_bytes!("../tests/keys/rsa.pem")).unwrap(),
            ),
            public(include_bytes!("../tests/keys/rsa.pub.pem")),
        ),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("verify a token");
    for (name, token, tokens) in cases {
        let tokens = tokens.audience("game");
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(tokens.verify(black_box(&token))).unwrap());
        });
    }
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode a message");
    for length in [64, 1024, 65_536] {
        let payload = Payload::from("x".repeat(length));
        group.bench_function(format!("{length} bytes"), |bencher| {
            bencher.iter(|| websocket::frame::encode(black_box(&payload)));
        });
    }
}

fn player(number: usize) -> (User, TokenFacts) {
    let user = User::new(format!("player-{number}"), "Ann").unwrap();
    let token = TokenFacts {
        id: Some(Arc::from(format!("token-{number}"))),
        ..TokenFacts::default()
    };
    (user, token)
}

fn admit(index: &mut SessionIndex, number: usize) -> Arc<Handle> {
    let (user, token) = player(number);
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let handle = index.admit(user, token, address, None, unix_now()).unwrap();
    index.enter(&handle).unwrap();
    handle
}

fn registry_work(criterion: &mut Criterion) {
    let mut index = SessionIndex::new(&Limits::default());
    for number in 0..PLAYERS {
        admit(&mut index, number);
    }
    let mut group = criterion.benchmark_group(format!("registry of {PLAYERS}"));
    group.bench_function("admit, enter and forget", |bencher| {
        bencher.iter(|| {
            let handle = admit(&mut index, PLAYERS);
            index.forget(&handle);
        });
    });
    let (user, token) = player(7);
    group.bench_function("revoke and restore one", |bencher| {
        bencher.iter_batched(
            || Revocation::user(user.id().clone()),
            |entry| {
                let (cut, listed) = index.revoke(entry, unix_now());
                listed.unwrap();
                index.restore(&Subject::User(user.id().clone()));
                cut.len()
            },
            BatchSize::SmallInput,
        );
    });
    for number in 0..PLAYERS {
        let entry = Revocation::user(player(number + 2 * PLAYERS).0.id().clone());
        index.revoke(entry, unix_now()).1.unwrap();
    }
    group.bench_function(format!("check against {PLAYERS} entries"), |bencher| {
        bencher.iter(|| index.check(user.id(), &token, unix_now()));
    });
}

criterion_group!(benches, verification, encoding, registry_work);
criterion_main!(benches);
