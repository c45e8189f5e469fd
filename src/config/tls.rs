//! Where the certificate and its key are.

use std::path::PathBuf;

/// The files for TLS 1.2 and 1.3.
///
/// They are read by [`BouncerPlugin::bind`](crate::BouncerPlugin::bind), and again by
/// [`Bouncer::reload_tls`](crate::Bouncer::reload_tls).
///
/// ```
/// use bevy_bouncer::{BouncerConfig, TlsConfig};
///
/// let config = BouncerConfig::new("0.0.0.0:443").tls(TlsConfig::new("cert.pem", "key.pem"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate in PEM, followed by those that lead to one that clients trust. At
    /// most 256 KiB.
    pub cert_file: PathBuf,
    /// The key of the first certificate in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted. At most
    /// 256 KiB.
    pub key_file: PathBuf,
}

impl TlsConfig {
    /// With these files.
    pub fn new(cert_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        Self {
            cert_file: cert_file.into(),
            key_file: key_file.into(),
        }
    }
}
