//! `host[:port]`, as in `Host` and in an origin.

use std::net::Ipv6Addr;

/// A host in lower case with an optional port. No user information, no wildcards, no
/// percent-encoding; an IPv6 address is in its brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub host: String,
    pub port: Option<u16>,
}

impl Authority {
    /// Reads it, or `None` when it is malformed in any way.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                let port = match after {
                    "" => None,
                    _ => Some(after.strip_prefix(':')?),
                };
                (format!("[{address}]"), port)
            }
            None => {
                let (host, port) = match text.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (text, None),
                };
                (parse_name(host)?, port)
            }
        };
        let port = port.map(parse_port).transpose().ok()?;
        Some(Self { host, port })
    }
}

/// Longest DNS name in its text form (RFC 1035 §2.3.4), with a final dot.
const NAME_MAX_BYTES: usize = 254;

fn parse_name(name: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let plain = !name.is_empty() && name.len() <= NAME_MAX_BYTES && name.bytes().all(allowed);
    plain.then(|| name.to_ascii_lowercase())
}

/// Digits only (`u16::from_str` would take a `+`), without leading zeros.
pub(super) fn parse_port(port: &str) -> Result<u16, ()> {
    if port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    port.parse().map_err(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, Option<u16>)> {
        Authority::parse(text).map(|authority| (authority.host, authority.port))
    }

    #[test]
    fn hosts_and_ports_are_normalised() {
        assert_eq!(
            parsed("Game.Example"),
            Some(("game.example".to_owned(), None))
        );
        assert_eq!(
            parsed("127.0.0.1:9000"),
            Some(("127.0.0.1".to_owned(), Some(9000)))
        );
        assert_eq!(
            parsed("[0:0:0:0:0:0:0:1]:80"),
            Some(("[::1]".to_owned(), Some(80)))
        );
        assert_eq!(parsed("[::1]"), Some(("[::1]".to_owned(), None)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":80",
            "a:",
            "a:0",
            "a:080",
            "a:+80",
            "a:65536",
            "a:1:2",
            "a b",
            "a/b",
            "me@a",
            "*.a",
            "a%2eb",
            "::1",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[fe80::1%eth0]",
            "[a]",
            "ä.example",
            "a,b",
            "a\tb",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        assert_eq!(parsed(&"a".repeat(NAME_MAX_BYTES + 1)), None);
    }
}
