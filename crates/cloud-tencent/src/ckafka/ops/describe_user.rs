//! DescribeUser: the users of a cluster's Kafka.

use brokerage_control::sasl_user::SaslUserView;
use brokerage_domain::clock::Moment;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;
use crate::ckafka::convert::time_text;

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`. The page says 50; Terraform asks for 100 and takes a shorter page for the last one.
const LIMIT_MAX: i64 = 100;

pub struct DescribeUser;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    search_word: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
}

/// `UserResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    users: Vec<User>,
    total_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    user_id: i64,
    name: String,
    create_time: String,
    update_time: String,
}

/// Of a user that a Kafka client made nobody knows when: `made_before` is the earliest that it can have been.
fn shown(user: SaslUserView, made_before: Moment) -> User {
    let known = user.known;
    let created_at = known.as_ref().map_or(made_before, |known| known.created_at);
    let updated_at = known.map_or(made_before, |known| known.updated_at);
    User {
        // Ours: the vendor's numbers mean nothing outside. The moment of its making tells users apart.
        user_id: created_at.millis(),
        name: user.name,
        create_time: time_text(created_at.seconds()),
        update_time: time_text(updated_at.seconds()),
    }
}

impl Operation for DescribeUser {
    const NAME: &'static str = "DescribeUser";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(cx, &id).await?;
        let mut users = control.sasl_user_list(cx, &id).await?;
        let word = given(request.search_word.as_ref());
        users.retain(|user| word.is_none_or(|word| user.name.contains(word)));
        let total_count = users.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let users = page.cut(users).into_iter();
        Ok(Answered::new(Found {
            users: users.map(|user| shown(user, instance.created_at)).collect(),
            total_count,
        }))
    }
}
