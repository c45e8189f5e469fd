//! Players who ask to come in.

use std::{sync::Arc, time::SystemTime};

use tokio::sync::oneshot;

use crate::{
    connection::{Handle, Inbound, Outbound},
    identity::{Admission, Refusal},
};

/// A player who passed every check of the door and waits for the game's word.
pub(crate) struct Arrival {
    pub handle: Arc<Handle>,
    pub admission: Admission,
    /// What the `101` names.
    pub subprotocol: Option<Arc<str>>,
    pub since: SystemTime,
    pub inbound: Arc<Inbound>,
    pub outbound: Arc<Outbound>,
    /// `Ok` once the entity exists.
    pub answer: oneshot::Sender<Result<(), Refusal>>,
}
