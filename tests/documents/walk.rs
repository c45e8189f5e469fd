//! A document's commands, one after another. None can be overlooked: each is either run, or named with the
//! reason why it is not.

use std::{collections::VecDeque, fs, net::TcpListener, path::Path};

use crate::markdown::{Block, blocks};

pub struct Walk {
    document: &'static str,
    commands: VecDeque<String>,
    others: Vec<Block>,
    /// Ports that the document names, and ones that are free here.
    ports: Vec<(String, String)>,
}

impl Walk {
    pub fn through(document: &'static str, ports: &[u16]) -> Self {
        // All are held until all are found, so that they differ.
        let held: Vec<_> = ports
            .iter()
            .map(|port| (port, TcpListener::bind("127.0.0.1:0").unwrap()))
            .collect();
        let ports = held
            .iter()
            .map(|(port, listener)| {
                let free = listener.local_addr().unwrap().port();
                (port.to_string(), free.to_string())
            })
            .collect();
        let (commands, others): (Vec<_>, Vec<_>) = blocks(document)
            .into_iter()
            .partition(|block| block.language == "sh");
        Self {
            document,
            commands: commands.into_iter().map(|block| block.code).collect(),
            others,
            ports,
        }
    }

    /// The next block of commands, which begins with this line.
    #[track_caller]
    pub fn next(&mut self, first_line: &str) -> String {
        let next = self.commands.pop_front();
        let next = next.unwrap_or_else(|| panic!("{first_line:?} is not there"));
        assert_eq!(next.lines().next(), Some(first_line), "{}", self.document);
        self.with_free_ports(&next)
    }

    /// The next block begins with this line, and cannot be run here for this reason.
    #[track_caller]
    pub fn skip(&mut self, first_line: &str, _reason: &str) {
        self.next(first_line);
    }

    /// Writes the block that the document puts into this file.
    #[track_caller]
    pub fn write(&self, file: &str, directory: &Path) {
        let block = self.others.iter().find(|block| block.is_file(file));
        let block = block.unwrap_or_else(|| panic!("{file} is not in {}", self.document));
        fs::write(directory.join(file), self.with_free_ports(&block.code)).unwrap();
    }

    /// The same text with ports that are free here.
    pub fn with_free_ports(&self, text: &str) -> String {
        let is_digit = |byte: char| byte.is_ascii_digit();
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_digit) {
            let (before, number) = rest.split_at(start);
            let end = number.find(|one| !is_digit(one)).unwrap_or(number.len());
            let (number, after) = number.split_at(end);
            let free = self.ports.iter().find(|(port, _)| port == number);
            result += before;
            result += free.map_or(number, |(_, free)| free);
            rest = after;
        }
        result + rest
    }

    /// Nothing is left.
    #[track_caller]
    pub fn end(self) {
        assert_eq!(self.commands, [""; 0], "{}", self.document);
    }
}
