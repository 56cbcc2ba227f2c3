//! Changes of what was bought: an order for the difference in price, whose plan the reconciler brings about.

use brokerage_control::instance::Resize;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::Call;

use crate::ckafka::convert::STANDARD;
use crate::ckafka::{check, ids};

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
/// The purchase's.
pub fn plan_changed(call: &Call, instance: &Instance, sizes: Sizes) -> Result<Plan, CallError> {
    let request = plan_request(instance, sizes)?;
    let catalog = call.control.catalog_of(&instance.plan)?;
    Ok(catalog.plan(&request)?)
}

/// The change of an instance to a plan.
pub fn resize(call: &Call, before: Instance, plan: Plan) -> Resize {
    Resize {
        before,
        order_id: ids::deal_name(call.control.now(), call.control.chance()),
        plan,
        payment: Payment::OnDelivery,
    }
}

fn plan_request(instance: &Instance, sizes: Sizes) -> Result<PlanRequest, CallError> {
    for (name, size) in [
        ("BandWidth", sizes.bandwidth_mbps),
        ("Partition", sizes.partitions),
    ] {
        if instance.plan.edition == STANDARD && size.is_some() {
            return Err(check::value(
                name,
                "is fixed by the type of a standard edition",
            ));
        }
    }
    let before = instance.plan.request(instance.charge.is_prepaid());
    Ok(PlanRequest {
        bandwidth_mbps: sizes.bandwidth_mbps.or(before.bandwidth_mbps),
        partitions: sizes.partitions.or(before.partitions),
        disk_gb: sizes.disk_gb.or(before.disk_gb),
        public_mbit: sizes.public_mbit.or(before.public_mbit),
        ..before
    })
}
