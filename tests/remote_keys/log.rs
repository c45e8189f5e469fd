//! P12: what a failed fetch says to the operator.

use crate::{
    key::{key_set, new_key, old_key},
    key_server::{KeyServer, Reply},
    support::{PATIENCE, log::Log},
    verify::{becomes, hasty, status, tokens_at},
};

/// On one thread, so that the log of this test has all of this test and nothing else.
#[tokio::test]
async fn p12_failures_are_logged_without_query_token_or_key() {
    let (log, _capture) = Log::of_this_thread();
    let server = KeyServer::start();
    let url = format!("{}?code=hidden-code", server.keys_url());
    let tokens = tokens_at(&url, hasty());
    let (old, new) = (old_key(), new_key());
    assert_eq!(status(&tokens, &old.token()).await, 503);
    server.keys(key_set(&[&old]));
    becomes(&tokens, &old.token(), 200).await;
    let long = format!("hidden-kind{}", "x".repeat(100_000));
    let mut strange = new.jwk();
    strange["kty"] = long.into();
    let strange = serde_json::json!({"keys": [old.jwk(), strange]}).to_string();
    server.reply("/keys", Reply::Ok(strange));
    // A token of an unknown key has them fetched again, though not each one.
    let deadline = std::time::Instant::now() + PATIENCE;
    while !log.text().contains("the last ones stay") {
        assert_eq!(status(&tokens, &new.token()).await, 401);
        assert!(std::time::Instant::now() < deadline, "they are not fetched");
        tokio::task::yield_now().await;
    }

    let logged = log.text();
    let url = format!("url={}", server.keys_url());
    assert!(logged.contains("nobody can come in"), "{logged}");
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
