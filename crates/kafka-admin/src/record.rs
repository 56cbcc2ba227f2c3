//! Records in and out, a request at a time.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        BrokerId, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse,
        fetch_request::{FetchPartition, FetchTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Request, StrBytes},
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE,
        Record as WireRecord, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    },
};

use crate::{
    AdminError, Client,
    client::{only, refused},
    codec::unpack,
    topic::topic_name,
};

/// How long a broker may wait for replicas.
const TIMEOUT_MS: i32 = 20_000;
/// acks=all.
const ACKS_ALL: i16 = -1;
/// A batch has its length and checksum up to here, behind its base offset.
const BATCH_LENGTH_END: usize = 12;
/// Where a batch says how far its last record is from its base offset (`DefaultRecordBatch.LAST_OFFSET_DELTA_OFFSET`).
const LAST_OFFSET_DELTA: std::ops::Range<usize> = 23..27;
/// The newest version of Produce and Fetch that names topics (KIP-516, KIP-1106 give them ids).
const BY_NAME: i16 = 12;
/// Who is no broker.
const CONSUMER_REPLICA_ID: BrokerId = BrokerId(-1);

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRecord {
    /// Its time in milliseconds.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Names and values; of those with one name the last is kept.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// A record that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: i64,
    /// As [`NewRecord`], or when it was appended.
    pub timestamp_ms: i64,
    /// Whether it is when it was appended.
    pub is_append_time: bool,
    /// As [`NewRecord`].
    pub key: Option<Bytes>,
    /// As [`NewRecord`].
    pub value: Option<Bytes>,
    /// As [`NewRecord`].
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// What a partition has from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Whole records, in order; none where nothing is there yet.
    pub records: Vec<Record>,
    /// The end that consumers see.
    pub high_watermark: i64,
    /// Behind the last batch that was read, be it one without records; where it was asked from if there was none.
    pub next_offset: i64,
}

impl Client {
    /// Appends records to a partition as one batch, acknowledged by every in-sync replica, and returns the offset of the
    /// first.
    ///
    /// # Errors
    /// [`AdminError`]; UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, MESSAGE_TOO_LARGE and others of Produce.
    pub async fn records_append(
        &mut self,
        topic: &str,
        partition: i32,
        records: &[NewRecord],
    ) -> Result<i64, AdminError> {
        self.batch_append(topic, partition, record_batch(records)?)
            .await
    }

    /// The same with a batch that is written already.
    ///
    /// # Errors
    /// As [`Client::records_append`].
    pub async fn batch_append(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> Result<i64, AdminError> {
        let data = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(batch));
        let of_topic = TopicProduceData::default()
            .with_name(topic_name(topic))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(ACKS_ALL)
            .with_timeout_ms(TIMEOUT_MS)
            .with_topic_data(vec![of_topic]);
        let read = |answer: ProduceResponse| {
            let appended = only(ProduceRequest::KEY, answer.responses)?;
            let appended = only(ProduceRequest::KEY, appended.partition_responses)?;
            refused(appended.error_code, appended.error_message.as_deref())?;
            Ok(appended.base_offset)
        };
        self.ask_up_to(&request, BY_NAME, read).await
    }

    /// The records of a partition from an offset on, at most about `bytes_max` of them (a first batch that is larger is
    /// given whole), waiting up to `wait_ms` for one.
    ///
    /// # Errors
    /// [`AdminError`]; OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.
    pub async fn records_fetch(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        bytes_max: i32,
        wait_ms: i32,
    ) -> Result<Fetched, AdminError> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_current_leader_epoch(NO_PARTITION_LEADER_EPOCH)
            .with_fetch_offset(from)
            .with_partition_max_bytes(bytes_max);
        let of_topic = FetchTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_replica_id(CONSUMER_REPLICA_ID)
            .with_max_wait_ms(wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(bytes_max)
            // No session is made (KIP-227).
            .with_session_epoch(-1)
            .with_topics(vec![of_topic]);
        let read = |answer: FetchResponse| {
            refused(answer.error_code, None)?;
            let read = only(FetchRequest::KEY, answer.responses)?;
            let read = only(FetchRequest::KEY, read.partitions)?;
            refused(read.error_code, None)?;
            Ok(read)
        };
        let read = self.ask_up_to(&request, BY_NAME, read).await?;
        let bytes = read.records.unwrap_or_default();
        // A broker gives whole batches from the file: the first may begin before what was asked.
        let unpacking = tokio::task::spawn_blocking(move || records(bytes));
        let records = unpacking
            .await
            .unwrap_or_else(|error| Err(error.to_string()));
        let (mut records, end) = records.map_err(|reason| AdminError::Malformed {
            key: FetchRequest::KEY,
            reason,
        })?;
        records.retain(|record| record.offset >= from);
        Ok(Fetched {
            records,
            high_watermark: read.high_watermark,
            next_offset: end.map_or(from, |end| end.max(from)),
        })
    }
}

/// Records as one batch, for [`Client::batch_append`].
///
/// # Errors
/// [`AdminError::Malformed`] if they are too large for one.
pub fn record_batch(records: &[NewRecord]) -> Result<Bytes, AdminError> {
    let wire: Vec<WireRecord> = records.iter().zip(0..).map(wire_record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &wire, &options).map_err(|error| {
        AdminError::Malformed {
            key: ProduceRequest::KEY,
            reason: error.to_string(),
        }
    })?;
    Ok(batch.freeze())
}

fn wire_record((record, at): (&NewRecord, i32)) -> WireRecord {
    let header = |(name, value): &(String, Option<Bytes>)| {
        (StrBytes::from_string(name.clone()), value.clone())
    };
    WireRecord {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(at),
        // The encoder begins a new batch where sequences do not follow each other as offsets do.
        sequence: NO_SEQUENCE.wrapping_add(at),
        timestamp: record.timestamp_ms,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.iter().map(header).collect(),
    }
}

/// The records of whole batches, and the offset behind the last; what is cut off at the end is left out, as consumers
/// leave it.
fn records(mut bytes: Bytes) -> Result<(Vec<Record>, Option<i64>), String> {
    let mut records = Vec::new();
    let mut end = None;
    while let Some(header) = bytes.get(8..BATCH_LENGTH_END) {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if bytes.len() < BATCH_LENGTH_END.saturating_add(length) {
            break;
        }
        let mut batch = bytes.split_to(BATCH_LENGTH_END + length);
        end = batch_end(&batch).or(end);
        let read = RecordBatchDecoder::decode_with_custom_compression(&mut batch, Some(unpack));
        let read = read.map_err(|error| format!("{error:#}"))?;
        let data = read.records.into_iter().filter(|record| !record.control);
        records.extend(data.map(|record| {
            Record {
                offset: record.offset,
                timestamp_ms: record.timestamp,
                is_append_time: record.timestamp_type == TimestampType::LogAppend,
                key: record.key,
                value: record.value,
                headers: (record.headers.into_iter())
                    .map(|(name, value)| (name.to_string(), value))
                    .collect(),
            }
        }));
    }
    Ok((records, end))
}

/// The offset behind a batch: its base offset, and how far its last record is from it.
fn batch_end(batch: &[u8]) -> Option<i64> {
    let base = i64::from_be_bytes(batch.first_chunk().copied()?);
    let delta = batch.get(LAST_OFFSET_DELTA)?.first_chunk().copied()?;
    Some(base + i64::from(i32::from_be_bytes(delta)) + 1)
}
