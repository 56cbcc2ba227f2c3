//! CreateSaslUser: makes a user of Kafka, or gives one that is there another password.

use brokerage_control::sasl_user::{NewSaslUser, SaslUserPut};
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use secrecy::SecretString;
use serde::Deserialize;

use crate::alikafka::sasl_words::sasl_type;

pub struct CreateSaslUser;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    mechanism: Option<String>,
    password: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    r#type: Option<String>,
    username: String,
}

impl Operation for CreateSaslUser {
    const NAME: &'static str = "CreateSaslUser";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let kind = sasl_type(request.r#type.as_ref(), request.mechanism.as_ref())?;
        let new = NewSaslUser {
            name: request.username,
            password: SecretString::from(request.password),
            mechanism: kind.mechanism(),
        };
        let id = InstanceId::new(request.instance_id);
        Ok(control
            .sasl_user_put(cx, &id, new, SaslUserPut::Replace)
            .await?)
    }
}
