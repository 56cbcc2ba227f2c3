//! DescribeGroupInfo: groups with their members.

use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::ckafka::answer::Answered;
use crate::ckafka::check::{not_allowed_empty, value};
use crate::ckafka::group_words::GroupInfo;

/// Groups of one call; ours.
const GROUPS_MAX: usize = 100;

pub struct DescribeGroupInfo;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    group_list: Vec<String>,
}

impl Operation for DescribeGroupInfo {
    const NAME: &'static str = "DescribeGroupInfo";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Vec<GroupInfo>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        control.instance_view(cx, &id).await?;
        if request.group_list.is_empty() {
            return Err(not_allowed_empty("GroupList"));
        }
        if request.group_list.len() > GROUPS_MAX {
            return Err(value(
                "GroupList",
                format!("has more than {GROUPS_MAX} groups"),
            ));
        }
        let mut infos = Vec::with_capacity(request.group_list.len());
        for name in request.group_list {
            infos.push(match control.group_view(cx, &id, &name).await {
                Ok(view) => GroupInfo::of(view.group),
                Err(Error::NotFound {
                    kind: Kind::Group, ..
                }) => GroupInfo::missing(name),
                Err(error) => return Err(error.into()),
            });
        }
        Ok(Answered::new(infos))
    }
}
