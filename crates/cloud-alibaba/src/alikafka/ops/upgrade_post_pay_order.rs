//! UpgradePostPayOrder: makes more of a pay-as-you-go instance.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};

use crate::alikafka::change::{Change, Direction, PostPayRequest};

pub struct UpgradePostPayOrder;

impl Operation for UpgradePostPayOrder {
    const NAME: &'static str = "UpgradePostPayOrder";
    const MODE: Mode = Mode::Write;
    type Request = PostPayRequest;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: PostPayRequest) -> Result<(), CallError> {
        let change = Change::from(request);
        change.place(call, false, Direction::Up).await.map(drop)
    }
}
