//! Who may connect to a listener, by the address that it comes from.

use std::net::IpAddr;

use tokio::sync::watch;

use crate::spec::AddressPrefix;

/// The list of a listener, which changes while clients are connected.
pub(crate) struct Allowed(watch::Sender<Option<Vec<AddressPrefix>>>);

impl Allowed {
    /// A list; `None` lets everybody in.
    pub(crate) fn new(list: Option<Vec<AddressPrefix>>) -> Self {
        Self(watch::Sender::new(list))
    }

    /// Whether a client may connect.
    pub(crate) fn lets_in(&self, peer: IpAddr) -> bool {
        lets_in(&self.0.borrow(), peer)
    }

    /// Another list: those who are connected and are not in it have to go.
    pub(crate) fn set(&self, list: &Option<Vec<AddressPrefix>>) {
        self.0.send_if_modified(|present| {
            let is_other = present != list;
            if is_other {
                present.clone_from(list);
            }
            is_other
        });
    }

    /// Waits until a client may not be connected any more.
    pub(crate) async fn denied(&self, peer: IpAddr) {
        let mut list = self.0.subscribe();
        if list.wait_for(|list| !lets_in(list, peer)).await.is_err() {
            // The list goes with its listener, which ends the connection.
            std::future::pending().await
        }
    }
}

fn lets_in(list: &Option<Vec<AddressPrefix>>, peer: IpAddr) -> bool {
    list.as_ref()
        .is_none_or(|list| list.iter().any(|prefix| prefix.has(peer)))
}
