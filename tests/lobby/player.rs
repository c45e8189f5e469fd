//! A player without a browser.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Error, Message, WebSocket, client::IntoClientRequest, error::ProtocolError,
    handshake::HandshakeError, http::header::SEC_WEBSOCKET_PROTOCOL, protocol::CloseFrame,
};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Player(WebSocket<TcpStream>);

impl Player {
    /// Connects with what a sign-up or a log-in answered. The error is the HTTP status.
    pub fn connect(session: &Value) -> Result<Self, u16> {
        let url = session["ws_url"].as_str().unwrap();
        let token = session["token"].as_str().unwrap();
        let mut request = url.into_client_request().unwrap();
        let authority = request.uri().authority().unwrap().to_string();
        let protocols = format!("bouncer.v1, bearer.{token}").parse().unwrap();
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocols);
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub fn say(&mut self, id: &str, text: &str) {
        self.send(&json!({ "op": "chat.send", "id": id, "room": "lobby", "d": { "text": text } }));
    }

    /// Comes into a room.
    pub fn join(&mut self, room: &str) -> Value {
        self.send(&json!({ "op": "room.join", "id": "join", "room": room }));
        self.expect("ack")
    }

    /// Does what a moderator does with a user.
    pub fn moderate(&mut self, op: &str, user: &Value, reason: Option<&str>) {
        self.send(&json!({ "op": op, "id": op, "user": user, "reason": reason }));
        assert_eq!(self.expect("ack")["re"], op);
    }

    pub fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message with this `op`; others are skipped.
    pub fn expect(&mut self, op: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Message::Text(text) = self.0.read().unwrap() {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["op"] == op {
                    return message;
                }
            }
        }
        panic!("no {op} came");
    }

    /// Reads until the server says good-bye.
    pub fn expect_close(&mut self) -> CloseFrame {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.expect("a code"),
                Ok(_) => {}
                Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                    panic!("no Close came")
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
