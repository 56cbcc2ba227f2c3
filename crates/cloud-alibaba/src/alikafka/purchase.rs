//! What the four purchases have in common: pay-as-you-go or subscription, answered by an order or by an instance.

use brokerage_control::order::{NewInstance, OrderPlaced, OrderRequest};
use brokerage_domain::catalog::{PlanRequest, Site, Terms};
use brokerage_domain::notes::Notes;
use brokerage_domain::order::{Charge, Payment};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Call;
use brokerage_wire::params::given;
use serde::{Deserialize, Serialize};

use super::convert::{Tag, deploy_type, settings_default, tags_from};
use super::fault::{field, needed};
use super::ids;
use super::notes::InstanceNotes;

/// `PaidType`: how an instance is paid for.
mod paid_type {
    /// Subscription.
    pub const SUBSCRIPTION: i64 = 0;
    /// Pay-as-you-go.
    pub const BY_HOUR: i64 = 1;
    /// Serverless.
    pub const SERVERLESS: i64 = 3;
    /// Confluent, a subscription.
    pub const CONFLUENT: i64 = 4;
}

/// A purchase as all four operations say it.
#[derive(Debug, Default)]
pub struct Purchase {
    /// `RegionId`.
    pub region_id: String,
    /// `DeployType`.
    pub deploy_type: Option<i64>,
    /// `DiskSize`, GB.
    pub disk_size: Option<i64>,
    /// `DiskType`.
    pub disk_type: Option<String>,
    /// `TopicQuota`.
    pub topic_quota: Option<i64>,
    /// `PartitionNum`.
    pub partition_num: Option<i64>,
    /// `IoMax`, MB/s.
    pub io_max: Option<i64>,
    /// `IoMaxSpec`; wins over `IoMax`.
    pub io_max_spec: Option<String>,
    /// `EipMax`, Mbit/s.
    pub eip_max: Option<i64>,
    /// `SpecType`.
    pub spec_type: Option<String>,
    /// `PaidType`.
    pub paid_type: Option<i64>,
    /// `ResourceGroupId`.
    pub resource_group_id: Option<String>,
    /// `Tag.N`.
    pub tag: Option<Vec<Tag>>,
}

/// `ServerlessConfig`, whose form is checked although no serverless instance is sold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerlessConfig {
    #[expect(dead_code, reason = "its type is checked")]
    reserved_publish_capacity: Option<i64>,
    #[expect(dead_code, reason = "its type is checked")]
    reserved_subscribe_capacity: Option<i64>,
}

/// `Data` of the purchases that answer an instance. Here alone an order's id is a number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoughtInstance {
    instance_id: String,
    order_id: i64,
}

impl BoughtInstance {
    /// Of an order that was placed.
    pub fn of(placed: &OrderPlaced) -> Self {
        Self {
            instance_id: placed
                .instance_ids
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            order_id: placed.order_id.as_str().parse().unwrap_or_default(),
        }
    }
}

/// Pay-as-you-go, which `PaidType` may say again.
///
/// # Errors
/// Another `PaidType`.
pub fn postpaid(asked: Option<i64>) -> Result<Charge, CallError> {
    match asked {
        None | Some(paid_type::BY_HOUR) => Ok(Charge::Postpaid),
        Some(paid_type::SERVERLESS) => Err(field(
            "PaidType",
            "serverless instances are not supported here",
        )),
        Some(_) => Err(field("PaidType", "must be 1 for pay-as-you-go")),
    }
}

/// A subscription of so many months, which `PaidType` may say again. It is renewed month by month, as the vendor's
/// page of CreatePrePayOrder says.
///
/// # Errors
/// Another `PaidType`; a term that is not sold.
pub fn subscription(
    asked: Option<i64>,
    duration: Option<i64>,
    terms: &Terms,
) -> Result<Charge, CallError> {
    match asked {
        None | Some(paid_type::SUBSCRIPTION) => {}
        Some(paid_type::CONFLUENT) => {
            return Err(field(
                "PaidType",
                "Confluent instances are not supported here",
            ));
        }
        Some(_) => return Err(field("PaidType", "must be 0 for a subscription")),
    }
    let duration = duration.unwrap_or(terms.months_default.into());
    let months = u32::try_from(duration)
        .ok()
        .filter(|months| terms.months.contains(months));
    let months = months.ok_or_else(|| field("Duration", "not a number of months that is sold"))?;
    Ok(Charge::prepaid(months, Some(1)))
}

impl Purchase {
    /// Places the order of one instance, to be started by StartInstance. A subscription is paid with it, of
    /// pay-as-you-go the first hour is reserved.
    ///
    /// # Errors
    /// The page's rules, what the catalog does not sell, and what the control plane refuses.
    pub async fn place(self, call: Call, charge: Charge) -> Result<OrderPlaced, CallError> {
        let Call { control, cx } = call;
        let prepaid = charge.is_prepaid();
        let plan = control
            .catalog(cx.profile)?
            .plan(&self.plan_request(prepaid)?)?;
        let order = OrderRequest {
            order_id: ids::order_id(control.serial()),
            instances: vec![NewInstance {
                id: ids::instance_id(control.serial(), prepaid),
                name: String::new(),
            }],
            settings: settings_default(&plan),
            notes: Notes::of(&self.notes()),
            tags: tags_from(self.tag)?,
            plan,
            charge,
            payment: if prepaid {
                Payment::AtOrder
            } else {
                Payment::OnDelivery
            },
            placement: None,
            start: false,
            token: None,
        };
        Ok(control.order_place(cx, order).await?)
    }

    fn plan_request(&self, prepaid: bool) -> Result<PlanRequest, CallError> {
        let deploy_public = match self.deploy_type {
            Some(deploy_type::PUBLIC) => true,
            Some(deploy_type::VPC) => false,
            None => {
                return Err(needed(
                    "DeployType",
                    "4 for internet and VPC access, 5 for VPC access",
                ));
            }
            Some(_) => {
                return Err(field(
                    "DeployType",
                    "must be 4 for internet and VPC access, or 5 for VPC access",
                ));
            }
        };
        if deploy_public && self.eip_max.is_none() {
            return Err(needed("EipMax", "DeployType is 4"));
        }
        Ok(PlanRequest {
            site: Site::Domestic,
            region: self.region_id.clone(),
            zones: Vec::new(),
            edition: given(self.spec_type.as_ref()).map(str::to_owned),
            spec: given(self.io_max_spec.as_ref()).map(str::to_owned),
            bandwidth_mbps: self.io_max,
            topics: self.topic_quota,
            partitions: self.partition_num,
            disk_gb: self.disk_size,
            disk_type: given(self.disk_type.as_ref()).map(str::to_owned),
            public_mbit: self.eip_max,
            elastic_bandwidth: false,
            version: None,
            retention_minutes: None,
            nodes: Vec::new(),
            deploy_public,
            prepaid,
        })
    }

    fn notes(&self) -> InstanceNotes {
        let private = self.deploy_type == Some(deploy_type::VPC);
        InstanceNotes {
            resource_group: given(self.resource_group_id.as_ref()).map(str::to_owned),
            eip_unused: self.eip_max.filter(|mbit| *mbit > 0 && private),
            ..InstanceNotes::default()
        }
    }
}
