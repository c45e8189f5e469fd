//! `X-Forwarded-For` and `Forwarded`: what is taken says the same when it is written down again, in both
//! forms, a list in several fields is one list, and the old header is read as the standard library reads it.
//!
//! Input: one field per line, `f` or `x` first for its name.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use bevy_bouncer::fuzzing::hops;
use libfuzzer_sys::fuzz_target;

const OLD: &str = "x-forwarded-for";
const NEW: &str = "forwarded";
const HOPS_MAX: usize = 16;

fuzz_target!(|input: &[u8]| {
    let fields: Vec<(&str, &[u8])> = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| match line.split_first()? {
            (b'f', value) => Some((NEW, value)),
            (b'x', value) => Some((OLD, value)),
            _ => None,
        })
        .filter(|(_, value)| {
            value
                .iter()
                .all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t')
        })
        .collect();
    let found = hops(&fields);
    let has = |wanted| fields.iter().any(|(name, _)| *name == wanted);
    match &found {
        Err(status) => {
            assert_eq!(*status, 400);
            assert!(!fields.is_empty(), "nothing is not malformed");
        }
        Ok(found) => {
            assert!(!(has(OLD) && has(NEW)), "both cannot be believed");
            assert!(found.len() <= HOPS_MAX);
            check_hops(found, &fields);
            if !found.is_empty() {
                assert_eq!(
                    hops(&[(OLD, write_old(found).as_bytes())]).as_ref(),
                    Ok(found)
                );
                assert_eq!(
                    hops(&[(NEW, write_new(found).as_bytes())]).as_ref(),
                    Ok(found)
                );
            }
        }
    }
    // A list is as long in one field as in several.
    for name in [OLD, NEW] {
        let values: Vec<&[u8]> = fields
            .iter()
            .filter(|(n, _)| *n == name)
            .map(|(_, v)| *v)
            .collect();
        if values.len() == fields.len() && values.len() > 1 && found.is_ok() {
            assert_eq!(hops(&[(name, &values.join(&b", "[..]))]), found);
        }
    }
});

/// There are no more hops than elements, and those of the old header are what the standard library reads.
fn check_hops(hops: &[SocketAddr], fields: &[(&str, &[u8])]) {
    let text: Vec<&[u8]> = fields.iter().map(|(_, value)| *value).collect();
    let text = String::from_utf8(text.join(&b","[..])).expect("what is taken is text");
    let elements: Vec<&str> = text.split(',').map(str::trim).collect();
    assert!(hops.len() <= elements.len());
    assert!(hops.iter().all(|hop| hop.ip() == hop.ip().to_canonical()));
    if fields.iter().any(|(name, _)| *name == OLD) {
        let read: Vec<SocketAddr> = elements.iter().map(|element| read(element)).collect();
        assert_eq!(hops, read);
    }
}

fn read(hop: &str) -> SocketAddr {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let found = match (
        hop.parse::<SocketAddr>(),
        bare.unwrap_or(hop).parse::<IpAddr>(),
    ) {
        (Ok(both), _) => both,
        (_, Ok(address)) => SocketAddr::new(address, 0),
        _ => panic!("{hop} is no address"),
    };
    SocketAddr::new(found.ip().to_canonical(), found.port())
}

fn write_old(hops: &[SocketAddr]) -> String {
    hops.iter().map(written).collect::<Vec<_>>().join(", ")
}

fn write_new(hops: &[SocketAddr]) -> String {
    let element = |hop: &SocketAddr| format!("for=\"{}\"", written(hop));
    hops.iter().map(element).collect::<Vec<_>>().join(", ")
}

fn written(hop: &SocketAddr) -> String {
    match (hop.ip(), hop.port()) {
        (IpAddr::V4(address), 0) => address.to_string(),
        (IpAddr::V6(address), 0) => format!("[{address}]"),
        _ => hop.to_string(),
    }
}
