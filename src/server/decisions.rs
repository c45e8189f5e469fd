//! Where what is decided here goes: to a store of this process, or to the control log of a fleet.

use std::sync::Arc;

use super::Server;
use crate::{
    cluster::{ControlLogWriter, Node},
    revocation::{JournalWriter, RevocationStore, StoreError, StoreWriter},
};

/// See the module's documentation.
pub(crate) enum Decisions {
    Store(Arc<dyn RevocationStore>),
    Fleet(Arc<Node>),
}

impl Decisions {
    /// Bars whom the store has barred, and answers where the journal writes. A fleet's list is read by the node
    /// itself, again and again.
    ///
    /// # Errors
    /// What the store says, or that it has too many entries.
    pub async fn load(&self, server: &Server) -> Result<Arc<dyn JournalWriter>, StoreError> {
        match self {
            Self::Store(store) => {
                server.registry.preload(store.load().await?)?;
                Ok(Arc::new(StoreWriter(store.clone())))
            }
            Self::Fleet(node) => Ok(Arc::new(ControlLogWriter::new(node.clone()))),
        }
    }
}
