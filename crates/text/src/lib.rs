//! What may be shown to other players: text that can be seen, and names that look like nobody else's.
//!
//! - [`check`] is for what players write: it is shown, or refused with the reason.
//! - [`clean`] and [`clean_line`] are for what should not fail, such as announcements, names of a directory and
//!   the reasons of moderators: what cannot be shown is taken out.
//! - [`NameRules`] and [`look`] are for the place where names are chosen.
//!
//! # The rules
//!
//! - White space around the text does not belong to it.
//! - Characters that nobody sees are taken out where they have no work to do (U+200B, U+2060, U+00AD, U+3164, tag
//!   characters and all others that Unicode says are to be ignored). Where they have, they stay: U+200D and variation selectors
//!   in emoji, U+200C and U+200D after letters of Arabic, Persian and the scripts of India, U+200B between letters of Khmer or
//!   Thai, tags in the flag of England, and the marks U+200E, U+200F and U+061C in text with letters that run from right to left.
//! - What is left must have something to see: white space, the blank Braille pattern and combining marks alone are
//!   nothing.
//! - Not allowed are control characters but for the line break, U+2028 and U+2029, the overrides U+202D and
//!   U+202E, other direction controls that are not closed in their line in the order in which they were opened, more than
//!   [`MARKS_MAX`] combining marks on one character, interlinear annotations and noncharacters.
//!
//! None of this looks at meaning. Word filters should be given what [`check`] returns.
//!
//! The properties of characters are those of Unicode, from `icu_properties`; look-alikes are those of
//! [UTS #39](https://www.unicode.org/reports/tr39/), from `unicode-security`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod characters;
mod directions;
mod limits;
mod look;
mod names;

pub use characters::MARKS_MAX;
pub use limits::{TextLimits, length};
pub use look::look;
pub use names::{NameError, NameRules, RESERVED};

use std::borrow::Cow;

use characters::{Fate, Judged, judge};
use limits::trim;
use thiserror::Error;

/// Why a text is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// There is nothing to see in it.
    #[error("there is nothing to see in the text")]
    Empty,
    /// It is longer than [`TextLimits::length`].
    #[error("the text is too long")]
    TooLong,
    /// It has more lines than [`TextLimits::lines`].
    #[error("the text has too many lines")]
    TooManyLines,
    /// It has characters that are not allowed: control characters, or such that change how other text looks.
    #[error("the text has characters that are not allowed")]
    Forbidden,
}

/// The text as it may be shown: without white space around it, and without characters that nobody sees. See [the
/// rules](crate#the-rules).
///
/// ```
/// use bevy_bouncer_text::{TextError, TextLimits, check};
///
/// let limits = TextLimits { length: 500, lines: 20 };
/// assert_eq!(check(" hi\u{200b} there ", limits)?, "hi there");
/// assert_eq!(check("👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿", limits)?, "👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿");
/// assert_eq!(check("\u{200b}\u{3164}", limits), Err(TextError::Empty));
/// assert_eq!(check("\u{202e}reversed", limits), Err(TextError::Forbidden));
/// # Ok::<(), TextError>(())
/// ```
///
/// # Errors
/// [`TextError`]. The length is that of the text as it was written, so that a client counts as the server does:
/// see [`length`].
pub fn check(text: &str, limits: TextLimits) -> Result<Cow<'_, str>, TextError> {
    let text = trim(text);
    if limits.is_longer(text) {
        return Err(TextError::TooLong);
    }
    let judged = judge(text);
    if judged.has(Fate::Forbidden) {
        return Err(TextError::Forbidden);
    }
    if !judged.has(Fate::Shown) {
        return Err(TextError::Empty);
    }
    let shown = kept(text, &judged);
    if limits.has_more_lines(&shown) {
        return Err(TextError::TooManyLines);
    }
    Ok(shown)
}

/// The text without what may not be shown: nothing is left when there is nothing to see in it. What is not allowed
/// is taken out, which makes nothing of it readable in another order than it is written.
///
/// ```
/// assert_eq!(bevy_bouncer_text::clean("the boss\u{202e} is\nhere "), "the boss is\nhere");
/// assert_eq!(bevy_bouncer_text::clean("\u{2800}\u{200b}"), "");
/// ```
pub fn clean(text: &str) -> Cow<'_, str> {
    let text = trim(text);
    let judged = judge(text);
    if judged.has(Fate::Shown) {
        kept(text, &judged)
    } else {
        Cow::Borrowed("")
    }
}

/// The text in one line, as a name or a reason is shown: [`clean`], with a space for each line break and each
/// tabulator, and without any control of direction.
///
/// ```
/// assert_eq!(bevy_bouncer_text::clean_line("Ann\u{2066}\u{2069}\nLee"), "Ann Lee");
/// ```
pub fn clean_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if !text.contains(|c| breaks(c) || directions::is_control(c)) {
        return clean(text);
    }
    let line = text.chars().filter(|c| !directions::is_control(*c));
    let line: String = line.map(|c| if breaks(c) { ' ' } else { c }).collect();
    Cow::Owned(clean(&line).into_owned())
}

/// What stays of a text that was judged.
fn kept<'a>(text: &'a str, judged: &Judged) -> Cow<'a, str> {
    if !judged.has(Fate::Dropped) && !judged.has(Fate::Forbidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(trim(&judged.kept()).to_owned())
}
