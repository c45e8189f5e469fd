use std::{collections::HashMap, env};

/// `--name value` pairs.
pub struct Arguments(HashMap<String, String>);

impl Arguments {
    /// The arguments of this process.
    ///
    /// # Panics
    /// When they are not pairs: this is a tool for one script.
    pub fn read() -> Self {
        let mut pairs = HashMap::new();
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").expect("arguments start with --");
            let value = words.next().expect("every argument has a value");
            pairs.insert(name.to_owned(), value);
        }
        Self(pairs)
    }

    /// A text, or this default.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or(default, String::as_str).to_owned()
    }

    /// A number, or this default.
    ///
    /// # Panics
    /// When it is not a number.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.0.get(name).map_or(default, |value| {
            value.parse().expect("the value is a number")
        })
    }
}
