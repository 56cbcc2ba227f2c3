//! UpdateTopicConfig: changes the settings of a topic, one of them or all.

use brokerage_control::topic_edit::TopicEdit;
use brokerage_domain::Error;
use brokerage_domain::error::Kind;
use brokerage_domain::id::InstanceId;
use brokerage_domain::notes::Notes;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use brokerage_wire::params::given;
use serde::Deserialize;

use crate::alikafka::fault::field;
use crate::alikafka::notes::TopicNotes;
use crate::alikafka::topic_config::{MIN_INSYNC_REPLICAS, TopicConfig, shown};

pub struct UpdateTopicConfig;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    config: String,
    instance_id: String,
    #[serde(rename = "RegionId")]
    _region_id: String,
    topic: String,
    value: String,
    /// All settings as one JSON text. No model has it; Terraform sends it, with placeholders in the other two.
    configs: Option<String>,
}

impl Operation for UpdateTopicConfig {
    const NAME: &'static str = "UpdateTopicConfig";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = ();
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<(), CallError> {
        let Call { control, cx } = call;
        let id = InstanceId::new(request.instance_id);
        let instance = control.instance_view(&cx, &id).await?;
        let topics = control.topic_list(&cx, &id).await?;
        let view = topics
            .into_iter()
            .find(|view| view.topic.name == request.topic);
        let view = view.ok_or_else(|| Error::not_found(Kind::Topic, &request.topic))?;
        let before = shown(&view);
        let config = match given(request.configs.as_ref()) {
            Some(all) => TopicConfig::read(Some(all.to_owned()), &instance.plan)?,
            None => {
                let one = serde_json::json!({ request.config: request.value }).to_string();
                let one = TopicConfig::read(Some(one), &instance.plan)?;
                one.over(&before, &instance.plan)?
            }
        };
        let replicas = view.topic.replication_factor;
        let insync = config.settings.get(MIN_INSYNC_REPLICAS);
        let insync = insync.and_then(|text| text.parse::<i16>().ok());
        if insync.is_some_and(|insync| insync > config.replicas.unwrap_or(replicas)) {
            let reason = format!("{MIN_INSYNC_REPLICAS} must be from 1 to the {replicas} replicas");
            return Err(field("Config", reason));
        }
        let notes = TopicNotes {
            config: Some(config.text()?),
            ..TopicNotes::of(&view)
        };
        let edit = TopicEdit {
            configs: config.changes(&before),
            replication_factor: config.replicas,
            notes: Notes::of(&notes),
            ..TopicEdit::default()
        };
        Ok(control.topic_edit(cx, &id, &request.topic, edit).await?)
    }
}
