//! Consumer groups of an instance, as its Kafka has them.

use std::collections::BTreeMap;

use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::{Error, Result};
use brokerage_kafka_admin::{ErrorCode, Group, ListedGroup, OffsetAt};

use crate::context::Context;
use crate::control::Control;
use crate::engine_error::{About, Failure, refusal};

/// How Kafka calls a group that is not there.
const DEAD: &str = "Dead";

/// A group with how far it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// What it has committed, by topic and partition.
    pub positions: Vec<GroupPosition>,
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
    /// Where the partition ends; `None` when nobody says, because it is gone or has no leader.
    pub end: Option<i64>,
}

impl GroupPosition {
    /// How many records the group has not read.
    pub fn lag(&self) -> Option<i64> {
        self.end.map(|end| (end - self.offset).max(0))
    }
}

impl Control {
    /// The groups of a running instance of the caller's, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongPhase`], [`Error::Internal`] when its Kafka does not answer.
    pub async fn group_list(&self, cx: &Context, id: &InstanceId) -> Result<Vec<ListedGroup>> {
        self.running_instance(cx, id).await?;
        let list = async {
            let mut kafka = self.kafka(id).await?;
            Ok::<_, Failure>(kafka.group_list().await?)
        };
        list.await
            .map_err(|failure| refusal(failure, About::Cluster))
    }

    /// One group of a running instance of the caller's.
    ///
    /// # Errors
    /// As [`Control::group_list`]; [`Error::NotFound`] for a group that is not there.
    pub async fn group_view(&self, cx: &Context, id: &InstanceId, name: &str) -> Result<GroupView> {
        self.running_instance(cx, id).await?;
        let view = async {
            let mut kafka = self.kafka(id).await?;
            let group = match kafka.group_describe(name).await {
                Err(gone) if gone.code() == Some(ErrorCode::GroupIdNotFound) => return Ok(None),
                described => described?,
            };
            if group.state == DEAD {
                return Ok(None);
            }
            let mut ends = BTreeMap::new();
            let mut positions = Vec::new();
            for at in kafka.group_offset_list(name).await? {
                let place = (at.topic.clone(), at.partition);
                if !ends.contains_key(&place) {
                    let found = kafka.offset_find(&at.topic, at.partition, OffsetAt::Latest);
                    let end = match found.await {
                        Ok(end) => end,
                        // The partition is gone, or has no leader.
                        Err(error) if error.code().is_some() => None,
                        Err(error) => return Err(error.into()),
                    };
                    ends.insert(place.clone(), end);
                }
                positions.push(GroupPosition {
                    end: ends.get(&place).copied().flatten(),
                    topic: at.topic,
                    partition: at.partition,
                    offset: at.offset,
                });
            }
            Ok::<_, Failure>(Some(GroupView { group, positions }))
        };
        let found = view
            .await
            .map_err(|failure| refusal(failure, About::Cluster))?;
        found.ok_or_else(|| Error::not_found(Kind::Group, name))
    }
}
