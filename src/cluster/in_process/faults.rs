//! What goes wrong on the way, when it is ordered.

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::util::{jitter, random_share};

/// What goes wrong in an [`InProcessBackplane`](crate::InProcessBackplane). By default nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// The share of frames that are lost, 0 to 1.
    pub frames_lost: f64,
    /// The share of frames that come twice, 0 to 1.
    pub frames_twice: f64,
    /// How late frames come: by chance within the range, so that they overtake each other.
    pub frame_delay: Range<Duration>,
    /// How late entries of the control log come.
    pub log_delay: Duration,
    /// Whether entries of the control log come twice, also those that were read before.
    pub log_twice: bool,
    /// Whether entries of the control log are lost, so that only the list has them and nothing says so.
    pub log_lost: bool,
    /// Whether the control log is trimmed at once: who has not read an entry learns that some are lost.
    pub log_trimmed: bool,
    /// Whether every decision fails, while what was decided can be read.
    pub decisions_fail: bool,
    /// Whether every question fails.
    pub unreachable: bool,
    /// Whether every question stays without an answer.
    pub silent: bool,
}

impl Faults {
    /// Sends a frame to one listener: not at all, once or twice, now or late.
    pub(super) fn deliver(&self, listener: &mpsc::Sender<Bytes>, frame: &Bytes) {
        if happens(self.frames_lost) {
            return;
        }
        self.send(listener, frame);
        if happens(self.frames_twice) {
            self.send(listener, frame);
        }
    }

    fn send(&self, listener: &mpsc::Sender<Bytes>, frame: &Bytes) {
        let Range { start, end } = self.frame_delay;
        if end.is_zero() {
            // A listener that is behind loses frames.
            let _ = listener.try_send(frame.clone());
            return;
        }
        let wait = jitter(start..=end);
        let (listener, frame) = (listener.clone(), frame.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = listener.try_send(frame);
        });
    }
}

/// Whether something happens now that happens in this share of all cases.
fn happens(share: f64) -> bool {
    share > 0.0 && random_share() <= share
}
