//! An HTTP server that answers as it is told, byte for byte.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// How a path is answered.
#[derive(Clone)]
pub enum Reply {
    /// 200 with this body.
    Ok(String),
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes after a while.
    Late(Duration, Vec<u8>),
    /// These bytes, one at a time, with a pause after each.
    Trickle(Duration, Vec<u8>),
    /// These bytes, and then more than anybody wants.
    Flood(Vec<u8>),
}

/// A whole answer with this status line, additional header lines and body.
pub fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Runs until it is dropped.
pub struct KeyServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    requests: Mutex<Vec<String>>,
    flooded: AtomicUsize,
    stopped: AtomicBool,
}

impl KeyServer {
    /// With nothing to offer yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// With this key set at `/keys`.
    pub fn with_keys(key_set: String) -> Self {
        let server = Self::start();
        server.keys(key_set);
        server
    }

    pub fn keys(&self, key_set: String) {
        self.reply("/keys", Reply::Ok(key_set));
    }

    /// From now on, this path is answered so.
    pub fn reply(&self, path: &str, reply: Reply) {
        let mut replies = self.shared.replies.lock().unwrap();
        replies.insert(path.to_owned(), reply);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn keys_url(&self) -> String {
        self.url("/keys")
    }

    /// How often a path was asked for, with or without a query.
    pub fn requests(&self, path: &str) -> usize {
        let requests = self.shared.requests.lock().unwrap();
        let asked = |request: &&String| request.split('?').next() == Some(path);
        requests.iter().filter(asked).count()
    }

    /// How often the key set was asked for.
    pub fn fetches(&self) -> usize {
        self.requests("/keys")
    }

    /// How many bytes of floods went out.
    pub fn flooded(&self) -> usize {
        self.shared.flooded.load(Ordering::SeqCst)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let Some(path) = read_path(&mut stream) else {
            return;
        };
        let reply = {
            let bare = path.split('?').next().unwrap_or_default();
            self.replies.lock().unwrap().get(bare).cloned()
        };
        self.requests.lock().unwrap().push(path);
        // The client may be gone at any time.
        let _ = match reply {
            None => stream.write_all(&answer("404 Not Found", "", "")),
            Some(Reply::Ok(body)) => stream.write_all(&answer("200 OK", "", &body)),
            Some(Reply::Bytes(bytes)) => stream.write_all(&bytes),
            Some(Reply::Late(pause, bytes)) => {
                thread::sleep(pause);
                stream.write_all(&bytes)
            }
            Some(Reply::Trickle(pause, bytes)) => bytes.iter().try_for_each(|byte| {
                thread::sleep(pause);
                stream.write_all(&[*byte])
            }),
            Some(Reply::Flood(bytes)) => {
                let _ = stream.write_all(&bytes);
                let block = [b' '; 4096];
                for _ in 0..64 * 1024 {
                    if stream.write_all(&block).is_err() {
                        break;
                    }
                    self.flooded.fetch_add(block.len(), Ordering::SeqCst);
                }
                Ok(())
            }
        };
    }
}

fn read_path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}
