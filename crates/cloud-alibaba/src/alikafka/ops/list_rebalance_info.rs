//! ListRebalanceInfo: the last rebalances of a group, the newest first.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::group_words::RebalanceInfo;

pub struct ListRebalanceInfo;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    consumer_id: String,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    rebalance_info_list: Vec<RebalanceInfo>,
}

impl Operation for ListRebalanceInfo {
    const NAME: &'static str = "ListRebalanceInfo";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let seen = control
            .group_rebalance_list(cx, &id, &request.consumer_id)
            .await?;
        let list = seen.into_iter();
        let list = list.map(|seen| RebalanceInfo::of(&request.consumer_id, seen));
        Ok(Response {
            data: Data {
                rebalance_info_list: list.collect(),
            },
        })
    }
}
