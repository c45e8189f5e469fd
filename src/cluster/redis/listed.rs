//! What the list has of one subject, read so that a newer version may write what this one does not know.

use serde_json::Value;

use crate::{cluster::backplane::BackplaneError, revocation::Revocation};

/// The entries of one subject.
#[derive(Default)]
pub(super) struct Listed {
    pub entries: Vec<Revocation>,
    /// What cannot be read. It is written again as it is.
    pub strange: Vec<Value>,
}

impl Listed {
    pub fn read(text: &str) -> Self {
        let values = match serde_json::from_str(text) {
            Ok(Value::Array(values)) => values,
            Ok(other) => vec![other],
            Err(_) => vec![Value::from(text)],
        };
        let mut listed = Self::default();
        for value in values {
            match serde_json::from_value(value.clone()) {
                Ok(entry) => listed.entries.push(entry),
                Err(_) => listed.strange.push(value),
            }
        }
        listed
    }

    /// Nothing stands for no entries.
    pub fn write(&self) -> Result<String, BackplaneError> {
        if self.entries.is_empty() && self.strange.is_empty() {
            return Ok(String::new());
        }
        let failed = |error: serde_json::Error| BackplaneError(error.to_string());
        let entries = self.entries.iter().map(serde_json::to_value);
        let mut all = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        all.extend(self.strange.iter().cloned());
        serde_json::to_string(&all).map_err(failed)
    }

    /// Whether all entries have. One that cannot be read has not.
    pub fn has_ended(&self, now: u64) -> bool {
        let mut entries = self.entries.iter();
        self.strange.is_empty()
            && entries.all(|entry| entry.until.is_some_and(|until| until <= now))
    }
}
