//! CreatePostPayOrder: buys one pay-as-you-go instance, to be started by StartInstance.

use std::collections::BTreeMap;

use brokerage_control::order::{NewInstance, OrderRequest};
use brokerage_domain::catalog::{PlanRequest, Site};
use brokerage_domain::order::{Charge, Payment};
use serde::{Deserialize, Serialize};

use crate::alikafka::convert::{Tag, attribute, deploy_type, given, retention_setting, tags_from};
use crate::alikafka::fault::{field, needed};
use crate::alikafka::ids;
use crate::fault::CallError;
use crate::operation::{Call, Mode, Operation};
use crate::params::{Ignored, JsonText};

/// `PaidType`: pay-as-you-go, the only one of this operation that is sold here.
const PAID_BY_HOUR: i64 = 1;
/// `PaidType`: serverless.
const PAID_SERVERLESS: i64 = 3;

/// The operation.
pub struct CreatePostPayOrder;

/// Parameters, as on the vendor's page; those after `IoMaxSpec` come with newer SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    region_id: String,
    deploy_type: i64,
    disk_size: Option<i64>,
    disk_type: Option<String>,
    topic_quota: Option<i64>,
    io_max: Option<i64>,
    eip_max: Option<i64>,
    spec_type: Option<String>,
    io_max_spec: Option<String>,
    partition_num: Option<i64>,
    paid_type: Option<i64>,
    resource_group_id: Option<String>,
    tag: Option<Vec<Tag>>,
    #[expect(
        dead_code,
        reason = "serverless instances are refused by their PaidType"
    )]
    serverless_config: Option<Ignored<JsonText<ServerlessConfig>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServerlessConfig {
    #[expect(dead_code, reason = "its type is checked")]
    reserved_publish_capacity: Option<i64>,
    #[expect(dead_code, reason = "its type is checked")]
    reserved_subscribe_capacity: Option<i64>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    order_id: String,
}

impl Operation for CreatePostPayOrder {
    const NAME: &'static str = "CreatePostPayOrder";
    const ACTION: &'static str = "alikafka:CreatePostPayOrder";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = Request;
    type Response = Response;

    async fn call(call: &Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = call;
        let plan = control
            .catalog(cx.profile)?
            .plan(&plan_request(&request)?)?;
        let order = OrderRequest {
            order_id: ids::order_id(control.chance()),
            instances: vec![NewInstance {
                id: ids::instance_id(control.chance(), false),
                name: String::new(),
            }],
            settings: BTreeMap::from([retention_setting(plan.usable.retention_ms)]),
            attributes: attributes(&request),
            tags: tags_from(request.tag)?,
            plan,
            charge: Charge::Postpaid,
            payment: Payment::OnDelivery,
            placement: None,
            start: false,
            token: None,
        };
        let placed = control.order_place(cx, order).await?;
        Ok(Response {
            order_id: placed.order_id.to_string(),
        })
    }
}

fn plan_request(request: &Request) -> Result<PlanRequest, CallError> {
    match request.paid_type {
        None | Some(PAID_BY_HOUR) => {}
        Some(PAID_SERVERLESS) => {
            return Err(field(
                "PaidType",
                "serverless instances are not supported here",
            ));
        }
        Some(_) => return Err(field("PaidType", "must be 1 for pay-as-you-go")),
    }
    let deploy_public = match request.deploy_type {
        deploy_type::PUBLIC => true,
        deploy_type::VPC => false,
        _ => {
            return Err(field(
                "DeployType",
                "must be 4 for internet and VPC access, or 5 for VPC access",
            ));
        }
    };
    if deploy_public && request.eip_max.is_none() {
        return Err(needed("EipMax", "DeployType is 4"));
    }
    Ok(PlanRequest {
        site: Site::Domestic,
        region: request.region_id.clone(),
        zones: Vec::new(),
        edition: given(request.spec_type.clone()),
        spec: given(request.io_max_spec.clone()),
        bandwidth_mbps: request.io_max,
        topics: request.topic_quota,
        partitions: request.partition_num,
        disk_gb: request.disk_size,
        disk_type: given(request.disk_type.clone()),
        public_mbit: request.eip_max,
        version: None,
        retention_minutes: None,
        nodes: Vec::new(),
        deploy_public,
        prepaid: false,
    })
}

fn attributes(request: &Request) -> BTreeMap<String, String> {
    let eip_unused = request
        .eip_max
        .filter(|mbit| *mbit > 0 && request.deploy_type == deploy_type::VPC);
    let kept = [
        (
            attribute::RESOURCE_GROUP,
            given(request.resource_group_id.clone()),
        ),
        (
            attribute::EIP_UNUSED,
            eip_unused.map(|mbit| mbit.to_string()),
        ),
    ];
    kept.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
