//! BatchModifyGroupOffsets: where a group without members goes on reading each of some partitions.

use std::collections::BTreeMap;

use brokerage_control::group_offset::{GroupReset, ResetTo};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::{not_allowed_empty, repetition, value};

pub struct BatchModifyGroupOffsets;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    group_name: String,
    instance_id: String,
    partitions: Vec<Partition>,
    topic_name: Option<Vec<String>>,
}

/// `Partitions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Partition {
    partition: i32,
    offset: i64,
}

impl Operation for BatchModifyGroupOffsets {
    const NAME: &'static str = "BatchModifyGroupOffsets";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        if request.partitions.is_empty() {
            return Err(not_allowed_empty("Partitions"));
        }
        let mut offsets = BTreeMap::new();
        for Partition { partition, offset } in request.partitions {
            if partition < 0 || offset < 0 {
                return Err(value("Partitions", "has a partition or an offset below 0"));
            }
            if offsets.insert(partition, offset).is_some() {
                let told = format!("The partition {partition} is given twice.");
                return Err(repetition(told));
            }
        }
        let id = InstanceId::new(request.instance_id);
        let reset = GroupReset {
            topics: request.topic_name.unwrap_or_default(),
            to: ResetTo::Each(offsets),
        };
        control
            .group_offsets_reset(cx, &id, &request.group_name, reset)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
