//! SIGHUP: the certificate is read again, and nobody has to leave.

use std::thread;

use bevy_bouncer::Bouncer;
use signal_hook::{consts::SIGHUP, iterator::Signals};

use crate::problem::Problem;

/// Reloads at each signal, for as long as the process lives.
pub fn on_hang_up(bouncer: Bouncer) -> Result<(), Problem> {
    let mut signals = Signals::new([SIGHUP]).map_err(|error| Problem::runtime("signals", error))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            // The library logs what came of it.
            let _ = bouncer.reload_tls();
        }
    });
    Ok(())
}
