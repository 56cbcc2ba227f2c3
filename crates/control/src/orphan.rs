//! Orphans: clusters that the engine has and the store does not know, as after a backup of the database was put back.
//!
//! They are stopped and kept: what nobody knows may be somebody's data. Only an operator deletes one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
use brokerage_store::audit::audit_append;
use brokerage_store::instance::instance_exists;

use crate::background::Next;
use crate::control::Control;
use crate::engine_error::{About, refusal};

/// Clusters that are compared with the store in one transaction.
const COMPARED_AT_ONCE_MAX: usize = 500;

/// A cluster that the store does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its id.
    pub id: InstanceId,
    /// Whether it runs, until it is stopped.
    pub running: bool,
}

impl Control {
    /// The orphans that there are now, by id.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine or the store does not answer.
    pub async fn orphan_list(&self) -> Result<Vec<Orphan>> {
        // The engine is asked first: an instance is in the store before it has a cluster, so that one which is made
        // meanwhile is never taken for an orphan. What is in the store stays there, in whatever phase.
        let listed = self.engine.list_clusters().await;
        let listed = listed.map_err(|error| refusal(error, About::Cluster))?;
        let mut orphans = Vec::new();
        for some in listed.chunks(COMPARED_AT_ONCE_MAX) {
            let ids = some.to_vec();
            let unknown = self.read("orphan_list", move |tx| {
                let mut unknown = Vec::new();
                for id in &ids {
                    if !instance_exists(tx, id)? {
                        unknown.push(id.clone());
                    }
                }
                Ok(unknown)
            });
            for id in unknown.await? {
                let seen = self.instance_observe(&id).await?;
                // One that is gone by now is no orphan any more.
                orphans.extend(seen.map(|seen| Orphan {
                    id,
                    running: seen.running,
                }));
            }
        }
        orphans.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(orphans)
    }

    /// How many orphans the last look found.
    pub fn orphan_count(&self) -> usize {
        self.orphans.lock().len()
    }

    /// Stops orphans that run, and says in the log which are new.
    pub(crate) async fn orphans_stop(self: &Arc<Self>) -> Result<Next> {
        let found = self.orphan_list().await?;
        let ids: BTreeSet<InstanceId> = found.iter().map(|orphan| orphan.id.clone()).collect();
        let known = std::mem::replace(&mut *self.orphans.lock(), ids.clone());
        // What the store knows again, as after the right backup was put back, was stopped meanwhile.
        if !known.is_subset(&ids) {
            self.looks_at_all.store(true, Ordering::SeqCst);
            self.reconcile_wake();
        }
        for orphan in found {
            if !known.contains(&orphan.id) {
                tracing::warn!(
                    cluster = %orphan.id,
                    "the store does not know this cluster: it is not started, and kept until an operator deletes it \
                     (brokerage orphan delete)"
                );
            }
            if orphan.running {
                let stopped = self.engine.stop_cluster(&orphan.id).await;
                stopped.map_err(|error| refusal(error, About::Cluster))?;
            }
        }
        Ok(Next::Period)
    }

    /// Deletes an orphan with its data, for the operator; the audit trail says so.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a cluster that is not there, [`Error::Invalid`] for one that is no orphan.
    pub async fn orphan_delete(&self, id: &InstanceId) -> Result<()> {
        let listed = self.engine.list_clusters().await;
        let listed = listed.map_err(|error| refusal(error, About::Cluster))?;
        if !listed.contains(id) {
            return Err(Error::not_found(Kind::Cluster, id.as_str()));
        }
        let entry = self.audit_operator("OrphanDelete", id.as_str());
        let wanted = id.clone();
        self.write("orphan_delete", move |tx| {
            if instance_exists(tx, &wanted)? {
                let reason = "the store knows the instance";
                return Err(Error::invalid("the orphan", reason).into());
            }
            Ok(audit_append(tx, &entry)?)
        })
        .await?;
        let dropped = self.engine.drop_cluster(id).await;
        dropped.map_err(|error| refusal(error, About::Cluster))?;
        self.orphans.lock().remove(id);
        Ok(())
    }
}
