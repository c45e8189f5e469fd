//! Handshakes at a rate, and what came of them.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::client;

/// Longer than a head may take.
const SLOW_PATIENCE: Duration = Duration::from_millis(5_500);

/// What came of knocking.
#[derive(Default)]
pub struct Tally {
    started: AtomicUsize,
    /// How often which status was the answer; 0 for none.
    answers: Mutex<BTreeMap<u16, usize>>,
    times: Mutex<Vec<Duration>>,
}

impl Tally {
    /// The number of the next one, when its time has come.
    pub fn turn(&self, start: Instant, per_second: f64) -> usize {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let due = start + Duration::from_secs_f64(number as f64 / per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        number
    }

    /// One handshake, and the time to its answer. Whoever reads on to the end hangs up after that.
    pub fn knock(&self, from: Ipv4Addr, target: SocketAddr, request: &[u8], to_the_end: bool) {
        let start = Instant::now();
        let status = client::connect(from, target, None).and_then(|mut stream| {
            // The answer may come before all of it was sent.
            let _ = stream.write_all(request);
            read_status(&mut stream, to_the_end)
        });
        self.note(status, start.elapsed());
    }

    /// Notes an answer, or that there was none.
    pub fn note(&self, status: io::Result<u16>, time: Duration) {
        lock(&self.times).push(time);
        *lock(&self.answers).entry(status.unwrap_or(0)).or_default() += 1;
    }

    /// How many were answered in any way.
    pub fn all(&self) -> usize {
        lock(&self.answers).values().sum()
    }

    /// How many got another answer than this.
    pub fn other_than(&self, status: u16) -> usize {
        self.all() - lock(&self.answers).get(&status).copied().unwrap_or(0)
    }

    pub fn answers(&self) -> BTreeMap<u16, usize> {
        lock(&self.answers).clone()
    }

    pub fn times(&self) -> Vec<Duration> {
        lock(&self.times).clone()
    }
}

fn read_status(stream: &mut TcpStream, to_the_end: bool) -> io::Result<u16> {
    let mut answer = [0; 2048];
    let mut length = stream.read(&mut answer)?;
    while to_the_end && length < answer.len() {
        match stream.read(&mut answer[length..]) {
            Ok(count) if count > 0 => length += count,
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&answer[..length]);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(status.unwrap_or(0))
}

/// Connections that have sent half a head, until they are answered.
#[derive(Default)]
pub struct SlowOnes(Mutex<VecDeque<(Instant, TcpStream)>>);

impl SlowOnes {
    /// Begins one more.
    pub fn begin(&self, tally: &Tally, from: Ipv4Addr, target: SocketAddr, half: &[u8]) {
        let start = Instant::now();
        let begun = client::connect(from, target, None).and_then(|mut stream| {
            stream.write_all(half)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => lock(&self.0).push_back((start, stream)),
            Err(error) => tally.note(Err(error), start.elapsed()),
        }
    }

    /// Looks after those whose time is up, or after all of them at the end. Their answers have come.
    pub fn reap(&self, tally: &Tally, all: bool) {
        loop {
            let mut waiting = lock(&self.0);
            let is_due = |(start, _): &(Instant, _)| all || start.elapsed() > SLOW_PATIENCE;
            if !waiting.front().is_some_and(is_due) {
                return;
            }
            let Some((start, mut stream)) = waiting.pop_front() else {
                return;
            };
            drop(waiting);
            let status = stream
                .set_nonblocking(true)
                .and_then(|()| read_status(&mut stream, false));
            tally.note(status, start.elapsed());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
