//! The brokers of a cluster.

use kafka_protocol::messages::MetadataRequest;

use crate::{AdminError, Client, client::refused};

/// A broker, as clients of this connection reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its number.
    pub id: i32,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: i32,
}

impl Client {
    /// The brokers that run, by number.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn broker_list(&mut self) -> Result<Vec<Broker>, AdminError> {
        let request = MetadataRequest::default()
            .with_topics(Some(Vec::new()))
            .with_allow_auto_topic_creation(false);
        let answer = self.call(&request).await?;
        refused(answer.error_code, None)?;
        let mut brokers: Vec<Broker> = (answer.brokers.into_iter())
            .map(|seen| Broker {
                id: seen.node_id.0,
                host: seen.host.to_string(),
                port: seen.port,
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(brokers)
    }
}
