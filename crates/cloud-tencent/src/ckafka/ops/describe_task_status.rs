//! DescribeTaskStatus: how far what is under way on an instance has come.

use brokerage_domain::Error;
use brokerage_domain::instance::Phase;
use brokerage_wire::fault::{CallError, Fault};
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::ids;

/// `Status`: done, failed, under way.
const DONE: i64 = 0;
const FAILED: i64 = 1;
const RUNNING: i64 = 2;

pub struct DescribeTaskStatus;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    flow_id: i64,
}

/// `TaskStatusResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    status: i64,
    output: String,
}

impl Operation for DescribeTaskStatus {
    const NAME: &'static str = "DescribeTaskStatus";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Task>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let unknown = || {
            Fault::new(
                "ResourceNotFound",
                200,
                format!("There is no task {}.", request.flow_id),
            )
        };
        let id = ids::instance_of_flow(request.flow_id).ok_or_else(unknown)?;
        let instance = match control.instance_recall(cx, &id).await {
            Ok(instance) => instance,
            Err(Error::NotFound { .. }) => return Err(unknown().into()),
            Err(error) => return Err(error.into()),
        };
        let mut status = status(instance.phase);
        // What changes no phase (a route, a version, a setting) is done when the cluster is so.
        if instance.phase == Phase::Running && !control.instance_is_as_recorded(&instance).await? {
            status = RUNNING;
        }
        Ok(Answered::new(Task {
            status,
            output: instance.failure.unwrap_or_default(),
        }))
    }
}

fn status(phase: Phase) -> i64 {
    match phase {
        Phase::AwaitingStart | Phase::Provisioning | Phase::Changing | Phase::Releasing => RUNNING,
        Phase::Failed => FAILED,
        Phase::Running | Phase::Stopped | Phase::Suspended | Phase::Released | Phase::Gone => DONE,
    }
}
