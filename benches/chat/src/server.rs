//! The server as a process.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running server, killed when dropped.
pub struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// How long updates took, in microseconds.
pub struct Updates {
    pub median: f64,
    pub p99: f64,
    pub mean: f64,
}

impl Server {
    pub fn start(rooms: usize, file: Option<&Path>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut process = Command::new(env::current_exe()?.with_file_name("server"))
            .arg(rooms.to_string())
            .args(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("the server has no input")?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut output = BufReader::new(output);
        let address = line(&mut output)?.parse()?;
        Ok(Self {
            process,
            input,
            output,
            address,
        })
    }

    /// Since the last report.
    pub fn report(&mut self) -> Result<Updates, Box<dyn std::error::Error>> {
        writeln!(self.input)?;
        let line = line(&mut self.output)?;
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [_, median, p99, mean] = numbers[..] else {
            return Err(line.into());
        };
        Ok(Updates { median, p99, mean })
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> io::Result<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
