//! Checks for what others write against this crate's traits.

mod revocation_store;

pub use revocation_store::{StoreViolation, check_revocation_store};
