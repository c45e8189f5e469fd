//! From an issuer to its keys.

use std::time::Duration;

use bevy_bouncer::{JwtAuthenticator, RemoteKeys};
use serde_json::json;

use crate::{
    key::{key_set, new_key, old_key},
    key_server::{KeyServer, Reply, answer},
    support::AUDIENCE,
    verify::{becomes, hasty, status},
};

const DOCUMENT: &str = "/.well-known/openid-configuration";

/// A provider whose document says this.
fn provider(issuer: &str, jwks_uri: &str) -> KeyServer {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    publish(&server, issuer, jwks_uri);
    server
}

fn publish(server: &KeyServer, issuer: &str, jwks_uri: &str) {
    let fill = |text: &str| text.replace("{self}", &server.url(""));
    let document = json!({
        "issuer": fill(issuer), "jwks_uri": fill(jwks_uri),
        "token_endpoint": "https://login.example/token", "response_types_supported": ["code"],
    });
    server.reply(DOCUMENT, Reply::Ok(document.to_string()));
}

fn tokens(server: &KeyServer) -> JwtAuthenticator {
    tokens_within(server, Duration::from_secs(1))
}

/// With this much time for one fetch.
fn tokens_within(server: &KeyServer, timeout: Duration) -> JwtAuthenticator {
    let mut options = hasty();
    options.timeout = timeout;
    let keys = RemoteKeys::discover(&server.url(""), options).unwrap();
    JwtAuthenticator::remote(keys).audience(AUDIENCE)
}

#[tokio::test]
async fn an_issuers_keys_are_found_and_followed() {
    let server = provider("{self}", "{self}/keys");
    let tokens = tokens(&server);
    let issuer = server.url("");
    assert_eq!(status(&tokens, &old_key().token_by(&issuer)).await, 200);

    server.keys(key_set(&[&new_key()]));
    becomes(&tokens, &new_key().token_by(&issuer), 200).await;
    assert_eq!(status(&tokens, &old_key().token_by(&issuer)).await, 401);

    // The set may even move.
    server.reply("/moved", Reply::Ok(key_set(&[&old_key()])));
    publish(&server, "{self}", "{self}/moved");
    becomes(&tokens, &old_key().token_by(&issuer), 200).await;
}

#[tokio::test]
async fn its_tokens_must_be_of_this_issuer() {
    let server = provider("{self}", "{self}/keys");
    let tokens = tokens(&server);
    let issuer = server.url("");
    assert_eq!(status(&tokens, &old_key().token_by(&issuer)).await, 200);
    for other in [format!("{issuer}/"), "https://other.example".to_owned()] {
        assert_eq!(status(&tokens, &old_key().token_by(&other)).await, 401);
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_trusted_leads_nowhere() {
    for (issuer, jwks_uri) in [
        ("https://other.example", "{self}/keys"),
        ("{self}/", "{self}/keys"),
        ("", "{self}/keys"),
        ("{self}", "http://login.example/keys"),
        ("{self}", "file:///keys"),
        ("{self}", "/keys"),
        ("{self}", ""),
    ] {
        let server = provider(issuer, jwks_uri);
        let tokens = tokens(&server);
        let token = old_key().token_by(&server.url(""));
        assert_eq!(status(&tokens, &token).await, 503, "{issuer} {jwks_uri}");
        assert!(server.requests(DOCUMENT) > 0);
        assert_eq!(server.fetches(), 0, "{issuer} {jwks_uri}");
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_read_leaves_the_last_good_keys() {
    let server = provider("{self}", "{self}/keys");
    let tokens = tokens(&server);
    let issuer = server.url("");
    let (old, new) = (old_key().token_by(&issuer), new_key().token_by(&issuer));
    assert_eq!(status(&tokens, &old).await, 200);
    server.keys(key_set(&[&old_key(), &new_key()]));

    let document = json!({"issuer": issuer, "jwks_uri": server.keys_url()}).to_string();
    let twice = document.replacen('{', r#"{"issuer":"x","#, 1);
    let elsewhere = format!("Location: {}\r\n", server.url("/elsewhere"));
    server.reply("/elsewhere", Reply::Ok(document.clone()));
    let long = format!("{document}{}", " ".repeat(256 * 1024));
    for reply in [
        Reply::Ok("garbage".to_owned()),
        Reply::Ok(twice),
        Reply::Ok(long),
        Reply::Bytes(answer("302 Found", &elsewhere, &document)),
        Reply::Bytes(answer("404 Not Found", "", &document)),
        Reply::Late(Duration::from_secs(5), answer("200 OK", "", &document)),
    ] {
        server.reply(DOCUMENT, reply);
        // What was under way may still have read the last one.
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(status(&tokens, &new).await, 401);
        assert_eq!(status(&tokens, &old).await, 200);
    }
    assert_eq!(server.requests("/elsewhere"), 0);
    publish(&server, "{self}", "{self}/keys");
    becomes(&tokens, &new, 200).await;
}

#[tokio::test]
async fn both_documents_share_one_deadline() {
    let server = provider("{self}", "{self}/keys");
    let pause = Duration::from_secs(2);
    let document = json!({"issuer": server.url(""), "jwks_uri": server.keys_url()}).to_string();
    server.reply(
        DOCUMENT,
        Reply::Late(pause, answer("200 OK", "", &document)),
    );
    let keys = answer("200 OK", "", &key_set(&[&old_key()]));
    server.reply("/keys", Reply::Late(pause, keys));
    let token = old_key().token_by(&server.url(""));
    assert_eq!(
        status(&tokens_within(&server, Duration::from_secs(3)), &token).await,
        503
    );
    assert_eq!(server.fetches(), 1);
}
