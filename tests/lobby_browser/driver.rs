//! What starts browsers: chromedriver, or geckodriver when `LOBBY_BROWSER` is `firefox`.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    rc::Rc,
};

use serde_json::{Value, json};

use crate::browser::Browser;

const CHROMIUM_ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Which browser is driven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Chromium,
    Firefox,
}

impl Kind {
    fn asked_for() -> Self {
        match env::var("LOBBY_BROWSER").as_deref() {
            Ok("firefox") => Self::Firefox,
            _ => Self::Chromium,
        }
    }

    /// The names that it goes by.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium", "chromium-browser", "google-chrome"],
            Self::Firefox => &["firefox-esr", "firefox"],
        }
    }

    /// What to run, and what stands before its port where it says so.
    fn driver(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Chromium => (&["chromedriver", "--port=0"], "successfully on port "),
            Self::Firefox => (
                &["geckodriver", "--port=0", "--allow-system-access"],
                "Listening on 127.0.0.1:",
            ),
        }
    }

    fn capabilities(self, binary: &Path, profile: &Path) -> Value {
        let wanted = match self {
            Self::Chromium => {
                let mut arguments: Vec<_> = CHROMIUM_ARGUMENTS.map(str::to_owned).into();
                arguments.push(format!("--user-data-dir={}", profile.display()));
                json!({
                    "browserName": "chrome",
                    "goog:chromeOptions": { "args": arguments, "binary": binary },
                })
            }
            Self::Firefox => json!({
                "browserName": "firefox",
                "moz:firefoxOptions": { "args": ["-headless"], "binary": binary },
            }),
        };
        json!({ "capabilities": { "alwaysMatch": wanted } })
    }
}

/// Starts browsers.
pub struct Driver {
    kind: Kind,
    binary: PathBuf,
    /// chromedriver drives them all, geckodriver one.
    first: Rc<Program>,
}

impl Driver {
    /// `None` when the browser or its driver is not installed.
    pub fn start() -> Option<Self> {
        let kind = Kind::asked_for();
        let binary = kind.programs().iter().find_map(|name| installed(name))?;
        let first = Program::start(kind)?;
        Some(Self {
            kind,
            binary,
            first,
        })
    }

    /// A browser with a fresh profile, so that no two share anything.
    pub fn browser(&self) -> Browser {
        let is_free = Rc::strong_count(&self.first) == 1;
        let program = match self.kind {
            Kind::Firefox if !is_free => Program::start(self.kind).expect("it started before"),
            _ => self.first.clone(),
        };
        let profile = tempfile::tempdir().unwrap();
        let capabilities = self.kind.capabilities(&self.binary, profile.path());
        Browser::start(self.kind, program, profile, &capabilities)
    }
}

/// The driver's program. It ends after the last of its browsers.
pub struct Program {
    process: Child,
    /// Kept open, so that the program can go on writing to it.
    _output: BufReader<ChildStdout>,
    pub authority: String,
}

impl Program {
    fn start(kind: Kind) -> Option<Rc<Self>> {
        let (command, before_port) = kind.driver();
        let mut process = Command::new(command[0])
            .args(&command[1..])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let port = output
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once(before_port)?.1.to_owned()))
            .expect("the driver says its port");
        Some(Rc::new(Self {
            process,
            _output: output,
            authority: format!("127.0.0.1:{}", port.trim_end_matches('.')),
        }))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}
