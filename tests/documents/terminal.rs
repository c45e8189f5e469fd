//! A terminal of a reader who does what a document says.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::markdown;

/// How long a command may take. It may have to compile.
const PATIENCE: Duration = Duration::from_secs(1200);

/// What a reader's `cargo` does, here: crates come from this clone and from what is downloaded already.
const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
add() { CARGO_NET_OFFLINE=true "$CARGO" add "$@" || "$CARGO" add "$@"; }
case "${1-} ${2-}" in
"add bevy_bouncer")
    shift 2
    "$CARGO" add --path "$CLONE"
    [ $# = 0 ] || add "$@"
    ;;
"add bevy_bouncer_chat")
    shift 2
    "$CARGO" add --path "$CLONE/crates/chat" "$@"
    ;;
# `bevy` declares a newer Rust than this crate needs. It is `bevy_internal` under another name.
"add bevy@0.20")
    shift 2
    add bevy_internal@0.20 --rename bevy "$@"
    ;;
"add "*)
    shift
    add "$@"
    ;;
# With the versions of the clone, so that nothing is compiled twice.
"new "*)
    "$CARGO" "$@"
    cp "$CLONE/Cargo.lock" "$2"
    ;;
# A directory that is not a package stands for the clone.
"run "* | "build "*)
    if [ ! -e Cargo.toml ]; then
        command="$1"
        shift
        set -- "$command" --manifest-path "$CLONE/Cargo.toml" "$@"
    fi
    exec "$CARGO" "$@"
    ;;
*) exec "$CARGO" "$@" ;;
esac
"#;

/// A fresh directory for what a document makes, always in the same place: `cargo` knows packages by it.
pub fn fresh_directory(name: &str) -> PathBuf {
    let clone = markdown::root().display().to_string().replace('/', "-");
    let directory = std::env::temp_dir().join(format!("documents{clone}-{name}"));
    // An error when there is none.
    let _ = fs::remove_dir_all(&directory);
    let programs = directory.join("programs");
    fs::create_dir_all(&programs).unwrap();
    fs::write(programs.join("cargo"), CARGO).unwrap();
    fs::set_permissions(programs.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(directory.join("clone")).unwrap();
    directory
}

/// One bash. It and what it started end with it.
pub struct Terminal {
    child: Child,
    input: ChildStdin,
    output: Arc<(Mutex<Output>, Condvar)>,
    /// Commands that were run.
    count: usize,
}

#[derive(Default)]
struct Output {
    text: String,
    has_ended: bool,
}

impl Terminal {
    /// A terminal in a folder of a fresh directory.
    pub fn open(directory: &Path, folder: &str) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut child = Command::new("bash")
            .args(["-e", "-o", "pipefail"])
            .current_dir(directory.join(folder))
            .env("PATH", format!("{}/programs:{path}", directory.display()))
            .env("CARGO", env!("CARGO"))
            .env("CLONE", markdown::root())
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .env_remove("SECRET")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash is installed");
        let mut stdout = child.stdout.take().unwrap();
        let output = Arc::<(Mutex<Output>, Condvar)>::default();
        let shared = output.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let length = stdout.read(&mut buffer).unwrap_or(0);
                let mut output = shared.0.lock().unwrap();
                output.has_ended = length == 0;
                output.text += &String::from_utf8_lossy(&buffer[..length]);
                shared.1.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let mut terminal = Self {
            child,
            input,
            output,
            count: 0,
        };
        terminal.type_line("exec 2>&1");
        terminal
    }

    /// Runs commands until they are done, and returns what they print.
    #[track_caller]
    pub fn run(&mut self, commands: &str) -> String {
        self.count += 1;
        let done = format!("done {} of {}", self.count, self.child.id());
        self.type_line(commands);
        self.type_line(&format!("echo; echo '{done}'"));
        self.wait_for(&format!("\n{done}\n"))
    }

    /// Starts a program that goes on, and waits for these words of it. Returns what came before them.
    #[track_caller]
    pub fn start(&mut self, commands: &str, words: &str) -> String {
        self.type_line(commands);
        self.wait_for(words)
    }

    pub fn type_line(&mut self, line: &str) {
        writeln!(self.input, "{}", line.trim_end()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits for these words, and returns what came before them.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let (output, changed) = &*self.output;
        let mut output = output.lock().unwrap();
        loop {
            if let Some(at) = output.text.find(words) {
                let before = output.text[..at].to_owned();
                output.text.drain(..at + words.len());
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let text = &output.text;
            assert!(!output.has_ended, "ended without {words:?}: {text}");
            assert!(!left.is_zero(), "{words:?} did not come: {text}");
            output = changed.wait_timeout(output, left).unwrap().0;
        }
    }

    /// The rest of the line after the words that were waited for.
    #[track_caller]
    pub fn rest_of_line(&mut self) -> String {
        self.wait_for("\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            let output = self.output.0.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("What a terminal showed last: {}", output.text);
        }
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            // An error when everything has ended already.
            let _ = Command::new("kill")
                .args([signal, "--", &group])
                .stderr(Stdio::null())
                .status();
            let deadline = Instant::now() + Duration::from_secs(5);
            while self.child.try_wait().is_ok_and(|ended| ended.is_none())
                && Instant::now() < deadline
            {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = self.child.wait();
    }
}
