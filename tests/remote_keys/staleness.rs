//! Without keys, or with ones that are too old, nobody comes in.

use std::time::{Duration, Instant};

use bevy_bouncer::RemoteKeyOptions;

use crate::{
    key::{key_set, new_key, old_key},
    key_server::{KeyServer, Reply},
    support::PATIENCE,
    verify::{becomes, hasty, status, tokens},
};

#[tokio::test]
async fn keys_that_were_never_fetched_are_a_503() {
    let server = KeyServer::start();
    let options = RemoteKeyOptions::default();
    let tokens = tokens(&server, options);
    let fetched_for = status(&tokens, &old_key().token()).await;
    assert_eq!(fetched_for, 503, "after the first fetch");
    // Within the rest: at once, for whatever token.
    for token in [
        old_key().token(),
        old_key().token_without_name(),
        new_key().token_naming("other"),
    ] {
        assert_eq!(status(&tokens, &token).await, 503);
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn keys_that_come_late_are_taken() {
    let server = KeyServer::start();
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old_key().token()).await, 503);
    server.keys(key_set(&[&old_key()]));
    becomes(&tokens, &old_key().token(), 200).await;
}

#[tokio::test]
async fn after_a_failure_it_is_tried_again_without_being_asked() {
    let server = KeyServer::start();
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old_key().token()).await, 503);
    let fetches = server.fetches();
    let deadline = Instant::now() + PATIENCE;
    while server.fetches() == fetches {
        assert!(Instant::now() < deadline, "it is not tried again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn keys_that_are_too_old_are_a_503_until_there_are_new_ones() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let mut options = hasty();
    options.refresh_interval = Duration::from_millis(100);
    options.longest_staleness = Duration::from_secs(2);
    let tokens = tokens(&server, options);
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
    // Kept young by the refresh, for longer than they would live without.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(status(&tokens, &old_key().token()).await, 200);

    server.reply("/keys", Reply::Ok("garbage".to_owned()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        status(&tokens, &old_key().token()).await,
        200,
        "for a while"
    );
    becomes(&tokens, &old_key().token(), 503).await;
    assert_eq!(status(&tokens, &new_key().token()).await, 503);

    server.keys(key_set(&[&old_key()]));
    becomes(&tokens, &old_key().token(), 200).await;
}
