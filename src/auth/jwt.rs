//! The ready-made authenticator: keys, token rules, and a directory of users.

use std::{
    fmt,
    sync::{Arc, Once},
    thread,
    time::Duration,
};

use jsonwebtoken::crypto;
use tokio::sync::Semaphore;

use super::{
    Authenticator,
    directory::{Claims, Standing, UserDirectory},
    keys::{KeyError, KeySet},
    rules::TokenRules,
};
use crate::{
    door::HandshakeRequest,
    identity::{Admission, unix_now},
    refusal::Refusal,
};

/// Verifies JSON Web Tokens (RFC 7519) and looks their users up.
///
/// With [`users`](Self::users) it is an [`Authenticator`]. Besides the signature it checks what
/// follows; all of it is on from the start:
///
/// - the algorithm is that of the key, whatever the token says; an unknown `kid` is refused;
/// - no `crit`, `b64`, `zip`, `enc`, `cty`, `jwk`, `jku`, `x5u` or `x5c` in the header; `typ` absent,
///   `JWT` or `at+jwt`;
/// - `exp` and `sub` are there; `exp`, `nbf` and `iat` fit the clock, give or take 5 s; no token is
///   accepted that lives longer than 24 h;
/// - `iss` and `aud` when configured; no member of an object is there twice; at most 4 KiB.
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
    keys: Arc<KeySet>,
    rules: TokenRules,
    /// How many signatures with public keys are verified at once.
    verifications: Arc<Semaphore>,
    directory: D,
}

impl JwtAuthenticator {
    /// Tokens that are signed with one of these keys.
    pub fn new(keys: KeySet) -> Self {
        install_cryptography();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            keys: Arc::new(keys),
            rules: TokenRules::default(),
            verifications: Arc::new(Semaphore::new(cores)),
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

    /// Who the tokens are about. This makes it an [`Authenticator`].
    pub fn users<D: UserDirectory>(self, directory: D) -> JwtAuthenticator<D> {
        JwtAuthenticator {
            keys: self.keys,
            rules: self.rules,
            verifications: self.verifications,
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

    /// How many signatures with public keys are verified at once. Default: the number of cores.
    pub fn concurrent_verifications(mut self, count: usize) -> Self {
        self.verifications = Arc::new(Semaphore::new(count.max(1)));
        self
    }

    /// Verifies a token and reads its claims. The cause of a refusal is for the operator.
    ///
    /// # Errors
    /// 401 for every token that breaks a rule; 503 when it could not be verified.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        self.verify_at(token, unix_now()).await
    }

    /// The same at a given time in unix seconds.
    pub(crate) async fn verify_at(&self, token: &str, now: u64) -> Result<Claims, Refusal> {
        let unverified = self
            .rules
            .read(token, &self.keys)
            .map_err(Refusal::unauthorized)?;
        let algorithm = unverified.key.algorithm;
        let genuine = if algorithm.family() == jsonwebtoken::AlgorithmFamily::Hmac {
            crypto::verify(
                unverified.signature,
                unverified.message.as_bytes(),
                &unverified.key.key,
                algorithm,
            )
        } else {
            // Thousands of times dearer than an HMAC: off the threads that serve connections, and
            // not more of it at once than there are cores.
            let permit = self.verifications.clone().acquire_owned().await;
            let key = unverified.key.key.clone();
            let signature = unverified.signature.to_owned();
            let message = unverified.message.to_owned();
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                crypto::verify(&signature, message.as_bytes(), &key, algorithm)
            })
            .await
            .map_err(|_| Refusal::unavailable("the verification of a signature failed"))?
        };
        // A signature that cannot be read is as wrong as one that does not fit.
        if !matches!(genuine, Ok(true)) {
            return Err(Refusal::unauthorized("the signature is wrong"));
        }
        self.rules
            .check_claims(&unverified, now)
            .map_err(Refusal::unauthorized)
    }
}

impl<D: UserDirectory> Authenticator for JwtAuthenticator<D> {
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let credential = request
            .credential()
            .ok_or_else(|| Refusal::unauthorized("no credential"))?;
        let claims = self.verify(credential.expose()).await?;
        let standing = self.directory.find(&claims).await.map_err(|error| {
            tracing::error!(%error, "a user could not be looked up");
            Refusal::unavailable(error.to_string())
        })?;
        let user = match standing {
            Standing::Active(user) => user,
            Standing::Missing => return Err(Refusal::unauthorized("there is no such user")),
            Standing::Barred => return Err(Refusal::banned("this account is disabled")),
        };
        if user.id() != &claims.subject {
            tracing::error!(asked = %claims.subject, found = %user.id(), "the directory found somebody else");
            return Err(Refusal::unavailable("the directory found somebody else"));
        }
        let mut admission = Admission::new(user);
        admission.token = claims.token;
        Ok(admission)
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

/// The provider is one for the whole process. Another crate may have installed one already; then that
/// one serves.
pub(super) fn install_cryptography() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}
