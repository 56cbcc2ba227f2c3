//! Connections of all clusters of a host: each is a descriptor, and a host has so many.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections of a host. Whatever a cluster has bought, it has no more than are free: so one cluster takes half of
/// them at most, a second one half of what is left, and there is always one more for others.
#[derive(Debug)]
pub(crate) struct HostConnections {
    open: AtomicUsize,
    connections_max: usize,
}

impl HostConnections {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self {
            open: AtomicUsize::new(0),
            connections_max,
        }
    }

    /// Counts a connection of a cluster that has `of_cluster`, if there is room for it.
    pub(crate) fn take(&self, of_cluster: u32) -> bool {
        let one_more = |open: usize| {
            let free = self.connections_max.saturating_sub(open);
            ((of_cluster as usize) < free).then_some(open + 1)
        };
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_ok()
    }

    /// Counts a closed connection.
    pub(crate) fn give_back(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_leaves_room_for_others() {
        let all = HostConnections::new(16);
        let fill = || {
            let mut of_cluster = 0;
            while all.take(of_cluster) {
                of_cluster += 1;
            }
            of_cluster
        };
        assert_eq!(
            [fill(), fill(), fill(), fill(), fill(), fill()],
            [8, 4, 2, 1, 1, 0]
        );
        all.give_back();
        assert_eq!(fill(), 1);
    }
}
