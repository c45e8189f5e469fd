//! The mask of a client's frames (RFC 6455 §5.3).

/// Takes the mask off these bytes, of which the first is as many bytes into its frame as `offset` says.
pub(super) fn unmask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    if key == [0; 4] {
        return;
    }
    let key: [u8; 4] = std::array::from_fn(|index| key[(offset + index) % 4]);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_piece_is_what_its_bytes_are_one_by_one(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            key: [u8; 4],
            at in 0_usize..100,
        ) {
            let mut unmasked = bytes.clone();
            let (first, second) = unmasked.split_at_mut(at.min(bytes.len()));
            let offset = first.len();
            unmask(first, key, 0);
            unmask(second, key, offset);
            let one_by_one = bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
            prop_assert_eq!(unmasked, one_by_one.collect::<Vec<_>>());
        }
    }
}
