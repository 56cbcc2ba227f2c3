//! Records of topics, as an owner looks at them: some at a time, by offset or by time.
//!
//! They are read as any consumer reads them, over the connection that administers the cluster: it takes nothing of the
//! bought bandwidth, so what a call may read is bounded here.

use std::collections::BTreeMap;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
pub use brokerage_kafka_admin::Record;
use brokerage_kafka_admin::{Client, ErrorCode, OffsetAt};

use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// Records of one partition in an answer: as many as the cloud with the smallest number documents.
pub const MESSAGES_MAX: usize = 20;
/// Bytes of records that one look at a partition reads; a first batch that is larger is read whole. One cloud's console
/// documents as much.
const READ_BYTES_MAX: i32 = 1 << 20;
/// Looks at a partition in one call: batches of transactions' ends have no records.
const READS_MAX: usize = 8;
/// Partitions of a topic that are looked at by time in one call: all that a topic may have.
const PARTITIONS_MAX: usize = 3_000;
/// Bytes of keys and values that one call answers.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Partitions of a group whose times of reading one call finds out.
const READ_TIMES_MAX: usize = 1_000;
/// Nobody waits for records that are not there.
const NO_WAIT: i32 = 0;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesFrom {
    /// At an offset of a partition, and behind it.
    Offset(i64),
    /// At the first record of a time in milliseconds or after.
    TimestampMs(i64),
}

/// Records to look for.
#[derive(Debug, Clone)]
pub struct MessageQuery {
    /// The topic.
    pub topic: String,
    /// The partition; `None` for each.
    pub partition: Option<i32>,
    /// Where in it.
    pub from: MessagesFrom,
    /// Records of each partition, at most [`MESSAGES_MAX`].
    pub count_max: usize,
}

/// A record and its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The partition.
    pub partition: i32,
    /// The record.
    pub record: Record,
}

/// When records were made that a group has read last, in milliseconds, by topic and partition.
pub type ReadTimes = BTreeMap<(String, i32), i64>;

impl Control {
    /// Records of a topic of a running instance of the caller's, by partition and offset.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or topic, [`Error::Invalid`] for a partition or an offset that is not there,
    /// [`Error::WrongPhase`].
    pub async fn message_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        query: &MessageQuery,
    ) -> Result<Vec<Message>> {
        self.running_instance(cx, id).await?;
        let known = self.topics_known(id).await?;
        let mut known = known.into_iter().map(|known| known.topic);
        let topic = known.find(|known| known.name == query.topic);
        let topic = topic.ok_or_else(|| Error::not_found(Kind::Topic, &query.topic))?;
        let partitions = match query.partition {
            Some(partition) if (0..topic.partitions).contains(&partition) => vec![partition],
            Some(partition) => {
                let reason = format!("the topic {} has no partition {partition}", topic.name);
                return Err(Error::invalid("the partition", reason));
            }
            None => (0..topic.partitions).take(PARTITIONS_MAX).collect(),
        };
        let look = async {
            let mut kafka = self.kafka(id).await?;
            messages_read(&mut kafka, query, partitions).await
        };
        match look.await {
            Err(Failure::Kafka(error)) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                Err(Error::invalid("the offset", "the partition has none such"))
            }
            read => read.map_err(|failure| refusal(failure, About::Topic(&query.topic))),
        }
    }

    /// When the record was made that stands before each of these offsets, by topic and partition; nothing is said where
    /// there is none, and of more partitions than can be looked at.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`], [`Error::Internal`] when its Kafka does not answer.
    pub async fn read_times(
        &self,
        cx: &Context,
        id: &InstanceId,
        offsets: Vec<(&str, i32, i64)>,
    ) -> Result<ReadTimes> {
        self.running_instance(cx, id).await?;
        let look = async {
            let mut kafka = self.kafka(id).await?;
            let mut times = ReadTimes::new();
            for (topic, partition, offset) in offsets.into_iter().take(READ_TIMES_MAX) {
                let Some(last) = offset.checked_sub(1).filter(|last| *last >= 0) else {
                    continue;
                };
                // The batch that holds it is given whole, whatever is asked for.
                let read = kafka
                    .records_fetch(topic, partition, last, 1, NO_WAIT)
                    .await;
                let read = match read {
                    // The partition is gone or has no leader, or the record is not kept any more.
                    Err(error) if error.code().is_some() => continue,
                    read => read?,
                };
                let mut before = read.records.into_iter();
                if let Some(record) = before.find(|record| record.offset == last) {
                    times.insert((topic.to_owned(), partition), record.timestamp_ms);
                }
            }
            Ok::<_, Failure>(times)
        };
        look.await
            .map_err(|failure| refusal(failure, About::Cluster))
    }
}

async fn messages_read(
    kafka: &mut Client,
    query: &MessageQuery,
    partitions: Vec<i32>,
) -> std::result::Result<Vec<Message>, Failure> {
    let topic = query.topic.as_str();
    let starts: Vec<(i32, i64)> = match query.from {
        MessagesFrom::Offset(offset) => {
            let starts = partitions.into_iter().map(|partition| (partition, offset));
            starts.collect()
        }
        MessagesFrom::TimestampMs(ms) => {
            let asked = [(topic, partitions)];
            let found = kafka.offset_list(asked, OffsetAt::TimestampMs(ms)).await?;
            let found = found.into_iter();
            found.map(|((_, partition), at)| (partition, at)).collect()
        }
    };
    let mut messages = Vec::new();
    let mut bytes = 0;
    for (partition, start) in starts {
        let records = partition_read(kafka, (topic, partition), start, query.count_max).await?;
        for record in records {
            bytes += record.key.as_deref().map_or(0, <[u8]>::len);
            bytes += record.value.as_deref().map_or(0, <[u8]>::len);
            if bytes > ANSWER_BYTES_MAX && !messages.is_empty() {
                return Ok(messages);
            }
            messages.push(Message { partition, record });
        }
    }
    Ok(messages)
}

/// Some records of a partition from an offset on.
async fn partition_read(
    kafka: &mut Client,
    (topic, partition): (&str, i32),
    start: i64,
    count_max: usize,
) -> std::result::Result<Vec<Record>, Failure> {
    let count_max = count_max.min(MESSAGES_MAX);
    let (mut records, mut from) = (Vec::new(), start);
    for _ in 0..READS_MAX {
        let fetched = kafka
            .records_fetch(topic, partition, from, READ_BYTES_MAX, NO_WAIT)
            .await?;
        let is_end = fetched.next_offset <= from || fetched.next_offset >= fetched.high_watermark;
        records.extend(fetched.records);
        from = fetched.next_offset;
        if is_end || records.len() >= count_max {
            break;
        }
    }
    records.truncate(count_max);
    Ok(records)
}
