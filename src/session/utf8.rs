//! UTF-8 that comes in pieces, judged byte by byte (RFC 3629 §4).

/// What of a text has been seen so far. It is wrong at the first byte after which nothing can make it
/// right.
#[derive(Debug, Default)]
pub(crate) struct Utf8 {
    /// Bytes that the current character still needs.
    missing: u8,
    /// What the next of them may be.
    low: u8,
    high: u8,
}

impl Utf8 {
    /// Goes on with this byte. False when the text is wrong.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.missing > 0 {
            let fits = (self.low..=self.high).contains(&byte);
            (self.missing, self.low, self.high) = (self.missing - 1, 0x80, 0xbf);
            return fits;
        }
        (self.missing, self.low, self.high) = match byte {
            0x00..=0x7f => (0, 0, 0),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            // Not in more bytes than needed, no surrogates, nothing above U+10FFFF.
            0xe0 => (2, 0xa0, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xe1..=0xef => (2, 0x80, 0xbf),
            0xf0 => (3, 0x90, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            _ => return false,
        };
        true
    }

    /// Whether the text may end here.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use std::str;

    use proptest::prelude::*;

    use super::*;

    /// The byte at which the text went wrong.
    fn wrong_at(bytes: &[u8]) -> Option<usize> {
        let mut text = Utf8::default();
        bytes.iter().position(|byte| !text.push(*byte))
    }

    fn agrees_with_the_standard_library(bytes: &[u8]) -> bool {
        let mut text = Utf8::default();
        let right = bytes.iter().all(|byte| text.push(*byte));
        (right && text.is_complete()) == str::from_utf8(bytes).is_ok()
    }

    #[test]
    fn every_two_bytes_are_judged_like_the_standard_library_does() {
        for first in 0..=255 {
            for second in 0..=255 {
                assert!(agrees_with_the_standard_library(&[first, second]));
                assert!(agrees_with_the_standard_library(&[first, second, 0x80]));
                assert!(agrees_with_the_standard_library(&[
                    first, second, 0x80, 0xbf
                ]));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_like_the_standard_library_does(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            prop_assert!(agrees_with_the_standard_library(&bytes));
        }

        #[test]
        fn any_text_is_right(text in any::<String>()) {
            prop_assert_eq!(wrong_at(text.as_bytes()), None);
        }
    }

    #[test]
    fn it_is_wrong_at_the_first_byte_that_nothing_can_follow() {
        assert_eq!(wrong_at(b"ok\xff"), Some(2));
        assert_eq!(wrong_at(b"\xc0\x80"), Some(0), "too long a form");
        assert_eq!(wrong_at(b"\xe0\x80\x80"), Some(1), "likewise");
        assert_eq!(wrong_at(b"\xed\xa0\x80"), Some(1), "a surrogate");
        assert_eq!(wrong_at(b"\xf4\x90\x80\x80"), Some(1), "above U+10FFFF");
        assert_eq!(wrong_at(b"\xf0\x9f\x98x"), Some(3));
    }
}
