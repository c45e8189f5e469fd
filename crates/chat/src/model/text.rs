//! What may be written.

use bevy_bouncer_protocol::ErrorCode;

/// The text as it is shown: without white space around it. Refused when it is empty or too long, or has
/// characters that change how other text looks.
pub(crate) fn check(text: &str, most: usize) -> Result<&str, ErrorCode> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ErrorCode::EmptyText);
    }
    if text.chars().take(most + 1).count() > most {
        return Err(ErrorCode::TextTooLong);
    }
    if text.chars().any(is_forbidden) {
        return Err(ErrorCode::ForbiddenCharacters);
    }
    Ok(text)
}

/// Control characters but for the line break, and those that turn the direction of text around.
fn is_forbidden(character: char) -> bool {
    let turns_around = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    turns_around || (character.is_control() && character != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_counted_in_characters_and_free_of_tricks() {
        assert_eq!(check("  hi\nthere ", 10), Ok("hi\nthere"));
        assert_eq!(check("ééééé", 5), Ok("ééééé"));
        assert_eq!(check("ééééé", 4), Err(ErrorCode::TextTooLong));
        assert_eq!(check(" \n ", 10), Err(ErrorCode::EmptyText));
        for trick in ["a\0b", "a\u{7f}", "a\u{202e}b", "a\u{2066}b", "a\u{85}b"] {
            assert_eq!(check(trick, 10), Err(ErrorCode::ForbiddenCharacters));
        }
    }
}
