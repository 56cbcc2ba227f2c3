//! Connections from inside the process, for the program that runs the host to administer a cluster with
//! Kafka's own protocol.

use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::cluster::Cluster;
use crate::network::listener;
use crate::network::stream::Stream;
use crate::protocol::Context;

/// Bytes that one end of a connection writes before the other has to read.
const BUFFER_BYTES: usize = 64 << 10;

/// Opens a connection on which a cluster answers without a socket.
pub(crate) fn connect(cluster: &Arc<Cluster>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(BUFFER_BYTES);
    let (context, stop) = (
        Context::internal(cluster.clone()),
        cluster.stopping().clone(),
    );
    let connection = async move {
        let mut stream = Stream::Internal(far);
        let served = listener::serve(context, None, &mut stream, || ());
        if let Some(Err(error)) = stop.run_until_cancelled(served).await {
            tracing::debug!(%error, "an internal connection is closed");
        }
    };
    let runtime = &cluster.process().runtime;
    cluster.tasks().spawn_on(connection, runtime);
    near
}
