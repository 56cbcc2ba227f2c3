//! CreateUser: makes a user of Kafka.

use brokerage_control::sasl_user::{NewSaslUser, SaslUserPut};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use secrecy::SecretString;
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::{filled, not_allowed_empty};
use crate::ckafka::user_words::{check_name, check_password};

pub struct CreateUser;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    name: String,
    password: Option<String>,
}

impl Operation for CreateUser {
    const NAME: &'static str = "CreateUser";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        filled("Name", &request.name)?;
        // The page leaves it open; a user without one can do nothing.
        let password = request.password.filter(|password| !password.is_empty());
        let password = password.ok_or_else(|| not_allowed_empty("Password"))?;
        check_name(&request.name)?;
        check_password("Password", &password)?;
        let new = NewSaslUser {
            name: request.name,
            password: SecretString::from(password),
            mechanism: None,
        };
        let id = InstanceId::new(request.instance_id);
        control
            .sasl_user_put(cx, &id, new, SaslUserPut::Create)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
