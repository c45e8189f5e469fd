//! The configuration of the door: checked and parsed once, when the plugin binds.

mod duplicate_login;
mod error;
mod limits;
mod messages;
mod plaintext;
pub(crate) mod seconds;
#[cfg(feature = "tls")]
mod tls;

pub use duplicate_login::DuplicateLogin;
pub use error::ConfigError;
pub use limits::Limits;
pub use messages::MessageOptions;
#[cfg(feature = "admin")]
pub(crate) use plaintext::is_local;
#[cfg(feature = "tls")]
pub use tls::TlsConfig;

use std::net::SocketAddr;

use bevy_bouncer_protocol::BEARER_PREFIX;

use crate::http::{AllowedOrigins, ForwardedHeader, TrustedProxies, is_token};

/// Where to listen, who may connect, and within which limits.
///
/// ```
/// use bevy_bouncer::BouncerConfig;
///
/// let mut config = BouncerConfig::new("127.0.0.1:9000")
///     .origins(["https://game.example"])
///     .subprotocols(["game.v1"]);
/// config.limits.connections = 500;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BouncerConfig {
    /// Address and port of the listener. Port 0 lets the system choose one.
    pub listen: String,
    /// The path of the WebSocket endpoint. Default `/ws`. Its preflight is `<path>/preflight`.
    pub path: String,
    /// The origins that browsers may connect from, as `scheme://host[:port]`. A request without an
    /// `Origin` header (a native client) is always allowed. Default: none.
    pub origins: Vec<String>,
    /// The application's subprotocols, in the server's order of preference (RFC 6455 §1.9). Default:
    /// none, and then no subprotocol is ever selected.
    pub subprotocols: Vec<String>,
    /// The networks of your own proxies, as `10.0.0.0/8` or `10.0.0.7`. Only what these say in
    /// the [`forwarded_header`](Self::forwarded_header) is believed, and then the right-most address that is not
    /// one of theirs is the client's, for limits, logs and [`Connection`](crate::Connection); a request
    /// of theirs that names nobody there gets 400, unless it is a health check. Default: none, and then the client is
    /// the peer of the socket.
    pub trusted_proxies: Vec<String>,
    /// The header in which they name the client. Default: `X-Forwarded-For`.
    pub forwarded_header: ForwardedHeader,
    /// The certificate. Default: none, and then tokens cross the network in plain text.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsConfig>,
    /// Whether to listen without TLS on an address that is not a loopback address, because a proxy with
    /// TLS stands in front. Default: false.
    pub allow_plaintext: bool,
    /// All limits and timeouts.
    pub limits: Limits,
    /// What clients of `bouncer.v1` are told to keep to.
    pub messages: MessageOptions,
}

impl BouncerConfig {
    /// The defaults, listening on this address.
    pub fn new(listen: impl Into<String>) -> Self {
        Self {
            listen: listen.into(),
            path: "/ws".to_owned(),
            origins: Vec::new(),
            subprotocols: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            #[cfg(feature = "tls")]
            tls: None,
            allow_plaintext: false,
            limits: Limits::default(),
            messages: MessageOptions::default(),
        }
    }

    /// Sets the path of the WebSocket endpoint.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the origins that browsers may connect from.
    pub fn origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the application's subprotocols, the preferred one first.
    pub fn subprotocols<S: Into<String>>(
        mut self,
        subprotocols: impl IntoIterator<Item = S>,
    ) -> Self {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the networks of trusted proxies.
    pub fn trusted_proxies<S: Into<String>>(
        mut self,
        networks: impl IntoIterator<Item = S>,
    ) -> Self {
        self.trusted_proxies = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the header in which trusted proxies name the client.
    pub fn forwarded_header(mut self, header: ForwardedHeader) -> Self {
        self.forwarded_header = header;
        self
    }

    /// Serves TLS with this certificate.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Lets plain text cross the network, because a proxy with TLS stands in front.
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// Sets all limits and timeouts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what clients of `bouncer.v1` are told to keep to.
    pub fn messages(mut self, messages: MessageOptions) -> Self {
        self.messages = messages;
        self
    }

    /// Checks every field, and tells the address to listen on. Files are not read.
    ///
    /// # Errors
    /// The first field that cannot be used, with the reason.
    pub fn validate(&self) -> Result<SocketAddr, ConfigError> {
        self.checked().map(|checked| checked.address)
    }

    /// Checks every field, and parses what the door works with.
    pub(crate) fn checked(&self) -> Result<Checked, ConfigError> {
        let address = self.listen.parse().map_err(|_| {
            ConfigError::new(
                "listen",
                "must be an IP address and a port, like 127.0.0.1:9000",
            )
        })?;
        plaintext::check(self, address)?;
        self.check_path()?;
        self.check_subprotocols()?;
        let origins = AllowedOrigins::new(&self.origins)
            .map_err(|error| ConfigError::new("origins", error.to_string()))?;
        let proxies = TrustedProxies::new(&self.trusted_proxies, self.forwarded_header)
            .map_err(|error| ConfigError::new("trusted_proxies", error.to_string()))?;
        self.limits.check()?;
        self.messages.check()?;
        Ok(Checked {
            address,
            origins,
            proxies,
        })
    }

    fn check_subprotocols(&self) -> Result<(), ConfigError> {
        let is_usable = |name: &&String| is_token(name) && !name.starts_with(BEARER_PREFIX);
        match self.subprotocols.iter().find(|name| !is_usable(name)) {
            None => Ok(()),
            Some(name) => Err(ConfigError::new(
                "subprotocols",
                format!("{name:?} is not a subprotocol name"),
            )),
        }
    }

    fn check_path(&self) -> Result<(), ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !self.path.starts_with('/') || !self.path.bytes().all(plain) {
            return Err(ConfigError::new(
                "path",
                "must start with / and have only letters, digits, and / - . _ ~",
            ));
        }
        if self.path == "/healthz" {
            return Err(ConfigError::new("path", "/healthz is taken"));
        }
        Ok(())
    }
}

/// What the texts of a [`BouncerConfig`] mean, parsed once.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Where to listen.
    pub address: SocketAddr,
    /// The web pages that may connect.
    pub origins: AllowedOrigins,
    /// The proxies whose word about the client's address is believed.
    pub proxies: TrustedProxies,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(BouncerConfig::new("127.0.0.1:0").validate().is_ok());
    }

    #[test]
    fn an_error_names_the_field() {
        let field_of = |config: BouncerConfig| config.validate().unwrap_err().field;
        assert_eq!(field_of(BouncerConfig::new("nowhere")), "listen");
        let config = BouncerConfig::new("127.0.0.1:0");
        assert_eq!(field_of(config.clone().path("ws")), "path");
        assert_eq!(field_of(config.clone().path("/healthz")), "path");
        assert_eq!(
            field_of(config.clone().origins(["game.example"])),
            "origins"
        );
        assert_eq!(
            field_of(config.clone().subprotocols(["a b"])),
            "subprotocols"
        );
        assert_eq!(
            field_of(config.clone().trusted_proxies(["10.0.0.1/8"])),
            "trusted_proxies"
        );
        let mut none = config.clone();
        none.limits.connections = 0;
        assert_eq!(field_of(none), "limits.connections");
        let mut hasty = config.clone();
        hasty.messages.reconnect_longest = hasty.messages.reconnect_first / 2;
        assert_eq!(field_of(hasty), "messages.reconnect_longest_seconds");
        let mut late = config;
        late.limits.pong_timeout = late.limits.ping_interval;
        assert_eq!(field_of(late), "limits.pong_timeout_seconds");
    }
}
