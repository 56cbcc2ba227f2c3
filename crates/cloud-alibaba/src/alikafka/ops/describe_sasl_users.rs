//! DescribeSaslUsers: the users of a cluster, with the passwords that they were given here. Terraform makes a user anew at
//! every plan where its password does not come back.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::alikafka::sasl_words::SaslType;

pub struct DescribeSaslUsers;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    sasl_user_list: SaslUserList,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SaslUserList {
    #[serde(rename = "SaslUserVO")]
    sasl_user_vo: Vec<SaslUserVo>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SaslUserVo {
    /// Of `scram` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    mechanism: Option<&'static str>,
    /// Empty for a user that a Kafka client made: nobody knows it.
    password: String,
    r#type: &'static str,
    username: String,
}

impl Operation for DescribeSaslUsers {
    const NAME: &'static str = "DescribeSaslUsers";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let users = control.sasl_user_list(cx, &id).await?;
        let shown = users.into_iter().map(|user| {
            let kind = SaslType::of(&user);
            let known = user.known;
            SaslUserVo {
                mechanism: kind.mechanism().map(|only| only.name()),
                password: known.map_or_else(String::new, |known| {
                    known.password.expose_secret().to_owned()
                }),
                r#type: kind.word(),
                username: user.name,
            }
        });
        Ok(Response {
            sasl_user_list: SaslUserList {
                sasl_user_vo: shown.collect(),
            },
        })
    }
}
