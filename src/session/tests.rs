//! A session over a stream that only its own task can write, as an encrypted one is.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::Session;
use crate::{
    bridge::bridge,
    config::Limits,
    connection::{FrameBatch, Outbound},
    identity::{Payload, TokenFacts, User},
    registry::Registry,
    revocation::Revocation,
    transport::{DirectWrite, Plain, Transport},
    websocket::frame::encode,
};

struct Indirect(Plain);

impl AsyncRead for Indirect {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Indirect {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Transport for Indirect {
    fn direct(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }

    fn price_of(&mut self, read: usize) -> usize {
        self.0.price_of(read)
    }

    fn poll_hung_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_hung_up(context)
    }

    fn reset_on_close(&self) {
        self.0.reset_on_close();
    }
}

#[tokio::test]
async fn p10_without_direct_writes_the_task_writes_everything_in_order_up_to_the_fence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    let limits = Arc::new(Limits::default());
    let (network, _game, departures, notices, _ticks) = bridge(&limits, &Arc::default());
    let registry = Arc::new(Registry::new(&limits, departures, notices, None));
    let user = User::new("player-1", "Ann").unwrap();
    let handle = registry
        .admit(user.clone(), TokenFacts::default(), peer)
        .unwrap();
    registry.enter(&handle).unwrap();
    let outbound = Arc::new(Outbound::new(handle.clone(), &limits));
    let session = Session::new(
        Indirect(server.into()),
        network.inbound(handle),
        outbound.clone(),
        registry.clone(),
        limits,
    );
    let task = tokio::spawn(Box::new(session).run());

    let frames: Vec<_> = (0..1000)
        .map(|number| encode(&Payload::from(format!("message {number}"))))
        .collect();
    for frame in &frames {
        outbound.deliver(&[FrameBatch::from(frame.clone())]);
    }
    let expected = frames.concat();
    let mut heard = vec![0; expected.len()];
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, expected);

    drop(registry.revoke(Revocation::user(user.id().clone())));
    outbound.deliver(&[FrameBatch::from(frames[0].clone())]);
    let mut close = [0; 4];
    client.read_exact(&mut close).await.unwrap();
    assert_eq!((close[0], &close[2..]), (0x88, &4101_u16.to_be_bytes()[..]));
    let mut rest = vec![0; usize::from(close[1]) - 2];
    client.read_exact(&mut rest).await.unwrap();
    drop(client);
    task.await.unwrap();
}
