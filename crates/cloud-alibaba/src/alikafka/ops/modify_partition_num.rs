//! ModifyPartitionNum: gives a topic more partitions.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::fault::field;
use crate::alikafka::topic_words::PARTITIONS_MAX;

pub struct ModifyPartitionNum;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    add_partition_num: i32,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    topic: String,
}

impl Operation for ModifyPartitionNum {
    const NAME: &'static str = "ModifyPartitionNum";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let partitions = control
            .topic_partition_list(&cx, &id, &request.topic)
            .await?;
        let total = i64::try_from(partitions.len())
            .unwrap_or(i64::MAX)
            .saturating_add(request.add_partition_num.into());
        let total = i32::try_from(total)
            .ok()
            .filter(|total| request.add_partition_num > 0 && i64::from(*total) <= PARTITIONS_MAX);
        let total = total.ok_or_else(|| {
            let reason = format!("must be 1 or more, and not more than {PARTITIONS_MAX} in all");
            field("AddPartitionNum", reason)
        })?;
        let edit = TopicEdit {
            partitions: Some(total),
            ..TopicEdit::default()
        };
        Ok(control.topic_edit(cx, &id, &request.topic, edit).await?)
    }
}
