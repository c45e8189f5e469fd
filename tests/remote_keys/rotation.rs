//! An issuer changes its keys.

use std::time::{Duration, Instant};

use crate::{
    key::{key_set, new_key, old_key},
    key_server::KeyServer,
    support::PATIENCE,
    verify::{becomes, hasty, status, tokens},
};

#[tokio::test]
async fn with_overlap_no_token_is_refused() {
    let (old, new) = (old_key(), new_key());
    let server = KeyServer::with_keys(key_set(&[&old]));
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old.token()).await, 200);
    assert_eq!(server.fetches(), 1);

    server.keys(key_set(&[&old, &new]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&tokens, &new.token()).await, 200, "it waits for it");
    assert_eq!(status(&tokens, &old.token()).await, 200);
    assert_eq!(server.fetches(), 2);

    // The old key goes with whatever causes the next fetch.
    server.keys(key_set(&[&new]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&tokens, &new.token_naming("other")).await, 401);
    assert_eq!(status(&tokens, &old.token()).await, 401);
    assert_eq!(status(&tokens, &new.token()).await, 200);
}

#[tokio::test]
async fn without_overlap_the_old_key_goes_when_the_new_one_comes() {
    let (old, new) = (old_key(), new_key());
    let server = KeyServer::with_keys(key_set(&[&old]));
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old.token()).await, 200);

    server.keys(key_set(&[&new]));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&tokens, &new.token()).await, 200);
    assert_eq!(status(&tokens, &old.token()).await, 401);
}

#[tokio::test]
async fn a_withdrawn_key_goes_though_nobody_asks_for_another() {
    let (old, new) = (old_key(), new_key());
    let server = KeyServer::with_keys(key_set(&[&old]));
    let mut options = hasty();
    options.refresh_interval = Duration::from_millis(50);
    let tokens = tokens(&server, options);
    assert_eq!(status(&tokens, &old.token()).await, 200);

    server.keys(key_set(&[&new]));
    becomes(&tokens, &old.token(), 401).await;
    assert_eq!(status(&tokens, &new.token()).await, 200);
}

#[tokio::test]
async fn a_key_that_came_too_early_is_fetched_once_the_rest_is_over() {
    let (old, new) = (old_key(), new_key());
    let server = KeyServer::with_keys(key_set(&[&old]));
    let mut options = hasty();
    options.minimum_interval = Duration::from_secs(2);
    let tokens = tokens(&server, options);
    assert_eq!(status(&tokens, &old.token()).await, 200);

    server.keys(key_set(&[&old, &new]));
    assert_eq!(status(&tokens, &new.token()).await, 401, "at once");
    assert_eq!(server.fetches(), 1);
    let deadline = Instant::now() + PATIENCE;
    while server.fetches() == 1 {
        assert!(Instant::now() < deadline, "it is not fetched");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.fetches(), 2, "though no token came since");
    assert_eq!(status(&tokens, &new.token()).await, 200);
}

#[tokio::test]
async fn the_same_name_with_another_key_replaces_it() {
    let (old, new) = (old_key(), new_key());
    let server = KeyServer::with_keys(key_set(&[&old]));
    let mut options = hasty();
    options.refresh_interval = Duration::from_millis(50);
    let tokens = tokens(&server, options);
    assert_eq!(status(&tokens, &old.token()).await, 200);
    server.keys(key_set(&[&new]).replace(r#""new""#, r#""old""#));
    becomes(&tokens, &old.token(), 401).await;
    assert_eq!(status(&tokens, &new.token_naming("old")).await, 200);
}

#[tokio::test]
async fn claims_tell_which_key_verified_them() {
    let server = KeyServer::with_keys(key_set(&[&old_key(), &new_key()]));
    let tokens = tokens(&server, hasty());
    for (key, name) in [(old_key(), "old"), (new_key(), "new")] {
        let claims = tokens.verify(&key.token()).await.unwrap();
        assert_eq!(claims.key_id(), Some(name));
    }
}
