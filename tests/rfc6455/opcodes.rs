//! Group 4: an opcode without a meaning fails the connection.

use crate::{case::*, wire::*};

#[test]
fn reserved_opcodes_fail_with_and_without_content() {
    for opcode in (3..=7).chain(11..=15) {
        let empty = [frame(FINAL | opcode, "")];
        check(fails(&format!("opcode {opcode}"), 1002, &empty));
        let full = [frame(FINAL | opcode, "reserved opcode payload")];
        let name = format!("opcode {opcode} with content");
        check([case(name, &full, &[], End::Fails(1002))]);
    }
}

#[test]
fn a_reserved_opcode_within_a_message_fails_and_the_message_is_lost() {
    for opcode in [5, 13] {
        let sent = [
            frame(TEXT, "never "),
            frame(FINAL | opcode, ""),
            frame(FINAL | CONTINUATION, "echoed"),
        ];
        check(fails(&format!("opcode {opcode}"), 1002, &sent));
    }
}
