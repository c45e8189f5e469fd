//! What a name and a password look like. The rules are told to a player who breaks them.

use bevy_bouncer::text::{NameRules, look};

/// Shortest and longest name in characters.
const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 3..=24;
/// Shortest and longest password in characters.
const PASSWORD_CHARACTERS: std::ops::RangeInclusive<usize> = 8..=128;
/// What the lobby itself is called where it speaks.
const VOICES: [&str; 2] = ["lobby", "the game"];
/// What is tried first.
const GUESSED_FIRST: [&str; 16] = [
    "12345678",
    "123456789",
    "1234567890",
    "1q2w3e4r",
    "87654321",
    "abcd1234",
    "asdfghjk",
    "iloveyou",
    "letmein1",
    "password",
    "password1",
    "passw0rd",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "sunshine",
];

/// The rules for new accounts.
pub struct CredentialRules {
    names: NameRules,
}

impl CredentialRules {
    /// Names of one script that do not sound like those who run the lobby.
    pub fn new() -> Self {
        Self {
            names: NameRules::new(NAME_CHARACTERS).reserve(VOICES),
        }
    }

    /// Checks a new name. Whether it looks like another's is known to the accounts.
    ///
    /// # Errors
    /// The rule that was broken, in words.
    pub fn check_name(&self, name: &str) -> Result<(), String> {
        let checked = self.names.check(name);
        checked.map_err(|error| sentence(&error.to_string()))
    }

    /// Checks a new password.
    ///
    /// # Errors
    /// The rule that was broken, in words.
    pub fn check_password(&self, password: &str, name: &str) -> Result<(), &'static str> {
        let length = password.chars().count();
        if length < *PASSWORD_CHARACTERS.start() {
            return Err("A password has at least 8 characters.");
        }
        if length > *PASSWORD_CHARACTERS.end() {
            return Err("A password has at most 128 characters.");
        }
        let first = password.chars().next();
        let is_one_character = password.chars().all(|c| Some(c) == first);
        let small = password.to_lowercase();
        if is_one_character || GUESSED_FIRST.contains(&small.as_str()) {
            return Err(
                "This password is one that everybody tries first. Please choose another one.",
            );
        }
        if look(password) == look(name) {
            return Err("The password must not be the name.");
        }
        Ok(())
    }

    /// Whether somebody can have this password.
    pub fn may_be_password(&self, password: &str) -> bool {
        PASSWORD_CHARACTERS.contains(&password.chars().count())
    }
}

/// With a capital and a full stop.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(rest)
        .chain(['.'])
        .collect()
}
