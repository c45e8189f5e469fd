//! Whatever the server of the keys does, the last good set stays, and nothing else is taken.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    key::{Key, key_set, new_key, old_key},
    key_server::{KeyServer, Reply, answer},
    support::SECRET,
    verify::{becomes, hasty, status, tokens},
};

/// The reply is refused: the old key still serves, and the new one is unknown until the server is good
/// again.
async fn refused(name: &str, server: &KeyServer, reply: Reply) {
    let (old, new) = (old_key(), new_key());
    server.keys(key_set(&[&old]));
    let mut options = hasty();
    options.timeout = Duration::from_secs(1);
    let tokens = tokens(server, options);
    assert_eq!(status(&tokens, &old.token()).await, 200, "{name}");

    server.reply("/keys", reply);
    tokio::time::sleep(Duration::from_millis(30)).await;
    let fetches = server.fetches();
    assert_eq!(status(&tokens, &new.token()).await, 401, "{name}");
    assert!(server.fetches() > fetches, "{name}: it was asked for");
    assert_eq!(status(&tokens, &old.token()).await, 200, "{name}");

    server.keys(key_set(&[&old, &new]));
    becomes(&tokens, &new.token(), 200).await;
}

async fn body_refused(name: &str, body: impl Into<String>) {
    let server = KeyServer::start();
    refused(name, &server, Reply::Ok(body.into())).await;
}

async fn bytes_refused(name: &str, bytes: Vec<u8>) {
    let server = KeyServer::start();
    refused(name, &server, Reply::Bytes(bytes)).await;
}

/// The good set that must not be taken.
fn wanted() -> String {
    key_set(&[&old_key(), &new_key()])
}

/// The wanted set, with one key more.
fn wanted_and(key: Value) -> String {
    json!({"keys": [old_key().jwk(), new_key().jwk(), key]}).to_string()
}

fn changed(key: Key, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = key.jwk();
    jwk["kid"] = "changed".into();
    jwk[name] = value.into();
    jwk
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for redirect in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let server = KeyServer::start();
        server.reply("/elsewhere", Reply::Ok(wanted()));
        let location = format!("Location: {}\r\n", server.url("/elsewhere"));
        let bytes = answer(redirect, &location, &wanted());
        refused(redirect, &server, Reply::Bytes(bytes)).await;
        assert_eq!(server.requests("/elsewhere"), 0, "{redirect}");
    }
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for other in [
        "201 Created",
        "203 Non-Authoritative Information",
        "206 Partial Content",
        "304 Not Modified",
        "401 Unauthorized",
        "404 Not Found",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        bytes_refused(other, answer(other, "", &wanted())).await;
    }
}

#[tokio::test]
async fn who_is_too_slow_is_left() {
    let server = KeyServer::start();
    let good = answer("200 OK", "", &wanted());
    let late = Reply::Late(Duration::from_secs(5), good.clone());
    refused("late", &server, late).await;
    let trickle = Reply::Trickle(Duration::from_millis(20), good);
    refused("a trickle, never silent for long", &server, trickle).await;
}

#[tokio::test]
async fn who_sends_too_much_is_cut_off() {
    let megabyte = " ".repeat(1024 * 1024);
    body_refused("announced", format!("{}{megabyte}", wanted())).await;
    let just_over = " ".repeat(256 * 1024 + 1 - wanted().len());
    body_refused("one byte", format!("{}{just_over}", wanted())).await;

    for (name, head) in [
        ("without a length", "HTTP/1.1 200 OK\r\n\r\n"),
        (
            "with an absurd one",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n",
        ),
        (
            "in one chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        ),
        ("in the head", "HTTP/1.1 200 OK\r\nX-Flood: "),
    ] {
        let server = KeyServer::start();
        let mut bytes = head.as_bytes().to_vec();
        if name != "in the head" {
            bytes.extend(wanted().bytes());
        }
        refused(name, &server, Reply::Flood(bytes)).await;
        // What the kernels of both sides buffer comes on top of the 256 KiB.
        let flooded = server.flooded();
        assert!(flooded < 16 * 1024 * 1024, "{name}: {flooded} were taken");
    }
    // And what is just short enough is fine.
    let server = KeyServer::start();
    let fits = " ".repeat(256 * 1024 - wanted().len());
    server.keys(format!("{}{fits}", wanted()));
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &new_key().token()).await, 200);
}

#[tokio::test]
async fn a_broken_answer_is_refused() {
    let whole = answer("200 OK", "", &wanted());
    let half = whole[..whole.len() / 2].to_vec();
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("half", half),
        ("no HTTP", b"hello, here are the keys\r\n\r\n".to_vec()),
        ("HTTP/0.9", wanted().into_bytes()),
        (
            "two lengths",
            answer("200 OK", "Content-Length: 5\r\n", &wanted()),
        ),
        (
            "a half chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{".to_vec(),
        ),
    ] {
        bytes_refused(name, bytes).await;
    }
}

#[tokio::test]
async fn garbage_is_refused() {
    let twice = wanted().replacen('{', r#"{"keys":[],"#, 1);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (name, body) in [
        ("empty", ""),
        ("a page", "<!DOCTYPE html><title>Log in</title>"),
        ("no object", "[]"),
        ("no keys", "{}"),
        ("an empty set", r#"{"keys":[]}"#),
        ("a member twice", &twice),
        ("deep", &deep),
        ("more behind", &format!("{}{{}}", wanted())),
        ("not UTF-8", "\u{fffd}"),
    ] {
        body_refused(name, body).await;
    }
    let mut binary = answer("200 OK", "", "");
    binary.truncate(binary.len() - "0\r\n\r\n".len());
    binary.extend(b"3\r\n\r\n\xff\xfe\x00");
    bytes_refused("not UTF-8", binary).await;
}

#[tokio::test]
async fn one_bad_key_refuses_the_good_ones_with_it() {
    let symmetric = json!({
        "kty": "oct", "kid": "symmetric", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode(SECRET),
    });
    let mut same_name = new_key().jwk();
    same_name["kid"] = "old".into();
    let mut nameless = new_key().jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    for (name, key) in [
        ("symmetric", symmetric.clone()),
        ("the same name twice", same_name),
        ("no name", nameless),
        ("private", changed(new_key(), "d", "AQAB")),
        ("for encryption", changed(new_key(), "use", "enc")),
        ("another algorithm", changed(new_key(), "alg", "HS384")),
        ("another curve", changed(new_key(), "crv", "P-256")),
        ("not on the curve's field", changed(new_key(), "x", "AAAA")),
        ("no key", json!(null)),
    ] {
        body_refused(name, wanted_and(key)).await;
    }
    let only_symmetric = json!({ "keys": [symmetric] }).to_string();
    body_refused("symmetric only", only_symmetric).await;
}

#[tokio::test]
async fn a_server_that_is_gone_leaves_the_last_good_set() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let tokens = tokens(&server, hasty());
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(status(&tokens, &new_key().token()).await, 401);
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
}
