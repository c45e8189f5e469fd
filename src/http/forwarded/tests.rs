//! Good headers in every form, and bad ones of every kind.

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::*;

fn read(name: HeaderName, lines: &[&str]) -> Option<Vec<String>> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            name.clone(),
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    let hops = hops(&headers);
    if let Err(refusal) = &hops {
        assert_eq!(refusal.kind().status(), 400);
    }
    let hops = hops.ok()?;
    Some(hops.iter().map(SocketAddr::to_string).collect())
}

fn old(lines: &[&str]) -> Option<Vec<String>> {
    read(X_FORWARDED_FOR, lines)
}

fn new(lines: &[&str]) -> Option<Vec<String>> {
    read(FORWARDED, lines)
}

#[test]
fn x_forwarded_for_is_a_list_of_addresses() {
    assert_eq!(
        old(&["192.0.2.1,  198.51.100.2\t,\t[2001:db8::1]", "2001:db8::2"]).unwrap(),
        [
            "192.0.2.1:0",
            "198.51.100.2:0",
            "[2001:db8::1]:0",
            "[2001:db8::2]:0"
        ]
    );
    assert_eq!(
        old(&["192.0.2.1:4711, [2001:db8::1]:65535"]).unwrap(),
        ["192.0.2.1:4711", "[2001:db8::1]:65535"]
    );
}

#[test]
fn forwarded_is_a_list_of_elements_with_a_for() {
    assert_eq!(
        new(&[
            "for=192.0.2.43, FOR=\"[2001:db8:cafe::17]:4711\";proto=https;by=203.0.113.43",
            "proto=http;by=\"_hidden\";For=\"192.0.2.1:80\""
        ])
        .unwrap(),
        ["192.0.2.43:0", "[2001:db8:cafe::17]:4711", "192.0.2.1:80"]
    );
    // Empty pairs are in the grammar, and so are commas and escapes in quotes.
    assert_eq!(new(&[";for=192.0.2.1;;"]).unwrap(), ["192.0.2.1:0"]);
    assert_eq!(
        new(&[r#"by="a, for=6.6.6.6; \" b";for="192.0\.2.1""#]).unwrap(),
        ["192.0.2.1:0"]
    );
}

#[test]
fn a_mapped_address_is_ipv4() {
    let mapped = ["192.0.2.1:0"];
    assert_eq!(old(&["::ffff:192.0.2.1"]).unwrap(), mapped);
    assert_eq!(old(&["[::ffff:c000:0201]"]).unwrap(), mapped);
    assert_eq!(new(&["for=\"[::ffff:192.0.2.1]\""]).unwrap(), mapped);
}

#[test]
fn no_header_has_no_hops() {
    assert_eq!(hops(&HeaderMap::new()), Ok(Vec::new()));
}

#[test]
fn two_headers_are_refused() {
    let mut headers = HeaderMap::new();
    headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
    headers.append(FORWARDED, HeaderValue::from_static("for=192.0.2.1"));
    assert_eq!(hops(&headers).unwrap_err().kind().status(), 400);
}

#[test]
fn what_is_not_an_address_is_refused() {
    for hop in [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "0xc0.0.2.1",
        "3221225985",
        "192.0.2.1/32",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:080",
        "192.0.2.1:+80",
        "192.0.2.1:65536",
        "192.0.2.1:_port",
        "192.0.2.1 198.51.100.2",
        "[192.0.2.1]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]80",
        "[2001:db8::1]:",
        "[fe80::1%eth0]",
        "fe80::1%1",
        "[[::1]]",
        "\"192.0.2.1\"",
        "for=192.0.2.1",
        "\u{e4}",
    ] {
        assert_eq!(old(&[hop]), None, "{hop:?}");
        for list in [format!("{hop},192.0.2.1"), format!("192.0.2.1,{hop}")] {
            assert_eq!(old(&[&list]), None, "{list:?}");
        }
        assert_eq!(old(&["192.0.2.1", hop]), None, "{hop:?}");
        if !hop.contains('"') {
            let quoted = format!("for=\"{hop}\"");
            assert_eq!(new(&[&quoted]), None, "{quoted}");
        }
    }
}

#[test]
fn what_is_not_an_element_is_refused() {
    for element in [
        "",
        ",",
        ";",
        "for",
        "for=",
        "=192.0.2.1",
        "192.0.2.1",
        "proto=https",
        "for=unknown",
        "for=_hidden",
        "for=\"unknown\"",
        "for=192.0.2.1:80",
        "for=[2001:db8::1]",
        "for=2001:db8::1",
        "for=\"2001:db8::1\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=\"192.0.2.1\"x",
        "for=\"192.0.2.1\\",
        "for=192.0.2.1 ;proto=http",
        "for=192.0.2.1; proto=http",
        "for =192.0.2.1",
        "for= 192.0.2.1",
        "for=192.0.2.1;for=192.0.2.1",
        "for=192.0.2.1;proto=http;PROTO=http",
        "for=192.0.2.1;by",
        "for=192.0.2.1 for=192.0.2.2",
        "for=192.0.2.1;a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8",
        "\u{e4}=1;for=192.0.2.1",
    ] {
        assert_eq!(new(&[element]), None, "{element:?}");
        let list = format!("for=192.0.2.1, {element}");
        assert_eq!(new(&[&list]), None, "{list:?}");
    }
}

#[test]
fn p09_so_many_hops_and_no_more() {
    let most = vec!["192.0.2.1"; HOPS_MAX].join(",");
    assert_eq!(old(&[&most]).unwrap().len(), HOPS_MAX);
    assert_eq!(old(&[&most, "192.0.2.1"]), None);
    let most = vec!["for=192.0.2.1"; HOPS_MAX].join(",");
    assert_eq!(new(&[&most]).unwrap().len(), HOPS_MAX);
    assert_eq!(new(&[&most, "for=192.0.2.1"]), None);
}

/// An address in one of the ways to write it: for the one header, for the other one, and as read.
fn hop() -> impl Strategy<Value = (String, String, SocketAddr)> {
    let port = prop_oneof![Just(0_u16), 1..=u16::MAX];
    (any::<IpAddr>(), port, any::<bool>()).prop_map(|(address, port, bare)| {
        let bracketed = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let node = match port {
            0 => bracketed,
            port => format!("{bracketed}:{port}"),
        };
        let old = if port == 0 && bare {
            address.to_string()
        } else {
            node.clone()
        };
        let read = SocketAddr::new(address.to_canonical(), port);
        (old, format!("for=\"{node}\";proto=https"), read)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        written in prop::collection::vec(hop(), 1..=HOPS_MAX),
        split in any::<prop::sample::Index>(),
    ) {
        let (first, second) = written.split_at(split.index(written.len()));
        for (name, text) in [
            (X_FORWARDED_FOR, (|hop| &hop.0) as fn(&(String, String, SocketAddr)) -> &String),
            (FORWARDED, |hop| &hop.1),
        ] {
            let mut headers = HeaderMap::new();
            for part in [first, second] {
                if !part.is_empty() {
                    let list: Vec<&str> = part.iter().map(|hop| text(hop).as_str()).collect();
                    headers.append(&name, HeaderValue::from_str(&list.join(" ,\t")).unwrap());
                }
            }
            let expected: Vec<SocketAddr> = written.iter().map(|hop| hop.2).collect();
            prop_assert_eq!(hops(&headers), Ok(expected));
        }
    }

    #[test]
    fn p09_whatever_comes_there_is_an_answer_and_it_is_bounded(
        value in prop::collection::vec(
            prop_oneof![
                prop::sample::select(&b"for=;,\"\\[]:. 12a_\t"[..]),
                prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8],
            ],
            0..200,
        ),
        is_old in any::<bool>(),
    ) {
        let mut headers = HeaderMap::new();
        let name = if is_old { X_FORWARDED_FOR } else { FORWARDED };
        headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        if let Ok(hops) = hops(&headers) {
            prop_assert!((1..=HOPS_MAX).contains(&hops.len()));
        }
    }
}
