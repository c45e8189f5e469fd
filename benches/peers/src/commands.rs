use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::Usage;

/// Prints one line of JSON.
pub fn say(line: &Value) {
    println!("{line}");
}

/// What the script wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Broadcast now.
    Go,
    /// Say how long the frames took since the last such question.
    Frames,
    /// Nothing more.
    Quit,
}

/// The lines on the standard input.
pub struct Commands(Receiver<String>);

impl Commands {
    /// Says where this server listens, and listens to the script.
    pub fn announce(port: u16) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        say(&serde_json::json!({ "port": port }));
        Self(receiver)
    }

    /// Waits for a command, at most so long. Answers `usage` itself.
    ///
    /// # Panics
    /// On an unknown command.
    pub fn wait(&self, limit: Duration) -> Option<Command> {
        match self.0.recv_timeout(limit).as_deref() {
            Ok("usage") => {
                say(&Usage::now().json());
                None
            }
            Ok("go") => Some(Command::Go),
            Ok("frames") => Some(Command::Frames),
            Ok(unknown) => panic!("unknown command {unknown:?}"),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Quit),
        }
    }
}
