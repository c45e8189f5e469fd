//! UTF-8 that comes in pieces (RFC 3629 §4).

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
    /// Goes on with these bytes. False when the text is wrong.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        // To the end of a character that came in pieces; from there on the standard library is faster.
        while self.missing > 0
            && let Some((byte, more)) = rest.split_first()
        {
            if !self.push_byte(*byte) {
                return false;
            }
            rest = more;
        }
        match str::from_utf8(rest) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            // Half a character at the end: three bytes at most.
            Err(error) => rest[error.valid_up_to()..]
                .iter()
                .all(|byte| self.push_byte(*byte)),
        }
    }

    /// Goes on with this byte. False when the text is wrong.
    fn push_byte(&mut self, byte: u8) -> bool {
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The byte at which the text went wrong.
    fn wrong_at(bytes: &[u8]) -> Option<usize> {
        let mut text = Utf8::default();
        bytes.chunks(1).position(|byte| !text.push(byte))
    }

    /// A text is wrong when nothing can make it right: the standard library says where such an error ends.
    fn agrees_with_the_standard_library(bytes: &[u8]) -> bool {
        let is_wrong = str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some());
        wrong_at(bytes).is_some() == is_wrong && Utf8::default().push(bytes) != is_wrong
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
        fn any_text_is_right_in_any_pieces(text in any::<String>(), at in 0_usize..40) {
            prop_assert_eq!(wrong_at(text.as_bytes()), None);
            let mut judge = Utf8::default();
            let (first, second) = text.as_bytes().split_at(at.min(text.len()));
            prop_assert!(judge.push(first) && judge.push(second));
            prop_assert!(judge.push(b"and more"), "it was whole");
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
