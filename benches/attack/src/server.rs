//! The target as a process: its memory is its own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use attack::Keys;
use serde_json::Value;

use crate::{Outcome, machine};

/// A running target, killed when dropped.
pub struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// What the target says of itself since it was last asked.
pub struct Report {
    pub frame_p50: f64,
    /// In milliseconds.
    pub frame_p99: f64,
    /// How many attackers by the close code that they were due.
    pub thrown_out: String,
}

impl Server {
    /// Starts one with these keys and limits; what is not named has its default.
    pub fn start(keys: Keys, limits: &Value) -> Outcome<Self> {
        let program = env::current_exe()?.with_file_name("target");
        let mut process = machine::command_for_server(&program)
            .args([keys.name(), &limits.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("the target has no input")?;
        let output = process.stdout.take().ok_or("the target has no output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self {
            process,
            input,
            output,
            address,
        })
    }

    /// Makes it broadcast this many bytes in every tick.
    pub fn broadcast(&mut self, bytes: usize) -> Outcome<()> {
        Ok(writeln!(self.input, "broadcast {bytes}")?)
    }

    /// What happened since the last report.
    pub fn report(&mut self) -> Outcome<Report> {
        writeln!(self.input, "report")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let report: Value = serde_json::from_str(&line)?;
        let time = |name: &str| report[name].as_f64().unwrap_or(f64::NAN) / 1e3;
        let codes = report["thrown_out"].as_object().ok_or("no codes")?;
        let codes: Vec<_> = codes
            .iter()
            .map(|(code, count)| format!("{code}: {count}"))
            .collect();
        Ok(Report {
            frame_p50: time("p50_us"),
            frame_p99: time("p99_us"),
            thrown_out: codes.join(", "),
        })
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Outcome<usize> {
        resident_bytes(self.process.id())
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> Outcome<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }

    /// Sleeps for this time and answers the most that was resident within it.
    pub fn watch(&self, time: Duration) -> Outcome<usize> {
        let end = Instant::now() + time;
        let mut most = self.resident_bytes()?;
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
            most = most.max(self.resident_bytes()?);
        }
        Ok(most)
    }
}

fn resident_bytes(process: u32) -> Outcome<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes.ok_or("no VmRSS")?.parse()?;
    Ok(kibibytes * 1024)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
