//! The table of requests, and the way from a frame to an answer.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

use super::produce::Finished;
use super::shape::DECODED_BYTES_MAX;
use super::version::{self, AdvertisedVersions};
use super::{Context, retired};
use crate::memory::{self, Held, Stage};
use crate::protocol::answer::Answer;
use crate::turn::Turns;

/// A request that takes more than this when it is decoded is decoded on a blocking thread.
const DECODED_INLINE_BYTES_MAX: usize = 256 << 10;
/// An answer of more bytes than this is encoded on a blocking thread.
const ENCODED_INLINE_BYTES_MAX: usize = 256 << 10;

/// What is put together for an answer takes so many times what its request took.
const BUILDING_RATIO: usize = 3;
/// A fetch takes so many times what it is decoded to, until it waits.
const FETCH_RATIO: usize = 5;
/// The same of DescribeConfigs: some 35 settings of a resource that was named.
const SETTINGS_RATIO: usize = 96;
/// What an answer takes that tells what there is, whatever was named.
const LOOK_BYTES: usize = 1 << 20;
/// Requests that are read by hand take so many times their bytes when they are decoded, up to
/// [`DECODED_BYTES_MAX`].
const BY_HAND_RATIO: usize = 8;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("the request has no complete header")]
    Header,
    #[error("request key {key} version {version} is not served")]
    Unsupported { key: i16, version: i16 },
    #[error("request key {key} came from a client that has not authenticated")]
    Unauthenticated { key: i16 },
    #[error("request key {key} version {version} cannot be read: {reason}")]
    Malformed {
        key: i16,
        version: i16,
        reason: String,
    },
    #[error("key {key} version {version} was given up: the process stops")]
    GivenUp { key: i16, version: i16 },
    #[error("the answer to key {key} version {version} cannot be written: {reason}")]
    Unwritable {
        key: i16,
        version: i16,
        reason: String,
    },
    #[error("a request that wants no answer was refused")]
    RefusedUnanswered,
}

/// One row: the request, the versions that are advertised, and the lowest one that is really served.
/// ApiVersions advertises those that the cluster's release has (`version.rs`).
pub(super) struct Served {
    pub key: ApiKey,
    pub min: i16,
    pub max: i16,
    pub served_min: i16,
    /// Versions below are read and written by hand (`retired.rs`).
    pub by_hand_below: i16,
}

/// How a request is answered. An answer of `None`: the client wants none (acks=0).
pub(crate) enum Reply {
    Now(Option<Bytes>),
    /// The answer waits for the disk; the connection may go on with other requests to produce.
    Later(BoxFuture<'static, Result<Option<Bytes>, ProtocolError>>),
    /// An answer that is not all in memory.
    Parts(Answer),
    /// The client wants no answer and has to learn that something was refused: its connection is closed once
    /// the requests before are answered.
    Close,
}

impl Reply {
    fn some(answer: Bytes) -> Self {
        Self::Now(Some(answer))
    }
}

/// Whether a frame holds a request to produce: only those may be served while others wait for the disk.
pub(crate) fn is_produce(frame: &[u8]) -> bool {
    frame.starts_with(&(ApiKey::Produce as i16).to_be_bytes())
}

/// Start of a request's header: key, version and correlation id.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestHead {
    key: i16,
    pub(super) version: i16,
    correlation_id: i32,
}

impl RequestHead {
    fn of(frame: &[u8]) -> Result<Self, ProtocolError> {
        let header: &[u8; HEADER_BYTES] = frame.first_chunk().ok_or(ProtocolError::Header)?;
        let [k0, k1, v0, v1, c0, c1, c2, c3] = *header;
        Ok(Self {
            key: i16::from_be_bytes([k0, k1]),
            version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }

    fn served(&self, context: &Context) -> Result<&'static AdvertisedVersions, ProtocolError> {
        let (key, version) = (self.key, self.version);
        version::find(context.release, key).ok_or(ProtocolError::Unsupported { key, version })
    }

    /// The body of the request, if its version is served; notes version and client id.
    fn open(
        &self,
        context: &mut Context,
        served: &AdvertisedVersions,
        frame: Bytes,
    ) -> Result<Body, ProtocolError> {
        let (key, version) = (self.key, self.version);
        if !served.is_served(version) {
            return Err(ProtocolError::Unsupported { key, version });
        }
        let header_version = served.key.request_header_version(version);
        let rest = frame.get(HEADER_BYTES..).ok_or(ProtocolError::Header)?;
        super::shape::check_header(header_version, rest).map_err(|_| ProtocolError::Header)?;
        let mut bytes = frame;
        let header =
            RequestHeader::decode(&mut bytes, header_version).map_err(|_| ProtocolError::Header)?;
        let decoded_bytes = match served.is_by_hand(version) {
            true => DECODED_BYTES_MAX.min(BY_HAND_RATIO * bytes.len()),
            false => super::shape::check(served.key, version, &bytes)
                .map_err(|error| self.malformed(&error))?,
        };
        context.note_header(header, version);
        Ok(Body {
            bytes,
            decoded_bytes,
        })
    }

    fn malformed(&self, error: &dyn std::fmt::Display) -> ProtocolError {
        ProtocolError::Malformed {
            key: self.key,
            version: self.version,
            reason: error.to_string(),
        }
    }

    /// Reads a request. Bytes behind it are no error: librdkafka 2.16 sends some after Metadata.
    async fn decode<R: Decodable + Send + 'static>(
        self,
        turns: &Turns,
        body: Body,
    ) -> Result<R, ProtocolError> {
        let version = self.version;
        let mut bytes = body.bytes;
        let decoded = match body.decoded_bytes > DECODED_INLINE_BYTES_MAX {
            true => {
                let decoding = turns.take(move || R::decode(&mut bytes, version));
                decoding.await.ok_or(self.given_up())?
            }
            false => R::decode(&mut bytes, version),
        };
        decoded.map_err(|error| self.malformed(&error))
    }

    /// Decodes a request of a version that `kafka-protocol` does not know.
    fn read_by_hand<R>(
        &self,
        body: Body,
        read: fn(retired::Body) -> Result<R, retired::Short>,
    ) -> Result<R, ProtocolError> {
        let request = read(retired::Body::new(body.bytes, self.version));
        request.map_err(|error| self.malformed(&error))
    }

    /// Encodes the answer to such a request.
    fn write_by_hand<A>(&self, answer: &A, write: fn(&mut retired::Answer, &A)) -> Bytes {
        let mut out = retired::Answer::new(self.correlation_id, self.version);
        write(&mut out, answer);
        out.finish()
    }

    fn given_up(&self) -> ProtocolError {
        ProtocolError::GivenUp {
            key: self.key,
            version: self.version,
        }
    }

    fn unwritable(&self, error: &dyn std::fmt::Display) -> ProtocolError {
        ProtocolError::Unwritable {
            key: self.key,
            version: self.version,
            reason: error.to_string(),
        }
    }

    /// The answer as it is sent, counted until then; a large one is written on a blocking thread.
    async fn encode_in_turn<A: Encodable + HeaderVersion + Send + 'static>(
        self,
        context: &Context,
        answer: A,
    ) -> Result<Bytes, ProtocolError> {
        let size = answer.compute_size(self.version);
        let body_bytes = size.map_err(|error| self.unwritable(&error))?;
        let held = context.take(Stage::Answer, body_bytes).await;
        let written = match body_bytes <= ENCODED_INLINE_BYTES_MAX {
            true => self.write(&answer, body_bytes)?,
            false => {
                let turns = context.cluster.turns();
                let encoding = turns.take(move || self.write(&answer, body_bytes));
                encoding.await.ok_or(self.given_up())??
            }
        };
        Ok(memory::counted(written, held))
    }

    /// A whole answer: length, header, body.
    fn write<A: Encodable + HeaderVersion>(
        &self,
        answer: &A,
        body_bytes: usize,
    ) -> Result<Bytes, ProtocolError> {
        let unwritable = |error: &dyn std::fmt::Display| self.unwritable(error);
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        let mut out = BytesMut::with_capacity(body_bytes + 16);
        out.extend_from_slice(&[0; 4]);
        header
            .encode(&mut out, A::header_version(self.version))
            .map_err(|error| unwritable(&error))?;
        answer
            .encode(&mut out, self.version)
            .map_err(|error| unwritable(&error))?;
        let length = i32::try_from(out.len() - 4).map_err(|error| unwritable(&error))?;
        out[..4].copy_from_slice(&length.to_be_bytes());
        Ok(out.freeze())
    }

    /// The answer as it is sent.
    pub(super) fn encode<A: Encodable + HeaderVersion>(
        &self,
        answer: &A,
    ) -> Result<Bytes, ProtocolError> {
        let size = answer.compute_size(self.version);
        self.write(answer, size.map_err(|error| self.unwritable(&error))?)
    }
}

/// Key, version and correlation id.
const HEADER_BYTES: usize = 8;

/// What follows the header of a request.
struct Body {
    bytes: Bytes,
    /// What its arrays take when they are decoded.
    decoded_bytes: usize,
}

/// Reads one request that is not served by [`handle`].
pub(super) fn read<R: Decodable>(
    context: &mut Context,
    frame: Bytes,
) -> Result<(R, RequestHead), ProtocolError> {
    let head = RequestHead::of(&frame)?;
    let body = head.open(context, head.served(context)?, frame)?;
    let request = R::decode(&mut body.bytes.clone(), head.version);
    Ok((request.map_err(|error| head.malformed(&error))?, head))
}

/// Serves one request.
pub(crate) async fn handle(context: &mut Context, frame: Bytes) -> Result<Reply, ProtocolError> {
    let head = RequestHead::of(&frame)?;
    let served = head.served(context)?;
    if served.key == ApiKey::ApiVersions && !served.is_served(head.version) {
        let answer = version::unsupported_api_versions(context);
        return RequestHead { version: 0, ..head }
            .encode(&answer)
            .map(Reply::some);
    }
    let body = head.open(context, served, frame)?;
    let (key, decoded_bytes) = (served.key, body.decoded_bytes);
    let decoded = context
        .take(Stage::Decoded, waiting_bytes(key, decoded_bytes))
        .await;
    let building_bytes = building_bytes(key, decoded_bytes);
    let _building = context.take(Stage::Building, building_bytes).await;
    context.refresh_access();
    context.refresh_counted_user();
    dispatch(context, key, body, head, decoded).await
}

/// What a request takes in all while it waits.
fn waiting_bytes(key: ApiKey, decoded_bytes: usize) -> usize {
    match key {
        // Partitions become others, and are told apart.
        ApiKey::Fetch => decoded_bytes.saturating_mul(FETCH_RATIO),
        _ => decoded_bytes,
    }
}

/// About what an answer takes at most while it is put together.
fn building_bytes(key: ApiKey, decoded_bytes: usize) -> usize {
    let follows = decoded_bytes.saturating_mul(BUILDING_RATIO);
    match key {
        // These wait for other clients or for the disk. Fetch counts for itself.
        ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::Produce | ApiKey::SyncGroup => 0,
        ApiKey::DescribeConfigs => decoded_bytes.saturating_mul(SETTINGS_RATIO),
        ApiKey::Metadata if decoded_bytes > 0 => follows,
        ApiKey::ConsumerGroupDescribe
        | ApiKey::DescribeAcls
        | ApiKey::DescribeClientQuotas
        | ApiKey::DescribeGroups
        | ApiKey::DescribeLogDirs
        | ApiKey::DescribeProducers
        | ApiKey::DescribeTopicPartitions
        | ApiKey::DescribeUserScramCredentials
        | ApiKey::ListConfigResources
        | ApiKey::ListGroups
        | ApiKey::ListTransactions
        | ApiKey::Metadata
        | ApiKey::OffsetFetch => follows.max(LOOK_BYTES),
        _ => follows,
    }
}

/// Makes what is served and the way to it from one list of rows: the request, its versions, what answers it, and below
/// which version it is read and written by hand.
macro_rules! apis {
    (
        |$context:ident, $body:ident, $head:ident, $decoded:ident|
        $($special:ident $special_min:literal..=$special_max:literal from $served_min:literal => $serve:block)*
        ---
        $($key:ident $min:literal..=$max:literal => $handler:path
            $([below $below:literal: $read:path, $write:path])?,)*
    ) => {
        pub(super) const SERVED: &[Served] = &[
            $(Served {
                key: ApiKey::$special,
                min: $special_min,
                max: $special_max,
                served_min: $served_min,
                by_hand_below: 0,
            },)*
            $(Served {
                key: ApiKey::$key,
                min: $min,
                max: $max,
                served_min: $min,
                by_hand_below: 0 $(+ $below)?,
            },)*
        ];

        async fn dispatch(
            $context: &mut Context,
            key: ApiKey,
            $body: Body,
            $head: RequestHead,
            $decoded: Option<Held>,
        ) -> Result<Reply, ProtocolError> {
            // The request is decoded here, so that nothing that waits keeps the frame in memory.
            match key {
                $(ApiKey::$special => $serve,)*
                $(ApiKey::$key => {
                    let request = $(if $head.version < $below {
                        $head.read_by_hand($body, $read)?
                    } else)? {
                        $head.decode($context.cluster.turns(), $body).await?
                    };
                    let answer = $handler($context, request).await;
                    $(if $head.version < $below {
                        return Ok(Reply::some($head.write_by_hand(&answer, $write)));
                    })?
                    let written = $head.encode_in_turn($context, answer).await;
                    drop($decoded);
                    written.map(Reply::some)
                })*
                _ => Err(ProtocolError::Unsupported {
                    key: key as i16,
                    version: $head.version,
                }),
            }
        }
    };
}

// Produce is advertised from 0 although it is served from 3: librdkafka turns compression off otherwise
// (KAFKA-18659).
apis! {
    |context, body, head, decoded|
    Produce 0..=13 from 3 => {
        let request = head.decode(context.cluster.turns(), body).await?;
        let produced = super::produce::produce(context, request).await;
        let is_pending = produced.is_pending();
        let answer = async move {
            let finished = match produced.finish().await {
                Finished::Answer(answer) => head.encode(&answer).map(Some),
                Finished::Unanswered => Ok(None),
                Finished::Refused => Err(ProtocolError::RefusedUnanswered),
            };
            // The answer was as large as its request until now.
            drop(decoded);
            finished
        };
        if is_pending {
            return Ok(Reply::Later(answer.boxed()));
        }
        match answer.await {
            Err(ProtocolError::RefusedUnanswered) => Ok(Reply::Close),
            other => other.map(Reply::Now),
        }
    }
    Fetch 4..=18 from 4 => {
        let request = head.decode(context.cluster.turns(), body).await?;
        let answer = super::fetch::fetch(context, request, decoded).await;
        let held = context.take(Stage::Answer, answer.bytes()).await;
        let encoded = answer.encode(head.version, head.correlation_id)?;
        Ok(Reply::Parts(encoded.holding(held)))
    }
    ApiVersions 0..=4 from 0 => {
        let request = head.decode(context.cluster.turns(), body).await?;
        drop(decoded);
        let answer = version::api_versions(context, &request);
        head.encode(&answer).map(Reply::some)
    }
    ---
    ListOffsets 1..=10 => super::list_offsets::list_offsets,
    Metadata 0..=13 => super::metadata::metadata,
    OffsetCommit 2..=9 => super::offset::offset_commit,
    OffsetFetch 1..=9 => super::offset::offset_fetch,
    FindCoordinator 0..=6 => super::cluster_api::find_coordinator,
    JoinGroup 0..=9 => super::group::join_group,
    Heartbeat 0..=4 => super::group::heartbeat,
    LeaveGroup 0..=5 => super::group::leave_group,
    SyncGroup 0..=5 => super::group::sync_group,
    DescribeGroups 0..=6 => super::group::describe_groups,
    ListGroups 0..=5 => super::group::list_groups,
    SaslHandshake 0..=1 => super::sasl::sasl_handshake,
    CreateTopics 0..=7 => super::topic::create_topics
        [below 2: retired::read_create_topics, retired::write_create_topics],
    DeleteTopics 0..=6 => super::topic::delete_topics
        [below 1: retired::read_delete_topics, retired::write_delete_topics],
    DeleteRecords 0..=2 => super::topic::delete_records,
    InitProducerId 0..=5 => super::producer::init_producer_id,
    OffsetForLeaderEpoch 2..=4 => super::list_offsets::offset_for_leader_epoch,
    DescribeConfigs 0..=4 => super::config::describe_configs
        [below 1: retired::read_describe_configs, retired::write_describe_configs],
    AlterConfigs 0..=2 => super::config::alter_configs,
    AlterReplicaLogDirs 0..=2 => super::log_dir::alter_replica_log_dirs
        [below 1: retired::read_alter_replica_log_dirs, retired::write_alter_replica_log_dirs],
    DescribeLogDirs 0..=4 => super::log_dir::describe_log_dirs
        [below 1: retired::read_describe_log_dirs, retired::write_describe_log_dirs],
    SaslAuthenticate 0..=2 => super::sasl::sasl_authenticate,
    CreateDelegationToken 0..=3 => super::delegation_token::create_delegation_token
        [below 1: retired::read_create_token, retired::write_create_token],
    RenewDelegationToken 0..=2 => super::delegation_token::renew_delegation_token
        [below 1: retired::read_renew_token, retired::write_renew_token],
    ExpireDelegationToken 0..=2 => super::delegation_token::expire_delegation_token
        [below 1: retired::read_expire_token, retired::write_expire_token],
    DescribeDelegationToken 0..=3 => super::delegation_token::describe_delegation_token
        [below 1: retired::read_describe_token, retired::write_describe_token],
    CreatePartitions 0..=3 => super::topic::create_partitions,
    DeleteGroups 0..=2 => super::group::delete_groups,
    ElectLeaders 0..=2 => super::election::elect_leaders,
    IncrementalAlterConfigs 0..=1 => super::config::incremental_alter_configs,
    ListConfigResources 0..=1 => super::config::list_config_resources,
    AlterPartitionReassignments 0..=1 => super::reassignment::alter_partition_reassignments,
    ListPartitionReassignments 0..=0 => super::reassignment::list_partition_reassignments,
    OffsetDelete 0..=0 => super::offset::offset_delete,
    DescribeCluster 0..=2 => super::cluster_api::describe_cluster,
    DescribeQuorum 0..=2 => super::quorum::describe_quorum,
    DescribeTopicPartitions 0..=0 => super::metadata::describe_topic_partitions,
    DescribeProducers 0..=0 => super::producer::describe_producers,
    AddPartitionsToTxn 0..=3 => super::transaction::add_partitions_to_txn,
    AddOffsetsToTxn 0..=4 => super::transaction::add_offsets_to_txn,
    EndTxn 0..=5 => super::transaction::end_txn,
    TxnOffsetCommit 0..=5 => super::transaction::txn_offset_commit,
    DescribeTransactions 0..=0 => super::transaction::describe_transactions,
    ListTransactions 0..=1 => super::transaction::list_transactions,
    DescribeClientQuotas 0..=1 => super::client_quota::describe_client_quotas,
    AlterClientQuotas 0..=1 => super::client_quota::alter_client_quotas,
    DescribeUserScramCredentials 0..=0 => super::scram::describe_user_scram_credentials,
    AlterUserScramCredentials 0..=0 => super::scram::alter_user_scram_credentials,
    ConsumerGroupHeartbeat 0..=1 => super::consumer_group::consumer_group_heartbeat,
    ConsumerGroupDescribe 0..=1 => super::consumer_group::consumer_group_describe,
    DescribeAcls 0..=3 => super::acl::describe_acls
        [below 1: retired::read_describe_acls, retired::write_describe_acls],
    CreateAcls 0..=3 => super::acl::create_acls
        [below 1: retired::read_create_acls, retired::write_create_acls],
    DeleteAcls 0..=3 => super::acl::delete_acls
        [below 1: retired::read_delete_acls, retired::write_delete_acls],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_does_not_know_is_read_by_hand() {
        for row in SERVED {
            let known_min = row.key.valid_versions().min;
            let by_hand = row.served_min..row.by_hand_below;
            let unknown = row.served_min..known_min;
            let versions = |range: std::ops::Range<i16>| range.collect::<Vec<_>>();
            assert_eq!(versions(by_hand), versions(unknown), "{:?}", row.key);
        }
    }
}
