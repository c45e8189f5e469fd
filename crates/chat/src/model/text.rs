//! What may be said: the rules of [`bevy_bouncer::text`], within the limits of the chat.

use bevy_bouncer::text::{self, TextError, TextLimits};
use bevy_bouncer_protocol::ErrorCode;

use crate::options::ChatOptions;

/// What a player wrote, as it is shown.
///
/// # Errors
/// Why it is not said.
pub(crate) fn check(written: &str, options: &ChatOptions) -> Result<String, ErrorCode> {
    let shown = text::check(written, limits(options)).map_err(|error| match error {
        TextError::Empty => ErrorCode::EmptyText,
        TextError::TooLong | TextError::TooManyLines => ErrorCode::TextTooLong,
        _ => ErrorCode::ForbiddenCharacters,
    })?;
    Ok(shown.into_owned())
}

/// What the game or a filter made of it, as it is shown and within the limits; `None` when there is nothing to see in
/// it.
pub(crate) fn replaced(by: &str, options: &ChatOptions) -> Option<String> {
    let shown = text::clean(limits(options).cut(by));
    (!shown.is_empty()).then(|| shown.into_owned())
}

fn limits(options: &ChatOptions) -> TextLimits {
    TextLimits {
        length: options.text_length,
        lines: options.text_lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few() -> ChatOptions {
        ChatOptions {
            text_length: 5,
            text_lines: 2,
            ..Default::default()
        }
    }

    #[test]
    fn every_rule_has_its_code() {
        for (written, result) in [
            ("  a\nb ", Ok("a\nb")),
            ("a\u{200b}", Ok("a")),
            ("\u{200b}", Err(ErrorCode::EmptyText)),
            ("ééééé", Ok("ééééé")),
            ("éééééé", Err(ErrorCode::TextTooLong)),
            ("a\nb\nc", Err(ErrorCode::TextTooLong)),
            ("a\u{202e}b", Err(ErrorCode::ForbiddenCharacters)),
        ] {
            let said = check(written, &few());
            assert_eq!(said.as_deref().map_err(|code| *code), result, "{written:?}");
        }
    }

    #[test]
    fn what_takes_its_place_keeps_the_limits() {
        for (by, shown) in [
            ("****", Some("****")),
            ("*******", Some("*****")),
            ("a\nb\nc", Some("a\nb")),
            ("a\u{202e}b", Some("ab")),
            (" \u{200b}", None),
        ] {
            assert_eq!(replaced(by, &few()).as_deref(), shown, "{by:?}");
        }
    }
}
