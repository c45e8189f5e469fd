//! What came of a decision.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{StoreError, journal::Storing};

/// What came of [`Bouncer::revoke`](crate::Bouncer::revoke) or
/// [`Bouncer::restore`](crate::Bouncer::restore).
///
/// The live sessions are fenced when you hold it. Awaiting it tells when the entry is stored;
/// dropping it does not cancel that.
#[derive(Debug)]
#[must_use = "the sessions are fenced, but only awaiting the receipt tells whether the entry is stored"]
pub struct Receipt {
    cut: usize,
    storing: Storing,
    is_in_force: bool,
}

impl Receipt {
    /// For what was decided about so many live sessions.
    pub(crate) fn new(cut: usize, storing: Storing) -> Self {
        Self {
            cut,
            storing,
            is_in_force: true,
        }
    }

    /// For what was not carried out, but for so many sessions that were cut.
    pub(crate) fn not_in_force(cut: usize, error: StoreError) -> Self {
        Self {
            cut,
            storing: Storing::failed(error),
            is_in_force: false,
        }
    }

    /// Whether the decision holds on this node. Not when a revocation found the list of the barred full
    /// ([`StoreError::Full`]): then it has only cut. Not when a restoration could not be noted
    /// ([`StoreError::Backlog`]): then nothing has changed.
    pub fn is_in_force(&self) -> bool {
        self.is_in_force
    }

    /// How many live sessions were cut.
    pub fn cut(&self) -> usize {
        self.cut
    }
}

impl Future for Receipt {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.storing).poll(context)
    }
}
