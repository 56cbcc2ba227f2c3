//! Changes of what was bought: an order for the difference in price, whose plan the reconciler brings about.

use brokerage_control::instance::Resize;
use brokerage_domain::catalog::{Plan, PlanRequest};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::{Charge, Payment};
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
        order_id: ids::deal_name(call.control.now(), call.control.chance()),
        payment: payment(&before.charge),
        before,
        plan,
    }
}

/// When the money of an order moves: what is paid in advance with the order, everything else once it is delivered.
pub const fn payment(charge: &Charge) -> Payment {
    match charge {
        Charge::Prepaid { .. } => Payment::AtOrder,
        Charge::Postpaid => Payment::OnDelivery,
    }
}

/// Clients that say every size with each change say 0 for what nobody set, and what is there already: neither changes
/// anything.
fn plan_request(instance: &Instance, sizes: Sizes) -> Result<PlanRequest, CallError> {
    let said = |size: Option<i64>| size.filter(|size| *size != 0);
    let sizes = Sizes {
        bandwidth_mbps: said(sizes.bandwidth_mbps),
        partitions: said(sizes.partitions),
        disk_gb: said(sizes.disk_gb),
        ..sizes
    };
    let before = instance.plan.request(instance.charge.is_prepaid());
    for (name, size, before) in [
        ("BandWidth", sizes.bandwidth_mbps, before.bandwidth_mbps),
        ("Partition", sizes.partitions, before.partitions),
    ] {
        if instance.plan.edition == STANDARD && size.is_some() && size != before {
            return Err(check::value(
                name,
                "is fixed by the type of a standard edition",
            ));
        }
    }
    Ok(PlanRequest {
        bandwidth_mbps: sizes.bandwidth_mbps.or(before.bandwidth_mbps),
        partitions: sizes.partitions.or(before.partitions),
        disk_gb: sizes.disk_gb.or(before.disk_gb),
        public_mbit: sizes.public_mbit.or(before.public_mbit),
        ..before
    })
}
