//! ReleaseInstance: takes a pay-as-you-go instance away. It stays listed until DeleteInstance.

use brokerage_control::instance::AfterRelease;
use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, PrepaidRelease, ReleaseTerms};
use serde::Deserialize;

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};

pub struct ReleaseInstance;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    #[serde(rename = "RegionId")]
    _region_id: String,
    instance_id: String,
    /// Whether the data goes at once; otherwise it is kept for a while.
    force_delete_instance: Option<bool>,
}

impl Operation for ReleaseInstance {
    const NAME: &'static str = "ReleaseInstance";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let terms = ReleaseTerms {
            // "Only pay-as-you-go instances can be released": a subscription ends by itself.
            prepaid: PrepaidRelease::Denied,
            under_way: true,
        };
        let after = match request.force_delete_instance {
            Some(true) => AfterRelease::Listed,
            Some(false) | None => AfterRelease::Kept,
        };
        match control.instance_release(cx, &id, after, terms).await {
            // Asked for again it is still the one release: a client that was interrupted before DeleteInstance begins
            // anew, and one whose instance somebody else released wants nothing else.
            Ok(())
            | Err(Error::WrongPhase {
                phase: Phase::Releasing | Phase::Released,
                ..
            }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
