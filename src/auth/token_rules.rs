//! The rules that a token must keep. The signature comes after what is cheap, the claims after the
//! signature.
//!
//! Every error is for the operator and names the rule, never the content.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    directory::Claims,
    keys::{KEY_ID_MAX_BYTES, VerifyingKey},
    strict_json::parse_object,
};
use crate::identity::{TokenFacts, USER_ID_MAX_BYTES, UserId};

/// Header parameters that would change what the token means or where its key comes from
/// (RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797).
const FORBIDDEN_HEADERS: [&str; 9] = [
    "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c",
];
/// Latest point in time that is accepted: beyond it a number is a mistake.
const LATEST: u64 = 1 << 40;
/// Longest `jti` in bytes.
const TOKEN_ID_MAX_BYTES: usize = 128;

/// What a token must be like.
#[derive(Debug, Clone)]
pub(super) struct TokenRules {
    pub issuers: Vec<String>,
    pub audiences: Vec<String>,
    /// Whether it is meant that no audience is asked for.
    pub any_audience: bool,
    pub leeway: Duration,
    pub longest_lifetime: Duration,
    pub require_type: bool,
    pub require_issued_at: bool,
    pub longest_token: usize,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            leeway: Duration::from_secs(5),
            longest_lifetime: Duration::from_secs(24 * 3600),
            require_type: false,
            require_issued_at: false,
            longest_token: 4096,
        }
    }
}

/// A token whose header is in order.
pub(super) struct Unverified<'a> {
    header: Map<String, Value>,
    /// Header and payload, as they are signed.
    pub message: &'a str,
    pub signature: &'a str,
    payload: &'a str,
}

type Broken = &'static str;

/// Why a token with its header in order is refused.
pub(super) struct Rejected {
    /// For the operator.
    pub cause: Broken,
    /// Whether no later time makes it good.
    pub for_good: bool,
}

impl From<Broken> for Rejected {
    fn from(cause: Broken) -> Self {
        Self {
            cause,
            for_good: true,
        }
    }
}

impl Rejected {
    const fn for_now(cause: Broken) -> Self {
        Self {
            cause,
            for_good: false,
        }
    }
}

impl TokenRules {
    /// Everything that needs neither cryptography nor a key: shape and header.
    pub fn read<'a>(&self, token: &'a str) -> Result<Unverified<'a>, Broken> {
        if token.len() > self.longest_token {
            return Err("the token is too long");
        }
        let (message, signature) = token.rsplit_once('.').ok_or("not a signed token")?;
        let (header, payload) = message.split_once('.').ok_or("not a signed token")?;
        if payload.contains('.') || signature.is_empty() {
            return Err("not a signed token");
        }
        let header = self.read_header(header)?;
        match header.get("kid") {
            None => {}
            Some(Value::String(id)) if id.len() <= KEY_ID_MAX_BYTES => {}
            Some(_) => return Err("kid is not a short text"),
        }
        Ok(Unverified {
            header,
            message,
            signature,
            payload,
        })
    }

    fn read_header(&self, header: &str) -> Result<Map<String, Value>, Broken> {
        let header = decode(header).ok_or("the header is not base64url")?;
        let header = parse_object(&header).map_err(|_| "the header is not a JSON object")?;
        if FORBIDDEN_HEADERS
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err("a header parameter that is not accepted");
        }
        match header.get("typ") {
            None if self.require_type => Err("typ is missing"),
            None => Ok(header),
            Some(Value::String(kind))
                if ["JWT", "at+jwt"]
                    .iter()
                    .any(|accepted| kind.eq_ignore_ascii_case(accepted)) =>
            {
                Ok(header)
            }
            Some(_) => Err("typ is neither JWT nor at+jwt"),
        }
    }

    /// The claims of a token whose signature was verified with this key.
    pub fn check_claims(
        &self,
        token: &Unverified<'_>,
        key: &VerifyingKey,
        now: u64,
    ) -> Result<Claims, Rejected> {
        let payload = decode(token.payload).ok_or("the payload is not base64url")?;
        let all = parse_object(&payload).map_err(|_| "the payload is not a JSON object")?;
        let text = String::from_utf8(payload).map_err(|_| "the payload is not UTF-8")?;
        let facts = self.check_times(&all, now)?;
        check_party(&all, "iss", &self.issuers, Parties::One).ok_or("iss is not accepted")?;
        check_party(&all, "aud", &self.audiences, Parties::OneOrMany)
            .ok_or("aud is not accepted")?;
        let subject = match all.get("sub") {
            Some(Value::String(subject)) if subject.len() <= USER_ID_MAX_BYTES => subject.as_str(),
            _ => return Err("sub is not a short text".into()),
        };
        let subject = UserId::new(subject).map_err(|_| "sub is not a user id")?;
        let id = match all.get("jti") {
            None => None,
            Some(Value::String(id)) if (1..=TOKEN_ID_MAX_BYTES).contains(&id.len()) => {
                Some(id.as_str().into())
            }
            Some(_) => return Err("jti is not a short text".into()),
        };
        Ok(Claims {
            subject,
            token: TokenFacts {
                id,
                key: key.id.clone(),
                claims: Some(text.into()),
                ..facts
            },
            all,
        })
    }

    fn check_times(&self, claims: &Map<String, Value>, now: u64) -> Result<TokenFacts, Rejected> {
        let leeway = self.leeway.as_secs();
        let expires_at = date(claims, "exp")?.ok_or("exp is missing")?.0;
        if expires_at.saturating_add(leeway) <= now {
            return Err("expired".into());
        }
        let not_before = date(claims, "nbf")?.map_or(0, |(_, late)| late);
        if not_before > now.saturating_add(leeway) {
            return Err(Rejected::for_now("not valid yet"));
        }
        let issued_at = date(claims, "iat")?;
        if self.require_issued_at && issued_at.is_none() {
            return Err("iat is missing".into());
        }
        if issued_at.is_some_and(|(_, late)| late > now.saturating_add(leeway)) {
            return Err(Rejected::for_now("issued in the future"));
        }
        // Without iat the token is at least as young as now: wait, and it fits.
        let lifetime = expires_at.saturating_sub(issued_at.map_or(now, |(early, _)| early));
        if lifetime > self.longest_lifetime.as_secs() {
            return Err(Rejected::for_now("valid for too long"));
        }
        Ok(TokenFacts {
            id: None,
            key: None,
            claims: None,
            issued_at: issued_at.map_or(0, |(early, _)| early),
            expires_at: Some(expires_at),
        })
    }
}

impl Unverified<'_> {
    /// The name of the key that it says it is signed with.
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The key decides the algorithm; the token may only agree.
    pub fn check_algorithm(&self, key: &VerifyingKey) -> Result<(), Broken> {
        let algorithm = self.header.get("alg").and_then(Value::as_str);
        if algorithm != Some(&format!("{:?}", key.algorithm)) {
            return Err("alg is not that of the key");
        }
        Ok(())
    }
}

/// Strict base64url without padding (RFC 7515 §2).
fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

/// A NumericDate (RFC 7519 §2), rounded down and up to whole seconds.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<(u64, u64)>, Broken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let latest = LATEST as f64;
    match (value.as_u64(), value.as_f64()) {
        (Some(seconds), _) if seconds <= LATEST => Ok(Some((seconds, seconds))),
        (None, Some(seconds)) if (0.0..=latest).contains(&seconds) => {
            Ok(Some((seconds.floor() as u64, seconds.ceil() as u64)))
        }
        _ => Err("a time is not a number of seconds"),
    }
}

/// How many parties a claim may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parties {
    One,
    OneOrMany,
}

/// Whether `iss` or `aud` names one of the accepted. Of the wrong type it never does, also when
/// nothing in particular is asked for.
fn check_party(
    claims: &Map<String, Value>,
    name: &str,
    accepted: &[String],
    parties: Parties,
) -> Option<()> {
    let named: Vec<&str> = match claims.get(name) {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) if parties == Parties::OneOrMany => {
            many.iter().map(Value::as_str).collect::<Option<_>>()?
        }
        Some(_) => return None,
    };
    let found = named
        .iter()
        .any(|name| accepted.iter().any(|one| one == name));
    (accepted.is_empty() || found).then_some(())
}
