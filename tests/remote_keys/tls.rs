//! Keys come over TLS, from somebody whose certificate is trusted.

use std::{net::SocketAddr, sync::Arc};

use bevy_bouncer::RemoteKeyOptions;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    key::{key_set, old_key},
    key_server::answer,
    verify::{hasty, status, tokens_at},
};

const AUTHORITY: &[u8] = include_bytes!("../keys/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../keys/tls/localhost.pem");
const KEY: &[u8] = include_bytes!("../keys/tls/localhost.key.pem");

/// A server of the old key with a certificate for `localhost`.
async fn start() -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue; // A client that does not trust it.
            };
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let keys = answer("200 OK", "", &key_set(&[&old_key()]));
            let _ = stream.write_all(&keys).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn trusting() -> RemoteKeyOptions {
    let mut options = hasty();
    options.certificate_authorities = Some(AUTHORITY.to_vec());
    options
}

#[tokio::test]
async fn a_trusted_server_for_its_own_name_is_asked() {
    let port = start().await.port();
    let tokens = tokens_at(&format!("https://localhost:{port}/keys"), trusting());
    assert_eq!(status(&tokens, &old_key().token()).await, 200);
}

#[tokio::test]
async fn anybody_else_is_not() {
    let port = start().await.port();
    let (named, bare) = (
        format!("https://localhost:{port}/keys"),
        format!("https://127.0.0.1:{port}/keys"),
    );
    for (url, options) in [(named, hasty()), (bare, trusting())] {
        let tokens = tokens_at(&url, options);
        assert_eq!(status(&tokens, &old_key().token()).await, 503, "{url}");
    }
}

#[test]
fn no_provider_is_installed_for_the_process() {
    tokens_at("https://localhost/keys", trusting());
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
