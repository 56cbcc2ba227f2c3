//! EnableAutoTopicCreation: whether asking for a topic makes it, or how many partitions it then has.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::fault::field;

/// Largest `PartitionNum`, as of CreateTopic.
const PARTITIONS_MAX: i32 = 360;

pub struct EnableAutoTopicCreation;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    operate: Option<String>,
    partition_num: Option<i32>,
    update_partition: Option<bool>,
}

impl Operation for EnableAutoTopicCreation {
    const NAME: &'static str = "EnableAutoTopicCreation";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let number = request.partition_num;
        if number.is_some_and(|number| !(1..=PARTITIONS_MAX).contains(&number)) {
            return Err(field("PartitionNum", "not from 1 to 360"));
        }
        let mut edit = Edit::default();
        match (request.operate.as_deref(), request.update_partition) {
            (Some("enable"), None | Some(false)) => edit.settings.auto_create_topics = Some(true),
            (Some("disable"), None | Some(false)) => edit.settings.auto_create_topics = Some(false),
            (Some("updatePartition"), _) | (None, Some(true)) if number.is_some() => {}
            (Some("updatePartition"), _) | (None, Some(true)) => {
                return Err(missing("PartitionNum"));
            }
            _ => return Err(field("Operate", "not enable, disable, updatePartition")),
        }
        // An instance that makes no topics has the number for when it does again.
        edit.settings.partitions = number;
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_edit(call.cx, &id, edit).await?)
    }
}
