//! The ready-made authenticator: keys, token rules, and a directory of users.

use std::{
    fmt,
    sync::{Arc, Once},
    time::Duration,
};

use jsonwebtoken::{AlgorithmFamily, crypto};
use serde_json::Value;
use tokio::sync::Semaphore;

#[cfg(feature = "jwks-url")]
use super::remote_keys::RemoteKeys;
use super::request::HandshakeRequest;
use super::{
    Authenticator,
    directory::{Claims, DirectoryError, Known, Standing, UserDirectory},
    key_source::KeySource,
    keys::{KeyError, KeySet, VerifyingKey},
    refused_tokens::RefusedTokens,
    token_rules::{Rejected, TokenRules, Unverified},
};
use crate::{
    config::{ConfigError, Limits},
    identity::{Admission, DisconnectReason, OwnedComponents, Refusal, User, UserId},
    util::{Digest, unix_now},
};

/// Verifies JSON Web Tokens (RFC 7519) and looks their users up.
///
/// With [`users`](Self::users) it is an [`Authenticator`]. Besides the signature it checks what
/// follows; all of it is on from the start:
///
/// - the algorithm is that of the key, whatever the token says; an unknown `kid` is refused (after a
///   look for new keys, when they come from a URL);
/// - no `crit`, `b64`, `zip`, `enc`, `cty`, `jwk`, `jku`, `x5u` or `x5c` in the header; `typ` absent,
///   `JWT` or `at+jwt`;
/// - `exp` and `sub` are there; `exp`, `nbf` and `iat` fit the clock, give or take 5 s; no token is
///   accepted that lives longer than 24 h;
/// - `iss` and `aud` when configured; no member of an object is there twice; at most 4 KiB.
///
/// Keys from a URL are a provider's, which signs the tokens of other services with them as well. With these
/// [`audience`](Self::audience) has to be given, or [`any_audience`](Self::any_audience) in so many words: else
/// the plugin cannot be made, and no token is verified.
///
/// ```
/// use std::time::Duration;
/// use bevy_bouncer::{JwtAuthenticator, MapDirectory, User};
///
/// # let secret = [7; 32];
/// let players = MapDirectory::new([User::new("player-1", "Ann")?]);
/// let tokens = JwtAuthenticator::hs256(secret)?
///     .issuer("https://login.example")
///     .audience("game")
///     .longest_lifetime(Duration::from_secs(3600))
///     .users(players);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JwtAuthenticator<D = ()> {
    keys: KeySource,
    rules: TokenRules,
    /// How many signatures with public keys are verified at once.
    signatures: Arc<Semaphore>,
    refused: RefusedTokens,
    directory: D,
}

impl JwtAuthenticator {
    /// Tokens that are signed with one of these keys.
    pub fn new(keys: KeySet) -> Self {
        Self::with_keys(KeySource::Fixed(keys))
    }

    fn with_keys(keys: KeySource) -> Self {
        install_cryptography();
        let limits = Limits::default();
        Self {
            keys,
            rules: TokenRules::default(),
            signatures: Arc::new(Semaphore::new(limits.signatures_at_once)),
            refused: RefusedTokens::new(&limits),
            directory: (),
        }
    }

    /// Tokens signed with a secret of at least 32 bytes (HS256).
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        KeySet::hs256(secret).map(Self::new)
    }

    /// Tokens signed for a PEM public key: see [`KeySet::from_pem`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn public_key_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        KeySet::from_pem(pem).map(Self::new)
    }

    /// Tokens signed for a JSON Web Key Set: see [`KeySet::from_jwks`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn jwks(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        KeySet::from_jwks(json).map(Self::new)
    }

    /// Tokens signed for the JSON Web Key Set at this URL, which is fetched again and again: see
    /// [`RemoteKeys`].
    ///
    /// # Errors
    /// [`ConfigError`] about `jwks_url`.
    #[cfg(feature = "jwks-url")]
    pub fn jwks_url(url: &str) -> Result<Self, ConfigError> {
        RemoteKeys::jwks_url(url, Default::default()).map(Self::remote)
    }

    /// Tokens of this OpenID provider, whose keys are found by OpenID Connect Discovery and fetched again
    /// and again: see [`RemoteKeys`]. Requires `iss` to be this issuer.
    ///
    /// # Errors
    /// [`ConfigError`] about `issuer`.
    #[cfg(feature = "jwks-url")]
    pub fn discover(issuer: &str) -> Result<Self, ConfigError> {
        RemoteKeys::discover(issuer, Default::default()).map(Self::remote)
    }

    /// Tokens that are signed with keys from elsewhere. Keys that were found by discovery require `iss`
    /// to be their issuer.
    #[cfg(feature = "jwks-url")]
    pub fn remote(keys: RemoteKeys) -> Self {
        let issuer = keys.issuer().map(str::to_owned);
        let mut tokens = Self::with_keys(KeySource::Remote(keys));
        tokens.rules.issuers.extend(issuer);
        tokens
    }

    /// Who the tokens are about. This makes it an [`Authenticator`].
    pub fn users<D: UserDirectory>(self, directory: D) -> JwtAuthenticator<D> {
        JwtAuthenticator {
            keys: self.keys,
            rules: self.rules,
            signatures: self.signatures,
            refused: self.refused,
            directory,
        }
    }
}

impl<D> JwtAuthenticator<D> {
    /// Requires `iss` to be this. Called again, it accepts that one as well.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.rules.issuers.push(issuer.into());
        self
    }

    /// Requires `aud` to be or to contain this. Called again, it accepts that one as well.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// Says that the tokens of every audience are meant, which has to be said of keys that come from a URL: whoever has a
    /// token of that provider, for whatever service, comes in when the directory knows the user. Once an
    /// [`audience`](Self::audience) is given, that counts.
    pub fn any_audience(mut self) -> Self {
        self.rules.any_audience = true;
        self
    }

    /// How much the clocks of the issuer and this server may differ. Whole seconds, default 5 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// The longest time from `iat` to `exp`. Default 24 h.
    pub fn longest_lifetime(mut self, lifetime: Duration) -> Self {
        self.rules.longest_lifetime = lifetime;
        self
    }

    /// Whether a token must have an `iat`. Default false. With it, revocations of tokens are forgotten once
    /// every token that they could match has ended, instead of never.
    pub fn require_issued_at(mut self, require: bool) -> Self {
        self.rules.require_issued_at = require;
        self
    }

    /// Whether the header must have a `typ`. Default false.
    pub fn require_type(mut self, require: bool) -> Self {
        self.rules.require_type = require;
        self
    }

    /// The longest token in bytes. Default 4096. The door has a limit of its own,
    /// [`Limits::token_bytes`](crate::Limits::token_bytes).
    pub fn longest_token(mut self, bytes: usize) -> Self {
        self.rules.longest_token = bytes;
        self
    }

    /// Verifies a token and reads its claims. The cause of a refusal is for the operator.
    ///
    /// # Errors
    /// 401 for every token that breaks a rule; 503 when it could not be verified, also because its keys
    /// have not been fetched, or come from a URL and nothing is said about the audience.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        self.verify_at(token, unix_now()).await
    }

    /// Verifies a token as if it were this time in unix seconds.
    pub(crate) async fn verify_at(&self, token: &str, now: u64) -> Result<Claims, Refusal> {
        self.check_audience_is_said()
            .map_err(|error| Refusal::unavailable(error.to_string()))?;
        let unverified = self.rules.read(token).map_err(Refusal::unauthorized)?;
        let key = self.keys.find(unverified.key_id()).await?;
        unverified
            .check_algorithm(&key)
            .map_err(Refusal::unauthorized)?;
        if key.algorithm.family() == AlgorithmFamily::Hmac {
            return check_signature(&key, unverified.message, unverified.signature)
                .and_then(|()| self.rules.check_claims(&unverified, &key, now))
                .map_err(|rejected| Refusal::unauthorized(rejected.cause));
        }
        let digest = self.refused.digest(token);
        self.check_costly_signature(&unverified, &key, digest.as_ref())
            .await?
            .and_then(|()| self.rules.check_claims(&unverified, &key, now))
            .map_err(|rejected| {
                if let Some(digest) = digest.filter(|_| rejected.for_good) {
                    self.refused.insert(digest);
                }
                Refusal::unauthorized(rejected.cause)
            })
    }

    fn check_audience_is_said(&self) -> Result<(), ConfigError> {
        let is_said = self.rules.any_audience || !self.rules.audiences.is_empty();
        if is_said || !self.keys.is_remote() {
            return Ok(());
        }
        let reason = "is required with keys from a URL, since any token of their provider would be a log-in; \
                      any_audience says that this is meant";
        Err(ConfigError::new("audience", reason))
    }

    fn keep_to(&mut self, limits: &Limits) {
        self.signatures = Arc::new(Semaphore::new(limits.signatures_at_once));
        self.refused = RefusedTokens::new(limits);
    }

    /// Verifies a signature with a public key. That costs thousands of times as much as an HMAC: off
    /// the threads that serve connections, only so many at once, and not again and again for a token
    /// that was refused a moment ago.
    async fn check_costly_signature(
        &self,
        token: &Unverified<'_>,
        key: &Arc<VerifyingKey>,
        digest: Option<&Digest>,
    ) -> Result<Result<(), Rejected>, Refusal> {
        let check_refused = || match digest {
            Some(digest) if self.refused.contains(digest) => {
                Err(Refusal::unauthorized("it was refused a moment ago"))
            }
            _ => Ok(()),
        };
        check_refused()?;
        let permit = self.signatures.clone().acquire_owned().await;
        // Perhaps its like was before it.
        check_refused()?;
        let key = key.clone();
        let (message, signature) = (token.message.to_owned(), token.signature.to_owned());
        tokio::task::spawn_blocking(move || {
            // Held to the end, also when nobody waits for the answer any more.
            let _permit = permit;
            check_signature(&key, &message, &signature)
        })
        .await
        .map_err(|_| Refusal::unavailable("the verification of a signature failed"))
    }
}

impl<D: UserDirectory> Authenticator for JwtAuthenticator<D> {
    fn start(&self) {
        self.keys.start();
    }

    fn configure(&mut self, limits: &Limits) {
        self.keep_to(limits);
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.check_audience_is_said()
    }

    fn tokens_end_within(&self) -> Option<Duration> {
        let rules = &self.rules;
        // Two clocks may differ by the leeway: at the issue and now.
        let longest = rules.longest_lifetime.saturating_add(rules.leeway * 2);
        rules.require_issued_at.then_some(longest)
    }

    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let credential = request
            .credential()
            .ok_or_else(|| Refusal::unauthorized("no credential"))?;
        let claims = self.verify(credential.expose()).await?;
        let (user, owned) = self.find(&claims).await?;
        let mut admission = Admission::new(user);
        (admission.owned, admission.token) = (owned, claims.token);
        Ok(admission)
    }

    async fn readmit(&self, mut admission: Admission) -> Result<Admission, Refusal> {
        let key = admission.token.key.as_deref();
        self.keys.check_still_known(key)?;
        let claims = Claims::again(admission.user.id(), &admission.token)
            .ok_or_else(|| Refusal::unavailable("this authenticator did not make the admission"))?;
        (admission.user, admission.owned) = self.find(&claims).await?;
        Ok(admission)
    }

    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        let known = self.directory.look_up(user).await?;
        match &known {
            Known::User(found) if found.id() != user => {
                let words = format!("it was asked for {user} and found {}", found.id());
                Err(DirectoryError::Failed(words))
            }
            _ => Ok(known),
        }
    }
}

impl<D: UserDirectory> JwtAuthenticator<D> {
    async fn find(&self, claims: &Claims) -> Result<(User, OwnedComponents), Refusal> {
        let standing = self.directory.find(claims).await.map_err(|error| {
            let user = claims.subject();
            tracing::error!(%user, %error, "a user could not be looked up");
            Refusal::unavailable(error.to_string())
        })?;
        let (user, components) = match standing {
            Standing::Active { user, components } => (user, components),
            Standing::Versioned {
                user,
                token_version,
                components,
            } => {
                if claims.get("ver").and_then(Value::as_u64) != Some(token_version) {
                    return Err(Refusal::unauthorized("ver is not the user's"));
                }
                (user, components)
            }
            Standing::Missing => {
                return Err(Refusal::unauthorized("there is no such user")
                    .disconnect_with(DisconnectReason::UserGone));
            }
            Standing::Barred => return Err(Refusal::banned("this account is disabled")),
        };
        if user.id() != &claims.subject {
            tracing::error!(asked = %claims.subject, found = %user.id(), "the directory found another user");
            return Err(Refusal::unavailable("the directory found another user"));
        }
        Ok((user, components))
    }
}

impl<D> fmt::Debug for JwtAuthenticator<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator")
            .field("keys", &self.keys)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A signature that cannot be read is as wrong as one that does not fit.
fn check_signature(key: &VerifyingKey, message: &str, signature: &str) -> Result<(), Rejected> {
    match crypto::verify(signature, message.as_bytes(), &key.key, key.algorithm) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err("the signature is wrong".into()),
    }
}

/// The provider is one for the whole process. Another crate may have installed one already; then that
/// one serves.
pub(super) fn install_cryptography() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    const PRIVATE: &[u8] = include_bytes!("../../tests/keys/p256.pem");
    const PUBLIC: &[u8] = include_bytes!("../../tests/keys/p256.pub.pem");
    const MOMENT: Duration = Duration::from_millis(50);

    fn authenticator() -> JwtAuthenticator {
        let mut tokens = JwtAuthenticator::public_key_pem(PUBLIC).unwrap();
        tokens.keep_to(&Limits {
            signatures_at_once: 1,
            ..Limits::default()
        });
        tokens
    }

    fn token(issued: i64, expires: i64) -> String {
        let now = i64::try_from(unix_now()).unwrap();
        let claims = json!({"sub": "ann", "iat": now + issued, "exp": now + expires});
        let key = EncodingKey::from_ec_pem(PRIVATE).unwrap();
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap()
    }

    fn cause(verified: Result<Claims, Refusal>) -> String {
        verified.unwrap_err().cause().unwrap().to_owned()
    }

    #[tokio::test]
    async fn p09_signatures_with_public_keys_wait_for_their_turn() {
        let tokens = authenticator();
        let good = token(0, 60);
        let turn = tokens.signatures.clone().acquire_owned().await.unwrap();
        let waiting = timeout(MOMENT, tokens.verify(&good)).await;
        assert!(waiting.is_err());
        drop(turn);
        assert!(tokens.verify(&good).await.is_ok());
        assert_eq!(tokens.signatures.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_token_that_cannot_become_good_is_not_verified_again() {
        let tokens = authenticator();
        let other_signature = token(0, 61);
        let (message, _) = other_signature.rsplit_once('.').unwrap();
        let good = token(0, 60);
        let (_, signature) = good.rsplit_once('.').unwrap();
        let forged = format!("{message}.{signature}");
        let expired = token(-100, -50);
        assert_eq!(
            cause(tokens.verify(&forged).await),
            "the signature is wrong"
        );
        assert_eq!(cause(tokens.verify(&expired).await), "expired");
        // Another verification would wait now.
        let _turn = tokens.signatures.clone().acquire_owned().await.unwrap();
        for token in [&forged, &expired] {
            let refused = timeout(MOMENT, tokens.verify(token)).await.unwrap();
            assert_eq!(cause(refused), "it was refused a moment ago");
        }
        let waiting = timeout(MOMENT, tokens.verify(&good)).await;
        assert!(waiting.is_err(), "a good one is verified");
    }

    #[tokio::test]
    async fn a_token_that_may_become_good_is_verified_again() {
        let tokens = authenticator();
        let early = token(100, 200);
        for _ in 0..2 {
            assert_eq!(cause(tokens.verify(&early).await), "issued in the future");
        }
    }
}
