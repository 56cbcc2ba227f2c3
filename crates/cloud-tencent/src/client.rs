//! Tencent Cloud's calls as its current clients send them, and how a cluster is bought.

use brokerage_wire::WireRequest;
use brokerage_wire::client::{
    Client, ClientCall, ClientFault, Place, Places, Purchase, Refusal, Seen, SeenPhase, Step,
    headers, json_request, over, texts, texts_at,
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
    places: Places {
        parameters: ["VpcId", "SubnetId", "ZoneId"],
        steps: || {
            let step = |table, operation| Step {
                table,
                operation,
                params: texts([]),
            };
            vec![
                step(&crate::ckafka::TABLE, "DescribeCkafkaZone"),
                step(&crate::vpc::TABLE, "DescribeSubnets"),
            ]
        },
        read: places,
    },
    name: "InstanceName",
    order: |place, set| {
        let place = [
            ("VpcId", place.network.as_str()),
            ("SubnetId", place.subnet.as_str()),
            ("ZoneId", place.zone.as_str()),
        ];
        let params = from_dotted(over(&[&place, PLAN].concat(), set))?;
        Ok(Step::typed(
            &crate::ckafka::TABLE,
            "CreatePostPaidInstance",
            params,
        ))
    },
    order_id: "/Response/Result/Data/DealNames/0",
    find: None,
    instance_ids: |answer| {
        let data = &answer["Response"]["Result"]["Data"];
        let mapped = data["DealNameInstanceIdMapping"].as_array();
        let mapped = mapped.into_iter().flatten();
        let mut ids: Vec<String> = mapped
            .flat_map(|of| texts_at(of, "/InstanceIdList", ""))
            .collect();
        if ids.is_empty() {
            ids.extend(data["InstanceId"].as_str().map(str::to_owned));
        }
        ids
    },
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
    ("SpecificationsType", "profession"),
    ("BandWidth", "20"),
    ("DiskSize", "200"),
    ("Partition", "400"),
];

/// Zone ids end in the zone's number in its region, and zones of subnets are named after the region and that number.
const ZONES_OF_REGION: u64 = 10_000;

/// Subnets with the ids of their zones, which the network service does not know.
fn places(answers: &[Value]) -> Vec<Place> {
    let [zones, subnets] = answers else {
        return Vec::new();
    };
    let ids = texts_at(&zones["Response"]["Result"], "/ZoneList", "/ZoneId");
    let id_of = |name: &str| {
        let number: u64 = name.rsplit('-').next()?.parse().ok()?;
        let is_it = |id: &&String| {
            let id: Option<u64> = id.parse().ok();
            id.is_some_and(|id| id == number || id % ZONES_OF_REGION == number)
        };
        ids.iter().find(is_it).cloned()
    };
    let found = subnets["Response"]["SubnetSet"].as_array();
    let found = found.into_iter().flatten();
    found
        .filter_map(|subnet| {
            Some(Place {
                region: String::new(),
                network: subnet["VpcId"].as_str()?.to_owned(),
                subnet: subnet["SubnetId"].as_str()?.to_owned(),
                zone: id_of(subnet["Zone"].as_str()?)?,
            })
        })
        .collect()
}

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
