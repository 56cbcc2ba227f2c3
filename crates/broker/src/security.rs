//! Who may come in, and who may do what.

use std::sync::Arc;

pub(crate) mod attempts;
pub(crate) mod authorizer;
pub(crate) mod derivation;
pub(crate) mod error;
pub(crate) mod sasl;
pub(crate) mod scram;
pub(crate) mod user;

use crate::metadata::metadata_log::MetadataLog;
use crate::metadata::state::ClusterState;
use crate::process::Process;
use crate::spec::ClusterSpec;

use attempts::Attempts;
use authorizer::Authorizer;
use derivation::Derivations;

/// Users and ACLs of one cluster. They stand in its metadata log.
pub(crate) struct Security {
    metadata_log: Arc<MetadataLog<ClusterState>>,
    process: Arc<Process>,
    derivations: Arc<Derivations>,
    attempts: Attempts,
    authorizer: Authorizer,
    cluster_id: String,
}

/// What stands between a cluster's id and a user's name, where both are said.
const QUALIFIER: char = '#';

impl Security {
    pub(crate) fn new(
        metadata_log: Arc<MetadataLog<ClusterState>>,
        process: Arc<Process>,
        derivations: Arc<Derivations>,
        spec: &ClusterSpec,
    ) -> Self {
        Self {
            process,
            derivations,
            attempts: Attempts::default(),
            authorizer: Authorizer::new(&metadata_log, spec),
            cluster_id: spec.id.clone(),
            metadata_log,
        }
    }

    pub(crate) fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The user that a client means who says `<cluster id>#<user>`, as clients do that are used to say which of many clusters
    /// behind one address they mean; every other name is a user's own.
    pub(crate) fn user_named<'n>(&self, login: &'n str) -> &'n str {
        let own = login.strip_prefix(self.cluster_id.as_str());
        let own = own.and_then(|rest| rest.strip_prefix(QUALIFIER));
        own.filter(|user| !user.is_empty()).unwrap_or(login)
    }

    /// To be called when ACLs or super users may have changed.
    pub(crate) fn note_change(&self) {
        self.authorizer.note_change(&self.metadata_log);
    }

    /// To be called when the specification may say something else of access.
    pub(crate) fn set_spec(&self, spec: &ClusterSpec) {
        self.authorizer.set_spec(&self.metadata_log, spec);
    }
}
