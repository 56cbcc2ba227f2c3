//! The listeners of one cluster, as its specification wants them.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::cluster::Cluster;
use crate::error::HostError;
use crate::network::listener::{BoundListener, Ports, accept};
use crate::spec::ClusterSpec;

/// A cluster that clients can reach.
pub(crate) struct Listeners {
    cluster: Arc<Cluster>,
    ports: Arc<Ports>,
    open: Mutex<Vec<BoundListener>>,
}

impl Listeners {
    /// Listens for a cluster.
    ///
    /// # Errors
    /// If one of its addresses is in use; then it has no listener.
    pub(crate) fn open(cluster: Arc<Cluster>, ports: Arc<Ports>) -> Result<Self, HostError> {
        let listeners = Self {
            cluster,
            ports,
            open: Mutex::default(),
        };
        listeners.listen()?;
        Ok(listeners)
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Starts listening at the addresses of the specification that it does not listen at yet, and stops
    /// at those that are no longer in it or whose broker is stopped. All or nothing.
    fn listen(&self) -> Result<(), HostError> {
        let mut bound = self.open.lock();
        let mut next = Vec::new();
        let mut endpoints = Vec::new();
        let wanted_listeners = self.cluster.wanted_listeners();
        for (broker_id, wanted) in &wanted_listeners {
            let known = bound
                .iter()
                .find_map(|known| known.adapt(*broker_id, wanted));
            let open = match known {
                Some(known) => known,
                None => BoundListener::bind(*broker_id, wanted, &self.ports)?,
            };
            endpoints.push(open.endpoint(wanted));
            next.push(open);
        }
        self.cluster.set_endpoints(endpoints);
        for old in bound.iter() {
            if !next.iter().any(|open| open.is_same(old)) {
                old.close();
            }
        }
        for (open, (_, wanted)) in next.iter().zip(&wanted_listeners) {
            open.allow(wanted);
            if !bound.iter().any(|old| open.is_same(old)) {
                accept(&self.cluster, open);
            }
        }
        *bound = next;
        Ok(())
    }

    /// Brings a running cluster to a new specification.
    ///
    /// # Errors
    /// If it cannot listen as specified; then it is as before.
    pub(crate) fn adapt(&self, spec: ClusterSpec) -> Result<(), HostError> {
        let old = self.cluster.spec();
        if *old == spec {
            return Ok(());
        }
        self.cluster.set_spec(Arc::new(spec));
        if let Err(error) = self.listen() {
            self.cluster.set_spec(old);
            return Err(error);
        }
        self.cluster.adapt(&old)
    }

    /// Fences a broker, then closes its listeners and connections. May be repeated.
    ///
    /// # Errors
    /// If there is no such broker or the metadata log cannot be written.
    pub(crate) async fn stop_broker(&self, broker_id: i32) -> Result<(), HostError> {
        self.cluster.stop_broker(broker_id).await?;
        self.listen()
    }

    /// Unfences a broker: it listens, and its replicas are in sync at once. May be repeated.
    ///
    /// # Errors
    /// If there is no such broker, its address is in use, or the metadata log cannot be written.
    pub(crate) async fn start_broker(&self, broker_id: i32) -> Result<(), HostError> {
        let was: Arc<BTreeSet<i32>> = self.cluster.admit_broker(broker_id)?;
        if let Err(error) = self.listen() {
            self.cluster.set_stopped(was);
            return Err(error);
        }
        self.cluster.start_broker(broker_id).await
    }

    /// Closes listeners and connections.
    fn close(&self) {
        self.open.lock().drain(..).for_each(|open| open.close());
    }

    /// Closes listeners and connections and waits until no request is being served.
    pub(crate) async fn halt(&self) {
        self.close();
        self.cluster.halt().await;
    }

    /// Stops gracefully: everything is written out and the directory is marked as clean.
    ///
    /// # Errors
    /// If data cannot be written out.
    pub(crate) async fn stop(&self) -> Result<(), HostError> {
        self.close();
        self.cluster.stop().await
    }
}
