//! Changes of what was bought: an order for the difference in price, whose plan the reconciler brings about.

use brokerage_control::change::InstanceModify;
use brokerage_control::order::OrderPlaced;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;

use crate::ckafka::convert::STANDARD;
use crate::ckafka::{check, ids};
use crate::fault::CallError;
use crate::operation::Call;

/// What becomes of each size; `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// MB/s.
    pub bandwidth_mbps: Option<i64>,
    /// In all.
    pub partitions: Option<i64>,
    /// GB.
    pub disk_gb: Option<i64>,
    /// Mbit/s, beyond the free part.
    pub public_mbit: Option<i64>,
}

/// The plan of an instance with other sizes, by the rules of the purchase.
///
/// # Errors
/// The purchase's, and the refusal of what is in use already.
pub async fn plan_changed(
    call: &Call,
    instance: &Instance,
    sizes: Sizes,
) -> Result<Plan, CallError> {
    let Call { control, cx } = call;
    let request = plan_request(instance, sizes)?;
    let plan = control.catalog(cx.profile)?.plan(&request)?;
    let used = control.topic_usage(instance).await?;
    if used.partitions > plan.usable.partitions_max {
        let reason = format!("is less than the {} that are in use", used.partitions);
        return Err(check::value("Partition", reason));
    }
    let seen = control.instance_observe(&instance.id).await?;
    if seen.is_some_and(|seen| seen.bytes_stored > plan.usable.disk_bytes_max) {
        return Err(check::value(
            "DiskSize",
            "is less than what is stored already",
        ));
    }
    Ok(plan)
}

/// Orders the change of an instance to a plan.
///
/// # Errors
/// The control plane's refusals of a change.
pub async fn change(
    call: &Call,
    instance: &Instance,
    plan: Plan,
) -> Result<OrderPlaced, CallError> {
    let Call { control, cx } = call;
    let modify = InstanceModify {
        order_id: ids::deal_name(control.now(), control.chance()),
        plan,
        payment: Payment::OnDelivery,
    };
    Ok(control.instance_modify(cx, instance, modify).await?)
}

fn plan_request(instance: &Instance, sizes: Sizes) -> Result<PlanRequest, CallError> {
    let plan = &instance.plan;
    let bought = &plan.bought;
    let standard = plan.edition == STANDARD;
    for (name, size) in [
        ("BandWidth", sizes.bandwidth_mbps),
        ("Partition", sizes.partitions),
    ] {
        if standard && size.is_some() {
            return Err(check::value(
                name,
                "is fixed by the type of a standard edition",
            ));
        }
    }
    Ok(PlanRequest {
        site: plan.site,
        region: plan.region.clone(),
        zones: plan.zones.clone(),
        edition: Some(plan.edition.clone()),
        spec: plan.spec.clone(),
        bandwidth_mbps: sizes.bandwidth_mbps.or(bought.bandwidth_mbps),
        topics: bought.topics,
        partitions: sizes.partitions.or(bought.partitions),
        disk_gb: sizes.disk_gb.or(Some(bought.disk_gb)),
        disk_type: Some(bought.disk_type.clone()),
        public_mbit: sizes.public_mbit.or(Some(bought.public_mbit)),
        version: Some(plan.version.clone()),
        retention_minutes: Some(bought.retention_minutes),
        nodes: Vec::new(),
        deploy_public: bought.deploy_public,
        prepaid: instance.charge.is_prepaid(),
    })
}
