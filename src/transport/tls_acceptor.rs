//! TLS: the certificate, its reload, and the TLS handshake.
//!
//! The provider of the cryptography is an instance of our own: nothing is installed for the process,
//! so that a game can have its own.

use std::{
    fmt::Display,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use tokio::net::TcpStream;
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

use super::{Acceptor, tls_stream::Tls};
use crate::{
    config::{ConfigError, TlsConfig},
    util::{Mutex, lock},
};

/// Most bytes in a certificate or key file.
const FILE_MAX_BYTES: u64 = 256 * 1024;
/// In the first lines of an encrypted key, both of PKCS#8 and of older forms.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
/// What is spoken over TLS (RFC 7301). A client that offers only other protocols is refused, one that offers
/// none is not.
const ALPN: &[u8] = b"http/1.1";

/// Reads the files, and makes of them what a TLS handshake needs.
fn server_config(files: &TlsConfig) -> Result<ServerConfig, ConfigError> {
    let cert_file = PemFile::new("tls.cert_file", &files.cert_file);
    let key_file = PemFile::new("tls.key_file", &files.key_file);
    let certificates = cert_file.certificates()?;
    let key = key_file.private_key()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(certificates, key))
        .map_err(|error| match error {
            rustls::Error::InvalidCertificate(_) => {
                cert_file.error("the first certificate is malformed")
            }
            rustls::Error::InconsistentKeys(_) => {
                key_file.error("is not the key of the first certificate in tls.cert_file")
            }
            other => key_file.error(other),
        })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A session lasts longer than a ticket would, and nothing is kept for those who are gone.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// One of the files, and the field that names it. Errors never quote what is in it.
struct PemFile<'a> {
    field: &'static str,
    path: &'a Path,
}

impl<'a> PemFile<'a> {
    fn new(field: &'static str, path: &'a Path) -> Self {
        Self { field, path }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let certificates = CertificateDer::pem_slice_iter(&self.read()?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| self.error("is not PEM"))?;
        if certificates.is_empty() {
            return Err(self.error("holds no certificate in PEM"));
        }
        Ok(certificates)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        let bytes = self.read()?;
        if bytes.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
            return Err(self.error("is encrypted; only a key that is not can be used"));
        }
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
            pem::Error::NoItemsFound => self.error("holds no private key in PEM"),
            _ => self.error("is not PEM"),
        })
    }

    fn read(&self) -> Result<Vec<u8>, ConfigError> {
        let mut bytes = Vec::new();
        File::open(self.path)
            .and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| self.error(error))?;
        if bytes.len() as u64 > FILE_MAX_BYTES {
            return Err(self.error("is longer than 256 KiB"));
        }
        Ok(bytes)
    }

    fn error(&self, reason: impl Display) -> ConfigError {
        ConfigError::new(self.field, format!("{}: {reason}", self.path.display()))
    }
}

/// Makes TLS of sockets, with the certificate that was loaded last.
pub(crate) struct TlsAcceptor {
    files: TlsConfig,
    current: Mutex<Arc<ServerConfig>>,
    /// One reload after the other, so that what was read last is what stays.
    reloading: Mutex<()>,
}

impl TlsAcceptor {
    /// Loads the certificate.
    ///
    /// # Errors
    /// The file that cannot be used, by its field.
    pub fn load(files: &TlsConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            current: Mutex::new(Arc::new(server_config(files)?)),
            files: files.clone(),
            reloading: Mutex::new(()),
        })
    }

    /// Loads the certificate again, for the handshakes to come. When that fails, the old one stays.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let _turn = lock(&self.reloading);
        let loaded = Arc::new(server_config(&self.files)?);
        *lock(&self.current) = loaded;
        Ok(())
    }
}

impl Acceptor for Arc<TlsAcceptor> {
    type Stream = Tls;

    const ANSWERS_AT_ONCE: bool = false;

    async fn accept(&self, socket: TcpStream) -> io::Result<Tls> {
        let config = lock(&self.current).clone();
        let stream = tokio_rustls::TlsAcceptor::from(config).accept(socket);
        Ok(stream.await?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named_by_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let pair = || {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            (cert.pem(), signing_key.serialize_pem())
        };
        let ((cert, key), (_, foreign)) = (pair(), pair());
        let load = |cert: &str, key: &str| {
            let files = TlsConfig::new(folder.path().join("cert"), folder.path().join("key"));
            fs::write(&files.cert_file, cert).unwrap();
            fs::write(&files.key_file, key).unwrap();
            server_config(&files).map(drop)
        };
        assert_eq!(load(&cert, &key), Ok(()));
        assert_eq!(load(&format!("{cert}{cert}"), &key), Ok(()), "a chain");

        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n\
                         -----END ENCRYPTED PRIVATE KEY-----\n";
        let encrypted_of_old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
                                -----END RSA PRIVATE KEY-----\n";
        let malformed = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";
        let long = " ".repeat(256 * 1024 + 1);
        for (cert, key, field, reason) in [
            ("", &*key, "tls.cert_file", "no certificate"),
            ("text", &key, "tls.cert_file", "no certificate"),
            (&*key, &key, "tls.cert_file", "no certificate"),
            (malformed, &key, "tls.cert_file", "malformed"),
            (broken, &key, "tls.cert_file", "not PEM"),
            (&long, &key, "tls.cert_file", "longer than 256 KiB"),
            (&cert, "", "tls.key_file", "no private key"),
            (&cert, &cert, "tls.key_file", "no private key"),
            (&cert, encrypted, "tls.key_file", "is encrypted"),
            (&cert, encrypted_of_old, "tls.key_file", "is encrypted"),
            (&cert, &foreign, "tls.key_file", "not the key of the first"),
            (&cert, &long, "tls.key_file", "longer than 256 KiB"),
        ] {
            let error = load(cert, key).unwrap_err();
            assert_eq!(error.field, field, "{error}");
            assert!(error.reason.contains(reason), "{error}");
        }
        let missing = TlsConfig::new(folder.path().join("cert"), folder.path().join("none"));
        fs::write(&missing.cert_file, &cert).unwrap();
        assert_eq!(server_config(&missing).unwrap_err().field, "tls.key_file");
        let a_folder = TlsConfig::new(folder.path(), folder.path().join("key"));
        assert_eq!(server_config(&a_folder).unwrap_err().field, "tls.cert_file");
    }
}
