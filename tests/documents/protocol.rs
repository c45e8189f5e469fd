//! docs/protocol.md names every refusal and every close code.

use bevy_bouncer_protocol::{CloseCode, RefusalKind};

use crate::markdown::read;

#[test]
fn every_refusal_is_in_a_row_with_its_status() {
    let page = read("docs/protocol.md");
    for kind in RefusalKind::ALL {
        let (status, word) = (kind.status().to_string(), format!("`{}`", kind.code()));
        let is_row = |line: &str| {
            let mut cells = line.split(" | ");
            let statuses = cells.next().unwrap_or_default().trim_start_matches("| ");
            let words = cells.next().unwrap_or_default();
            statuses.split(", ").any(|one| one == status) && words.contains(&word)
        };
        assert!(page.lines().any(is_row), "{status} {word}");
    }
}

#[test]
fn every_close_code_is_there_with_its_word() {
    let page = read("docs/protocol.md");
    for code in CloseCode::ALL {
        // Numbers below 4000 are those of RFC 6455, which has no words for them.
        let named = if code.number() < 4000 {
            code.number().to_string()
        } else {
            format!("{} `{}`", code.number(), code.as_str())
        };
        // 1000 is the client's own good-bye.
        assert!(code.number() == 1000 || page.contains(&named), "{named}");
    }
}
