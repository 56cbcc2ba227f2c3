//! JD Cloud's calls as its Go, Node and Java clients send them, and how a cluster is bought.

use brokerage_wire::WireRequest;
use brokerage_wire::client::{
    Client, ClientCall, ClientFault, Place, Places, Purchase, Refusal, Seen, SeenPhase, Step,
    headers, json_request, over, query_request, texts,
};
use brokerage_wire::params::{Param, from_dotted};
use brokerage_wire::signing::encode_component;
use http::Method;
use http::header::{CONTENT_TYPE, HOST};
use serde_json::Value;

use super::route::{Segment, segments};
use super::signing::JDCLOUD2;

/// What every call of it is made with.
pub const CLIENT: Client = Client {
    scheme: &JDCLOUD2,
    request,
    answer: "/result",
    refusal: |answer| match &answer["error"] {
        Value::Null => None,
        error => Some(Refusal::of(&error["status"], &error["message"])),
    },
    throttled: "RESOURCE_EXHAUSTED",
};

/// JCS for Kafka by createInstance.
pub static JDKAFKA: Purchase = Purchase {
    dialect: "jdkafka",
    about: "JD Cloud Kafka, createInstance",
    region: "cn-north-1",
    places: Places {
        parameters: ["instance.vpcId", "instance.subnetId", "instance.azId.0"],
        steps: || {
            vec![Step {
                table: &crate::vpc::TABLE,
                operation: "describeSubnets",
                params: texts([]),
            }]
        },
        read: places,
    },
    name: "instance.instanceName",
    order: |place, set| {
        let place = [
            ("instance.vpcId", place.network.as_str()),
            ("instance.subnetId", place.subnet.as_str()),
            ("instance.azId.0", place.zone.as_str()),
        ];
        let params = from_dotted(over(&[&place, PLAN].concat(), set))?;
        Ok(Step::typed(&crate::kafka::TABLE, "createInstance", params))
    },
    order_id: "/result/buyId",
    find: None,
    instance_ids: |answer| {
        let id = answer["result"]["instanceId"].as_str();
        id.map(str::to_owned).into_iter().collect()
    },
    look: |instance_id| Step {
        table: &crate::kafka::TABLE,
        operation: "describeInstance",
        params: texts([("instanceId", instance_id)]),
    },
    seen,
    start: None,
};

const PLAN: &[(&str, &str)] = &[
    ("instance.instanceVersion", "1.0.2"),
    ("instance.instanceName", "brokerage"),
    ("instance.instanceClassSpec.0.role", "broker"),
    (
        "instance.instanceClassSpec.0.nodeClassCode",
        "kafka.broker.n1.xsmall",
    ),
    ("instance.instanceClassSpec.0.nodeCount", "3"),
    ("instance.instanceClassSpec.0.nodeDiskType", "ssd.io1"),
    ("instance.instanceClassSpec.0.nodeDiskGB", "100"),
];

fn places(answers: &[Value]) -> Vec<Place> {
    let found = answers.first().map(|answer| &answer["result"]["subnets"]);
    let found = found.and_then(Value::as_array).into_iter().flatten();
    found
        .filter_map(|subnet| {
            Some(Place {
                region: String::new(),
                network: subnet["vpcId"].as_str()?.to_owned(),
                subnet: subnet["subnetId"].as_str()?.to_owned(),
                zone: subnet["az"].as_str()?.to_owned(),
            })
        })
        .collect()
}

/// Parameters of the path stand there; GET and DELETE carry the others in the query, everything else as JSON.
fn request(call: &ClientCall<'_>) -> Result<WireRequest, ClientFault> {
    let headers = headers([
        (HOST, "host", call.host),
        (CONTENT_TYPE, "content type", "application/json"),
    ])?;
    let mut params = call.params.clone();
    let mut path = String::new();
    for segment in segments(call.row.path) {
        path.push('/');
        let Segment::Parameter { name, action } = segment else {
            path.push_str(segment.text());
            continue;
        };
        let value = params.get(name).and_then(Param::as_text);
        let value = match value {
            None if name == "regionId" => call.region.to_owned(),
            value => value.ok_or_else(|| ClientFault::PathParam {
                name: name.to_owned(),
            })?,
        };
        params.remove(name);
        path.push_str(&encode_component(&format!("{value}{action}")));
    }
    // Some of the vendor's own paths end so.
    if call.row.path.ends_with('/') {
        path.push('/');
    }
    let method = call.row.method.clone();
    match method {
        Method::GET | Method::DELETE => query_request(method, &path, headers, &params),
        _ => json_request(method, &path, headers, &params),
    }
}

fn seen(answer: &Value) -> Seen {
    let instance = &answer["result"]["instance"];
    let phase = match instance["instanceStatus"].as_str() {
        Some("running") => SeenPhase::Running,
        Some("error") => SeenPhase::Failed,
        _ => SeenPhase::Provisioning,
    };
    let endpoints = &instance["extension"]["internalEndpoint"]["brokerEndpoint"];
    let endpoints = endpoints.as_array().into_iter().flatten();
    let addresses: Vec<&str> = endpoints.filter_map(Value::as_str).collect();
    Seen {
        phase,
        bootstrap: addresses.join(","),
    }
}
