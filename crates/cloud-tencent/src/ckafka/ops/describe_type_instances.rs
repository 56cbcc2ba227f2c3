//! DescribeTypeInstances: as DescribeInstances, for clusters of one kind; there is one kind.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};

use super::describe_instances::{DescribeInstances, Found, Request};
use crate::ckafka::answer::Answered;

pub struct DescribeTypeInstances;

impl Operation for DescribeTypeInstances {
    const NAME: &'static str = "DescribeTypeInstances";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        DescribeInstances::call(call, request).await
    }
}
