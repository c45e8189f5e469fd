//! How long a text may be, counted so that clients can count the same.

/// Limits of what players write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimits {
    /// Most Unicode scalar values.
    pub length: usize,
    /// Most lines: one more than there are line breaks.
    pub lines: usize,
}

impl TextLimits {
    /// The beginning of the text that keeps these limits.
    ///
    /// ```
    /// let limits = bevy_bouncer_text::TextLimits { length: 4, lines: 2 };
    /// assert_eq!(limits.cut("a\nb\nc"), "a\nb");
    /// assert_eq!(limits.cut("abcdef"), "abcd");
    /// ```
    pub fn cut<'a>(&self, text: &'a str) -> &'a str {
        let text = trim(text);
        let end = text.char_indices().nth(self.length);
        let text = end.map_or(text, |(end, _)| &text[..end]);
        let end = text.match_indices('\n').nth(self.lines.saturating_sub(1));
        end.map_or(text, |(end, _)| &text[..end])
    }

    pub(crate) fn is_longer(&self, trimmed: &str) -> bool {
        trimmed.chars().nth(self.length).is_some()
    }

    pub(crate) fn has_more_lines(&self, trimmed: &str) -> bool {
        trimmed
            .matches('\n')
            .nth(self.lines.saturating_sub(1))
            .is_some()
    }
}

/// The length of a text as it counts: Unicode scalar values, without white space around it. In JavaScript
/// `[...text.trim()].length`.
///
/// ```
/// assert_eq!(bevy_bouncer_text::length("  hé👩‍🚀\n"), 5);
/// ```
pub fn length(text: &str) -> usize {
    trim(text).chars().count()
}

/// Without what JavaScript's `trim` takes away: white space but for U+0085, and U+FEFF.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}')
}
