//! What the door says: refusals, plain answers, and the `101`.
//!
//! Every answer but the `101` ends the connection, so that no second request can follow on it.

use std::{fmt::Write, time::Duration};

use bevy_bouncer_protocol::Advice;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{handshake::derive_accept_key, http::StatusCode};

use crate::identity::{Refusal, RefusalKind};

/// Longest time for writing an answer. It fits into an empty send buffer, so this is for a network
/// that does not move at all.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long, and how much, is read on after the answer: a socket that is closed with unread bytes
/// resets the connection, and the reset may overtake the answer.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(250);
const DRAIN_MAX_BYTES: usize = 64 * 1024;

/// An answer as it goes over the wire.
pub(crate) struct Answer(String);

impl Answer {
    /// The HTTP form of a refusal. `origin` is the request's origin when it is on the list: then
    /// the page may read the answer.
    pub fn refusal(refusal: &Refusal, origin: Option<&str>) -> Self {
        let kind = refusal.kind();
        let mut answer = Self::closing(kind.status()).readable_by(origin);
        answer = match kind {
            RefusalKind::Unauthorized => answer.field("WWW-Authenticate", "Bearer"),
            RefusalKind::MethodNotAllowed => answer.field("Allow", "GET, OPTIONS"),
            RefusalKind::UpgradeRequired => answer
                .field("Upgrade", "websocket")
                .field("Sec-WebSocket-Version", "13"),
            _ => answer,
        };
        // To a program the header means another attempt. After these it stops: the time is for its player.
        let comes_back = kind.advice() != Advice::Stop;
        if let Some(delay) = refusal.retry_delay().filter(|_| comes_back) {
            let seconds = delay.as_millis().div_ceil(1000);
            answer = answer.field("Retry-After", &seconds.to_string());
        }
        answer.body("application/json", &refusal.body())
    }

    /// The answer to `GET /healthz`.
    pub fn healthy() -> Self {
        Self::closing(200).body("text/plain; charset=utf-8", "ok")
    }

    /// The answer to a preflight whose upgrade would succeed.
    pub fn preflight_passed(origin: Option<&str>) -> Self {
        Self::closing(204).readable_by(origin).end()
    }

    /// The answer to the `OPTIONS` that a browser sends before the preflight.
    pub fn preflight_options(origin: Option<&str>) -> Self {
        Self::closing(204)
            .readable_by(origin)
            .field("Access-Control-Allow-Methods", "GET")
            .field("Access-Control-Allow-Headers", "Authorization")
            .field("Access-Control-Max-Age", "600")
            .end()
    }

    /// The `101` to the client's `Sec-WebSocket-Key`.
    pub fn switching_protocols(key: &str, subprotocol: Option<&str>) -> Self {
        let mut answer = Self::start(101)
            .field("Connection", "Upgrade")
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Accept", &derive_accept_key(key.as_bytes()));
        if let Some(subprotocol) = subprotocol {
            answer = answer.field("Sec-WebSocket-Protocol", subprotocol);
        }
        answer.end()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn start(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        Self(format!("HTTP/1.1 {status} {reason}\r\n"))
    }

    fn closing(status: u16) -> Self {
        Self::start(status)
            .field("Connection", "close")
            .field("Cache-Control", "no-store")
            .field("X-Content-Type-Options", "nosniff")
    }

    fn readable_by(self, origin: Option<&str>) -> Self {
        let Some(origin) = origin else { return self };
        self.field("Access-Control-Allow-Origin", origin)
            .field("Vary", "Origin")
            .field("Access-Control-Expose-Headers", "Retry-After")
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        debug_assert!(!value.contains(['\r', '\n']));
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{name}: {value}\r\n");
        self
    }

    fn body(self, content_type: &str, body: &str) -> Self {
        let mut answer = self
            .field("Content-Type", content_type)
            .field("Content-Length", &body.len().to_string())
            .end();
        answer.0.push_str(body);
        answer
    }

    fn end(mut self) -> Self {
        self.0.push_str("\r\n");
        self
    }
}

/// Writes a closing answer, shuts the write side down, and reads on for a moment so that a reset
/// does not eat the answer. Errors mean that the client is gone: nothing is left to do then.
pub(crate) async fn deliver<S>(mut stream: S, answer: &Answer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = timeout(WRITE_TIMEOUT, write).await {
        let _ = timeout(DRAIN_TIMEOUT, drain(&mut stream)).await;
    }
}

/// Delivers the HTTP form of a refusal.
pub(crate) async fn refuse<S>(stream: S, refusal: &Refusal, origin: Option<&str>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    deliver(stream, &Answer::refusal(refusal, origin)).await;
}

async fn drain<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut scrap = [0; 1024];
    let mut left = DRAIN_MAX_BYTES;
    while left > 0 {
        match stream.read(&mut scrap).await {
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::duplex, time::Instant};

    use super::*;

    fn lines(answer: &Answer) -> (Vec<String>, String) {
        let (head, body) = answer.0.split_once("\r\n\r\n").unwrap();
        let lines = head.split("\r\n").map(str::to_owned).collect();
        (lines, body.to_owned())
    }

    fn refusal(kind: RefusalKind) -> (Vec<String>, String) {
        lines(&Answer::refusal(&kind.into(), None))
    }

    fn has(lines: &[String], line: &str) -> bool {
        lines.iter().any(|other| other == line)
    }

    #[test]
    fn p01_a_refusal_has_a_body_its_length_and_closes() {
        let (lines, body) = refusal(RefusalKind::Forbidden);
        assert_eq!(lines[0], "HTTP/1.1 403 Forbidden");
        assert!(has(&lines, "Content-Type: application/json"));
        assert!(has(&lines, &format!("Content-Length: {}", body.len())));
        assert!(has(&lines, "Connection: close"));
        assert!(has(&lines, "Cache-Control: no-store"));
        assert!(body.starts_with(r#"{"error":"forbidden","#));
        assert!(!lines.iter().any(|line| line.starts_with("Access-Control")));
    }

    #[test]
    fn some_kinds_say_what_would_do() {
        let unauthorized = refusal(RefusalKind::Unauthorized).0;
        assert!(has(&unauthorized, "WWW-Authenticate: Bearer"));
        assert!(has(
            &refusal(RefusalKind::MethodNotAllowed).0,
            "Allow: GET, OPTIONS"
        ));
        let upgrade = refusal(RefusalKind::UpgradeRequired).0;
        assert_eq!(upgrade[0], "HTTP/1.1 426 Upgrade Required");
        assert!(has(&upgrade, "Upgrade: websocket"));
        assert!(has(&upgrade, "Sec-WebSocket-Version: 13"));
        assert!(has(&upgrade, "Connection: close"));
    }

    #[test]
    fn retry_after_is_rounded_up_to_seconds() {
        let refusal =
            Refusal::from(RefusalKind::TooManyAttempts).retry_after(Duration::from_millis(1001));
        let (lines, body) = lines(&Answer::refusal(&refusal, None));
        assert!(has(&lines, "Retry-After: 2"));
        assert!(body.contains(r#""retry_after_ms":1001"#));
    }

    #[test]
    fn the_end_of_a_ban_is_for_its_player_and_not_for_programs_that_come_back() {
        let ban = Refusal::banned("cheating").retry_after(Duration::from_secs(60));
        let (lines, body) = lines(&Answer::refusal(&ban, None));
        assert!(body.contains(r#""message":"cheating","retry_after_ms":60000"#));
        assert!(!lines.iter().any(|line| line.starts_with("Retry-After")));
    }

    #[test]
    fn a_page_on_the_list_may_read_the_answer() {
        let origin = "https://game.example";
        let unauthorized = RefusalKind::Unauthorized.into();
        for answer in [
            Answer::refusal(&unauthorized, Some(origin)),
            Answer::preflight_passed(Some(origin)),
            Answer::preflight_options(Some(origin)),
        ] {
            let (lines, _) = lines(&answer);
            assert!(has(
                &lines,
                "Access-Control-Allow-Origin: https://game.example"
            ));
            assert!(has(&lines, "Vary: Origin"));
            assert!(has(&lines, "Access-Control-Expose-Headers: Retry-After"));
        }
    }

    #[test]
    fn a_204_has_neither_body_nor_length() {
        let (options, body) = lines(&Answer::preflight_options(None));
        assert_eq!(options[0], "HTTP/1.1 204 No Content");
        assert!(has(&options, "Access-Control-Allow-Methods: GET"));
        assert!(has(&options, "Access-Control-Allow-Headers: Authorization"));
        assert!(has(&options, "Access-Control-Max-Age: 600"));
        assert!(
            !options
                .iter()
                .any(|line| line.starts_with("Content-Length"))
        );
        assert_eq!(body, "");
        assert_eq!(lines(&Answer::preflight_passed(None)).1, "");
    }

    #[test]
    fn a_health_check_is_ok() {
        let (lines, body) = lines(&Answer::healthy());
        assert_eq!(lines[0], "HTTP/1.1 200 OK");
        assert!(has(&lines, "Content-Length: 2"));
        assert_eq!(body, "ok");
    }

    #[test]
    fn the_101_accepts_the_key_as_in_the_rfc() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let (with, body) = lines(&Answer::switching_protocols(key, Some("game.v1")));
        assert_eq!(
            with,
            [
                "HTTP/1.1 101 Switching Protocols",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "Sec-WebSocket-Protocol: game.v1",
            ]
        );
        assert_eq!(body, "");
        assert_eq!(lines(&Answer::switching_protocols(key, None)).0.len(), 4);
    }

    #[tokio::test]
    async fn the_answer_arrives_and_the_rest_of_the_request_is_read() {
        let (mut client, server) = duplex(4096);
        let refusing = tokio::spawn(async move {
            refuse(server, &RefusalKind::NotFound.into(), None).await;
        });
        // More than the pipe holds: this ends only when it is read.
        client.write_all(&[0; 10_000]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"));
        drop(client);
        refusing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_forever_is_not_read_forever() {
        let (mut client, server) = duplex(4096);
        let started = Instant::now();
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while let Ok(count) = client.write(&[0; 1024]).await {
                sent += count;
            }
            sent
        });
        deliver(server, &Answer::healthy()).await;
        assert!(sending.await.unwrap() <= DRAIN_MAX_BYTES + 2 * 4096);
        assert!(started.elapsed() < WRITE_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_hangs_up_is_left_after_a_moment() {
        let (_client, server) = duplex(4096);
        let started = Instant::now();
        deliver(server, &Answer::healthy()).await;
        assert!(started.elapsed() >= DRAIN_TIMEOUT);
        assert!(started.elapsed() < DRAIN_TIMEOUT + WRITE_TIMEOUT);
    }
}
