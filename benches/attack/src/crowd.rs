//! A crowd of attackers who are in, or about to be.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use attack::Keys;

use crate::{
    client::{self, frame, loopback, read_to_close},
    machine,
};

pub const ATTACKERS: usize = 20;
/// Those who send a head byte by byte: nearly as many as may be pending.
pub const SLOW: usize = 900;
const BETWEEN_BYTES: Duration = Duration::from_millis(200);
/// So small that what is not read waits in the server.
const DEAF_BUFFER_BYTES: usize = 4096;
/// How long an attacker waits for the socket before it looks whether the attack is over.
const STEP: Duration = Duration::from_millis(100);
/// Written at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// Whether an attacker reads what comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ears {
    Open,
    Deaf,
}

/// What the attackers share.
pub struct Crowd {
    target: SocketAddr,
    over: AtomicBool,
    pub connections: AtomicUsize,
    pub bytes: AtomicUsize,
    /// How often the server ended a connection how.
    pub endings: Mutex<BTreeMap<String, usize>>,
}

impl Crowd {
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            over: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            endings: Mutex::default(),
        }
    }

    /// Sends the attackers home.
    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Attackers each of whom sends `start` and then `cycle` for ever, as fast as the socket takes it.
    pub fn flood(&self, ears: Ears, start: &[u8], cycle: &[u8]) {
        let cycle = cycle.repeat((CHUNK_BYTES / cycle.len()).max(1));
        self.attack(ears, |stream| {
            stream.set_write_timeout(Some(STEP))?;
            stream.write_all(start)?;
            let mut place = 0;
            while !self.is_over() {
                match stream.write(&cycle[place..]) {
                    Ok(count) => {
                        place = (place + count) % cycle.len();
                        self.bytes.fetch_add(count, Ordering::Relaxed);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
    }

    /// Attackers who do nothing at all.
    pub fn never_read(&self) {
        self.attack(Ears::Deaf, |stream| {
            while !self.is_over() {
                thread::sleep(STEP);
                // A reset; a read would say so only past all that came before.
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
            }
            Ok(())
        });
    }

    /// Each on a thread of its own, from its own address, and again when it was thrown out.
    fn attack(&self, ears: Ears, attack: impl Fn(&mut TcpStream) -> io::Result<()> + Sync) {
        let attack = &attack;
        thread::scope(|scope| {
            for number in 0..ATTACKERS {
                scope.spawn(move || {
                    while !self.is_over() {
                        let attempt = self.connections.fetch_add(1, Ordering::Relaxed);
                        if self.come_once(number, attempt, ears, attack).is_err() {
                            thread::sleep(STEP);
                        }
                    }
                });
            }
        });
    }

    /// # Errors
    /// When the connection was refused or ended by the server.
    fn come_once(
        &self,
        number: usize,
        attempt: usize,
        ears: Ears,
        attack: &(impl Fn(&mut TcpStream) -> io::Result<()> + Sync),
    ) -> io::Result<()> {
        let buffer = (ears == Ears::Deaf).then_some(DEAF_BUFFER_BYTES);
        let stream = client::connect(loopback(2, number), self.target, buffer)?;
        let token = client::token(Keys::Hs256, &format!("bad-{attempt}"));
        let mut reader = match client::enter(stream, &token) {
            Ok(reader) => reader,
            Err(error) => {
                self.note(format!("refused: {error}"));
                return Err(error);
            }
        };
        let mut writer = reader.get_ref().try_clone()?;
        let listen = |reader: &mut BufReader<TcpStream>| {
            let ending = read_to_close(reader);
            if !self.is_over() {
                self.note(ending);
            }
        };
        match ears {
            Ears::Deaf => {
                let outcome = attack(&mut writer);
                if outcome.is_err() {
                    // What had room in the buffer, and then the reset, which was taken already.
                    let ending = match read_to_close(&mut reader) {
                        code if code.parse::<u16>().is_ok() => code,
                        _ => "reset".into(),
                    };
                    self.note(ending);
                }
                outcome
            }
            Ears::Open => thread::scope(|scope| {
                reader.get_ref().set_read_timeout(None)?;
                let listening = scope.spawn(|| listen(&mut reader));
                let outcome = attack(&mut writer);
                if self.is_over() {
                    writer.shutdown(std::net::Shutdown::Both)?;
                }
                let _ = listening.join();
                outcome
            }),
        }
    }

    fn note(&self, ending: String) {
        let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        *endings.entry(ending.trim().to_owned()).or_default() += 1;
    }

    /// Many connections, each of which gets on with its head by a byte at a time.
    pub fn send_heads_slowly(&self) {
        let head = client::upgrade(&"x".repeat(2000));
        let mut held: Vec<Option<(TcpStream, usize)>> = (0..SLOW).map(|_| None).collect();
        while !self.is_over() {
            for (number, place) in held.iter_mut().enumerate() {
                let sent = match place.take() {
                    Some((mut stream, at)) => {
                        let byte = head.as_bytes()[at % head.len()];
                        stream.write_all(&[byte]).map(|()| (stream, at + 1))
                    }
                    None => {
                        self.connections.fetch_add(1, Ordering::Relaxed);
                        let from = loopback(2, number);
                        client::connect(from, self.target, None).map(|stream| (stream, 0))
                    }
                };
                self.bytes
                    .fetch_add(usize::from(sent.is_ok()), Ordering::Relaxed);
                *place = sent.ok();
            }
            thread::sleep(BETWEEN_BYTES);
        }
    }

    /// Begins an attack on a thread that gives way to those who measure.
    pub fn begin<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
        attack: fn(&Self),
    ) -> thread::ScopedJoinHandle<'scope, io::Result<()>> {
        scope.spawn(move || {
            machine::give_way()?;
            attack(self);
            Ok(())
        })
    }
}

/// One frame with this content in a message that it ends.
pub fn message(opcode: u8, content: &[u8]) -> Vec<u8> {
    frame(client::FINAL | opcode, content)
}
