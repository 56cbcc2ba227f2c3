//! CreateInstancePost: the purchase of older SDKs, by the rules of CreatePostPaidInstance. It answers no instance id.

use brokerage_domain::order::Charge;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};

use super::create_post_paid_instance::{Request, place};
use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::ids;

pub struct CreateInstancePost;

impl Operation for CreateInstancePost {
    const NAME: &'static str = "CreateInstancePost";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let placed = place(call, request, Charge::Postpaid).await?;
        let flow_id = placed.instance_ids.first().map_or(0, ids::flow_id);
        Ok(Answered::new(Operated::flowing(flow_id)))
    }
}
