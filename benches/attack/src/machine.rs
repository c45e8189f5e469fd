//! Which core does what.

use std::{
    fs, io,
    process::{self, Command, Stdio},
    sync::OnceLock,
    thread,
};

static PINNED: OnceLock<bool> = OnceLock::new();

/// On a machine with two cores the server gets the first and everybody else the second. Answers
/// whether it is one.
pub fn share() -> bool {
    *PINNED.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        cores == 2
            && quietly(Command::new("taskset").args([
                "-a",
                "-p",
                "-c",
                "1",
                &process::id().to_string(),
            ]))
    })
}

/// The command that starts the server.
pub fn command_for_server(program: &std::path::Path) -> Command {
    if !share() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Makes this thread, and those that it starts, give way to whoever measures: they share a core.
pub fn give_way() -> io::Result<()> {
    let this = fs::read_link("/proc/thread-self")?;
    let thread = this.file_name().unwrap_or_default();
    if quietly(Command::new("renice").args(["-n", "19", "-p"]).arg(thread)) {
        Ok(())
    } else {
        Err(io::Error::other("renice failed"))
    }
}

fn quietly(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
