//! DeleteInstancePost: gives a pay-as-you-go cluster up, at once and with its data.

use brokerage_control::instance::AfterRelease;
use brokerage_domain::Error;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, PrepaidRelease, ReleaseTerms};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::ids;

pub struct DeleteInstancePost;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
}

/// `InstanceDeleteResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deleting {
    flow_id: i64,
}

impl Operation for DeleteInstancePost {
    const NAME: &'static str = "DeleteInstancePost";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deleting>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let terms = ReleaseTerms {
            prepaid: PrepaidRelease::Denied,
            under_way: true,
        };
        match control
            .instance_release(cx, &id, AfterRelease::Gone, terms)
            .await
        {
            // Asked for twice, it is still the one deletion.
            Ok(())
            | Err(Error::WrongPhase {
                phase: Phase::Releasing,
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Answered::new(Deleting {
            flow_id: ids::flow_id(&id),
        }))
    }
}
