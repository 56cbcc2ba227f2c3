//! What the upgrades and the downgrade have in common: a new plan from the old one and what was said.

use brokerage_control::instance::{Edit, Resize};
use brokerage_control::order::ClientToken;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::id::{InstanceId, OrderId};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Call;
use brokerage_wire::params::{Ignored, JsonText, given};
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Default, Serialize)]
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
    /// Makes a repetition safe, where the operation has a token.
    #[serde(skip)]
    pub token: Option<ClientToken>,
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
            token: None,
        }
    }
}

impl Change {
    /// Orders the change of an instance that is paid for as the operation's name says; returns the order's id. Where
    /// nothing of it would change there is no order, and that of its purchase is returned.
    ///
    /// # Errors
    /// An instance that is paid for otherwise, a change that goes the other way, what the catalog does not sell, and
    /// what the control plane refuses.
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
        let asked = self.plan_request(&before);
        let plan = control.catalog_of(&before.plan)?.plan(&asked)?;
        if plan.bought == before.plan.bought && plan.edition == before.plan.edition {
            // Audited as any change, and answered by the order by which it is so.
            let (id, order_id) = (before.id.clone(), before.order_id.clone());
            let edit = Edit::default();
            let ordered = control.instance_edit_once(cx, &id, edit, self.token);
            return Ok(ordered.await?.unwrap_or(order_id));
        }
        check_direction((&before.plan, &plan), prepaid, direction)?;
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
        let ordered = control.instance_edit_once(cx, &id, edit, self.token);
        Ok(ordered.await?.unwrap_or(order_id))
    }

    /// Terraform says every figure with each change, 0 where its user wrote none, and what is there already: neither
    /// changes anything.
    fn plan_request(&self, before: &Instance) -> PlanRequest {
        let old = before.plan.request(before.charge.is_prepaid());
        let said = |figure: Option<i64>| figure.filter(|figure| *figure != 0);
        let (io_max, partitions) = (said(self.io_max), said(self.partition_num));
        let new_spec = given(self.io_max_spec.as_ref()).map(str::to_owned);
        let spec_said = new_spec.is_some() || io_max.is_some();
        // Whoever says partitions has left the older model, where topics were bought.
        let topics = match (partitions, said(self.topic_quota)) {
            (Some(_), said) => said,
            (None, said) => said.or(old.topics),
        };
        let deploy_public = self.eip_model.unwrap_or(old.deploy_public);
        // What is reached from the VPC only has no bandwidth to the internet, whatever stands beside it.
        let public_mbit = match deploy_public {
            true => said(self.eip_max).or(old.public_mbit),
            false => None,
        };
        PlanRequest {
            edition: given(self.spec_type.as_ref())
                .map(str::to_owned)
                .or(old.edition),
            spec: if spec_said { new_spec } else { old.spec },
            bandwidth_mbps: io_max,
            topics,
            partitions: partitions.or(old.partitions),
            disk_gb: said(self.disk_size).or(old.disk_gb),
            public_mbit,
            deploy_public,
            ..old
        }
    }
}

/// "Upgrade" and "downgrade" are meant of every figure but public access, which either gives up; a standard edition becomes a
/// professional one and never the other way round.
fn check_direction(
    (before, after): (&Plan, &Plan),
    prepaid: bool,
    direction: Direction,
) -> Result<(), CallError> {
    if before.edition != STANDARD && after.edition == STANDARD {
        return Err(field(
            "SpecType",
            "a professional edition does not become a standard one",
        ));
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
            ("EipMax", count(plan.bought.public_mbit)),
        ]
    };
    // Terraform has the upgrade alone to say that an instance is public no more; of a subscription, which is paid in
    // advance, nothing is given back.
    let public = (before.bought.deploy_public, after.bought.deploy_public);
    let refused = match (direction, public) {
        (Direction::Up, (true, false)) if prepaid => Some("a subscription keeps its public access"),
        (Direction::Down, (false, true)) => Some("a downgrade does not make it public"),
        _ => None,
    };
    if let Some(reason) = refused {
        return Err(field("EipModel", reason));
    }
    for ((name, old), (_, new)) in figures(before).into_iter().zip(figures(after)) {
        if name == "EipMax" && public == (true, false) {
            continue;
        }
        match direction {
            Direction::Up if new < old => {
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
