//! What may be written, and what is shown of it.

use bevy_bouncer_text::{MARKS_MAX, TextError, TextLimits, check, clean, clean_line, length};
use proptest::prelude::*;

const LIMITS: TextLimits = TextLimits {
    length: 500,
    lines: 20,
};

/// What people write, and must stay as it is.
const ORDINARY: &[&str] = &[
    "hi there",
    "two\nlines",
    "Grüße, naïve café, Ελληνικά, Русский, 日本語, 한국어, 中文",
    // Combining marks: Vietnamese in parts, a Hebrew verse with vowels and cantillation, Thai, Tibetan.
    "Vie\u{323}\u{302}t",
    "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
    "ภาษาไทย น้ำ",
    "བཀྲ་ཤིས་བདེ་ལེགས།",
    // From right to left, with numbers and Latin words, and with the marks of a keyboard.
    "שלום, version 2.0!",
    "مرحبا بالعالم",
    "\u{200f}שלום (abc)\u{200e}!",
    // Persian with the non-joiner, also after a letter that does not join to the left.
    "می\u{200c}خواهم",
    "او\u{200c}ها کتاب\u{200c}ها",
    // Devanagari with the joiner and the non-joiner, Bengali with the joiner before the virama, Sinhala.
    "क्\u{200d}ष क्\u{200c}ष",
    "র\u{200d}্য",
    "ශ්\u{200d}රී ලංකා",
    // Khmer with spaces that are not seen.
    "សួស្តី\u{200b}ពិភពលោក",
    // Mongolian, with the vowel separator and a variant.
    "ᠮᠣᠩᠭᠣᠯ ᠠ\u{180b} ᠨ\u{180e}ᠠ",
    // Emoji.
    "👍 👍🏽 ❤️ ☺︎ 1️⃣ #️⃣ 🇩🇪 🇬🇧",
    "👩‍👩‍👧‍👦 👩🏽‍🚀 🧑🏿‍🤝‍🧑🏻 👁️‍🗨️ 🏳️‍🌈 🏴‍☠️ ❤️‍🔥 🙂‍↔️ 🐦‍⬛",
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    // A variant of a Chinese character.
    "葛\u{e0100}飾",
    // Isolates and embeddings that are closed.
    "\u{2068}שלום\u{2069} said Ann",
    "\u{202b}a \u{2067}b\u{2069} c\u{202c}",
    // The game's own, and what the next version of Unicode may have.
    "\u{e000} \u{1fafd}",
];

#[test]
fn what_people_write_stays_as_it_is() {
    for text in ORDINARY {
        assert_eq!(
            check(text, LIMITS).as_deref(),
            Ok(*text),
            "{}",
            escaped(text)
        );
        assert_eq!(clean(text), *text, "{}", escaped(text));
    }
}

#[test]
fn text_that_nobody_can_see_is_none() {
    for text in [
        "",
        " \n ",
        "\u{200b}",
        "\u{2060}",
        "\u{3164}",
        "\u{115f}\u{1160}\u{ffa0}",
        "\u{2800}\u{2800}",
        "\u{ad}",
        "\u{34f}",
        "\u{200c}\u{200d}",
        "\u{200e}\u{200f}",
        "\u{2068} \u{2069}",
        "\u{fe0f}",
        "\u{e0041}\u{e0042}",
        "\u{e0001}",
        "\u{feff}",
        "\u{fffc}",
        "\u{180e}",
        "\u{301}\u{302}",
        "\u{a0}\u{3000}\u{2003}",
    ] {
        assert_eq!(
            check(text, LIMITS),
            Err(TextError::Empty),
            "{}",
            escaped(text)
        );
        assert_eq!(clean(text), "", "{}", escaped(text));
    }
}

#[test]
fn what_nobody_sees_is_taken_out_of_what_can_be_seen() {
    for (text, shown) in [
        ("hi\u{200b}", "hi"),
        ("d\u{200b}a\u{2060}r\u{ad}n", "darn"),
        ("d\u{200d}a\u{200c}rn", "darn"),
        ("a\u{200e}b\u{200f}c", "abc"),
        ("a\u{3164}b", "ab"),
        ("\u{3164} hi \u{3164}", "hi"),
        // Bytes that are hidden behind an emoji.
        ("😀\u{fe0f}\u{fe01}\u{e0101}\u{e01ef}", "😀\u{fe0f}"),
        ("a \u{fe0f}b", "a b"),
        // Tags without a flag, with too much on it, and without an end.
        ("a\u{e0067}\u{e007f}", "a"),
        ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴"),
        ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}", "🏴"),
        ("👩\u{200d}a", "👩a"),
        ("a\u{200d}👩", "a👩"),
        ("ب\u{200c}\u{200c}ب", "ب\u{200c}ب"),
    ] {
        assert_eq!(
            check(text, LIMITS).as_deref(),
            Ok(shown),
            "{}",
            escaped(text)
        );
        assert_eq!(clean(text), shown, "{}", escaped(text));
    }
}

#[test]
fn what_changes_how_other_text_looks_is_refused_or_taken_out() {
    let many_marks = format!("a{}", "\u{301}".repeat(MARKS_MAX + 1));
    for (text, shown) in [
        ("a\0b", "ab"),
        ("a\tb", "ab"),
        ("a\r\nb", "a\nb"),
        ("a\u{7f}b", "ab"),
        ("a\u{85}b", "ab"),
        ("a\u{2028}b", "ab"),
        ("a\u{2029}b", "ab"),
        ("a\u{fff9}b\u{fffb}", "ab"),
        ("a\u{fdd0}b\u{ffff}", "ab"),
        // Overrides, closed or not.
        ("a\u{202e}b", "ab"),
        ("a\u{202d}b\u{202c}c", "abc"),
        // What is not closed in its line, or closes what is not open.
        ("a\u{2066}b", "ab"),
        ("a\u{2069}b", "ab"),
        ("a\u{202a}b\n\u{202c}c", "ab\nc"),
        ("a\u{2066}b\u{202a}c\u{2069}d", "abcd"),
        (&many_marks, &many_marks[..many_marks.len() - 2]),
    ] {
        assert_eq!(
            check(text, LIMITS),
            Err(TextError::Forbidden),
            "{}",
            escaped(text)
        );
        assert_eq!(clean(text), shown, "{}", escaped(text));
    }
}

#[test]
fn length_and_lines_have_limits_and_clients_can_count_them() {
    let few = TextLimits {
        length: 5,
        lines: 2,
    };
    assert_eq!(check("  ééééé ", few).as_deref(), Ok("ééééé"));
    assert_eq!(check("éééééé", few), Err(TextError::TooLong));
    assert_eq!(check("a\nb", few).as_deref(), Ok("a\nb"));
    assert_eq!(check("\na\nb\n\n", few).as_deref(), Ok("a\nb"));
    assert_eq!(check("a\n\nb", few), Err(TextError::TooManyLines));
    // As it was written: a client need not know what is taken out.
    assert_eq!(check("abcde\u{200b}", few), Err(TextError::TooLong));
    let lines = "\n".repeat(498);
    let breaks = format!("a{lines}b");
    assert_eq!(check(&breaks, LIMITS), Err(TextError::TooManyLines));
    for (text, count) in [("👍🏽", 2), (" a ", 1), ("\u{feff}a\u{3000}", 1), ("", 0)] {
        assert_eq!(length(text), count, "{}", escaped(text));
    }
}

#[test]
fn one_line_has_no_breaks_and_no_directions() {
    for (text, line) in [
        ("Ann\nLee", "Ann Lee"),
        ("Ann\u{202e}eeL", "AnneeL"),
        ("\u{2068}Ann\u{2069}", "Ann"),
        ("\tAnn\u{b}Lee\r", "Ann Lee"),
        ("Ann\u{2028}Lee", "Ann Lee"),
        ("\n\u{2066}\n", ""),
        ("Ann", "Ann"),
    ] {
        assert_eq!(clean_line(text), line, "{}", escaped(text));
    }
}

fn escaped(text: &str) -> String {
    text.escape_unicode().to_string()
}

/// Characters that do something to others, among some that do not.
fn odd_text() -> impl Strategy<Value = String> {
    let odd: Vec<char> = "a b\n\tבب世1👩🏽🏴क्র\u{301}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202c}\u{202e}\u{2066}\
        \u{2068}\u{2069}\u{fe0f}\u{e0067}\u{e0062}\u{e0065}\u{e007f}\u{3164}\u{2800}\u{feff}\u{85}\u{2028}\u{180e}\u{34f}ក"
        .chars()
        .collect();
    let one = prop_oneof![4 => prop::sample::select(odd), 1 => any::<char>()];
    prop::collection::vec(one, 0..30).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_shown_again_as_it_is(text in odd_text()) {
        let shown = clean(&text).into_owned();
        prop_assert_eq!(clean(&shown), shown.as_str());
        let line = clean_line(&text).into_owned();
        prop_assert_eq!(clean_line(&line), line.as_str());
        prop_assert!(!line.contains('\n'));
        let limits = TextLimits { length: 100, lines: 100 };
        if let Ok(taken) = check(&text, limits) {
            prop_assert_eq!(&taken, &shown);
        }
        let again = check(&shown, limits).map(|text| text.into_owned());
        let expected = if shown.is_empty() { Err(TextError::Empty) } else { Ok(shown) };
        prop_assert_eq!(again, expected);
    }

    #[test]
    fn what_is_cut_keeps_the_limits(text in odd_text(), length in 1_usize..20, lines in 1_usize..5) {
        let limits = TextLimits { length, lines };
        let shown = clean(limits.cut(&text)).into_owned();
        let is_taken = shown.is_empty() || check(&shown, limits).is_ok();
        prop_assert!(is_taken, "{}", escaped(&shown));
    }
}
