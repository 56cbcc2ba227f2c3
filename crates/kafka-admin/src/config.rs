//! Settings of topics and brokers.

use kafka_protocol::{
    messages::{
        DescribeConfigsRequest, IncrementalAlterConfigsRequest,
        describe_configs_request::DescribeConfigsResource,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    },
    protocol::{Request, StrBytes},
};

use crate::{
    AdminError, Client, KafkaError,
    client::{only, refused},
    error::check,
};

const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;

/// The settings of all brokers together (`ConfigResource` of type BROKER with an empty name).
pub const ALL_BROKERS: ConfigResource<'static> = ConfigResource {
    resource_type: RESOURCE_BROKER,
    name: "",
};

/// What has settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigResource<'a> {
    resource_type: i8,
    name: &'a str,
}

impl<'a> ConfigResource<'a> {
    /// A topic.
    pub fn topic(name: &'a str) -> Self {
        Self {
            resource_type: RESOURCE_TOPIC,
            name,
        }
    }

    /// A broker, by its id in words.
    pub fn broker(id: &'a str) -> Self {
        Self {
            resource_type: RESOURCE_BROKER,
            name: id,
        }
    }
}

/// Where a value comes from (KIP-226).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// It was set for this topic.
    Topic,
    /// It was set for this broker while it ran.
    Broker,
    /// It was set for all brokers while they ran.
    AllBrokers,
    /// It stands in the broker's settings file.
    BrokerFile,
    /// Nobody set it.
    Default,
    /// Something that this client does not know, by Kafka's number.
    Other(i8),
}

impl From<i8> for ConfigSource {
    fn from(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::AllBrokers,
            4 => Self::BrokerFile,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` where it is not shown.
    pub value: Option<String>,
    /// Where that comes from.
    pub source: ConfigSource,
    /// Whether nobody can change it.
    pub is_read_only: bool,
}

/// What becomes of one setting (KIP-339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigChange<'a> {
    /// It is this from now on.
    Set(&'a str),
    /// It is the default again.
    Delete,
    /// The list has these, too.
    Append(&'a str),
    /// The list has these no more.
    Subtract(&'a str),
}

/// A change of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlterConfig<'a> {
    /// Its name.
    pub name: &'a str,
    /// What becomes of it.
    pub change: ConfigChange<'a>,
}

impl Client {
    /// The settings of each resource, in the order asked, or why they are not described. `names`: only these; all
    /// otherwise.
    ///
    /// # Errors
    /// [`AdminError`] if nothing is described.
    pub async fn configs_describe(
        &mut self,
        resources: &[ConfigResource<'_>],
        names: Option<&[&str]>,
    ) -> Result<Vec<Result<Vec<ConfigEntry>, KafkaError>>, AdminError> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let names: Option<Vec<StrBytes>> =
            names.map(|names| names.iter().map(|name| text(name)).collect());
        let asked = resources.iter().map(|resource| {
            DescribeConfigsResource::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(text(resource.name))
                .with_configuration_keys(names.clone())
        });
        let request = DescribeConfigsRequest::default().with_resources(asked.collect());
        let mut described = self.call(&request).await?.results;
        let mut answers = Vec::with_capacity(resources.len());
        for resource in resources {
            let is_of = |answer: &kafka_protocol::messages::describe_configs_response::DescribeConfigsResult| {
                answer.resource_type == resource.resource_type
                    && answer.resource_name.as_str() == resource.name
            };
            // Answers come in the order of the questions, as a rule.
            let at = described
                .iter()
                .position(is_of)
                .ok_or(AdminError::Malformed {
                    key: DescribeConfigsRequest::KEY,
                    reason: format!("nothing is said of {:?}", resource.name),
                })?;
            let answer = described.remove(at);
            let entries = answer.configs.into_iter().map(|config| ConfigEntry {
                name: config.name.to_string(),
                value: config.value.map(|value| value.to_string()),
                source: config.config_source.into(),
                is_read_only: config.read_only,
            });
            let refusal = check(answer.error_code, answer.error_message.as_deref());
            answers.push(refusal.map(|()| entries.collect()));
        }
        Ok(answers)
    }

    /// Changes some settings of one resource and leaves the others.
    ///
    /// # Errors
    /// [`AdminError`]; INVALID_CONFIG and others of IncrementalAlterConfigs.
    pub async fn configs_alter(
        &mut self,
        resource: ConfigResource<'_>,
        changes: &[AlterConfig<'_>],
    ) -> Result<(), AdminError> {
        self.configs_send(resource, changes, false).await
    }

    /// Whether [`Client::configs_alter`] would make these changes; none is made.
    ///
    /// # Errors
    /// As [`Client::configs_alter`].
    pub async fn configs_check(
        &mut self,
        resource: ConfigResource<'_>,
        changes: &[AlterConfig<'_>],
    ) -> Result<(), AdminError> {
        self.configs_send(resource, changes, true).await
    }

    async fn configs_send(
        &mut self,
        resource: ConfigResource<'_>,
        changes: &[AlterConfig<'_>],
        validate_only: bool,
    ) -> Result<(), AdminError> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let configs = changes.iter().map(|change| {
            let (operation, value) = match change.change {
                ConfigChange::Set(value) => (0, Some(value)),
                ConfigChange::Delete => (1, None),
                ConfigChange::Append(value) => (2, Some(value)),
                ConfigChange::Subtract(value) => (3, Some(value)),
            };
            AlterableConfig::default()
                .with_name(text(change.name))
                .with_config_operation(operation)
                .with_value(value.map(text))
        });
        let resource = AlterConfigsResource::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(text(resource.name))
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default()
            .with_validate_only(validate_only)
            .with_resources(vec![resource]);
        let answer = self.call(&request).await?;
        let altered = only(IncrementalAlterConfigsRequest::KEY, answer.responses)?;
        refused(altered.error_code, altered.error_message.as_deref())
    }
}
