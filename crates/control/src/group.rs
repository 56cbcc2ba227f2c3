//! Consumer groups of an instance: those that its Kafka has, and those that were made here and no client has used yet.
//!
//! Kafka has a group once somebody joined it or committed offsets for it, and forgets it some time after. One that an
//! owner makes here is there until its owner deletes it: its record says so. Both count against what was bought
//! (docs/decisions/0031).

use std::collections::{BTreeMap, BTreeSet};

use brokerage_domain::clock::Moment;
use brokerage_domain::error::Kind;
use brokerage_domain::group::group_name_check;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Instance, Phase, Tags, tags_check};
use brokerage_domain::{Error, Result};
pub use brokerage_engine::RebalanceObservation;
use brokerage_kafka_admin::{Client, ErrorCode, OffsetAt, Offsets, PartitionOffset};
pub use brokerage_kafka_admin::{Group, GroupMember, ListedGroup};
use brokerage_store::Tx;
use brokerage_store::group::{
    GroupRecord, group_record_delete, group_record_list, group_record_put,
};

use crate::call::Call;
use crate::context::Context;
use crate::control::{Control, TxResult};
use crate::engine_error::{About, Failure, refusal};

/// How Kafka calls a group that is not there.
const DEAD: &str = "Dead";
/// How Kafka calls a group without members.
const EMPTY: &str = "Empty";
/// Topics that an owner may say a group reads; ours.
pub const GROUP_TOPICS_MAX: usize = 100;

/// A group as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    /// As Kafka has it, or would have one without members.
    pub listed: ListedGroup,
    /// What the control plane knows; `None` for groups that Kafka clients made.
    pub record: Option<GroupRecord>,
}

/// A group with how far it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// What it has committed, by topic and partition.
    pub positions: Vec<GroupPosition>,
    /// As [`GroupEntry::record`].
    pub record: Option<GroupRecord>,
}

impl GroupView {
    /// The topics that it has committed offsets of or whose partitions its members have, by name.
    pub fn topics_read(&self) -> BTreeSet<&str> {
        let committed = self.positions.iter().map(|at| at.topic.as_str());
        committed.chain(topics_assigned(&self.group)).collect()
    }
}

/// How far a group has read in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the group goes on.
    pub offset: i64,
    /// What its consumer noted with that.
    pub metadata: String,
    /// Where the partition ends; `None` when nobody says, because it is gone or has no leader.
    pub end: Option<i64>,
}

impl GroupPosition {
    /// How many records the group has not read.
    pub fn lag(&self) -> Option<i64> {
        self.end.map(|end| (end - self.offset).max(0))
    }
}

/// A group to make.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// What it is called.
    pub name: String,
    /// What its owner notes.
    pub remark: String,
    /// Its tags.
    pub tags: Tags,
    /// The topics that its owner says it reads.
    pub topics: Vec<String>,
}

impl Control {
    /// Makes a group of a running instance of the caller's, which no client uses yet.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], also for one that a Kafka client made, [`Error::LimitReached`],
    /// [`Error::NotFound`] for instance or topic, [`Error::WrongPhase`].
    pub async fn group_create(&self, call: Call, id: &InstanceId, new: NewGroup) -> Result<()> {
        let instance = self.running_instance(&call, id).await?;
        group_name_check(&new.name)?;
        tags_check(&new.tags)?;
        if new.topics.len() > GROUP_TOPICS_MAX {
            return Err(Error::LimitReached {
                what: "topics of a group",
                max: GROUP_TOPICS_MAX as i64,
            });
        }
        let limit = instance.plan.usable.groups_max;
        let limit = limit.min(instance.plan_intended().usable.groups_max);
        self.topics_check(id, &new.topics).await?;
        let known = self.kafka_groups(id).await?;
        let record = GroupRecord {
            name: new.name,
            remark: new.remark,
            tags: new.tags,
            topics: new.topics,
            is_made_here: true,
            created_at: self.now(),
        };
        let of = instance.id;
        let resource = format!("{id}/{}", record.name);
        self.audited_write(call, &resource, move |tx| {
            let ids: Vec<&str> = known.iter().map(|group| group.id.as_str()).collect();
            let records = group_records_kept(tx, &of, &ids)?;
            let made_here = records.iter().filter(|record| record.is_made_here);
            let mut names: BTreeSet<&str> = made_here.map(|record| record.name.as_str()).collect();
            names.extend(known.iter().map(|group| group.id.as_str()));
            if names.contains(record.name.as_str()) {
                return Err(Error::Exists {
                    kind: Kind::Group,
                    id: record.name.clone(),
                }
                .into());
            }
            if names.len() as u64 >= limit {
                return Err(Error::LimitReached {
                    what: "groups",
                    max: i64::try_from(limit).unwrap_or(i64::MAX),
                }
                .into());
            }
            Ok(group_record_put(tx, &of, &record)?)
        })
        .await
    }

    /// The groups of a running instance of the caller's, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`], [`Error::Internal`] when its Kafka does not answer.
    pub async fn group_list(&self, cx: &Context, id: &InstanceId) -> Result<Vec<GroupEntry>> {
        let instance = self.running_instance(cx, id).await?;
        let known = self.kafka_groups(id).await?;
        let mut records = self.group_records(&instance.id).await?;
        let mut groups: Vec<GroupEntry> = known
            .into_iter()
            .map(|listed| GroupEntry {
                record: records.remove(&listed.id),
                listed,
            })
            .collect();
        let unused = records.into_values().filter(|record| record.is_made_here);
        groups.extend(unused.map(|record| GroupEntry {
            listed: ListedGroup {
                id: record.name.clone(),
                protocol_type: String::new(),
                state: EMPTY.to_owned(),
                kind: String::new(),
            },
            record: Some(record),
        }));
        groups.sort_by(|a, b| a.listed.id.cmp(&b.listed.id));
        Ok(groups)
    }

    /// One group of a running instance of the caller's.
    ///
    /// # Errors
    /// As [`Control::group_list`]; [`Error::NotFound`] for a group that is not there.
    pub async fn group_view(&self, cx: &Context, id: &InstanceId, name: &str) -> Result<GroupView> {
        let instance = self.running_instance(cx, id).await?;
        let record = self.group_records(&instance.id).await?.remove(name);
        let look = async {
            let mut kafka = self.kafka(id).await?;
            group_look(&mut kafka, name).await
        };
        let found = look
            .await
            .map_err(|failure| refusal(failure, About::Group(name)))?;
        let made_here = record.as_ref().is_some_and(|record| record.is_made_here);
        let (group, positions) = match found {
            Some(found) => found,
            None if made_here => (unused(name), Vec::new()),
            None => return Err(Error::not_found(Kind::Group, name)),
        };
        Ok(GroupView {
            group,
            positions,
            record,
        })
    }

    /// The groups of a running instance of the caller's that read a topic: those that committed offsets of it, whose
    /// members have partitions of it, or of which their owner says so. By id.
    ///
    /// # Errors
    /// As [`Control::group_list`]; [`Error::NotFound`] for a topic that is not there.
    pub async fn topic_group_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        topic: &str,
    ) -> Result<Vec<Group>> {
        self.topic_check(cx, id, topic).await?;
        let entries = self.group_list(cx, id).await?;
        let look = async {
            let mut kafka = self.kafka(id).await?;
            let mut groups = Vec::new();
            for entry in entries {
                let name = &entry.listed.id;
                let is_said = (entry.record.as_ref())
                    .is_some_and(|record| record.topics.iter().any(|said| said == topic));
                let committed = kafka.group_offset_list(name).await?;
                let group = match kafka.group_describe(name).await {
                    Err(gone) if gone.code() == Some(ErrorCode::GroupIdNotFound) => unused(name),
                    described => described?,
                };
                let is_read = is_said
                    || committed.iter().any(|at| at.topic == topic)
                    || topics_assigned(&group).any(|assigned| assigned == topic);
                if is_read {
                    groups.push(group);
                }
            }
            Ok::<_, Failure>(groups)
        };
        look.await
            .map_err(|failure| refusal(failure, About::Cluster))
    }

    /// The last rebalances of a group of a running instance of the caller's, the newest first, as far as its engine
    /// remembers them.
    ///
    /// # Errors
    /// As [`Control::group_list`]; [`Error::NotFound`] for a group that is not there.
    pub async fn group_rebalance_list(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<Vec<RebalanceObservation>> {
        self.group_check(cx, id, name).await?;
        let seen = self.engine.observe_rebalances(id, name).await;
        seen.map_err(Error::internal)
    }

    /// Deletes a group of the caller's, with its offsets.
    ///
    /// # Errors
    /// [`Error::NotFound`] for instance or group, [`Error::WrongPhase`], [`Error::GroupInUse`].
    pub async fn group_delete(&self, call: Call, id: &InstanceId, name: &str) -> Result<()> {
        let view = self.group_view(&call, id, name).await?;
        check_unused(&view.group)?;
        // First: a call that was made before deletes nothing.
        self.audited_write(call, &format!("{id}/{name}"), |_| Ok(()))
            .await?;
        let delete = async {
            let mut kafka = self.kafka(id).await?;
            match kafka.group_delete(name).await {
                // Kafka never had it, or forgot it.
                Err(gone) if gone.code() == Some(ErrorCode::GroupIdNotFound) => Ok(()),
                deleted => Ok::<_, Failure>(deleted?),
            }
        };
        let deleted = delete.await;
        deleted.map_err(|failure| refusal(failure, About::Group(name)))?;
        let (of, name) = (id.clone(), name.to_owned());
        self.write("group_delete", move |tx| {
            Ok(group_record_delete(tx, &of, &name)?)
        })
        .await
    }

    /// How many groups of an instance count against what was bought besides those that its Kafka has.
    ///
    /// # Errors
    /// [`Error::Internal`] when its Kafka does not answer.
    pub async fn groups_unused(&self, instance: &Instance) -> Result<u64> {
        let records = self.group_records(&instance.id).await?;
        let is_running = matches!(instance.phase, Phase::Running | Phase::Changing);
        let mut made_here = records.values().filter(|record| record.is_made_here);
        if !is_running || made_here.clone().next().is_none() {
            return Ok(0);
        }
        let known = self.kafka_groups(&instance.id).await?;
        let known: BTreeSet<&str> = known.iter().map(|group| group.id.as_str()).collect();
        let unused = made_here
            .by_ref()
            .filter(|record| !known.contains(record.name.as_str()));
        Ok(unused.count() as u64)
    }

    /// Checks that a running instance of the caller's has a group, and returns the names of all of its groups.
    pub(crate) async fn group_check(
        &self,
        cx: &Context,
        id: &InstanceId,
        name: &str,
    ) -> Result<Vec<String>> {
        let groups = self.group_list(cx, id).await?.into_iter();
        let names: Vec<String> = groups.map(|group| group.listed.id).collect();
        match names.iter().any(|known| known == name) {
            true => Ok(names),
            false => Err(Error::not_found(Kind::Group, name)),
        }
    }

    /// The groups that the Kafka of an instance has.
    async fn kafka_groups(&self, id: &InstanceId) -> Result<Vec<ListedGroup>> {
        let list = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.group_list().await?)
        };
        list.await
            .map_err(|failure| refusal(failure, About::Cluster))
    }

    /// The records of an instance's groups, by name.
    async fn group_records(&self, id: &InstanceId) -> Result<BTreeMap<String, GroupRecord>> {
        let of = id.clone();
        let records = self
            .read("group_list", move |tx| Ok(group_record_list(tx, &of)?))
            .await?;
        let named = records
            .into_iter()
            .map(|record| (record.name.clone(), record));
        Ok(named.collect())
    }

    /// Checks that a running instance has topics.
    pub(crate) async fn topics_check(&self, id: &InstanceId, topics: &[String]) -> Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let known = self.topics_known(id).await?;
        let is_known = |name: &String| known.iter().any(|known| known.topic.name == *name);
        match topics.iter().find(|name| !is_known(name)) {
            Some(missing) => Err(Error::not_found(Kind::Topic, missing)),
            None => Ok(()),
        }
    }
}

/// A group that no client has used yet.
fn unused(name: &str) -> Group {
    Group {
        id: name.to_owned(),
        state: EMPTY.to_owned(),
        protocol_type: String::new(),
        assignor: String::new(),
        members: Vec::new(),
    }
}

/// Checks that a group has no members.
pub(crate) fn check_unused(group: &Group) -> Result<()> {
    match group.members.is_empty() {
        true => Ok(()),
        false => Err(Error::GroupInUse {
            id: group.id.clone(),
        }),
    }
}

/// The topics whose partitions members have.
fn topics_assigned(group: &Group) -> impl Iterator<Item = &str> {
    let assigned = group.members.iter().flat_map(|member| &member.assigned);
    assigned.map(|(topic, _)| topic.as_str())
}

/// A group of a cluster with its offsets; `None` where there is none.
async fn group_look(
    kafka: &mut Client,
    name: &str,
) -> std::result::Result<Option<(Group, Vec<GroupPosition>)>, Failure> {
    let group = match kafka.group_describe(name).await {
        Err(gone) if gone.code() == Some(ErrorCode::GroupIdNotFound) => return Ok(None),
        described => described?,
    };
    if group.state == DEAD {
        return Ok(None);
    }
    let committed = kafka.group_offset_list(name).await?;
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in &committed {
        topics.entry(&at.topic).or_default().push(at.partition);
    }
    let ends = match topics.is_empty() {
        true => Offsets::new(),
        false => kafka.offset_list(topics, OffsetAt::Latest).await?,
    };
    let position = |at: PartitionOffset| GroupPosition {
        end: ends.get(&(at.topic.clone(), at.partition)).copied(),
        topic: at.topic,
        partition: at.partition,
        offset: at.offset,
        metadata: at.metadata,
    };
    let positions = committed.into_iter().map(position).collect();
    Ok(Some((group, positions)))
}

/// The records of an instance's groups. Those of groups that clients made and Kafka has forgotten since go: nobody could see
/// them, and they would become ever more.
fn group_records_kept(
    tx: &mut dyn Tx,
    of: &InstanceId,
    known: &[&str],
) -> TxResult<Vec<GroupRecord>> {
    let mut kept = Vec::new();
    for record in group_record_list(tx, of)? {
        if record.is_made_here || known.contains(&record.name.as_str()) {
            kept.push(record);
        } else {
            group_record_delete(tx, of, &record.name)?;
        }
    }
    Ok(kept)
}

/// The record of a group, or the first of one that a Kafka client made; `known` are all groups.
pub(crate) fn group_record_first(
    tx: &mut dyn Tx,
    of: &InstanceId,
    name: &str,
    known: &[String],
    now: Moment,
) -> TxResult<GroupRecord> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    group_records_kept(tx, of, &known)?;
    group_record(tx, of, name, now)
}

/// The record of a group, or the first of one that a Kafka client made.
pub(crate) fn group_record(
    tx: &mut dyn Tx,
    of: &InstanceId,
    name: &str,
    now: Moment,
) -> TxResult<GroupRecord> {
    let found = group_record_list(tx, of)?
        .into_iter()
        .find(|record| record.name == name);
    Ok(found.unwrap_or_else(|| GroupRecord {
        name: name.to_owned(),
        remark: String::new(),
        tags: Tags::new(),
        topics: Vec::new(),
        is_made_here: false,
        created_at: now,
    }))
}
