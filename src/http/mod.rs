//! Values of RFC 9110 and 9112: what a request head says.

mod authority;
pub(crate) mod forwarded;
pub(crate) mod head;
mod networks;
mod origin;
mod token;

pub use forwarded::ForwardedHeader;
pub(crate) use head::{Head, HeadError, HeadLimits, Method};
pub(crate) use networks::{TrustedProxies, canonical, remove_hops};
pub(crate) use origin::AllowedOrigins;
pub(crate) use token::is_token;
