//! The directory with everything that outlives the process: three databases and the token key.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::random;

/// Length of the key that signs tokens, in bytes (HS256 wants at least 32).
const TOKEN_KEY_BYTES: usize = 64;

/// Where the accounts, the revocations and the token key are kept.
pub struct DataDirectory(PathBuf);

impl DataDirectory {
    /// Opens the directory, and makes it when it is missing, for this user only.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    /// The accounts' database.
    pub fn accounts(&self) -> PathBuf {
        self.0.join("accounts.db")
    }

    /// The revocations' database.
    pub fn revocations(&self) -> PathBuf {
        self.0.join("revocations.db")
    }

    /// What was said, and who is muted.
    pub fn chat(&self) -> PathBuf {
        self.0.join("chat.db")
    }

    /// The key that signs tokens: made at the first start, readable by this user only.
    pub fn token_key(&self) -> io::Result<Vec<u8>> {
        let path = self.0.join("token.key");
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => new_token_key(&path),
            Ok(key) if key.len() != TOKEN_KEY_BYTES => Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("{} is not a token key", path.display()),
            )),
            other => other,
        }
    }
}

fn new_token_key(path: &Path) -> io::Result<Vec<u8>> {
    let key = random::bytes::<TOKEN_KEY_BYTES>()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key.to_vec())
}
