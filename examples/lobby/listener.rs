//! The page's connections, within limits: not many at once, one request each, none for long.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::start_error::StartError;

/// The port when nothing else is asked for.
const DEFAULT_PORT: u16 = 8080;
/// Connections at the same time; others wait to be accepted.
const CONNECTIONS: usize = 256;
/// For the request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything from the first byte of the request to the last byte of the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(500);

/// Listens for this machine only: on the asked port, or on 8080, or on a free one.
pub async fn listen(port: Option<u16>) -> Result<TcpListener, StartError> {
    let local = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let (port, listener) = match port {
        Some(port) => (port, local(port).await),
        None => match local(DEFAULT_PORT).await {
            Err(_) => (0, local(0).await),
            listener => (DEFAULT_PORT, listener),
        },
    };
    listener.map_err(|error| StartError::port("the page", port, error))
}

/// Answers requests for as long as the runtime lives.
pub async fn serve(listener: TcpListener, site: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Only a closed semaphore is an error, and nobody closes this one.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let site = site.clone();
                tokio::spawn(async move {
                    answer(stream, peer, site).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!("the page cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, site: Router) {
    let site = site.layer(Extension(ConnectInfo(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(site));
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a connection to the page broke: {error}"),
        Err(_) => debug!("a connection to the page took too long"),
    }
}
