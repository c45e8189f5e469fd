//! What players write, and what they want to be called: what is taken can be seen, keeps the limits, is taken again as it is,
//! and holds nothing that the rules forbid.

#![no_main]

use bevy_bouncer_text::{NameRules, TextError, TextLimits, check, clean, clean_line, length, look};
use libfuzzer_sys::fuzz_target;

const LIMITS: TextLimits = TextLimits {
    length: 40,
    lines: 4,
};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let result = check(&text, LIMITS);
    match &result {
        Ok(shown) => {
            assert!((1..=LIMITS.length).contains(&length(shown)));
            assert!(shown.lines().count() <= LIMITS.lines);
            assert_eq!(check(shown, LIMITS).as_ref(), Ok(shown));
            assert_eq!(&clean(&text), shown);
            harmless(shown);
        }
        Err(TextError::TooLong) => assert!(length(&text) > LIMITS.length),
        Err(TextError::Empty) => assert_eq!(clean(&text), ""),
        Err(_) => {}
    }
    let shown = clean(&text);
    assert_eq!(clean(&shown), shown);
    harmless(&shown);
    let line = clean_line(&text);
    assert_eq!(clean_line(&line), line);
    assert!(!line.contains(char::is_control));
    let cut = clean(LIMITS.cut(&text));
    assert!(cut.is_empty() || check(&cut, LIMITS).is_ok());
    names(&text);
});

/// Nothing in it changes how the text after it looks.
fn harmless(shown: &str) {
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(|c| is_control(c) || matches!(c, '\u{202d}' | '\u{202e}' | '\u{2028}' | '\u{2029}')));
    for line in shown.split('\n') {
        let count = |range: std::ops::RangeInclusive<char>| line.chars().filter(|c| range.contains(c)).count();
        assert_eq!(count('\u{2066}'..='\u{2068}'), count('\u{2069}'..='\u{2069}'));
        assert_eq!(count('\u{202a}'..='\u{202b}'), count('\u{202c}'..='\u{202c}'));
    }
}

fn names(name: &str) {
    let rules = NameRules::new(1..=24).reserve(["Rooster"]);
    if rules.check(name).is_ok() {
        assert_eq!(clean_line(name), name);
        assert!(!look(name).is_empty());
        assert!(!rules.is_reserved(name));
        assert_ne!(look(name), look("Rooster"));
    }
}
