//! Which names may be chosen.

use std::ops::RangeInclusive;

use thiserror::Error;
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection};

use crate::{clean_line, look};

/// Words that nobody should be called: they sound like those who run the game.
pub const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "developer",
    "everyone",
    "game master",
    "gm",
    "mod",
    "moderator",
    "official",
    "operator",
    "server",
    "staff",
    "support",
    "system",
];

/// A reserved word of so many letters may not be the beginning of a name either.
const BEGINNING: usize = 5;

/// Why a name may not be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is too short or too long.
    #[error("a name has {} to {} characters", .0.start(), .0.end())]
    Length(RangeInclusive<usize>),
    /// It has something else than letters, digits, spaces and `-`, `_`, `'`, `.`, or letters that are not in common use.
    #[error("a name has only letters, digits, spaces and - _ ' .")]
    Characters,
    /// It begins or ends with something else than a letter or a digit, or has two of the others together.
    #[error(
        "a name begins and ends with a letter or a digit, and has single spaces and dashes in between"
    )]
    Separators,
    /// Its letters are of several scripts, which can look like one.
    #[error("the letters of a name are of one script")]
    MixedScripts,
    /// It sounds like those who run the game.
    #[error("this name sounds like somebody who runs the game")]
    Reserved,
}

/// What a new name must be like. Whether it looks like another's is to be asked of those: see [`look`].
///
/// ```
/// use bevy_bouncer_text::{NameError, NameRules};
///
/// let rules = NameRules::new(3..=24).reserve(["Rooster"]);
/// assert_eq!(rules.check("Ann Lee"), Ok(()));
/// assert_eq!(rules.check("Иван"), Ok(()));
/// assert_eq!(rules.check("Αdmin"), Err(NameError::MixedScripts)); // a Greek Alpha
/// assert_eq!(rules.check("4dm1n"), Err(NameError::Reserved));
/// assert_eq!(rules.check("r00ster"), Err(NameError::Reserved));
/// ```
#[derive(Debug, Clone)]
pub struct NameRules {
    length: RangeInclusive<usize>,
    reserved: Vec<String>,
}

impl NameRules {
    /// Names of so many Unicode scalar values, without the words that are [`RESERVED`].
    pub fn new(length: RangeInclusive<usize>) -> Self {
        let rules = Self {
            length,
            reserved: Vec::new(),
        };
        rules.reserve(RESERVED)
    }

    /// Reserves more words: what the game's own voices are called.
    pub fn reserve<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let looks = words.into_iter().map(|word| look_of_word(word.as_ref()));
        self.reserved.extend(looks.filter(|look| !look.is_empty()));
        self
    }

    /// Whether this name may be chosen.
    ///
    /// # Errors
    /// The first rule that it breaks. [`NameError`] says it in words for whoever chose it.
    pub fn check(&self, name: &str) -> Result<(), NameError> {
        if !self.length.contains(&name.chars().count()) {
            return Err(NameError::Length(self.length.clone()));
        }
        let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
        let is_allowed = |c: char| is_separator(c) || is_joiner(c) || c.identifier_allowed();
        if name.trim() != name {
            return Err(NameError::Separators);
        }
        if clean_line(name) != name || !name.chars().all(is_allowed) {
            return Err(NameError::Characters);
        }
        check_separators(name)?;
        let letters: String = name.chars().filter(|c| look::belongs(*c)).collect();
        let is_of_one_script = letters.check_restriction_level(RestrictionLevel::HighlyRestrictive);
        if !is_of_one_script {
            return Err(NameError::MixedScripts);
        }
        if self.is_reserved(name) {
            return Err(NameError::Reserved);
        }
        Ok(())
    }

    /// Whether the name is a reserved word, has one among its words or begins with a longer one, whatever it is
    /// written with.
    pub fn is_reserved(&self, name: &str) -> bool {
        let whole = look_of_word(name);
        let begins = |word: &String| word.chars().count() >= BEGINNING && whole.starts_with(word);
        let is_one = |word: &str| {
            let without_number = word.trim_end_matches(char::is_numeric);
            let looks = [look_of_word(word), look_of_word(without_number)];
            self.reserved
                .iter()
                .any(|reserved| looks.contains(reserved))
        };
        self.reserved.iter().any(begins)
            || is_one(name)
            || words(name).iter().any(|word| is_one(word))
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '_' | '\'' | '.' | '’')
}

fn check_separators(name: &str) -> Result<(), NameError> {
    let mut before = ' ';
    for c in name.chars() {
        // As in J.R.R. Tolkien.
        let is_after_initial = c == ' ' && before == '.';
        if is_separator(c) && is_separator(before) && !is_after_initial {
            return Err(NameError::Separators);
        }
        before = c;
    }
    if is_separator(before) {
        return Err(NameError::Separators);
    }
    Ok(())
}

/// The words of a name, which may be written together with capitals.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if is_separator(c) || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !is_separator(c)) {
            word.push(c);
        }
        was_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The look of a word in which digits and signs stand for letters.
fn look_of_word(word: &str) -> String {
    let letter = |c: char| match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '5' | '$' => 's',
        '7' => 't',
        _ => c,
    };
    look(&word.chars().map(letter).collect::<String>())
}
