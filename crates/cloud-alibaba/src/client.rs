//! Alibaba Cloud's calls as its current clients send them, and two ways to buy a cluster.

use brokerage_wire::WireRequest;
use brokerage_wire::client::{
    Client, ClientCall, ClientFault, Pairs, Place, Places, Purchase, Refusal, Seen, SeenPhase,
    Start, Step, headers, over, query_request, texts, texts_at,
};
use brokerage_wire::operation::RegionUse;
use brokerage_wire::params::{Param, ParamError, from_dotted};
use http::header::{ACCEPT, HOST};
use http::{HeaderName, Method};
use serde_json::Value;

use super::signing::ACS3;

/// What every call of it is made with.
pub const CLIENT: Client = Client {
    scheme: &ACS3,
    request,
    answer: "",
    refusal: |answer| match (&answer["Success"], &answer["Code"]) {
        (Value::Bool(true), _) => None,
        // One operation says it otherwise, and some services answer neither.
        (_, code) if *code == 200 => None,
        (Value::Null, Value::Null) if answer.is_object() => None,
        (_, code) => Some(Refusal::of(code, &answer["Message"])),
    },
    throttled: "Throttling",
};

/// AliKafka by CreatePostPayOrder and StartInstance.
pub static ALIKAFKA: Purchase = Purchase {
    dialect: "alikafka",
    about: "Alibaba Cloud AliKafka, CreatePostPayOrder",
    region: REGION,
    places: PLACES,
    name: "StartInstance.Name",
    order: |_, set| {
        Ok(Step {
            table: &crate::alikafka::TABLE,
            operation: "CreatePostPayOrder",
            params: from_dotted(over(PLAN, set))?,
        })
    },
    order_id: "/OrderId",
    find: Some(|order_id| list(texts([("OrderId", order_id)]))),
    instance_ids: |answer| texts_at(answer, "/InstanceList/InstanceVO", "/InstanceId"),
    look,
    seen,
    start: Some(START),
};

/// The same goods from the order system, by CreateInstance.
pub static BSS: Purchase = Purchase {
    dialect: "bss",
    about: "Alibaba Cloud BSS, CreateInstance",
    region: REGION,
    places: PLACES,
    name: "StartInstance.Name",
    order: |place, set| {
        Ok(Step {
            table: &crate::bss::TABLE,
            operation: "CreateInstance",
            params: modules(&place.region, set)?,
        })
    },
    order_id: "/Data/OrderId",
    find: None,
    instance_ids: |answer| {
        let id = answer["Data"]["InstanceId"].as_str();
        id.map(str::to_owned).into_iter().collect()
    },
    look,
    seen,
    start: Some(START),
};

const REGION: &str = "cn-hangzhou";

const PLAN: &[(&str, &str)] = &[
    ("DeployType", "5"),
    ("DiskSize", "500"),
    ("DiskType", "0"),
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
    ("TopicQuota", "50"),
];
const ORDER: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_post"),
    ("SubscriptionType", "PayAsYouGo"),
];
const MODULES: &[(&str, &str)] = &[
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
    ("TopicQuota", "50"),
    ("DiskType", "0"),
    ("DiskSize", "500"),
];

/// The instance is placed when it is started.
const PLACES: Places = Places {
    parameters: ["StartInstance.VpcId", "StartInstance.VSwitchId", ""],
    steps: || {
        vec![Step {
            table: &crate::vpc::TABLE,
            operation: "DescribeVSwitches",
            params: texts([]),
        }]
    },
    read: |answers| {
        let found = answers
            .first()
            .map(|answer| &answer["VSwitches"]["VSwitch"]);
        let found = found.and_then(Value::as_array).into_iter().flatten();
        found
            .filter_map(|subnet| {
                Some(Place {
                    region: String::new(),
                    network: subnet["VpcId"].as_str()?.to_owned(),
                    subnet: subnet["VSwitchId"].as_str()?.to_owned(),
                    zone: subnet["ZoneId"].as_str()?.to_owned(),
                })
            })
            .collect()
    },
};

const START: Start = Start {
    operation: "StartInstance",
    step: |instance_id, place, set| {
        let place = [
            ("VpcId", place.network.as_str()),
            ("VSwitchId", place.subnet.as_str()),
        ];
        let mut params = from_dotted(over(&place, set))?;
        params.set("InstanceId", Param::Text(instance_id.to_owned()));
        Ok(Step {
            table: &crate::alikafka::TABLE,
            operation: "StartInstance",
            params,
        })
    },
};

/// POST, parameters in the query.
fn request(call: &ClientCall<'_>) -> Result<WireRequest, ClientFault> {
    let action = HeaderName::from_static("x-acs-action");
    let version = HeaderName::from_static("x-acs-version");
    let headers = headers([
        (HOST, "host", call.host),
        (action, "action", call.row.name),
        (version, "version", call.table.version),
        (ACCEPT, "accept", "application/json"),
    ])?;
    let region_use = call.row.region.unwrap_or(call.table.region);
    let mut params = call.params.clone();
    let has_region = call.region.is_empty() || params.get("RegionId").is_some();
    if region_use != RegionUse::Absent && !has_region {
        params.set("RegionId", Param::Text(call.region.to_owned()));
    }
    query_request(Method::POST, "/", headers, &params)
}

fn list(params: Param) -> Step {
    Step {
        table: &crate::alikafka::TABLE,
        operation: "GetInstanceList",
        params,
    }
}

fn look(instance_id: &str) -> Step {
    let ids = Param::List(vec![Param::Text(instance_id.to_owned())]);
    list(Param::Object(
        std::iter::once(("InstanceId".to_owned(), ids)).collect(),
    ))
}

fn seen(answer: &Value) -> Seen {
    let instance = &answer["InstanceList"]["InstanceVO"][0];
    let phase = match instance["ServiceStatus"].as_i64() {
        Some(0) => SeenPhase::AwaitingStart,
        Some(5) => SeenPhase::Running,
        Some(10 | 15) => SeenPhase::Released,
        _ => SeenPhase::Provisioning,
    };
    let bootstrap = instance["EndPoint"].as_str();
    Seen {
        phase,
        bootstrap: bootstrap.unwrap_or_default().to_owned(),
    }
}

/// The order system takes what is bought as numbered modules: a setting that is no parameter of the call is the code
/// of one. A term is of subscriptions only.
fn modules(region: &str, set: Pairs) -> Result<Param, ParamError> {
    const OWN: [&str; 10] = [
        "ProductCode",
        "ProductType",
        "SubscriptionType",
        "Period",
        "PricingCycle",
        "RenewalStatus",
        "RenewPeriod",
        "ClientToken",
        "Logistics",
        "OwnerId",
    ];
    const TERM: [&str; 4] = ["Period", "PricingCycle", "RenewalStatus", "RenewPeriod"];
    let is_own = |name: &str| OWN.contains(&name) || name.starts_with("Parameter.");
    let (own, modules): (Pairs, Pairs) = set.into_iter().partition(|(name, _)| is_own(name));
    let explicit = own.iter().any(|(name, _)| name.starts_with("Parameter."));
    let mut pairs = over(ORDER, own);
    let is_subscription =
        |(name, value): &(String, String)| name == "SubscriptionType" && value == "Subscription";
    let of_term = |(name, _): &&(String, String)| TERM.contains(&name.as_str());
    if !pairs.iter().any(is_subscription)
        && let Some((name, _)) = pairs.iter().find(of_term)
    {
        return Err(ParamError::Invalid {
            name: name.clone(),
            reason: "what is paid by the hour has no term".to_owned(),
        });
    }
    if !explicit {
        let modules = over(&[MODULES, &[("RegionId", region)]].concat(), modules);
        for (at, (code, value)) in (1..).zip(modules) {
            pairs.push((format!("Parameter.{at}.Code"), code));
            pairs.push((format!("Parameter.{at}.Value"), value));
        }
    }
    from_dotted(pairs)
}
