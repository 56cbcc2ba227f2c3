//! DescribeACL: the ACLs of a kind of resource, or of one.

use brokerage_control::acl::{Acl, AclFilter};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::acl_words::{resource_name, resource_type};
use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;

/// `ResourceType` that is any.
const ANY: i64 = 1;
/// `Limit` where none is given, and the largest.
const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 50;

pub struct DescribeAcl;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    resource_type: i64,
    resource_name: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    search_word: Option<String>,
}

/// `AclResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    total_count: usize,
    acl_list: Vec<Entry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    resource_type: i8,
    resource_name: String,
    principal: String,
    host: String,
    operation: i8,
    permission_type: i8,
}

fn entry(acl: Acl) -> Entry {
    Entry {
        resource_type: acl.resource_type.code(),
        resource_name: acl.resource_name,
        principal: acl.principal,
        host: acl.host,
        operation: acl.operation.code(),
        permission_type: acl.permission.code(),
    }
}

impl Operation for DescribeAcl {
    const NAME: &'static str = "DescribeACL";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let kind = match request.resource_type {
            ANY => None,
            one => Some(resource_type(one)?),
        };
        let name = given(request.resource_name.as_ref());
        let filter = AclFilter {
            resource_type: kind,
            resource_name: name.map(|name| match kind {
                Some(kind) => resource_name(kind, name),
                None => name.to_owned(),
            }),
            ..AclFilter::default()
        };
        let id = InstanceId::new(request.instance_id);
        let mut found = control.acl_list(cx, &id, &filter).await?;
        // Of hosts, as they are written: `*` means itself. Terraform tells ACLs apart by it.
        let word = given(request.search_word.as_ref());
        found.retain(|acl| word.is_none_or(|word| acl.host.contains(word)));
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        Ok(Answered::new(Found {
            total_count,
            acl_list: page.cut(found).into_iter().map(entry).collect(),
        }))
    }
}
