use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Arguments, MESSAGE_BYTES, Usage};

/// The broadcast to make: `messages` to everybody on each tick.
#[derive(Clone, Copy)]
pub struct Broadcast {
    /// How many connections there are.
    pub connections: usize,
    /// Messages in a tick.
    pub messages: usize,
    /// Ticks in all.
    pub ticks: usize,
    /// Time between two ticks.
    pub period: Duration,
}

impl Broadcast {
    /// `--connections`, `--messages`, `--ticks`, and `--hz`.
    pub fn from(arguments: &Arguments) -> Self {
        Self {
            connections: arguments.number("connections", 1000),
            messages: arguments.number("messages", 1),
            ticks: arguments.number("ticks", 100),
            period: Duration::from_secs(1) / arguments.number("hz", 20) as u32,
        }
    }

    /// The messages of a tick, all different.
    pub fn texts(&self) -> Vec<String> {
        (0..self.messages)
            .map(|number| format!("{number:0>width$}", width = MESSAGE_BYTES))
            .collect()
    }

    /// The same as finished WebSocket frames.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let frame = |text: String| [&[0x81, MESSAGE_BYTES as u8], text.as_bytes()].concat();
        self.texts().into_iter().map(frame).collect()
    }

    /// What arrives when nothing is lost.
    pub fn deliveries(&self) -> usize {
        self.connections * self.messages * self.ticks
    }

    /// What it cost since `start`, with a moment for what is still on its way.
    pub fn report(&self, start: Usage) -> Value {
        thread::sleep(Duration::from_millis(300));
        let mut report = Usage::now().since(start).json();
        report["deliveries"] = json!(self.deliveries());
        report
    }
}

/// Waits until this process does hardly anything, where a server does not tell when all is written.
pub fn wait_until_idle() {
    const PROBE: Duration = Duration::from_millis(5);
    const BUSY_US: i64 = 500;
    loop {
        let before = Usage::now();
        thread::sleep(PROBE);
        let spent = Usage::now().since(before);
        if spent.user_us + spent.system_us < BUSY_US {
            return;
        }
    }
}

/// Ticks at a fixed rate. One that is late begins at once, and the next ones count from there.
pub struct Pace {
    period: Duration,
    next: Instant,
}

impl Pace {
    /// The first tick is now.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            next: Instant::now(),
        }
    }

    /// How long to wait for the next tick.
    pub fn remaining(&mut self) -> Duration {
        let now = Instant::now();
        let wait = self.next.saturating_duration_since(now);
        self.next = self.next.max(now) + self.period;
        wait
    }

    /// Sleeps until the next tick.
    pub fn sleep(&mut self) {
        thread::sleep(self.remaining());
    }
}
