//! modifyInstanceSpec: more nodes, larger disks, a larger class.

use brokerage_control::instance::{Edit, Resize};
use brokerage_domain::catalog::{Catalog, Field, NodeGroup, Plan, PlanRequest};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;
use brokerage_wire::fault::{CallError, PlanParameter, invalid};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::kafka::convert::{InstanceClassSpec, instance_in_region};
use crate::kafka::ids;

pub struct ModifyInstanceSpec;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    instance_id: String,
    instance_class_spec: Vec<InstanceClassSpec>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    instance_id: String,
    buy_id: String,
}

impl Operation for ModifyInstanceSpec {
    const NAME: &'static str = "modifyInstanceSpec";
    const MODE: Mode = Mode::Write;
    const PATH: &'static str = "/v1/regions/{regionId}/instances/{instanceId}:modifyInstanceSpec";
    type Request = Request;
    type Response = Response;
    const PLAN_PARAMETERS: fn(Field) -> Option<PlanParameter> = |field| {
        let named = PlanParameter::named;
        Some(match field {
            Field::NodeRole => named("instanceClassSpec.role"),
            Field::NodeClass => named("instanceClassSpec.nodeClassCode"),
            Field::NodeCount => named("instanceClassSpec.nodeCount"),
            Field::Disk => named("instanceClassSpec.nodeDiskGB"),
            Field::DiskType => named("instanceClassSpec.nodeDiskType"),
            _ => return None,
        })
    };
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let instance = instance_in_region(&call, &request.instance_id).await?;
        let asked: Vec<NodeGroup> = request
            .instance_class_spec
            .into_iter()
            .map(Into::into)
            .collect();
        let Call { control, cx } = call;
        let catalog = control.catalog_of(&instance.plan)?;
        let plan = catalog.plan(&plan_request(&instance, asked)?)?;
        if plan.bought.nodes == instance.plan.bought.nodes {
            // Clients that say all of it with each change: audited, and answered by the order by which it is so.
            let (id, order_id) = (instance.id, instance.order_id);
            control.instance_edit(cx, &id, Edit::default()).await?;
            return Ok(Response {
                instance_id: id.to_string(),
                buy_id: order_id.to_string(),
            });
        }
        check_growth(catalog, &instance.plan.bought.nodes, &plan)?;
        let buy_id = ids::buy_id(control.chance());
        let id = instance.id.clone();
        let edit = Edit {
            resize: Some(Resize {
                before: instance,
                order_id: buy_id.clone(),
                plan,
                payment: Payment::OnDelivery,
            }),
            ..Edit::default()
        };
        control.instance_edit(cx, &id, edit).await?;
        Ok(Response {
            instance_id: id.to_string(),
            buy_id: buy_id.to_string(),
        })
    }
}

/// What the instance is, with the groups that were named changed where they say so.
fn plan_request(instance: &Instance, asked: Vec<NodeGroup>) -> Result<PlanRequest, CallError> {
    if asked.is_empty() {
        return Err(invalid("instanceClassSpec", "is empty"));
    }
    let old = instance.plan.request(instance.charge.is_prepaid());
    let unnamed = old
        .nodes
        .iter()
        .filter(|group| asked.iter().all(|other| other.role != group.role));
    let mut nodes: Vec<NodeGroup> = unnamed.cloned().collect();
    nodes.extend(asked.into_iter().map(|group| {
        let before = old
            .nodes
            .iter()
            .find(|before| before.role == group.role)
            .cloned()
            .unwrap_or_default();
        // A number that nobody set is 0 in clients with typed structs.
        let said = |number: Option<i64>| number.filter(|number| *number != 0);
        NodeGroup {
            role: group.role,
            class: group.class.or(before.class),
            count: said(group.count).or(before.count),
            disk_type: group.disk_type.or(before.disk_type),
            disk_gb: said(group.disk_gb).or(before.disk_gb),
        }
    }));
    Ok(PlanRequest { nodes, ..old })
}

/// Ours: a cluster only grows, and keeps its kind of disk. Fewer nodes or smaller disks could not hold its data.
fn check_growth(catalog: &Catalog, before: &[NodeGroup], after: &Plan) -> Result<(), CallError> {
    let refuse =
        |name: &str, reason: &str| Err(invalid(format!("instanceClassSpec.{name}"), reason));
    let size = |group: &NodeGroup| {
        let class = group
            .class
            .as_deref()
            .and_then(|code| catalog.node_class(code));
        class.map(|class| (class.cpu, class.memory_gb))
    };
    for new in &after.bought.nodes {
        let Some(old) = before.iter().find(|old| old.role == new.role) else {
            continue;
        };
        if new.count < old.count {
            return refuse("nodeCount", "cannot become smaller");
        }
        if new.disk_gb < old.disk_gb {
            return refuse("nodeDiskGB", "cannot become smaller");
        }
        if new.disk_type != old.disk_type {
            return refuse("nodeDiskType", "cannot be changed");
        }
        if let (Some((old_cpu, old_gb)), Some((new_cpu, new_gb))) = (size(old), size(new))
            && (new_cpu < old_cpu || new_gb < old_gb)
        {
            return refuse("nodeClassCode", "cannot become smaller");
        }
    }
    Ok(())
}
