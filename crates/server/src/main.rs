//! `bouncer`, the operator's server.

fn main() {}
