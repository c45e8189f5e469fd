//! Group 10: a sender may cut a message wherever it likes.

use crate::wire::*;

#[test]
fn a_message_that_was_cut_automatically_comes_back_whole() {
    let content = "*".repeat(65_536);
    let parts: Vec<_> = content.as_bytes().chunks(1300).collect();
    let mut client = RawClient::join(server());
    client
        .send(&bytes(&fragments(TEXT, &parts)), usize::MAX)
        .unwrap();
    assert_eq!(client.hear(), Some(text(content)));
}
