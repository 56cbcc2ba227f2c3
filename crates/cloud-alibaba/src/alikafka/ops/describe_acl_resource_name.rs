//! DescribeAclResourceName: the names that ACLs of a kind of resource are about.

use std::collections::BTreeSet;

use brokerage_control::acl::{AclFilter, PatternFilter};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::alikafka::acl_words::{pattern_type, resource_type};

pub struct DescribeAclResourceName;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    acl_resource_pattern_type: String,
    acl_resource_type: String,
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
struct Data {
    data: BTreeSet<String>,
}

impl Operation for DescribeAclResourceName {
    const NAME: &'static str = "DescribeAclResourceName";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let filter = AclFilter {
            resource_type: Some(resource_type(&request.acl_resource_type)?),
            pattern_type: PatternFilter::Is(pattern_type(&request.acl_resource_pattern_type)?),
            ..AclFilter::default()
        };
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let found = control.acl_list(cx, &id, &filter).await?;
        let names = found.into_iter().map(|acl| acl.resource_name);
        Ok(Response {
            data: Data {
                data: names.collect(),
            },
        })
    }
}
