//! Tencent Cloud's calls as its current clients send them, and how a cluster is bought.

use brokerage_wire::WireRequest;
use brokerage_wire::client::{
    Client, ClientCall, ClientFault, Purchase, Refusal, Seen, SeenPhase, Step, headers,
    json_request, over, texts, typed,
};
use brokerage_wire::params::from_dotted;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, Method};
use serde_json::Value;

use super::signing::TC3;

/// What every call of it is made with.
pub const CLIENT: Client = Client {
    scheme: &TC3,
    request,
    answer: "/Response",
    refusal: |answer| match &answer["Response"]["Error"] {
        Value::Null => None,
        error => Some(Refusal::of(&error["Code"], &error["Message"])),
    },
    throttled: "RequestLimitExceeded",
};

/// CKafka by CreatePostPaidInstance.
pub static CKAFKA: Purchase = Purchase {
    dialect: "ckafka",
    about: "Tencent Cloud CKafka, CreatePostPaidInstance",
    region: "ap-guangzhou",
    order: |_, set| {
        Ok(Step {
            table: &crate::ckafka::TABLE,
            operation: "CreatePostPaidInstance",
            params: typed(from_dotted(over(PLAN, set))?),
        })
    },
    order_id: "/Response/Result/Data/DealNames/0",
    find: None,
    instance_id: "/Response/Result/Data/InstanceId",
    look: |instance_id| Step {
        table: &crate::ckafka::TABLE,
        operation: "DescribeInstancesDetail",
        params: texts([("InstanceId", instance_id)]),
    },
    seen,
    start: None,
};

const PLAN: &[(&str, &str)] = &[
    ("InstanceName", "brokerage"),
    ("VpcId", "vpc-brokerage"),
    ("SubnetId", "subnet-brokerage"),
    ("ZoneId", "100003"),
    ("SpecificationsType", "profession"),
    ("BandWidth", "20"),
    ("DiskSize", "200"),
    ("Partition", "400"),
];

/// POST, parameters as JSON.
fn request(call: &ClientCall<'_>) -> Result<WireRequest, ClientFault> {
    let action = HeaderName::from_static("x-tc-action");
    let version = HeaderName::from_static("x-tc-version");
    let region = HeaderName::from_static("x-tc-region");
    let headers = headers([
        (HOST, "host", call.host),
        (CONTENT_TYPE, "content type", "application/json"),
        (action, "action", call.row.name),
        (version, "version", call.table.version),
        (region, "region", call.region),
    ])?;
    json_request(Method::POST, "/", headers, call.params)
}

fn seen(answer: &Value) -> Seen {
    let instance = &answer["Response"]["Result"]["InstanceList"][0];
    let phase = match instance["Status"].as_i64() {
        Some(1) => SeenPhase::Running,
        Some(-1) => SeenPhase::Failed,
        Some(2 | 3) | None => SeenPhase::Released,
        _ => SeenPhase::Provisioning,
    };
    let address = |vip: &Value| {
        let (host, port) = (vip["Vip"].as_str()?, vip["Vport"].as_str()?);
        Some(format!("{host}:{port}"))
    };
    let vips = instance["VipList"].as_array().into_iter().flatten();
    let addresses: Vec<String> = vips.filter_map(address).collect();
    Seen {
        phase,
        bootstrap: addresses.join(","),
    }
}
