//! Offsets of consumer groups, set anew by their owner: which no member may contradict.

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::error::Kind;
use brokerage_domain::group::{OffsetReset, PartitionSpan};
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{Client, ErrorCode, OffsetAt, Offsets, PartitionOffset};
use brokerage_store::group::group_record_put;

use crate::call::Call;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};
use crate::group::{GroupView, check_unused, group_record};

/// Partitions whose offsets are set in one call; ours.
pub const RESET_PARTITIONS_MAX: usize = 10_000;

/// Where a group goes on reading, for some partitions.
#[derive(Debug, Clone)]
pub struct GroupReset {
    /// The topics; empty for all that it reads, or of which its owner says so.
    pub topics: Vec<String>,
    /// Where it goes on in each of their partitions.
    pub to: ResetTo,
}

/// Which partitions are meant, and where to go on.
#[derive(Debug, Clone)]
pub enum ResetTo {
    /// The same for some partitions of each topic; empty for all.
    Alike(OffsetReset, Vec<i32>),
    /// An offset for each partition that is named.
    Each(BTreeMap<i32, i64>),
}

impl ResetTo {
    fn named(&self) -> Vec<i32> {
        match self {
            Self::Alike(_, partitions) => partitions.clone(),
            Self::Each(offsets) => offsets.keys().copied().collect(),
        }
    }

    fn of(&self, partition: i32) -> Option<OffsetReset> {
        match self {
            Self::Alike(reset, _) => Some(reset.clone()),
            Self::Each(offsets) => offsets.get(&partition).copied().map(OffsetReset::Offset),
        }
    }

    /// The time that is gone back to, if one is.
    fn time_ms(&self) -> Option<i64> {
        match self {
            Self::Alike(OffsetReset::TimestampMs(ms), _) => Some(*ms),
            _ => None,
        }
    }
}

/// Partitions by topic.
type Partitions = BTreeMap<String, Vec<i32>>;

impl Control {
    /// Sets offsets of a group of the caller's that has no members.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance, group or topic, [`Error::Invalid`] for a partition that is not there or where
    /// nothing would be set, [`Error::LimitReached`] for too many partitions, [`Error::WrongPhase`],
    /// [`Error::GroupInUse`].
    pub async fn group_offsets_reset(
        &self,
        call: Call,
        id: &InstanceId,
        name: &str,
        reset: GroupReset,
    ) -> Result<()> {
        let view = self.group_view(&call, id, name).await?;
        check_unused(&view.group)?;
        let partitions = self.reset_partitions(id, &view, &reset).await?;
        let find = async {
            let mut kafka = self.kafka(id).await?;
            offsets_find(&mut kafka, &view, &partitions, &reset.to).await
        };
        let offsets = find
            .await
            .map_err(|failure| refusal(failure, About::Group(name)))?;
        if offsets.is_empty() {
            let reason = "there is no offset of it in these partitions to go on from";
            return Err(Error::invalid("the group", reason));
        }
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        let set = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.group_offsets_set(name, &offsets).await?)
        };
        set.await
            .map_err(|failure| refusal(failure, About::Group(name)))
    }

    /// Lets a group of the caller's forget how far it has read a topic.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or group, or where it does not read the topic; [`Error::WrongPhase`],
    /// [`Error::GroupInUse`] while members subscribe to the topic.
    pub async fn group_topic_forget(
        &self,
        call: Call,
        id: &InstanceId,
        name: &str,
        topic: &str,
    ) -> Result<()> {
        let view = self.group_view(&call, id, name).await?;
        let is_said = (view.record.as_ref())
            .is_some_and(|record| record.topics.iter().any(|said| said == topic));
        let committed = view.positions.iter().filter(|at| at.topic == topic);
        let partitions: Vec<i32> = committed.map(|at| at.partition).collect();
        if partitions.is_empty() && !is_said {
            return Err(Error::not_found(Kind::Topic, topic));
        }
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        let forget = async {
            let mut kafka = self.kafka(id).await?;
            for partition in partitions {
                match kafka.group_offset_delete(name, topic, partition).await {
                    // It ended with its last offset, or with the topic.
                    Err(gone)
                        if matches!(
                            gone.code(),
                            Some(ErrorCode::GroupIdNotFound | ErrorCode::UnknownTopicOrPartition)
                        ) => {}
                    deleted => deleted?,
                }
            }
            Ok::<_, Failure>(())
        };
        let forgotten = forget.await;
        forgotten.map_err(|failure| refusal(failure, About::Group(name)))?;
        if !is_said {
            return Ok(());
        }
        let (of, name, topic) = (id.clone(), name.to_owned(), topic.to_owned());
        let now = self.now();
        self.write("group_topic_forget", move |tx| {
            let mut record = group_record(tx, &of, &name, now)?;
            record.topics.retain(|said| *said != topic);
            Ok(group_record_put(tx, &of, &record)?)
        })
        .await
    }

    /// The partitions that a reset means; each is there.
    async fn reset_partitions(
        &self,
        id: &InstanceId,
        view: &GroupView,
        reset: &GroupReset,
    ) -> Result<Partitions> {
        let mut topics: BTreeSet<&str> = reset.topics.iter().map(String::as_str).collect();
        if topics.is_empty() {
            topics = view.topics_read();
            let said = view.record.iter().flat_map(|record| &record.topics);
            topics.extend(said.map(String::as_str));
        }
        let known = self.topics_known(id).await?;
        let counts: BTreeMap<&str, i32> = known
            .iter()
            .map(|known| (known.topic.name.as_str(), known.topic.partitions))
            .collect();
        let named = reset.to.named();
        let mut partitions = Partitions::new();
        for topic in topics {
            let count = *counts
                .get(topic)
                .ok_or_else(|| Error::not_found(Kind::Topic, topic))?;
            if let Some(missing) = named.iter().find(|index| !(0..count).contains(*index)) {
                let reason = format!("the topic {topic} has no partition {missing}");
                return Err(Error::invalid("the partition", reason));
            }
            let indexes = match named.is_empty() {
                true => (0..count).collect(),
                false => named.clone(),
            };
            partitions.insert(topic.to_owned(), indexes);
        }
        let count: usize = partitions.values().map(Vec::len).sum();
        match count <= RESET_PARTITIONS_MAX {
            true => Ok(partitions),
            false => Err(Error::LimitReached {
                what: "partitions in a call",
                max: RESET_PARTITIONS_MAX as i64,
            }),
        }
    }
}

/// The offsets that a group has after a reset.
async fn offsets_find(
    kafka: &mut Client,
    view: &GroupView,
    partitions: &Partitions,
    to: &ResetTo,
) -> std::result::Result<Vec<PartitionOffset>, Failure> {
    let asked = || {
        let named = partitions.iter();
        named.map(|(topic, indexes)| (topic.as_str(), indexes.clone()))
    };
    let first = kafka.offset_list(asked(), OffsetAt::Earliest).await?;
    let end = kafka.offset_list(asked(), OffsetAt::Latest).await?;
    let at_time = match to.time_ms() {
        Some(ms) => {
            kafka
                .offset_list(asked(), OffsetAt::TimestampMs(ms))
                .await?
        }
        None => Offsets::new(),
    };
    let committed: Offsets = (view.positions.iter())
        .map(|at| ((at.topic.clone(), at.partition), at.offset))
        .collect();
    let mut offsets = Vec::new();
    for (topic, indexes) in partitions {
        for &partition in indexes {
            let place = (topic.clone(), partition);
            let (Some(&first), Some(&end)) = (first.get(&place), end.get(&place)) else {
                continue;
            };
            let span = PartitionSpan {
                first,
                end,
                at_time: at_time.get(&place).copied(),
                committed: committed.get(&place).copied(),
            };
            if let Some(offset) = to.of(partition).and_then(|reset| reset.target(span)) {
                offsets.push(PartitionOffset {
                    topic: topic.clone(),
                    partition,
                    offset,
                    metadata: String::new(),
                });
            }
        }
    }
    Ok(offsets)
}
