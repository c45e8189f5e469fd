//! The door with TLS: a real listener, and clients that speak TLS or pretend to.

#[path = "../support/mod.rs"]
mod support;

mod certificate;
mod client;

mod handshake;
mod leaving;
mod p05_out_means_out;
mod p11_a_bad_client_harms_only_itself;
mod reload;
mod sessions;
