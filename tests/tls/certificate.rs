//! Certificates in files, and a door that shows them.

use std::fs;

use bevy_bouncer::*;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Bytes;

use crate::support::*;

/// The name in every certificate.
pub const NAME: &str = "localhost";

/// A certificate that is its own authority.
pub struct Certificate(CertifiedKey<KeyPair>);

impl Certificate {
    pub fn new() -> Self {
        Self(generate_simple_self_signed([NAME.to_owned()]).unwrap())
    }

    pub fn der(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.cert.der())
    }

    pub fn cert_pem(&self) -> String {
        self.0.cert.pem()
    }

    pub fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }
}

/// The files of a door.
pub struct Files(TempDir);

impl Files {
    pub fn of(certificate: &Certificate) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.show(certificate);
        files
    }

    /// Overwrites both files.
    pub fn show(&self, certificate: &Certificate) {
        self.write("cert.pem", &certificate.cert_pem());
        self.write("key.pem", &certificate.key_pem());
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    pub fn config(&self) -> TlsConfig {
        let path = |name| self.0.path().join(name);
        TlsConfig::new(path("cert.pem"), path("key.pem"))
    }
}

/// A door with TLS.
pub fn secured(files: &Files, change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config().tls(files.config());
    change(&mut config.limits);
    Game::with(config)
}

/// A door with a certificate that nobody changes. The files are read once, so they may go.
pub fn game(change: impl FnOnce(&mut Limits)) -> (Game, Certificate) {
    let certificate = Certificate::new();
    let game = secured(&Files::of(&certificate), change);
    (game, certificate)
}
