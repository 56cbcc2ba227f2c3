//! ModifyGroupOffsets: where a group without members goes on reading.

use brokerage_control::group_offset::{GroupReset, ResetTo};
use brokerage_domain::group::OffsetReset;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::{not_allowed_empty, value};

/// `Strategy`, which alone decides: Terraform sends all three values with each.
const SHIFT: i64 = 0;
const TO_TIME: i64 = 1;
const TO_OFFSET: i64 = 2;
/// `ShiftTimestamp` for behind the last record, and for the first.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

pub struct ModifyGroupOffsets;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group: String,
    strategy: i64,
    topics: Vec<String>,
    shift: Option<i64>,
    shift_timestamp: Option<i64>,
    offset: Option<i64>,
    partitions: Option<Vec<i32>>,
}

impl Operation for ModifyGroupOffsets {
    const NAME: &'static str = "ModifyGroupOffsets";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let reset = request.reset()?;
        let id = InstanceId::new(request.instance_id);
        let mut partitions = request.partitions.unwrap_or_default();
        partitions.sort_unstable();
        partitions.dedup();
        let reset = GroupReset {
            topics: request.topics,
            to: ResetTo::Alike(reset, partitions),
        };
        control
            .group_offsets_reset(cx, &id, &request.group, reset)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}

impl Request {
    fn reset(&self) -> Result<OffsetReset, CallError> {
        let given = |name: &str, number: Option<i64>| number.ok_or_else(|| not_allowed_empty(name));
        Ok(match self.strategy {
            SHIFT => OffsetReset::Shift(given("Shift", self.shift)?),
            TO_TIME => match given("ShiftTimestamp", self.shift_timestamp)? {
                LATEST => OffsetReset::Latest,
                EARLIEST => OffsetReset::Earliest,
                ms if ms >= 0 => OffsetReset::TimestampMs(ms),
                _ => return Err(value("ShiftTimestamp", "must be a time in ms, -1 or -2")),
            },
            TO_OFFSET => match given("Offset", self.offset)? {
                offset if offset >= 0 => OffsetReset::Offset(offset),
                _ => return Err(value("Offset", "must not be below 0")),
            },
            _ => return Err(value("Strategy", "must be 0, 1 or 2")),
        })
    }
}
