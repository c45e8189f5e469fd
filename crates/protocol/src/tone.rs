//! How the house's words are meant.

use serde::{Deserialize, Serialize};

/// How a notice is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tone {
    /// Something to be warned of.
    Warning,
    /// Something to know. What a later version adds is read as this.
    #[default]
    #[serde(other)]
    Info,
}

impl Tone {
    /// Whether it is the one that is left out.
    pub(crate) fn is_info(&self) -> bool {
        *self == Self::Info
    }
}

#[cfg(test)]
mod tests {
    use crate::ServerMessage;

    #[test]
    fn a_notice_is_information_unless_it_says_otherwise() {
        for (json, written) in [
            (
                r#"{"op":"notice","text":"hi"}"#,
                r#"{"op":"notice","text":"hi"}"#,
            ),
            (
                r#"{"op":"notice","text":"hi","tone":"solemn"}"#,
                r#"{"op":"notice","text":"hi"}"#,
            ),
            (
                r#"{"op":"notice","text":"hi","tone":"warning"}"#,
                r#"{"op":"notice","text":"hi","tone":"warning"}"#,
            ),
        ] {
            let message: ServerMessage = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), written);
        }
    }
}
