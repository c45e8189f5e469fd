//! Whose word about the client's address is believed.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;
use tokio_tungstenite::tungstenite::http::{HeaderMap, header::FORWARDED};

use super::forwarded::{ForwardedHeader, X_FORWARDED_FOR, hops};
use crate::identity::Refusal;

/// A text that cannot stand on the list of trusted networks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidNetwork {
    #[error("{0:?} is not a network like 10.0.0.0/8")]
    Malformed(String),
    #[error("{0:?} has bits behind its prefix")]
    HostBits(String),
    #[error("{0:?} is everybody")]
    Everybody(String),
    #[error("{0:?} must be written as IPv4")]
    MappedIpv4(String),
}

/// The networks of our own proxies, and what they name their clients in.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Reads addresses and networks, as `10.0.0.7` or `10.0.0.0/8`.
    ///
    /// # Errors
    /// A text that is neither, a network with bits behind its prefix, and one that is everybody.
    pub fn new(networks: &[String], header: ForwardedHeader) -> Result<Self, InvalidNetwork> {
        let networks = networks.iter().map(|text| parse(text));
        Ok(Self {
            networks: networks.collect::<Result<_, _>>()?,
            header,
        })
    }

    /// Whether this address is that of a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// For whom a trusted proxy speaks: the right-most hop that is not trusted, because everything
    /// left of it is only what that one has said; or the first hop when all are trusted. `None` when it names
    /// nobody in the header that our proxies write.
    ///
    /// With `10.0.0.0/8` trusted, `X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.2` is read from the
    /// right: `10.0.0.2` is a proxy, `192.0.2.1` is the client, and `6.6.6.6` is only its claim.
    ///
    /// # Errors
    /// 400 when the header is malformed.
    pub fn client(&self, headers: &HeaderMap) -> Result<Option<SocketAddr>, Refusal> {
        let hops = hops(headers)?;
        if !headers.contains_key(self.header.name()) {
            return Ok(None);
        }
        let client = hops.iter().rev().find(|hop| !self.trusts(hop.ip()));
        Ok(client.or(hops.first()).copied())
    }

    /// 400, for a request of a trusted proxy that names nobody.
    pub fn nobody_named(&self) -> Refusal {
        let rule = format!(
            "a trusted proxy must name its client in {}",
            self.header.name()
        );
        Refusal::bad_request(rule)
    }
}

/// Takes away what proxies say, so that nobody believes it again.
pub(crate) fn remove_hops(headers: &mut HeaderMap) {
    headers.remove(X_FORWARDED_FOR);
    headers.remove(FORWARDED);
}

/// An address of an IPv6 socket that speaks IPv4 is that of IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

fn parse(text: &str) -> Result<IpNet, InvalidNetwork> {
    let refuse = |why: fn(String) -> InvalidNetwork| why(text.to_owned());
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text
            .parse::<IpNet>()
            .map_err(|_| refuse(InvalidNetwork::Malformed))?,
    };
    if network.addr() != network.network() {
        Err(refuse(InvalidNetwork::HostBits))
    } else if network.prefix_len() == 0 {
        Err(refuse(InvalidNetwork::Everybody))
    } else if network.addr().to_canonical() != network.addr() {
        Err(refuse(InvalidNetwork::MappedIpv4))
    } else {
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Head;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        let networks: Vec<String> = networks.iter().map(|&text| text.to_owned()).collect();
        TrustedProxies::new(&networks, ForwardedHeader::default()).unwrap()
    }

    fn client(hops: &str) -> String {
        let head = Head::get("/ws", &[("x-forwarded-for", hops)]);
        let proxies = proxies(&["10.0.0.0/8", "2001:db8::/32"]);
        let client = proxies.client(&head.headers).unwrap().unwrap();
        client.ip().to_string()
    }

    #[test]
    fn networks_and_addresses_are_trusted() {
        let proxies = proxies(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
        for trusted in [
            "10.255.0.1",
            "192.0.2.7",
            "2001:db8:1::9",
            "::ffff:10.0.0.1",
        ] {
            assert!(proxies.trusts(trusted.parse().unwrap()), "{trusted}");
        }
        for other in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::10.0.0.1"] {
            assert!(!proxies.trusts(other.parse().unwrap()), "{other}");
        }
        assert!(!TrustedProxies::default().trusts([127, 0, 0, 1].into()));
    }

    #[test]
    fn a_network_that_cannot_be_meant_is_refused() {
        use InvalidNetwork::*;
        for (text, why) in [
            ("", Malformed as fn(String) -> InvalidNetwork),
            ("10.0.0.0/33", Malformed),
            ("10.0.0.0/", Malformed),
            ("10/8", Malformed),
            ("localhost", Malformed),
            ("10.0.0.0/8 ", Malformed),
            ("10.0.0.1/8", HostBits),
            ("0.0.0.0/0", Everybody),
            ("::/0", Everybody),
            ("::ffff:10.0.0.0/104", MappedIpv4),
        ] {
            let error =
                TrustedProxies::new(&[text.to_owned()], ForwardedHeader::default()).unwrap_err();
            assert_eq!(error, why(text.to_owned()));
        }
    }

    #[test]
    fn the_right_most_hop_that_is_not_trusted_is_the_client() {
        assert_eq!(client("192.0.2.1"), "192.0.2.1");
        assert_eq!(client("6.6.6.6, 192.0.2.1"), "192.0.2.1");
        assert_eq!(
            client("6.6.6.6, 192.0.2.1, 10.0.0.2, 2001:db8::3"),
            "192.0.2.1"
        );
        assert_eq!(client("10.6.6.6, 192.0.2.1"), "192.0.2.1");
        assert_eq!(client("6.6.6.6, ::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(client("10.0.0.3, 10.0.0.2"), "10.0.0.3", "one of our own");
    }

    #[test]
    fn only_the_header_that_our_proxies_write_names_somebody() {
        let networks = ["10.0.0.0/8".to_owned()];
        let old = Head::get("/ws", &[("x-forwarded-for", "192.0.2.1")]).headers;
        let new = Head::get("/ws", &[("forwarded", "for=192.0.2.1")]).headers;
        for (header, right, wrong) in [
            (ForwardedHeader::XForwardedFor, &old, &new),
            (ForwardedHeader::Forwarded, &new, &old),
        ] {
            let proxies = TrustedProxies::new(&networks, header).unwrap();
            let client = "192.0.2.1:0".parse().unwrap();
            assert_eq!(proxies.client(right), Ok(Some(client)));
            assert_eq!(proxies.client(wrong), Ok(None));
            assert_eq!(proxies.client(&HeaderMap::new()), Ok(None));
        }
    }
}
