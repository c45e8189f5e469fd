//! Nobody can make the server fetch more than it wants to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bevy_bouncer::{JwtAuthenticator, RemoteKeyOptions};

use crate::{
    key::{key_set, old_key},
    key_server::{KeyServer, Reply, answer},
    support::PATIENCE,
    verify::{hasty, status, tokens},
};

/// A thousand tokens at once, each of which names another key. All of them are refused, by 503 when too
/// many wait.
async fn storm(tokens: &Arc<JwtAuthenticator>) {
    let key = old_key();
    let guesses = (0..1000).map(|number| {
        let token = key.token_naming(&format!("guess-{number}"));
        let tokens = tokens.clone();
        tokio::spawn(async move { status(&tokens, &token).await })
    });
    // All of them are on their way before the first one is awaited.
    let guesses: Vec<_> = guesses.collect();
    for guess in guesses {
        assert!([401, 503].contains(&guess.await.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_unknown_keys_causes_no_fetch_within_30_seconds_of_the_last() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let tokens = tokens(&server, RemoteKeyOptions::default());
    storm(&tokens).await;
    assert_eq!(server.fetches(), 1, "the first one");
    storm(&tokens).await;
    assert_eq!(server.fetches(), 1);
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_after_the_rest_causes_one_fetch_per_rest() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let rest = Duration::from_secs(1);
    let mut options = hasty();
    options.minimum_interval = rest;
    let tokens = tokens(&server, options);
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
    let fetched = Instant::now();
    tokio::time::sleep(rest + Duration::from_millis(100)).await;
    for _ in 0..3 {
        storm(&tokens).await;
        let fetches = server.fetches();
        let rests = fetched.elapsed().as_secs_f64() / rest.as_secs_f64();
        assert!(fetches >= 2, "the storm asks for one");
        assert!(
            fetches as f64 <= 1.0 + rests.ceil(),
            "{fetches} in {rests} rests"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_wait_share_one_fetch() {
    let server = KeyServer::start();
    let good = answer("200 OK", "", &key_set(&[&old_key()]));
    server.reply("/keys", Reply::Late(Duration::from_millis(300), good));
    let tokens = tokens(&server, hasty());
    let token = old_key().token();
    let players: Vec<_> = (0..100)
        .map(|_| {
            let (tokens, token) = (tokens.clone(), token.clone());
            tokio::spawn(async move { status(&tokens, &token).await })
        })
        .collect();
    for player in players {
        assert_eq!(player.await.unwrap(), 200);
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn those_who_wait_for_a_fetch_hold_up_nobody_whose_key_is_known() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let mut options = hasty();
    options.most_waiting = 2;
    let tokens = tokens(&server, options);
    let good = old_key().token();
    assert_eq!(status(&tokens, &good).await, 200);
    let never = Reply::Late(PATIENCE, Vec::new());
    server.reply("/keys", never);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut guesses: Vec<_> = (0..3)
        .map(|number| {
            let (tokens, token) = (tokens.clone(), old_key().token_naming(&number.to_string()));
            tokio::spawn(async move { status(&tokens, &token).await })
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while !guesses.iter().any(|guess| guess.is_finished()) {
        assert!(Instant::now() < deadline, "nobody is one too many");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let place = guesses.iter().position(|guess| guess.is_finished());
    assert_eq!(guesses.remove(place.unwrap()).await.unwrap(), 503);
    assert_eq!(status(&tokens, &good).await, 200);
    assert!(guesses.iter().all(|guess| !guess.is_finished()));
}

#[tokio::test]
async fn only_a_name_that_is_unknown_causes_a_fetch() {
    let server = KeyServer::with_keys(key_set(&[&old_key(), &crate::key::new_key()]));
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let token = old_key().token();
    let long = "x".repeat(129);
    for bad in [
        "no token",
        &format!("{token}x"),
        &old_key().token_naming("new"),
        &old_key().token_naming(&long),
        &old_key().token_by("https://other.example"),
        &old_key().token_without_name(),
    ] {
        assert_eq!(status(&tokens, bad).await, 401, "{bad}");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.fetches(), 1);
}
