//! The forms that many of CKafka's answers share.

use brokerage_control::order::OrderPlaced;
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_wire::page::Page;
use serde::Serialize;

use crate::ckafka::ids;

/// An answer whose whole content stands under `Result`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answered<T> {
    result: T,
}

impl<T> Answered<T> {
    /// The answer with this content.
    pub const fn new(result: T) -> Self {
        Self { result }
    }
}

/// `JgwOperateResponse`: what most operations that change something answer. A failure never stands here: Terraform
/// takes a `ReturnCode` other than `"0"` for an error object that is not there, and ends.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Operated {
    return_code: &'static str,
    return_message: &'static str,
    data: Option<OperatedData>,
}

/// `OperateResponseData`. No route is ever made here, so that `RouteDTO` is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OperatedData {
    flow_id: i64,
}

impl Operated {
    /// Done, with nothing to wait for: `Data` is null.
    pub const fn done() -> Self {
        Self {
            return_code: "0",
            return_message: "ok",
            data: None,
        }
    }

    /// Under way: DescribeTaskStatus tells how far.
    pub const fn flowing(flow_id: i64) -> Self {
        Self {
            return_code: "0",
            return_message: "ok",
            data: Some(OperatedData { flow_id }),
        }
    }
}

/// `CreateInstancePostResp` and `CreateInstancePreResp`: an order, and what it is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deal {
    return_code: &'static str,
    return_message: &'static str,
    data: DealData,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DealData {
    flow_id: i64,
    deal_names: Vec<String>,
    instance_id: String,
    deal_name_instance_id_mapping: Vec<DealInstances>,
}

/// `DealInstanceDTO`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DealInstances {
    deal_name: String,
    instance_id_list: Vec<String>,
}

impl Deal {
    /// A purchase. Its `FlowId` is 0, which is no task.
    pub fn placed(placed: &OrderPlaced) -> Self {
        Self::new(&placed.order_id, &placed.instance_ids, 0)
    }

    /// An order about one instance, under way.
    pub fn flowing(deal: &OrderId, instance: &InstanceId) -> Self {
        let flow_id = ids::flow_id(instance);
        Self::new(deal, std::slice::from_ref(instance), flow_id)
    }

    fn new(deal: &OrderId, instances: &[InstanceId], flow_id: i64) -> Self {
        let instances: Vec<String> = instances.iter().map(ToString::to_string).collect();
        let deal = deal.to_string();
        Self {
            return_code: "0",
            return_message: "ok[apply ok]",
            data: DealData {
                flow_id,
                deal_names: vec![deal.clone()],
                instance_id: instances.first().cloned().unwrap_or_default(),
                deal_name_instance_id_mapping: vec![DealInstances {
                    deal_name: deal,
                    instance_id_list: instances,
                }],
            },
        }
    }
}

/// The page that `Offset` and `Limit` name. What is below 0 counts as 0, what is above `limit_max` as that.
pub fn page(offset: Option<i64>, limit: Option<i64>, limit_default: i64, limit_max: i64) -> Page {
    let count = |value: i64| usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    Page::behind(
        count(offset.unwrap_or(0)),
        count(limit.unwrap_or(limit_default).min(limit_max)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_from_any_offset_and_never_longer_than_its_maximum() {
        let check = |offset, limit, expected: &[i32]| {
            assert_eq!(
                page(offset, limit, 2, 3).cut(0..5),
                expected,
                "{offset:?} {limit:?}"
            );
        };
        check(None, None, &[0, 1]);
        check(Some(4), Some(9), &[4]);
        check(Some(1), Some(9), &[1, 2, 3]);
        check(Some(9), None, &[]);
        check(Some(-1), Some(-1), &[]);
    }
}
