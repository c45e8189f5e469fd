//! What becomes of tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_bouncer::{JwtAuthenticator, RefusalKind, RemoteKeyOptions, RemoteKeys};

use crate::{
    key_server::KeyServer,
    support::{AUDIENCE, ISSUER, PATIENCE},
};

/// Hardly rests. Nothing is fetched in a test's time that no token asks for.
pub fn hasty() -> RemoteKeyOptions {
    let mut options = RemoteKeyOptions::default();
    options.minimum_interval = Duration::from_millis(10);
    options
}

/// Tokens that are good by the keys of this server.
pub fn tokens(server: &KeyServer, options: RemoteKeyOptions) -> Arc<JwtAuthenticator> {
    tokens_at(&server.keys_url(), options)
}

pub fn tokens_at(url: &str, options: RemoteKeyOptions) -> Arc<JwtAuthenticator> {
    let keys = RemoteKeys::jwks_url(url, options).unwrap();
    let tokens = JwtAuthenticator::remote(keys);
    Arc::new(tokens.issuer(ISSUER).audience(AUDIENCE))
}

/// 200, or the status of the refusal.
pub async fn status(tokens: &JwtAuthenticator, token: &str) -> u16 {
    match tokens.verify(token).await {
        Ok(_) => 200,
        Err(refusal) => {
            assert!(matches!(
                refusal.kind(),
                RefusalKind::Unauthorized | RefusalKind::Unavailable
            ));
            refusal.kind().status()
        }
    }
}

/// Tries until the token gets this status.
pub async fn becomes(tokens: &JwtAuthenticator, token: &str, expected: u16) {
    let deadline = Instant::now() + PATIENCE;
    while status(tokens, token).await != expected {
        assert!(Instant::now() < deadline, "it never becomes {expected}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
