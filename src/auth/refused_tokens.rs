//! Tokens that were refused a moment ago, so that a client that repeats itself costs a hash and not
//! a signature.

use std::{fmt, time::Instant};

use aws_lc_rs::hmac;

use crate::{
    config::Limits,
    util::{Digest, Mutex, ShortLived, lock},
};

/// Remembers digests of tokens that cannot become good, by a key that nobody knows. They are
/// forgotten soon, because keys may change.
pub(super) struct RefusedTokens {
    /// `None` when the system gave no random numbers: then nothing is remembered.
    key: Option<hmac::Key>,
    digests: Mutex<ShortLived<()>>,
}

impl RefusedTokens {
    /// With the limits `refused_tokens_cached` and `refused_token_lifetime`.
    pub fn new(limits: &Limits) -> Self {
        let mut key = [0; 32];
        let random = getrandom::fill(&mut key).is_ok() && limits.refused_tokens_cached > 0;
        Self {
            key: random.then(|| hmac::Key::new(hmac::HMAC_SHA256, &key)),
            digests: Mutex::new(ShortLived::new(
                limits.refused_tokens_cached,
                limits.refused_token_lifetime,
            )),
        }
    }

    /// What a token is remembered by. `None` when nothing is remembered.
    pub fn digest(&self, token: &str) -> Option<Digest> {
        let tag = hmac::sign(self.key.as_ref()?, token.as_bytes());
        tag.as_ref().try_into().ok()
    }

    /// Whether this token was refused a moment ago.
    pub fn contains(&self, digest: &Digest) -> bool {
        lock(&self.digests).get(digest, Instant::now()).is_some()
    }

    /// Remembers it. When there are too many, the oldest is forgotten.
    pub fn insert(&self, digest: Digest) {
        let now = Instant::now();
        let mut digests = lock(&self.digests);
        digests.make_room(now);
        digests.insert(digest, (), now);
    }
}

impl fmt::Debug for RefusedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    fn tokens(count: usize, life: Duration) -> RefusedTokens {
        RefusedTokens::new(&Limits {
            refused_tokens_cached: count,
            refused_token_lifetime: life,
            ..Limits::default()
        })
    }

    #[test]
    fn a_refused_token_is_known_for_a_while() {
        let tokens = tokens(10, Duration::from_secs(1));
        let digest = tokens.digest("a.b.c").unwrap();
        assert!(!tokens.contains(&digest));
        tokens.insert(digest);
        assert!(tokens.contains(&tokens.digest("a.b.c").unwrap()));
        assert!(!tokens.contains(&tokens.digest("a.b.d").unwrap()));
        thread::sleep(Duration::from_millis(1050));
        assert!(!tokens.contains(&digest));
    }

    #[test]
    fn p09_the_oldest_is_forgotten_when_there_are_too_many() {
        let tokens = tokens(2, Duration::from_secs(30));
        let digests = ["a", "b", "c"].map(|token| tokens.digest(token).unwrap());
        digests.iter().for_each(|digest| tokens.insert(*digest));
        let known = digests.map(|digest| tokens.contains(&digest));
        assert_eq!(known, [false, true, true]);
    }

    #[test]
    fn p12_the_digest_says_nothing_without_the_key() {
        let life = Duration::from_secs(30);
        let one = tokens(1, life).digest("a.b.c").unwrap();
        let other = tokens(1, life).digest("a.b.c").unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn it_can_be_turned_off() {
        assert_eq!(tokens(0, Duration::from_secs(30)).digest("a.b.c"), None);
    }
}
