//! Connections of operators, within limits: few at once, one request each, none for long.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

use super::{Operator, routes};
use crate::util::Backoff;

/// Requests that are answered at the same time; others wait to be accepted.
const CONNECTIONS: usize = 64;
/// Longest request head in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// For the request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything from accept to the last byte of the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// For the rest of a request that was answered before its end.
const LINGER_TIMEOUT: Duration = Duration::from_millis(250);
/// Most bytes of such a rest.
const LINGER_BYTES: u64 = 256 * 1024;
/// Wait after a socket could not be accepted; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Answers requests for as long as the runtime lives.
pub async fn serve(listener: TcpListener, operator: Arc<Operator>) {
    let router = routes::router(operator);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        // Only a closed semaphore is an error, and nobody closes this one.
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                backoff.reset();
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, peer, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin API cannot accept");
                backoff.wait().await;
            }
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, router: Router) {
    let router = router.layer(Extension(ConnectInfo(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, connection.without_shutdown()).await {
        Ok(Ok(rest)) => linger(rest.io.into_inner()).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "an admin connection broke"),
        Err(_) => tracing::debug!(%peer, "an admin connection took too long"),
    }
}

/// Ends the answer and takes in what is left of the request: a socket that is closed with unread
/// bytes is reset, and a reset can eat the answer.
async fn linger(mut stream: TcpStream) {
    let discard = async {
        stream.shutdown().await?;
        let mut rest = stream.take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // The answer is sent; how the connection ends does not matter any more.
    let _ = timeout(LINGER_TIMEOUT, discard).await;
}
