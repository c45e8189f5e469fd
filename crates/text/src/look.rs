//! What a name looks like.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// The same for names that look alike, whatever their capitals, their spaces and the scripts of their letters: the
/// skeleton of UTS #39, in which `i`, `I`, `l` and `1` are one letter, and so are `o` and `0`. To be kept beside a name,
/// and to be unique; it is not to be shown.
///
/// ```
/// use bevy_bouncer_text::look;
///
/// assert_eq!(look("Paypal"), look("РауРаІ")); // in Cyrillic letters
/// assert_eq!(look("Ann Lee"), look("ann_1ee"));
/// assert_ne!(look("Ann"), look("Anne"));
/// ```
pub fn look(name: &str) -> String {
    let letters: String = name.nfkc().filter(|c| belongs(*c)).collect();
    // Some letters are like others in one of their cases only.
    let small: String = skeleton(&letters.to_lowercase()).collect();
    let folded = small.to_lowercase();
    skeleton(&folded)
        .filter(|c| belongs(*c))
        .map(fold)
        .collect()
}

/// Whether it counts for the look. Spaces, dashes and what is not seen do not.
pub(crate) fn belongs(c: char) -> bool {
    c.is_alphanumeric() || c == '|' || unicode_normalization::char::is_combining_mark(c)
}

fn fold(c: char) -> char {
    match c {
        'i' | 'I' | '1' | '|' => 'l',
        '0' | 'O' => 'o',
        _ => c,
    }
}
