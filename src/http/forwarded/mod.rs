//! `X-Forwarded-For` and `Forwarded` (RFC 7239): for whom proxies say that they speak.
//!
//! Both are lists to which each proxy adds the address that it was connected from, so the right-most
//! hop is what the nearest proxy has seen. All of a header is read or nothing: a hop that is not an
//! address (`unknown`, an obfuscated `_name`) makes it malformed.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::Deserialize;
use tokio_tungstenite::tungstenite::http::{
    HeaderMap, HeaderName,
    header::{FORWARDED, GetAll},
};

use super::{authority::parse_port, token::is_token_byte};
use crate::identity::Refusal;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which proxies name their clients.
///
/// Only the one that they write counts. A client can make a proxy drop the header that it added, with
/// `Connection: X-Forwarded-For`, and can send the other one itself: so without the right one a request of a trusted
/// proxy is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which nearly every proxy writes.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// Its name.
    pub(crate) fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }
}

/// Most proxies that a request may have come through.
const HOPS_MAX: usize = 16;
/// Most parameters of one element of `Forwarded`. The RFC defines four.
const PARAMETERS_MAX: usize = 8;

/// The hops in order, from the client on; none without a header. The port is 0 where none is told.
///
/// `X-Forwarded-For: 6.6.6.6, 192.0.2.1` and `Forwarded: for=6.6.6.6, for="192.0.2.1"` both give
/// `[6.6.6.6:0, 192.0.2.1:0]`: the client says that it is `6.6.6.6`, the proxy saw `192.0.2.1`.
///
/// # Errors
/// 400 when a header is malformed, has more than 16 hops, or both headers are there: which of the two
/// the proxy wrote cannot be known.
pub(crate) fn hops(headers: &HeaderMap) -> Result<Vec<SocketAddr>, Refusal> {
    let (old, new) = (headers.get_all(X_FORWARDED_FOR), headers.get_all(FORWARDED));
    let has_old = old.iter().next().is_some();
    match (has_old, new.iter().next().is_some()) {
        (true, true) => Err(Refusal::bad_request(
            "only one of X-Forwarded-For and Forwarded may be there",
        )),
        (true, false) => collect(&old, x_forwarded_for)
            .ok_or_else(|| Refusal::bad_request("X-Forwarded-For is malformed")),
        (false, _) => {
            collect(&new, forwarded).ok_or_else(|| Refusal::bad_request("Forwarded is malformed"))
        }
    }
}

/// Several fields are one list, in their order (RFC 9110 §5.3).
fn collect(
    fields: &GetAll<'_, tokio_tungstenite::tungstenite::http::HeaderValue>,
    read: fn(&str, &mut Vec<SocketAddr>) -> Option<()>,
) -> Option<Vec<SocketAddr>> {
    let mut hops = Vec::new();
    for field in fields {
        read(field.to_str().ok()?, &mut hops)?;
    }
    Some(hops)
}

fn add(hop: SocketAddr, hops: &mut Vec<SocketAddr>) -> Option<()> {
    (hops.len() < HOPS_MAX).then(|| hops.push(hop))
}

/// A list of addresses. IPv6 may come with or without brackets, a port only with them.
fn x_forwarded_for(list: &str, hops: &mut Vec<SocketAddr>) -> Option<()> {
    for hop in list.split(',') {
        let hop = hop.trim_matches([' ', '\t']);
        let hop = match hop.parse::<Ipv6Addr>() {
            Ok(address) => SocketAddr::new(IpAddr::V6(address).to_canonical(), 0),
            Err(_) => node(hop)?,
        };
        add(hop, hops)?;
    }
    Some(())
}

/// `1#forwarded-element` of RFC 7239 §4, each with a `for` that is an address.
fn forwarded(list: &str, hops: &mut Vec<SocketAddr>) -> Option<()> {
    let mut rest = list;
    loop {
        let (hop, after) = element(rest.trim_start_matches([' ', '\t']))?;
        add(hop, hops)?;
        match after.trim_start_matches([' ', '\t']) {
            "" => return Some(()),
            after => rest = after.strip_prefix(',')?,
        }
    }
}

/// `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, and what follows it.
fn element(text: &str) -> Option<(SocketAddr, &str)> {
    let mut hop = None;
    let mut seen: Vec<&str> = Vec::new();
    let mut rest = text;
    loop {
        if rest.starts_with(|first: char| first.is_ascii() && is_token_byte(first as u8)) {
            let (name, value, after) = pair(rest)?;
            let again = seen.iter().any(|seen| seen.eq_ignore_ascii_case(name));
            if again || seen.len() == PARAMETERS_MAX {
                return None;
            }
            seen.push(name);
            if name.eq_ignore_ascii_case("for") {
                hop = Some(node(&value)?);
            }
            rest = after;
        }
        match rest.strip_prefix(';') {
            Some(next) => rest = next,
            None => return Some((hop?, rest)),
        }
    }
}

/// `token "=" ( token / quoted-string )`, and what follows it.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix('=')?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => token(rest).map(|(value, rest)| (value.to_owned(), rest))?,
    };
    Some((name, value, rest))
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !is_token_byte(byte));
    let (token, rest) = text.split_at(end.unwrap_or(text.len()));
    (!token.is_empty()).then_some((token, rest))
}

/// The rest of a quoted-string (RFC 9110 §5.6.4), and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (end, '"') => return Some((value, &text[end + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, character) => value.push(character),
        }
    }
}

/// An address with perhaps a port, IPv6 in brackets (RFC 7239 §6, without the nodes that are none).
fn node(text: &str) -> Option<SocketAddr> {
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::V6(address.parse().ok()?), port)
        }
        None => {
            let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (IpAddr::V4(address.parse().ok()?), port)
        }
    };
    let port = match port {
        "" => 0,
        _ => parse_port(port.strip_prefix(':')?).ok()?,
    };
    Some(SocketAddr::new(address.to_canonical(), port))
}
