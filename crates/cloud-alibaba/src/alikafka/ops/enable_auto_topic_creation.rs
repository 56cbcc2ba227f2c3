//! EnableAutoTopicCreation: whether asking for a topic makes it, or how many partitions it then has.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
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
        let asked = request.partition_num;
        let number = asked.filter(|number| (1..=PARTITIONS_MAX).contains(number));
        let mut edit = Edit::default();
        match (request.operate.as_deref(), request.update_partition) {
            (Some("enable"), None | Some(false)) => edit.settings.auto_create_topics = Some(true),
            (Some("disable"), None | Some(false)) => edit.settings.auto_create_topics = Some(false),
            (Some("updatePartition"), _) | (None, Some(true)) => edit.settings.partitions = number,
            _ => return Err(field("Operate", "not enable, disable, updatePartition")),
        }
        if edit.settings.chosen().is_empty() {
            return Err(field("PartitionNum", "not from 1 to 360"));
        }
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_change(call.cx, &id, edit).await?)
    }
}
