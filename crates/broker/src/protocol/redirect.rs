//! The current leaders in answers to clients that asked the wrong broker (KIP-951).

use super::Context;
use crate::cluster::Endpoint;

impl Context {
    /// Where the leaders are that an answer names.
    pub(super) fn redirects<T>(
        &self,
        leaders: impl Iterator<Item = i32>,
        node: impl Fn(Endpoint) -> T,
    ) -> Vec<T> {
        let mut leaders: Vec<i32> = leaders.collect();
        leaders.sort_unstable();
        leaders.dedup();
        let endpoint = |leader: i32| self.cluster.endpoint(&self.listener, leader);
        leaders.into_iter().filter_map(endpoint).map(node).collect()
    }
}
