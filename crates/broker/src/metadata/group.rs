//! What the metadata log keeps of groups, so that members go on with their heartbeats after a restart (Apache
//! Kafka keeps the same in `__consumer_offsets`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Bytes that only clients understand, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Opaque(pub Bytes);

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// A member of a classic group (Kafka's `GroupMetadataValue`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberRecord {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: u64,
    pub rebalance_timeout_ms: u64,
    /// What it said of the protocol that was chosen.
    pub metadata: Opaque,
    pub assignment: Opaque,
}

/// A classic group as it was when its last rebalance was complete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    /// In the order in which they joined.
    pub members: Vec<MemberRecord>,
    /// When the last member went: offsets of an empty group expire from then on (KIP-211).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emptied_ms: Option<i64>,
}

/// A partition by topic id.
pub(crate) type PartitionSet = BTreeSet<(Uuid, i32)>;

/// What a KIP-848 group knows besides its members (Kafka's `ConsumerGroupMetadataValue`,
/// `ConsumerGroupTargetAssignmentMetadataValue` and `ConsumerGroupPartitionMetadataValue`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsumerGroupRecord {
    pub epoch: i32,
    pub assignment_epoch: i32,
    /// Ids and numbers of partitions of the topics that the target was made for.
    pub topics: BTreeMap<String, (Uuid, i32)>,
}

/// A member of a KIP-848 group (Kafka's `ConsumerGroupMemberMetadataValue`,
/// `ConsumerGroupTargetAssignmentMemberValue` and `ConsumerGroupCurrentMemberAssignmentValue`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsumerMemberRecord {
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub epoch: i32,
    pub previous_epoch: i32,
    pub topics: BTreeSet<String>,
    pub pattern: String,
    /// Topics that the pattern may not find, since the member may not see them.
    pub hidden_topics: BTreeSet<String>,
    pub assignor: Option<String>,
    pub assigned: PartitionSet,
    pub revoking: PartitionSet,
    pub target: PartitionSet,
    pub rebalance_timeout_ms: u64,
    pub is_away: bool,
}

/// A KIP-848 group with its members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConsumerGroupState {
    pub at: ConsumerGroupRecord,
    pub members: BTreeMap<String, ConsumerMemberRecord>,
}
