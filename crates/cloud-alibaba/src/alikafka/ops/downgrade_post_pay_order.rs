//! DowngradePostPayOrder: makes less of a pay-as-you-go instance.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};

use crate::alikafka::change::{Change, Direction, PostPayRequest};

pub struct DowngradePostPayOrder;

impl Operation for DowngradePostPayOrder {
    const NAME: &'static str = "DowngradePostPayOrder";
    const ACTION: &'static str = "alikafka:DowngradePostPayOrder";
    const MODE: Mode = Mode::Write;
    const CALLS_PER_SECOND: u32 = 20;
    type Request = PostPayRequest;
    type Response = ();

    fn resource(request: &PostPayRequest) -> Option<String> {
        Some(request.instance_id.clone())
    }

    async fn call(call: Call, request: PostPayRequest) -> Result<(), CallError> {
        let change = Change::from(request);
        change.place(call, false, Direction::Down).await.map(drop)
    }
}
