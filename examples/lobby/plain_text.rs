//! What people may write for others to read.

/// Cuts the spaces at both ends and checks the rest: 1 to `longest` characters, none of them a
/// control character or one that turns the direction of the text around it.
///
/// # Errors
/// The rule that was broken, in words.
pub fn plain_text(text: &str, longest: usize) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("There is nothing in it.".to_owned());
    }
    if text.chars().count() > longest {
        return Err(format!("It is longer than {longest} characters."));
    }
    if text.chars().any(|c| c.is_control() || turns_text(c)) {
        return Err("It contains characters that are not allowed.".to_owned());
    }
    Ok(text)
}

/// The explicit formatting characters of the Unicode bidirectional algorithm (UAX #9 §2).
fn turns_text(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
