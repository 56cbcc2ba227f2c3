//! ACLs of an instance, made, seen and taken away by its owner. Kafka keeps them; nothing of them is kept beside.

use std::net::IpAddr;

use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
pub use brokerage_kafka_admin::{
    Acl, AclFilter, AclOperation, AclPermission, PatternFilter, PatternType, ResourceType,
};

use crate::call::Call;
use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// Kafka's name of the one resource that is the cluster (`Resource.CLUSTER_NAME`).
pub const CLUSTER_NAME: &str = "kafka-cluster";
/// ACLs of one call.
pub const ACLS_AT_ONCE_MAX: usize = 100;

/// Everywhere, as the host of an ACL.
pub const ANY_HOST: &str = "*";

/// Whether clients can come from a host: Kafka compares it with their address, letter by letter, so that a denial of a
/// network or of several addresses would deny nobody.
fn is_host(host: &str) -> bool {
    host == ANY_HOST || host.parse::<IpAddr>().is_ok()
}

impl Control {
    /// Makes ACLs on a running instance of the caller's, each for itself; the first that Kafka refuses is answered. One that
    /// is there already stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that Kafka cannot have, [`Error::LimitReached`] for too many in one call,
    /// [`Error::NotFound`], [`Error::WrongPhase`], or Kafka's own refusal ([`Error::Kafka`]).
    pub async fn acl_create(&self, call: Call, id: &InstanceId, acls: Vec<Acl>) -> Result<()> {
        self.running_instance(&call, id).await?;
        if let Some(acl) = acls.iter().find(|acl| !is_host(&acl.host)) {
            return Err(Error::invalid(
                "host",
                format!(
                    "{:?} is neither an address nor {ANY_HOST}: no client comes from there",
                    acl.host
                ),
            ));
        }
        if acls.len() > ACLS_AT_ONCE_MAX {
            return Err(Error::LimitReached {
                what: "ACLs in a call",
                max: ACLS_AT_ONCE_MAX as i64,
            });
        }
        self.audited_write(call, id.as_str(), |_| Ok(())).await?;
        let create = async {
            let mut kafka = self.kafka(id).await?;
            let made = kafka.acls_create(&acls).await?;
            for made in made {
                made.map_err(brokerage_kafka_admin::AdminError::from)?;
            }
            Ok::<_, Failure>(())
        };
        create.await.map_err(|failure| refusal(failure, About::Acl))
    }

    /// The ACLs of a running instance of the caller's that a filter chooses, sorted.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when it does not run.
    pub async fn acl_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        filter: &AclFilter,
    ) -> Result<Vec<Acl>> {
        self.running_instance(cx, id).await?;
        let list = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.acl_list(filter).await?)
        };
        list.await.map_err(|failure| refusal(failure, About::Acl))
    }

    /// Takes the ACLs away that filters choose; none may be there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`] when it does not run, or Kafka's own refusal ([`Error::Kafka`]).
    pub async fn acl_delete(
        &self,
        call: Call,
        id: &InstanceId,
        filters: &[AclFilter],
    ) -> Result<()> {
        self.running_instance(&call, id).await?;
        self.audited_write(call, id.as_str(), |_| Ok(())).await?;
        let delete = async {
            let mut kafka = self.kafka(id).await?;
            for filter in filters {
                kafka.acls_delete(filter).await?;
            }
            Ok::<_, Failure>(())
        };
        delete.await.map_err(|failure| refusal(failure, About::Acl))
    }
}
