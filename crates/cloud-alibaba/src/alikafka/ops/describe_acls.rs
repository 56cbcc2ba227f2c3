//! DescribeAcls: the ACLs of a user on one resource.

use brokerage_control::acl::Acl;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use crate::alikafka::acl_words::{Words, operations, username};

pub struct DescribeAcls;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    acl_operation_type: Option<String>,
    acl_permission_type: Option<String>,
    acl_resource_name: String,
    acl_resource_pattern_type: Option<String>,
    acl_resource_type: String,
    host: Option<String>,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    username: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    kafka_acl_list: KafkaAclList,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct KafkaAclList {
    #[serde(rename = "KafkaAclVO")]
    kafka_acl_vo: Vec<KafkaAclVo>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct KafkaAclVo {
    acl_operation_type: &'static str,
    acl_permission_type: &'static str,
    /// As it was asked for: callers name the cluster as they like.
    acl_resource_name: String,
    acl_resource_pattern_type: &'static str,
    acl_resource_type: &'static str,
    host: String,
    username: String,
}

impl Operation for DescribeAcls {
    const NAME: &'static str = "DescribeAcls";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let words = Words {
            username: &request.username,
            resource_type: &request.acl_resource_type,
            resource_name: &request.acl_resource_name,
            pattern_type: request.acl_resource_pattern_type.as_ref(),
            host: request.host.as_ref(),
            permission: request.acl_permission_type.as_ref(),
        };
        let operation = given(request.acl_operation_type.as_ref())
            .map(|one| operations(one, None))
            .transpose()?
            .and_then(|named| named.first().copied());
        let filter = words.filter(operation)?;
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let found = control.acl_list(cx, &id, &filter).await?;
        let shown = |acl: Acl| KafkaAclVo {
            acl_operation_type: acl.operation.name(),
            acl_permission_type: acl.permission.name(),
            acl_resource_name: request.acl_resource_name.clone(),
            acl_resource_pattern_type: acl.pattern_type.name(),
            acl_resource_type: acl.resource_type.name(),
            username: username(&acl),
            host: acl.host,
        };
        Ok(Response {
            kafka_acl_list: KafkaAclList {
                kafka_acl_vo: found.into_iter().map(shown).collect(),
            },
        })
    }
}
