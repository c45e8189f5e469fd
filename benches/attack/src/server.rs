//! The target as a process: its memory is its own.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::Outcome;

/// A running target, killed when dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts one with these limits; what is not named has its default.
    pub fn start(limits: &Value) -> Outcome<Self> {
        let program = env::current_exe()?.with_file_name("target");
        let mut process = Command::new(program)
            .arg(limits.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the target has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { process, address })
    }

    /// Makes it broadcast this many bytes in every tick.
    pub fn broadcast(&mut self, bytes: usize) -> Outcome<()> {
        let input = self
            .process
            .stdin
            .as_mut()
            .ok_or("the target has no input")?;
        Ok(writeln!(input, "{bytes}")?)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Outcome<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: usize = kibibytes.ok_or("no VmRSS")?.parse()?;
        Ok(kibibytes * 1024)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> Outcome<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count())
    }

    /// The most that is resident within this time.
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

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
