//! What is logged, for tests that read it.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use tracing::{Dispatch, subscriber::NoSubscriber};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

/// For as long as this lives, the log has what its thread says.
pub struct Capture {
    _default: tracing::subscriber::DefaultGuard,
    _second: Dispatch,
}

impl Log {
    /// A log that has what this thread says, and nothing else.
    pub fn of_this_thread() -> (Self, Capture) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        let capture = Capture {
            _default: tracing::subscriber::set_default(subscriber),
            // Where there is one subscriber only, `tracing` takes it for everybody's: a message that another test's
            // thread logs first, without a subscriber, would then be off for good. With a second one it asks both.
            _second: Dispatch::new(NoSubscriber::new()),
        };
        (log, capture)
    }

    /// What was logged until now.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
