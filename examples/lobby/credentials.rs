//! What a name and a password look like. The rules are told to a player who breaks them.

/// Shortest and longest name in characters.
const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 3..=24;
/// Shortest and longest password in bytes.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=128;

/// Checks a new name. Only ASCII, so that two names that look alike are alike.
///
/// # Errors
/// The rule that was broken, in words.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if !NAME_CHARACTERS.contains(&name.chars().count()) {
        return Err("A name has 3 to 24 characters.");
    }
    if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " _-".contains(c))
    {
        return Err("A name has only letters a–z, digits, spaces, _ and -.");
    }
    if name.trim() != name || name.contains("  ") {
        return Err("A name has single spaces, and none at its ends.");
    }
    Ok(())
}

/// Checks a new password.
///
/// # Errors
/// The rule that was broken, in words.
pub fn check_password(password: &str) -> Result<(), &'static str> {
    if !PASSWORD_BYTES.contains(&password.len()) {
        return Err("A password has 8 to 128 bytes.");
    }
    Ok(())
}
