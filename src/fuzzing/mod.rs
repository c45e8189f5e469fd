//! What the fuzz targets in `fuzz/` need of this crate's inside, as plain data. Compiled for them only.

pub mod session;
pub mod websocket;

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};

use crate::{
    auth::{Algorithm, Claims, JwtAuthenticator, KeySet},
    config::Limits,
    door::{Carrier, credential},
    http::{Head, HeadError, Method, forwarded, head},
    identity::Refusal,
};

/// A request head that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenHead(Head);

impl TakenHead {
    /// Whether it is a `GET`; otherwise it is an `OPTIONS`.
    pub fn is_get(&self) -> bool {
        self.0.method == Method::Get
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What followed the `?`.
    pub fn query(&self) -> Option<&str> {
        self.0.query.as_deref()
    }

    /// All values of a field, in their order.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let values = self.0.headers.get_all(name).iter();
        values.map(|value| value.as_bytes()).collect()
    }

    /// How many fields there are.
    pub fn fields(&self) -> usize {
        self.0.headers.len()
    }

    /// Takes the credential out.
    pub fn take_credential(
        &mut self,
        subprotocols: &[String],
        token_max_bytes: usize,
    ) -> Result<Presented, Refusal> {
        let presented = credential::take(&mut self.0, subprotocols, token_max_bytes)?;
        Ok(Presented {
            debug: format!("{presented:?}"),
            credential: presented.credential.map(|(carrier, credential)| {
                let carrier = match carrier {
                    Carrier::Header => "header",
                    Carrier::Subprotocol => "subprotocol",
                    Carrier::Ticket => "ticket",
                };
                (carrier, credential.expose().to_owned())
            }),
            subprotocol: presented.subprotocol,
        })
    }
}

/// What a request brought along.
#[derive(Debug)]
pub struct Presented {
    /// What `Debug` shows of it.
    pub debug: String,
    /// How it came, and what it is.
    pub credential: Option<(&'static str, String)>,
    /// The protocol that the `101` would name.
    pub subprotocol: Option<String>,
}

/// Reads a head from a stream that gives these pieces and then ends. The error is the status of the
/// refusal, or 0 when the client counts as gone.
pub fn read_head<'a>(
    pieces: impl IntoIterator<Item = &'a [u8], IntoIter: Unpin>,
    limits: &Limits,
) -> Result<TakenHead, u16> {
    let mut pieces = Pieces {
        pieces: pieces.into_iter(),
        rest: &[],
    };
    let mut read = std::pin::pin!(head::read_head(&mut pieces, limits.head()));
    let mut context = Context::from_waker(std::task::Waker::noop());
    match read.as_mut().poll(&mut context) {
        Poll::Ready(Ok(head)) => Ok(TakenHead(head)),
        Poll::Ready(Err(HeadError::Refused(refusal))) => Err(refusal.kind().status()),
        Poll::Ready(Err(HeadError::Gone)) => Err(0),
        Poll::Pending => unreachable!("the pieces are always there"),
    }
}

/// The head at the start of these bytes and its length, `None` when it is not complete, or the status
/// of the refusal.
pub fn parse_head(bytes: &[u8], limits: &Limits) -> Result<Option<(TakenHead, usize)>, u16> {
    head::parse(bytes, limits.head())
        .map(|found| found.map(|(head, length)| (TakenHead(head), length)))
        .map_err(|refusal| refusal.kind().status())
}

struct Pieces<'a, I> {
    pieces: I,
    rest: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a [u8]> + Unpin> AsyncRead for Pieces<'a, I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        while self.rest.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.rest = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let (piece, rest) = self.rest.split_at(self.rest.len().min(buffer.remaining()));
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// The answer that a refused client reads.
pub fn body(refusal: &Refusal) -> String {
    refusal.body()
}

/// Verifies a token as if it were this time (unix seconds).
pub async fn verify(
    tokens: &JwtAuthenticator,
    token: &str,
    unix_now: u64,
) -> Result<Claims, Refusal> {
    tokens.verify_at(token, unix_now).await
}

/// For whom proxies say that they speak, from `X-Forwarded-For` and `Forwarded`. The error is the status of
/// the refusal.
pub fn hops(fields: &[(&'static str, &[u8])]) -> Result<Vec<SocketAddr>, u16> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        // What cannot be a value does not get past the reader of heads.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(*name, value);
        }
    }
    forwarded::hops(&headers).map_err(|refusal| refusal.kind().status())
}

/// Every key's `kid` and algorithm.
pub fn keys(set: &KeySet) -> Vec<(Option<String>, Algorithm)> {
    set.entries()
}
