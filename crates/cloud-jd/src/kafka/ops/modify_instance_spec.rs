//! modifyInstanceSpec: more nodes, larger disks, a larger class.

use brokerage_control::instance::{Edit, Resize};
use brokerage_domain::catalog::{Catalog, NodeGroup, Plan, PlanRequest};
use brokerage_domain::instance::Instance;
use brokerage_domain::order::Payment;
use brokerage_wire::fault::{CallError, invalid};
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
        NodeGroup {
            role: group.role,
            class: group.class.or(before.class),
            count: group.count.or(before.count),
            disk_type: group.disk_type.or(before.disk_type),
            disk_gb: group.disk_gb.or(before.disk_gb),
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
    if before == after.bought.nodes {
        return Err(invalid(
            "instanceClassSpec",
            "is what the instance is already",
        ));
    }
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
