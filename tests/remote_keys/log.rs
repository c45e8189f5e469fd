//! P12: what a failed fetch says to the operator.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    key::{key_set, new_key, old_key},
    key_server::{KeyServer, Reply},
    verify::{hasty, status, tokens_at},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// On one thread, so that the log of this test has all of this test and nothing else.
#[tokio::test]
async fn p12_failures_are_logged_without_query_token_or_key() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // Where there is one subscriber only, `tracing` takes it for everybody's: a message that another test's
    // thread logs first, without a subscriber, would then be off for good. With a second one it asks both.
    let _second = tracing::Dispatch::new(NoSubscriber::new());

    let server = KeyServer::start();
    let url = format!("{}?code=hidden-code", server.keys_url());
    let tokens = tokens_at(&url, hasty());
    let (old, new) = (old_key(), new_key());
    assert_eq!(status(&tokens, &old.token()).await, 503);
    server.keys(key_set(&[&old]));
    crate::verify::becomes(&tokens, &old.token(), 200).await;
    let long = format!("hidden-kind{}", "x".repeat(100_000));
    let mut strange = new.jwk();
    strange["kty"] = long.into();
    let strange = serde_json::json!({"keys": [old.jwk(), strange]}).to_string();
    server.reply("/keys", Reply::Ok(strange));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(status(&tokens, &new.token()).await, 401);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let url = format!("url={}", server.keys_url());
    assert!(logged.contains("nobody can come in"), "{logged}");
    assert!(logged.contains("the last ones stay"), "{logged}");
    assert!(logged.contains(&url), "{logged}");
    let coordinate = old.jwk()["x"].as_str().unwrap().to_owned();
    let token = old.token();
    let mut secrets = vec!["hidden-code", coordinate.as_str()];
    secrets.extend(token.split('.').take(2));
    for secret in secrets {
        assert!(!logged.contains(secret), "{secret:?} was shown");
    }
    let longest = logged.lines().map(str::len).max().unwrap();
    assert!(longest < 1000, "a line of {longest} bytes");
}
