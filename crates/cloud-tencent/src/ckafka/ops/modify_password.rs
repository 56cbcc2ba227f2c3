//! ModifyPassword: gives a user of Kafka another password, if the caller knows the present one.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use secrecy::SecretString;
use serde::Deserialize;

use crate::ckafka::answer::{Answered, Operated};
use crate::ckafka::check::filled;
use crate::ckafka::user_words::check_password;

pub struct ModifyPassword;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    name: String,
    password: String,
    password_new: String,
}

impl Operation for ModifyPassword {
    const NAME: &'static str = "ModifyPassword";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Operated>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = call;
        filled("PasswordNew", &request.password_new)?;
        check_password("PasswordNew", &request.password_new)?;
        let id = InstanceId::new(request.instance_id);
        let (present, new) = (request.password, request.password_new);
        let (present, new) = (SecretString::from(present), SecretString::from(new));
        control
            .sasl_user_password_change(cx, &id, &request.name, &present, new)
            .await?;
        Ok(Answered::new(Operated::done()))
    }
}
