//! Connections from inside the process: whoever runs the host administers a cluster in Kafka's own protocol.

use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::{
    cluster::Cluster,
    error::HostError,
    host::Host,
    network::{listener, stream::Stream},
    protocol::Context,
};

/// Bytes that one end of a connection writes before the other has to read.
const BUFFER_BYTES: usize = 64 << 10;

impl Host {
    /// Opens a connection to a running cluster without a socket. The Kafka protocol is spoken on it as a super user,
    /// whatever the listeners demand and whatever ACLs say, in the newest versions that are served. It speaks for every
    /// broker, also while some are stopped.
    ///
    /// It takes nothing of the bought bandwidth, connections or client quotas, and counts nowhere. What is made through
    /// it keeps to the bought topics, partitions, groups, message sizes and disk. It ends when the cluster stops.
    ///
    /// # Errors
    /// [`HostError::ClusterNotFound`] if the cluster does not run.
    pub fn connect(&self, id: &str) -> Result<DuplexStream, HostError> {
        Ok(connect(&self.running_cluster(id)?))
    }
}

fn connect(cluster: &Arc<Cluster>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(BUFFER_BYTES);
    let (context, stop) = (Context::internal(cluster.clone()), cluster.stop.clone());
    let connection = async move {
        let mut stream = Stream::Internal(far);
        let served = listener::serve(context, None, &mut stream);
        if let Some(Err(error)) = stop.run_until_cancelled(served).await {
            tracing::debug!(%error, "an internal connection is closed");
        }
    };
    cluster.tasks.spawn_on(connection, &cluster.shared.runtime);
    near
}
