//! DeleteSaslUser: takes a user of Kafka away.

use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::alikafka::sasl_words::{SaslType, sasl_type};

pub struct DeleteSaslUser;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    mechanism: Option<String>,
    #[serde(rename = "RegionId")]
    _region_id: String,
    r#type: Option<String>,
    username: String,
}

impl Operation for DeleteSaslUser {
    const NAME: &'static str = "DeleteSaslUser";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let name = request.username;
        // Who says of which kind the user is means no other.
        if given(request.r#type.as_ref()).is_some() {
            let wanted = sasl_type(request.r#type.as_ref(), request.mechanism.as_ref())?;
            let users = control.sasl_user_list(&cx, &id).await?;
            let is_meant = users
                .iter()
                .any(|user| user.name == name && SaslType::of(user) == wanted);
            if !is_meant {
                return Err(Error::not_found(Kind::User, name).into());
            }
        }
        Ok(control.sasl_user_delete(cx, &id, &name).await?)
    }
}
