//! Clients that speak TLS.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::{
    certificate::{Certificate, NAME},
    support::*,
};

/// A line with TLS.
pub type TlsLine = StreamOwned<ClientConnection, TcpStream>;
/// A player's connection over TLS.
pub type TlsClient = Client<TlsLine>;

impl Line for TlsLine {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

/// What a client trusts and offers.
#[derive(Clone)]
pub struct Offer {
    roots: RootCertStore,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub protocols: &'static [&'static str],
}

impl Offer {
    /// Both versions, and no protocol by name.
    pub fn trusting<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            let der = CertificateDer::from_slice(&certificate.der()).into_owned();
            roots.add(der).unwrap();
        }
        Self {
            roots,
            versions: rustls::ALL_VERSIONS.to_vec(),
            protocols: &[],
        }
    }

    fn client_config(&self) -> ClientConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let protocols = self.protocols.iter();
        config.alpn_protocols = protocols.map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// The TLS handshake over this socket.
    pub fn shake_hands(&self, mut socket: TcpStream) -> io::Result<TlsLine> {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let config = Arc::new(self.client_config());
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    /// TCP and the TLS handshake.
    pub fn dial(&self, address: SocketAddr) -> io::Result<TlsLine> {
        self.shake_hands(TcpStream::connect(address)?)
    }

    /// A request and all that comes back.
    pub fn raw(&self, address: SocketAddr, request: &str) -> Option<Answer> {
        let mut line = self.dial(address).unwrap();
        line.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // An end without close_notify would be an error.
        line.read_to_end(&mut bytes).unwrap();
        Answer::parse(&bytes)
    }

    /// Comes in with this token.
    pub fn connect(&self, address: SocketAddr, token: &str) -> Result<TlsClient, Answer> {
        let mut request = format!("wss://{NAME}:{}/ws", address.port())
            .into_client_request()
            .unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", bearer);
        Client::over(self.dial(address).unwrap(), request)
    }

    /// Comes in with a good token while the game ticks.
    #[track_caller]
    pub fn join(&self, game: &mut Game, user: &str) -> TlsClient {
        let (offer, address, token) = (self.clone(), game.address, token(user));
        game.during(move || offer.connect(address, &token))
            .unwrap_or_else(|answer| panic!("{user} was refused: {answer:?}"))
    }

    /// Comes in and never reads again. The receive buffer is small.
    pub fn deaf(&self, game: &mut Game, user: &str) -> TlsLine {
        let (offer, address, token) = (self.clone(), game.address, token(user));
        game.during(move || {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            socket.connect(&address.into()).unwrap();
            let mut line = offer.shake_hands(socket.into()).unwrap();
            let authorization = format!("Authorization: Bearer {token}");
            let request = upgrade(&[&authorization]);
            line.write_all(request.as_bytes()).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                line.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"HTTP/1.1 101"));
            line
        })
    }
}

/// Why the TLS handshake failed.
pub fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
