//! The list that the nodes share, held against the contract of stores.

use std::sync::atomic::{AtomicU64, Ordering};

use bevy_bouncer::{testing::check_revocation_store, *};

/// A subject's entries are issued one by one, after a restoration.
struct ListAsStore<B>(B);

/// No number is used twice, also not after opening again.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl<B: Backplane> ListAsStore<B> {
    async fn issue(&self, decision: Decision) -> Result<(), StoreError> {
        let issue = Issue {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            node: serde_json::from_str(r#""0123456789abcdef""#).unwrap(),
            decision,
        };
        self.0.issue(&issue).await?;
        Ok(())
    }
}

impl<B: Backplane> RevocationStore for ListAsStore<B> {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async {
            let (mut all, mut cursor) = (Vec::new(), None);
            loop {
                let page = self.0.list(cursor).await?;
                all.extend(page.subjects.into_iter().flat_map(|(_, entries)| entries));
                cursor = page.next;
                if cursor.is_none() {
                    return Ok(all);
                }
            }
        })
    }

    fn replace<'a>(
        &'a self,
        subject: &'a Subject,
        entries: &'a [Revocation],
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.issue(Decision::Restore(subject.clone())).await?;
            for entry in entries {
                self.issue(Decision::Bar(entry.clone())).await?;
            }
            Ok(())
        })
    }
}

/// Opens the backplane anew for each step.
pub fn the_list_keeps_the_contract_of_stores<B: Backplane>(open: impl Fn() -> B) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let check = check_revocation_store(async || Ok(ListAsStore(open())));
    runtime.block_on(check).unwrap();
}
