//! What the upgrades and the downgrade have in common: a new plan from the old one and what was said.

use brokerage_control::instance::{Edit, Resize};
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Call;
use brokerage_wire::params::{Ignored, JsonText, given};
use serde::Deserialize;

use super::fault::field;
use super::ids;
use super::purchase::ServerlessConfig;

/// The edition that is only ever left.
const STANDARD: &str = "normal";

/// Which way a change goes: a figure that goes the other way is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Nothing becomes less.
    Up,
    /// Nothing becomes more.
    Down,
}

/// A change of what was bought; what was not said stays as it is.
#[derive(Debug, Default)]
pub struct Change {
    /// `InstanceId`.
    pub instance_id: String,
    /// `DiskSize`, GB.
    pub disk_size: Option<i64>,
    /// `IoMax`, MB/s.
    pub io_max: Option<i64>,
    /// `IoMaxSpec`; wins over `IoMax`.
    pub io_max_spec: Option<String>,
    /// `SpecType`.
    pub spec_type: Option<String>,
    /// `TopicQuota`.
    pub topic_quota: Option<i64>,
    /// `PartitionNum`.
    pub partition_num: Option<i64>,
    /// `EipMax`, Mbit/s.
    pub eip_max: Option<i64>,
    /// `EipModel`: whether it is reached from the internet.
    pub eip_model: Option<bool>,
}

/// Parameters of UpgradePostPayOrder and DowngradePostPayOrder, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PostPayRequest {
    #[serde(rename = "RegionId")]
    _region_id: String,
    /// The instance.
    pub instance_id: String,
    disk_size: Option<i64>,
    io_max: Option<i64>,
    io_max_spec: Option<String>,
    spec_type: Option<String>,
    topic_quota: Option<i64>,
    partition_num: Option<i64>,
    eip_max: Option<i64>,
    eip_model: Option<bool>,
    #[expect(dead_code, reason = "there are no serverless instances here")]
    serverless_config: Option<Ignored<JsonText<ServerlessConfig>>>,
}

impl From<PostPayRequest> for Change {
    fn from(request: PostPayRequest) -> Self {
        Self {
            instance_id: request.instance_id,
            disk_size: request.disk_size,
            io_max: request.io_max,
            io_max_spec: request.io_max_spec,
            spec_type: request.spec_type,
            topic_quota: request.topic_quota,
            partition_num: request.partition_num,
            eip_max: request.eip_max,
            eip_model: request.eip_model,
        }
    }
}

impl Change {
    /// Orders the change of an instance that is paid for as the operation's name says; returns the order's id.
    ///
    /// # Errors
    /// An instance that is paid for otherwise, a change that goes the other way or nowhere, what the catalog does not
    /// sell, and what the control plane refuses.
    pub async fn place(
        self,
        call: Call,
        prepaid: bool,
        direction: Direction,
    ) -> Result<OrderId, CallError> {
        let Call { control, cx } = call;
        let before = control
            .instance_view(&cx, &InstanceId::new(&self.instance_id))
            .await?;
        if before.charge.is_prepaid() != prepaid {
            let reason = if prepaid {
                "it is not a subscription"
            } else {
                "it is not pay-as-you-go"
            };
            return Err(field("InstanceId", reason));
        }
        let plan = control
            .catalog_of(&before.plan)?
            .plan(&self.plan_request(&before))?;
        check_direction(&before.plan, &plan, direction)?;
        let order_id = ids::order_id(control.serial());
        let resize = Resize {
            order_id: order_id.clone(),
            plan,
            before,
            payment: if prepaid {
                Payment::AtOrder
            } else {
                Payment::OnDelivery
            },
        };
        let id = resize.before.id.clone();
        let edit = Edit {
            resize: Some(resize),
            ..Edit::default()
        };
        control.instance_edit(cx, &id, edit).await?;
        Ok(order_id)
    }

    fn plan_request(&self, before: &Instance) -> PlanRequest {
        let old = before.plan.request(before.charge.is_prepaid());
        let new_spec = given(self.io_max_spec.as_ref()).map(str::to_owned);
        let spec_said = new_spec.is_some() || self.io_max.is_some();
        // Whoever says partitions has left the older model, where topics were bought.
        let topics = match self.partition_num {
            Some(_) => self.topic_quota,
            None => self.topic_quota.or(old.topics),
        };
        PlanRequest {
            edition: given(self.spec_type.as_ref())
                .map(str::to_owned)
                .or(old.edition),
            spec: if spec_said { new_spec } else { old.spec },
            bandwidth_mbps: self.io_max,
            topics,
            partitions: self.partition_num.or(old.partitions),
            disk_gb: self.disk_size.or(old.disk_gb),
            public_mbit: self.eip_max.or(old.public_mbit),
            deploy_public: self.eip_model.unwrap_or(old.deploy_public),
            ..old
        }
    }
}

/// "Upgrade" and "downgrade" are meant of every figure but public access, which either gives up; a standard edition becomes a professional one and never the
/// other way round.
fn check_direction(before: &Plan, after: &Plan, direction: Direction) -> Result<(), CallError> {
    if before.edition != STANDARD && after.edition == STANDARD {
        return Err(field(
            "SpecType",
            "a professional edition does not become a standard one",
        ));
    }
    let of_before = &before.listeners;
    let is_same = *before
        == Plan {
            listeners: of_before.clone(),
            ..after.clone()
        };
    if is_same {
        return Err(field("InstanceId", "nothing of it would change"));
    }
    let figures = |plan: &Plan| {
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        [
            (
                "IoMaxSpec",
                plan.usable.ingress_bytes_per_second_max.unwrap_or(u64::MAX),
            ),
            ("DiskSize", count(plan.bought.disk_gb)),
            ("PartitionNum", plan.usable.partitions_max),
            ("TopicQuota", plan.usable.topics_max),
            ("EipModel", u64::from(plan.bought.deploy_public)),
            ("EipMax", count(plan.bought.public_mbit)),
        ]
    };
    for ((name, old), (_, new)) in figures(before).into_iter().zip(figures(after)) {
        let is_given_up = !after.bought.deploy_public && name.starts_with("Eip");
        match direction {
            Direction::Up if new < old && !is_given_up => {
                return Err(field(name, "an upgrade does not make it less"));
            }
            Direction::Down if new > old => {
                return Err(field(name, "a downgrade does not make it more"));
            }
            Direction::Up | Direction::Down => {}
        }
    }
    Ok(())
}
