//! Good players, who measure how long the server takes to answer them.

use std::{
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use attack::Keys;

use crate::{
    Outcome,
    client::{self, FINAL, TEXT, frame, loopback, read_frame},
    server::Server,
};

pub const PLAYERS: usize = 200;
/// Between an answer and the next question, and up to two ticks more: the questions must not fall into
/// step with the ticks.
pub const PAUSE: Duration = Duration::from_millis(200);
const UP_TO_MORE: u64 = 33_333;

/// Some players who play until this is dropped.
pub struct Players {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

const KEYS: Keys = Keys::Hs256;

#[derive(Default)]
struct Shared {
    answered: Mutex<Vec<Duration>>,
    lost: AtomicUsize,
    over: AtomicBool,
}

impl Players {
    pub fn join(server: &Server) -> Outcome<Self> {
        let shared = Arc::<Shared>::default();
        let mut threads = Vec::new();
        for number in 0..PLAYERS {
            let stream = client::connect(loopback(1, number), server.address, None)?;
            let mut stream =
                client::enter(stream, &client::token(KEYS, &format!("good-{number}")))?;
            let shared = shared.clone();
            threads.push(thread::spawn(move || {
                for question in 0_u64.. {
                    if shared.over.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = question.to_string();
                    let asked = Instant::now();
                    let asking = frame(FINAL | TEXT, text.as_bytes());
                    let mut ask = || {
                        stream.get_mut().write_all(&asking)?;
                        while read_frame(&mut stream)? != (FINAL | TEXT, text.clone().into()) {}
                        Ok::<_, std::io::Error>(())
                    };
                    if ask().is_err() {
                        shared.lost.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    shared.answers().push(asked.elapsed());
                    // Anything that is spread evenly.
                    let more = (number as u64 + question) * 7_919 % UP_TO_MORE;
                    thread::sleep(PAUSE + Duration::from_micros(more));
                }
            }));
        }
        Ok(Self { shared, threads })
    }

    /// The answers since the last call.
    pub fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.shared.answers())
    }

    /// How many have lost their connection.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Players {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
