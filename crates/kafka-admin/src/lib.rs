//! A small Kafka client for administration: topics, settings, users, ACLs, quotas, groups, offsets, and records one
//! request at a time.
//!
//! It speaks over any stream of bytes, be it a socket or a connection inside the process, in the newest versions that
//! both ends know. One [`Client`] is one connection, and makes one request at a time. It does not look for leaders and
//! coordinators: the broker behind the stream has to be the right one, or to speak for all of them.

mod acl;
mod client;
mod codec;
mod config;
mod error;
mod frame;
mod group;
mod offset;
mod quota;
mod record;
mod topic;
mod user;

pub use acl::{
    Acl, AclFilter, AclOperation, AclPermission, PatternFilter, PatternType, ResourceType,
};
pub use client::{Bounds, Client, Stream};
pub use config::{
    ALL_BROKERS, AlterConfig, ConfigChange, ConfigEntry, ConfigResource, ConfigSource,
};
pub use error::{AdminError, KafkaError};
pub use frame::{read_answer, request_frame};
pub use group::{Group, GroupMember, ListedGroup};
/// Kafka's error codes by name (`org.apache.kafka.common.protocol.Errors`).
pub use kafka_protocol::error::ResponseError as ErrorCode;
pub use offset::{OffsetAt, Offsets, PartitionOffset};
pub use quota::{Quota, QuotaChange, QuotaEntity};
pub use record::{Fetched, NewRecord, Record, record_batch};
pub use topic::{NewTopic, Partition, Topic};
pub use user::{ScramCredential, ScramMechanism, User};
