//! DescribeTopicProduceConnection: who produces to a topic.

use brokerage_domain::id::InstanceId;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::Answered;
use crate::ckafka::convert::time_text;

const MS_PER_SECOND: i64 = 1_000;

pub struct DescribeTopicProduceConnection;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    topic_name: String,
}

/// `DescribeConnectInfoResultDTO`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Connection {
    ip_addr: String,
    /// When it last produced: how long a connection has been open nobody counts.
    time: String,
    /// What a cluster serves it serves in a version that it supports.
    is_un_support_version: bool,
}

impl Operation for DescribeTopicProduceConnection {
    const NAME: &'static str = "DescribeTopicProduceConnection";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Vec<Connection>>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id);
        let seen = control
            .topic_producer_list(cx, &id, &request.topic_name)
            .await?;
        let connections = seen.into_iter().map(|seen| Connection {
            ip_addr: seen.address.to_string(),
            time: time_text(seen.produced_ms.div_euclid(MS_PER_SECOND)),
            is_un_support_version: false,
        });
        Ok(Answered::new(connections.collect()))
    }
}
