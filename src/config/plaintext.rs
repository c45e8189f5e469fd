//! Where tokens may cross the network in plain text: nowhere, unless the configuration says so.

use std::net::SocketAddr;

use super::{BouncerConfig, ConfigError};

/// Whether what is sent to this address stays on this machine.
pub(crate) fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Refuses an address that others reach, unless there is TLS or the word that it may do without.
pub(super) fn check(config: &BouncerConfig, address: SocketAddr) -> Result<(), ConfigError> {
    #[cfg(feature = "tls")]
    let is_encrypted = config.tls.is_some();
    #[cfg(not(feature = "tls"))]
    let is_encrypted = false;
    if is_encrypted || is_local(address) || config.allow_plaintext {
        return Ok(());
    }
    Err(ConfigError::new(
        "listen",
        format!(
            "{address} is not a loopback address, and tokens would cross the network in plain text: \
             configure tls, or allow_plaintext when a proxy with TLS stands in front"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_leaves_this_machine_only_when_that_is_allowed() {
        for local in [
            "127.0.0.1:0",
            "127.1.2.3:0",
            "[::1]:0",
            "[::ffff:127.0.0.1]:0",
        ] {
            assert!(BouncerConfig::new(local).validate().is_ok(), "{local}");
        }
        for public in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[::ffff:192.0.2.1]:0"] {
            let config = BouncerConfig::new(public);
            let error = config.validate().unwrap_err();
            assert_eq!(error.field, "listen", "{public}");
            assert!(error.reason.contains("allow_plaintext"), "{error}");
            assert!(config.clone().allow_plaintext().validate().is_ok());
            #[cfg(feature = "tls")]
            assert!(
                config
                    .tls(crate::config::TlsConfig::new("cert.pem", "key.pem"))
                    .validate()
                    .is_ok()
            );
        }
    }
}
