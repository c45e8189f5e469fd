//! Controls of the direction of text (UAX #9): what opens a stretch of text, and what closes it.

use std::mem;

/// What a control of direction does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    Embed,
    Override,
    /// Closes one of the two above.
    Pop,
    Isolate,
    /// Closes an isolate.
    PopIsolate,
}

fn control(c: char) -> Option<Control> {
    Some(match c {
        '\u{202a}' | '\u{202b}' => Control::Embed,
        '\u{202d}' | '\u{202e}' => Control::Override,
        '\u{202c}' => Control::Pop,
        '\u{2066}'..='\u{2068}' => Control::Isolate,
        '\u{2069}' => Control::PopIsolate,
        _ => return None,
    })
}

/// Whether this opens or closes a stretch of text.
pub(crate) fn is_control(c: char) -> bool {
    control(c).is_some()
}

/// Whether this tells the direction at one place. It turns nothing around.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Where controls are that must not stay: overrides, and what is not closed in its line or closes nothing.
pub(crate) fn unbalanced(text: &[char]) -> Vec<usize> {
    let mut unbalanced = Vec::new();
    let mut open: Vec<(usize, Control)> = Vec::new();
    for (at, &c) in text.iter().enumerate() {
        if c == '\n' {
            unbalanced.extend(mem::take(&mut open).into_iter().map(|(at, _)| at));
        }
        let last = open.last().map(|(_, control)| *control);
        match (control(c), last) {
            (None, _) => {}
            (Some(Control::Pop), Some(Control::Embed))
            | (Some(Control::PopIsolate), Some(Control::Isolate)) => drop(open.pop()),
            (Some(Control::Pop), Some(Control::Override)) => {
                unbalanced.extend(open.pop().map(|(at, _)| at));
                unbalanced.push(at);
            }
            (Some(Control::Pop | Control::PopIsolate), _) => unbalanced.push(at),
            (Some(opening), _) => open.push((at, opening)),
        }
    }
    unbalanced.extend(open.into_iter().map(|(at, _)| at));
    unbalanced.sort_unstable();
    unbalanced
}
