//! An HTTP/1.1 client just large enough to talk to our servers and to a WebDriver: one request per
//! connection, JSON bodies.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use serde_json::Value;

/// For each part of an answer. Starting a browser takes a while.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON. `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The `error` member.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The `message` member.
    pub fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether a header line is there, name and value compared without case.
    pub fn has_header(&self, line: &str) -> bool {
        self.head
            .lines()
            .any(|held| held.eq_ignore_ascii_case(line))
    }
}

/// Sends bytes as they are and reads one answer. Status 0 when none came.
pub fn exchange(address: impl ToSocketAddrs, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // A server that refuses early may close before everything is sent.
    let _ = stream.write_all(request);
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader);
    let mut body = String::new();
    // Not every server closes afterwards.
    let _ = reader.take(content_length(&head)).read_to_string(&mut body);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.unwrap_or_default(),
        head,
        body,
    }
}

fn read_head(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match reader.read_line(&mut head) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    head
}

/// Without the field, the body ends with the connection.
fn content_length(head: &str) -> u64 {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(u64::MAX, |(_, value)| value.trim().parse().unwrap())
}

/// One request with this `Authorization` value.
pub fn request(
    address: impl ToSocketAddrs + Display,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> Answer {
    let authorization =
        authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    exchange(address, text.as_bytes())
}
