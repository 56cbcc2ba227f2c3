//! deleteInstance: gives a cluster back.

use brokerage_control::instance::AfterRelease;
use brokerage_domain::Error;
use brokerage_domain::instance::{Phase, PrepaidRelease, ReleaseTerms};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use http::Method;
use serde::Deserialize;

use crate::kafka::convert::instance_in_region;

pub struct DeleteInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    instance_id: String,
}

impl Operation for DeleteInstance {
    const NAME: &'static str = "deleteInstance";
    const MODE: Mode = Mode::Write;
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/v1/regions/{regionId}/instances/{instanceId}";
    type Request = Request;
    /// The answer has no `result`.
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let instance = instance_in_region(&call, &request.instance_id).await?;
        let Call { control, cx } = call;
        // Pay-as-you-go instances, and prepaid ones after their term; none while it is made or changed (SDK text of
        // deleteInstance). One that could not be made was paid back and may always go.
        let terms = ReleaseTerms {
            prepaid: PrepaidRelease::AfterTerm,
            under_way: false,
        };
        match control
            .instance_release(cx, &instance.id, AfterRelease::Gone, terms)
            .await
        {
            // Asked for twice, it is still the one deletion.
            Ok(())
            | Err(Error::WrongPhase {
                phase: Phase::Releasing,
                ..
            }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
