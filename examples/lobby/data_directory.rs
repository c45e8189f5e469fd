//! The directory with everything that outlives the process: three databases and the token key.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::{random, start_error::StartError};

/// Length of the key that signs tokens, in bytes (HS256 wants at least 32).
const TOKEN_KEY_BYTES: usize = 64;

/// Where the accounts, the revocations and the token key are kept.
pub struct DataDirectory {
    path: PathBuf,
    /// Locked for as long as the lobby runs: who is barred is in its memory, and a second one would not hear of it.
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory for this process alone, and makes it when it is missing, for this user only.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StartError> {
        let path = path.into();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .map_err(|error| StartError::path(&path, error))?;
        let lock = path.join("lock");
        let cannot = |error: io::Error| StartError::path(&lock, error);
        let file = private().create(true).open(&lock).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse {
                path: path.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// The accounts' database.
    pub fn accounts(&self) -> PathBuf {
        self.path.join("accounts.db")
    }

    /// The revocations' database.
    pub fn revocations(&self) -> PathBuf {
        self.path.join("revocations.db")
    }

    /// What was said, and who is muted.
    pub fn chat(&self) -> PathBuf {
        self.path.join("chat.db")
    }

    /// The key that signs tokens: made at the first start, readable by this user only.
    pub fn token_key(&self) -> Result<Vec<u8>, StartError> {
        let path = self.path.join("token.key");
        let key = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => new_token_key(&path),
            other => other,
        };
        let key = key.map_err(|error| StartError::path(&path, error))?;
        if key.len() != TOKEN_KEY_BYTES {
            let words = format!(
                "a token key has {TOKEN_KEY_BYTES} bytes, and this has {}",
                key.len()
            );
            return Err(StartError::path(&path, words));
        }
        Ok(key)
    }
}

fn new_token_key(path: &Path) -> io::Result<Vec<u8>> {
    let key = random::bytes::<TOKEN_KEY_BYTES>()?;
    let mut file = private().create_new(true).open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key.to_vec())
}

/// To write a file that only this user can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
