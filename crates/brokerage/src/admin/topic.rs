//! Topics and consumer groups of instances, for the operator.

use std::collections::BTreeMap;

use brokerage_control::Control;
use brokerage_control::topic::NewTopic;
use brokerage_domain::instance::Instance;
use brokerage_domain::notes::Notes;
use brokerage_domain::topic::Topic;
use serde_json::{Value, json};

use super::TopicAsk;

/// Replicas of a topic that says no number, where there are so many brokers.
const REPLICAS_DEFAULT: u32 = 3;

pub async fn create(control: &Control, instance: &str, ask: TopicAsk) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let topic = topic(&instance, ask);
    let made = json!({
        "instance_id": instance.id.as_str(),
        "topic": topic.name,
        "partitions": topic.partitions,
        "replication_factor": topic.replication_factor,
    });
    let new = NewTopic {
        topic,
        remark: String::new(),
        tags: Default::default(),
        allow_list: Default::default(),
        notes: Notes::default(),
    };
    let call = control.operator_call(&instance, "TopicCreate").await?;
    control.topic_create(call, &instance.id, new).await?;
    Ok(made)
}

/// The topic, with the instance's own settings where nothing is said.
fn topic(instance: &Instance, ask: TopicAsk) -> Topic {
    let settings = &instance.settings;
    let brokers = instance.plan.brokers.min(REPLICAS_DEFAULT);
    let usual = i16::try_from(brokers).unwrap_or(1);
    Topic {
        name: ask.name,
        partitions: ask.partitions.or(settings.partitions).unwrap_or(1),
        replication_factor: ask
            .replication_factor
            .or(settings.replication_factor)
            .unwrap_or(usual),
        configs: ask.configs,
    }
}

pub async fn list(control: &Control, instance: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "TopicList").await?;
    let topics = control.topic_list(&call, &instance.id).await?;
    let rows = topics.iter().map(|view| {
        json!({
            "topic": view.topic.name,
            "partitions": view.topic.partitions,
            "replication_factor": view.topic.replication_factor,
            "configs": view.topic.configs,
            "remark": view.record.as_ref().map_or("", |record| &record.remark),
        })
    });
    Ok(Value::Array(rows.collect()))
}

pub async fn delete(control: &Control, instance: &str, name: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "TopicDelete").await?;
    control.topic_delete(call, &instance.id, name).await?;
    Ok(json!({ "topic": name, "deleted": true }))
}

pub async fn group_list(control: &Control, instance: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "GroupList").await?;
    let groups = control.group_list(&call, &instance.id).await?;
    let rows = groups.iter().map(|group| {
        json!({
            "group": group.listed.id,
            "state": group.listed.state,
            "protocol": group.listed.kind,
            "protocol_type": group.listed.protocol_type,
        })
    });
    Ok(Value::Array(rows.collect()))
}

pub async fn group_show(control: &Control, instance: &str, name: &str) -> anyhow::Result<Value> {
    let instance = control.instance_find(instance).await?;
    let call = control.operator_call(&instance, "GroupShow").await?;
    let view = control.group_view(&call, &instance.id, name).await?;
    let members = view.group.members.iter().map(|member| {
        json!({
            "member": member.id,
            "client": member.client_id,
            "host": member.client_host,
            "assigned": member.assigned.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    });
    let positions = view.positions.iter().map(|at| {
        json!({
            "topic": at.topic,
            "partition": at.partition,
            "offset": at.offset,
            "end": at.end,
            "lag": at.lag(),
        })
    });
    Ok(json!({
        "group": view.group.id,
        "state": view.group.state,
        "assignor": view.group.assignor,
        "members": members.collect::<Vec<_>>(),
        "positions": positions.collect::<Vec<_>>(),
    }))
}
