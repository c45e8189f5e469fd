//! RFC 6455 as the Autobahn test suite checks it, case group by case group, against an echoing server:
//! each case says exactly which frames come back and how the connection ends, sent in one piece and
//! octet by octet. The script `autobahn` runs the suite itself.

#[path = "../support/mod.rs"]
mod support;

mod case;
mod closing;
mod fragmentation;
mod framing;
mod limits;
mod opcodes;
mod pings;
mod reserved_bits;
mod splitting;
mod utf8;
mod wire;
