//! `token` of RFC 9110 §5.6.2: the names of fields, parameters and subprotocols.

/// Whether this text is a `token`: `game.v1` is one, `a b`, `a,b` and the empty text are not.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether this byte may stand in a `token` (`tchar`).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_neither_spaces_nor_separators() {
        for token in ["game.v1", "a", "!#$%&'*+-.^_`|~0Z"] {
            assert!(is_token(token), "{token}");
        }
        for other in [
            "", " ", "a b", "a,b", "a;b", "a=b", "a/b", "\"a\"", "(a)", "ä", "a\t",
        ] {
            assert!(!is_token(other), "{other}");
        }
    }
}
