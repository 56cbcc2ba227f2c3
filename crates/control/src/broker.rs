//! Brokers of an instance that the operator takes away and brings back, as a drill.

use brokerage_domain::Result;
use brokerage_domain::id::InstanceId;

use crate::control::Control;
use crate::engine_error::{About, refusal};

impl Control {
    /// Takes one broker of a running instance away: its listeners close and others lead its partitions, until
    /// [`Control::broker_start`]. Clients go on with the others. May be repeated.
    ///
    /// # Errors
    /// [`Error::NotFound`](brokerage_domain::Error::NotFound), [`Error::WrongPhase`](brokerage_domain::Error::WrongPhase) when the instance does not run, [`Error::NotFound`](brokerage_domain::Error::NotFound) when it has no
    /// such broker.
    pub async fn broker_stop(&self, id: &InstanceId, broker_id: i32) -> Result<()> {
        self.check_running(id).await?;
        let stopped = self.engine.stop_broker(id, broker_id).await;
        stopped.map_err(|error| refusal(error, About::Broker(broker_id)))
    }

    /// Brings back a broker that [`Control::broker_stop`] took away. May be repeated.
    ///
    /// # Errors
    /// As [`Control::broker_stop`].
    pub async fn broker_start(&self, id: &InstanceId, broker_id: i32) -> Result<()> {
        self.check_running(id).await?;
        let started = self.engine.start_broker(id, broker_id).await;
        started.map_err(|error| refusal(error, About::Broker(broker_id)))
    }
}
