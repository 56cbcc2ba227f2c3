//! EnableAutoTopicCreation: whether asking for a topic makes it, or how many partitions it then has.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, missing};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
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
        // Terraform says 0 with changes of other things: it sets no number.
        let number = request.partition_num.filter(|number| *number != 0);
        if number.is_some_and(|number| !(1..=PARTITIONS_MAX).contains(&number)) {
            return Err(field("PartitionNum", "not from 1 to 360"));
        }
        let mut edit = Edit::default();
        let updates = request.update_partition == Some(true);
        match given(request.operate.as_ref()) {
            Some("enable" | "disable") if updates => {
                return Err(field(
                    "UpdatePartition",
                    "goes with updatePartition, or with no Operate",
                ));
            }
            Some("enable") => edit.settings.auto_create_topics = Some(true),
            Some("disable") => edit.settings.auto_create_topics = Some(false),
            None if !updates => return Err(missing("Operate")),
            None | Some("updatePartition") if request.partition_num.is_none() => {
                return Err(missing("PartitionNum"));
            }
            None | Some("updatePartition") => {}
            Some(_) => return Err(field("Operate", "not enable, disable, updatePartition")),
        }
        // An instance that makes no topics has the number for when it does again.
        edit.settings.partitions = number;
        let id = InstanceId::new(request.instance_id);
        Ok(call.control.instance_edit(call.cx, &id, edit).await?)
    }
}
