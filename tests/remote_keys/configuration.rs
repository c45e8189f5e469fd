//! What cannot be used is an error at construction that names the field.

use std::time::Duration;

use bevy_bouncer::{
    BouncerError, BouncerPlugin, ConfigError, JwtAuthenticator, MapDirectory, RemoteKeyOptions,
    RemoteKeys,
};

use crate::{
    key::{key_set, old_key},
    key_server::KeyServer,
    support::config,
    verify::{hasty, status},
};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn only_https_and_loopback_urls_are_taken() {
    for good in ["https://login.example/keys", "http://127.0.0.1:1/keys"] {
        JwtAuthenticator::jwks_url(good).unwrap();
        JwtAuthenticator::discover(good).unwrap();
    }
    for bad in [
        "",
        "keys",
        "http://login.example/keys",
        "http://192.0.2.1/keys",
        "http://[2001:db8::1]/keys",
        "http://127.0.0.1.login.example/keys",
        "http://127.0.0.1@login.example/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://user:hidden@login.example/keys",
        "https://login.example/keys#hidden",
    ] {
        let error = JwtAuthenticator::jwks_url(bad).expect_err(bad);
        assert_eq!(error.field, "jwks_url", "{bad}");
        assert!(!error.to_string().contains("hidden"), "{error}");
        let error = JwtAuthenticator::discover(bad).expect_err(bad);
        assert_eq!(error.field, "issuer", "{bad}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
    let error = JwtAuthenticator::discover("https://login.example/?tenant=1").unwrap_err();
    assert_eq!(error.field, "issuer");
}

fn field(change: impl FnOnce(&mut RemoteKeyOptions)) -> String {
    let mut options = RemoteKeyOptions::default();
    change(&mut options);
    let error: ConfigError = RemoteKeys::jwks_url("https://login.example/keys", options)
        .expect_err("the options were taken");
    error.field
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    RemoteKeys::jwks_url("https://login.example", RemoteKeyOptions::default()).unwrap();
    for timeout in [Duration::ZERO, HOUR] {
        let field = field(|options| options.timeout = timeout);
        assert_eq!(field, "remote_keys.timeout_seconds");
    }
    for bytes in [0, 1023, 256 * 1024 + 1] {
        let field = field(|options| options.max_bytes = bytes);
        assert_eq!(field, "remote_keys.max_bytes");
    }
    for rest in [Duration::ZERO, 2 * HOUR] {
        let field = field(|options| options.minimum_interval = rest);
        assert_eq!(field, "remote_keys.minimum_interval_seconds");
    }
    for interval in [Duration::from_secs(29), 25 * HOUR] {
        let field = field(|options| options.refresh_interval = interval);
        assert_eq!(field, "remote_keys.refresh_interval_seconds");
    }
    for age in [Duration::from_secs(299), 25 * HOUR] {
        let field = field(|options| options.longest_staleness = age);
        assert_eq!(field, "remote_keys.longest_staleness_seconds");
    }
}

#[test]
fn certificate_authorities_that_cannot_be_read_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = include_str!("../keys/p256.pub.pem");
    for pem in ["", "no PEM", broken, key] {
        let field = field(|options| options.certificate_authorities = Some(pem.into()));
        assert_eq!(field, "remote_keys.certificate_authorities", "{pem}");
    }
}

fn bind(tokens: JwtAuthenticator) -> Result<BouncerPlugin, BouncerError> {
    BouncerPlugin::bind(config(), tokens.users(MapDirectory::new([])))
}

#[test]
fn p01_keys_of_a_provider_need_an_audience_or_a_word() {
    let by_url = || JwtAuthenticator::jwks_url("https://login.example/keys").unwrap();
    let by_discovery = || JwtAuthenticator::discover("https://login.example").unwrap();
    let by_hand = || {
        let keys = RemoteKeys::jwks_url("https://login.example/keys", hasty());
        JwtAuthenticator::remote(keys.unwrap()).issuer("https://login.example")
    };
    for silent in [by_url(), by_discovery(), by_hand()] {
        let Err(BouncerError::Config(error)) = bind(silent) else {
            panic!("the door opens for every token of the provider")
        };
        assert_eq!(error.field, "audience");
        assert!(error.reason.contains("any_audience"), "{error}");
    }
    for said in [
        by_url().audience("game"),
        by_discovery().audience("game"),
        by_url().any_audience(),
        by_discovery().any_audience(),
    ] {
        bind(said).unwrap();
    }
    let secret = JwtAuthenticator::hs256([7; 32]).unwrap();
    bind(secret).expect("a secret is the game's own");
}

/// Also without a plugin, or behind an authenticator that does not pass the question on.
#[tokio::test]
async fn p01_without_a_word_about_the_audience_no_token_is_verified() {
    let server = KeyServer::with_keys(key_set(&[&old_key()]));
    let tokens = || {
        let keys = RemoteKeys::jwks_url(&server.keys_url(), hasty()).unwrap();
        JwtAuthenticator::remote(keys)
    };
    let good = old_key().token();
    assert_eq!(status(&tokens(), &good).await, 503);
    assert_eq!(status(&tokens().any_audience(), &good).await, 200);
    let other = tokens().any_audience().audience("another game");
    assert_eq!(status(&other, &good).await, 401, "an audience counts");
}
