//! UpgradeBrokerVersion: a newer Kafka for a running cluster. Clients that connect from then on are told its versions.

use brokerage_control::instance::Edit;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::{check, ids};

/// `Type`: smooth, vertical. Connections stay open and no data moves here, so that both are the same.
const TYPES: std::ops::RangeInclusive<i64> = 1..=2;

pub struct UpgradeBrokerVersion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    r#type: i64,
    source_version: String,
    target_version: String,
    delay_time_stamp: Option<String>,
}

impl Operation for UpgradeBrokerVersion {
    const NAME: &'static str = "UpgradeBrokerVersion";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        check::within("Type", request.r#type, TYPES)?;
        if given(request.delay_time_stamp.as_ref()).is_some() {
            return Err(check::unsupported(
                "Upgrades begin at once, at no later time.",
            ));
        }
        let id = InstanceId::new(request.instance_id);
        let before = control.instance_view(&cx, &id).await?;
        let (source, target) = (&request.source_version, &request.target_version);
        if *source != before.plan.version {
            let reason = format!("is not the present version, {}", before.plan.version);
            return Err(check::value("SourceVersion", reason));
        }
        let catalog = control.catalog_of(&before.plan)?;
        let version = catalog.version_offered(target).ok_or_else(|| {
            let fault = catalog.version_not_offered(target);
            check::value("TargetVersion", format!("is not sold: {fault}"))
        })?;
        let edit = Edit {
            version: Some((version.id.clone(), version.kafka.clone())),
            ..Edit::default()
        };
        control.instance_edit(cx, &id, edit).await?;
        Ok(Answered::new(Operated::flowing(ids::flow_id(&id))))
    }
}
