//! Connections of operators, within limits: few at once, one request each, none for long.

use std::{net::SocketAddr, sync::Arc, time::Duration};

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

use super::{Operator, routes};

/// Requests that are answered at the same time; others wait to be accepted.
const CONNECTIONS: usize = 64;
/// Longest request head in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// For the request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything from accept to the last byte of the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Answers requests for as long as the runtime lives.
pub async fn serve(listener: TcpListener, operator: Arc<Operator>) {
    let router = routes::router(operator);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut pause = FIRST_PAUSE;
    loop {
        // Only a closed semaphore is an error, and nobody closes this one.
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, peer, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin API cannot accept");
                sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
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
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "an admin connection broke"),
        Err(_) => tracing::debug!(%peer, "an admin connection took too long"),
    }
}
