//! UpdateConsumerOffset: where a group without members goes on reading.

use std::collections::BTreeMap;

use brokerage_control::group_offset::{GroupReset, ResetTo};
use brokerage_domain::group::OffsetReset;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::{JsonText, given};
use serde::Deserialize;

use crate::alikafka::fault::{field, needed};

/// `Time` for behind the last record, and for the first.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

pub struct UpdateConsumerOffset;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: String,
    instance_id: String,
    offsets: Option<JsonText<Vec<PartitionOffset>>>,
    #[serde(rename = "RegionId")]
    _region_id: String,
    reset_type: Option<String>,
    time: Option<String>,
    topic: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionOffset {
    offset: i64,
    partition: i32,
}

impl Operation for UpdateConsumerOffset {
    const NAME: &'static str = "UpdateConsumerOffset";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        // An empty topic is every one that the group reads.
        let topics: Vec<String> = given(Some(&request.topic))
            .map(str::to_owned)
            .into_iter()
            .collect();
        let to = match given(request.reset_type.as_ref()) {
            None | Some("timestamp") => by_time(request.time.as_ref())?,
            Some("offset") if topics.is_empty() => {
                return Err(needed("Topic", "offsets are those of one topic"));
            }
            Some("offset") => by_offset(request.offsets)?,
            Some(_) => return Err(field("ResetType", "must be timestamp or offset")),
        };
        let id = InstanceId::new(request.instance_id);
        let reset = GroupReset { topics, to };
        Ok(call
            .control
            .group_offsets_reset(call.cx, &id, &request.consumer_id, reset)
            .await?)
    }
}

fn by_time(time: Option<&String>) -> Result<ResetTo, CallError> {
    // Without a time everything that is there is passed over, as with the latest one.
    let ms = match given(time) {
        None => LATEST,
        Some(text) => text
            .parse()
            .ok()
            .filter(|ms| *ms >= EARLIEST)
            .ok_or_else(|| {
                field(
                    "Time",
                    "must be a time in milliseconds, -1 (latest) or -2 (earliest)",
                )
            })?,
    };
    let reset = match ms {
        LATEST => OffsetReset::Latest,
        EARLIEST => OffsetReset::Earliest,
        ms => OffsetReset::TimestampMs(ms),
    };
    Ok(ResetTo::Alike(reset, Vec::new()))
}

fn by_offset(offsets: Option<JsonText<Vec<PartitionOffset>>>) -> Result<ResetTo, CallError> {
    let offsets = offsets.map(|offsets| offsets.0).unwrap_or_default();
    if offsets.is_empty() {
        return Err(needed("Offsets", "with ResetType offset"));
    }
    let mut each = BTreeMap::new();
    for PartitionOffset { offset, partition } in offsets {
        if offset < 0 || partition < 0 {
            return Err(field(
                "Offsets",
                "neither offsets nor partitions are below 0",
            ));
        }
        if each.insert(partition, offset).is_some() {
            return Err(field(
                "Offsets",
                format!("names partition {partition} twice"),
            ));
        }
    }
    Ok(ResetTo::Each(each))
}
