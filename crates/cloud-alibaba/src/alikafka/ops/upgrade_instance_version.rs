//! UpgradeInstanceVersion: a newer Kafka for a running instance. Clients that connect from then on are told its versions.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::fault::field;
use crate::fault::BAD_REQUEST;

/// What the vendor says where nothing is to be done; Terraform takes it for success.
const NOTHING_TO_DO: &str = "ONS_INIT_ENV_ERROR";

pub struct UpgradeInstanceVersion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    target_version: String,
}

impl Operation for UpgradeInstanceVersion {
    const NAME: &'static str = "UpgradeInstanceVersion";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        let target = request.target_version.as_str();
        let catalog = control.catalog_of(&before.plan)?;
        let version = catalog
            .version_offered(target)
            .ok_or_else(|| field("TargetVersion", catalog.version_not_offered(target)))?;
        if version.id == before.plan.version {
            let message = format!("The instance {id} is of version {target} already.");
            return Err(Fault::new(NOTHING_TO_DO, BAD_REQUEST, message).into());
        }
        let edit = Edit {
            version: Some((version.id.clone(), version.kafka.clone())),
            ..Edit::default()
        };
        Ok(control.instance_edit(cx, &id, edit).await?)
    }
}
