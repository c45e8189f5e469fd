//! One GET: bounded, without redirects, and over TLS that trusts what it is told to trust.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, StatusCode,
    header::{ACCEPT, CONNECTION, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, HttpInfo},
    },
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use thiserror::Error;

use super::{address::KeyUrl, options::RemoteKeyOptions};
use crate::{auth::keys::KeyError, config::ConfigError};

/// Longest head of an answer in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;
const AGENT: &str = concat!("bevy_bouncer/", env!("CARGO_PKG_VERSION"));

/// Why there are no new keys. For the operator's log.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("took too long")]
    Timeout,
    #[error("{0}")]
    Connection(String),
    #[error("the host of an http URL is not this machine")]
    NotLoopback,
    #[error("the answer is {0}; only 200 OK is taken, and redirects are not followed")]
    Status(StatusCode),
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    #[error("the discovery document {0}")]
    Discovery(&'static str),
    #[error("{0}")]
    Keys(#[from] KeyError),
}

/// An HTTP client that keeps no connection.
pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    max_bytes: usize,
}

impl Fetcher {
    pub fn new(options: &RemoteKeyOptions) -> Result<Self, ConfigError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(options)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(HEAD_MAX_BYTES)
            .build(connector);
        let max_bytes = options.max_bytes;
        Ok(Self { client, max_bytes })
    }

    /// The body of the answer, cut off where it gets too long, whatever its head announces.
    pub async fn get(&self, url: &KeyUrl) -> Result<Vec<u8>, FetchError> {
        let request = Request::get(url.uri())
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .header(USER_AGENT, AGENT)
            .body(Empty::new())
            .map_err(broken)?;
        let answer = self.client.request(request).await.map_err(broken)?;
        // A name is this machine's when its address is.
        let peer = answer.extensions().get::<HttpInfo>();
        let is_loopback = peer.is_some_and(|peer| peer.remote_addr().ip().is_loopback());
        if !url.is_encrypted() && !is_loopback {
            return Err(FetchError::NotLoopback);
        }
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = answer.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue; // Trailers.
            };
            if bytes.len() + data.len() > self.max_bytes {
                return Err(FetchError::TooLong(self.max_bytes));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }
}

/// With a provider of its own: the process may have installed another one, or none.
fn tls(options: &RemoteKeyOptions) -> Result<ClientConfig, ConfigError> {
    let unusable = |reason: &str| ConfigError::new("remote_keys.certificate_authorities", reason);
    let mut roots = RootCertStore::empty();
    match &options.certificate_authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| unusable("is not PEM"))?;
                roots
                    .add(certificate)
                    .map_err(|_| unusable("has a certificate that cannot be read"))?;
            }
        }
    }
    if roots.is_empty() {
        return Err(unusable("has no PEM certificate"));
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new("remote_keys", error.to_string()))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// An error with what lies beneath it: the outermost alone says little.
fn broken(error: impl Error) -> FetchError {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    FetchError::Connection(words)
}
