//! UpdateInstanceConfig: changes settings of a cluster.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::Deserialize;

use crate::alikafka::config::Config;
use crate::alikafka::notes::InstanceNotes;

pub struct UpdateInstanceConfig;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    config: String,
}

impl Operation for UpdateInstanceConfig {
    const NAME: &'static str = "UpdateInstanceConfig";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(&cx, &id).await?;
        let catalog = control.catalog_of(&instance.plan)?;
        let config = Config::read(&request.config, catalog, &instance)?;
        let notes = InstanceNotes {
            config: Some(config.over(&instance)),
            ..InstanceNotes::default()
        };
        let edit = Edit {
            switched_security_protocols: config.listeners(),
            settings: config.settings,
            notes: Notes::of(&notes),
            ..Edit::default()
        };
        Ok(control.instance_edit(cx, &id, edit).await?)
    }
}
