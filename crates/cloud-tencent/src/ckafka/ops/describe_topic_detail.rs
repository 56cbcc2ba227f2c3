//! DescribeTopicDetail: the topics of a cluster with their settings.

use brokerage_control::topic::TopicView;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, ResourceId};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::{self, check_filters, given};
use crate::ckafka::convert::Tag;
use crate::ckafka::topics::{self, Config};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 20;
/// Largest `Limit`: what Terraform asks for; it takes a shorter page for the last one.
const LIMIT_MAX: i64 = 200;
/// Names of filters: that of the vendor's page, and two of ours.
const FILTERS: [&str; 3] = ["ReplicaNum", "TopicName", "TopicId"];
/// `ForwardStatus`: messages are not copied to object storage.
const NOT_FORWARDED: i64 = 1;

pub struct DescribeTopicDetail;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: String,
    search_word: Option<String>,
    offset: Option<i64>,
    limit: Option<i64>,
    acl_rule_name: Option<String>,
    order_by: Option<String>,
    order_type: Option<i64>,
    filters: Option<Vec<Filter>>,
    search_word_ignore_case_flag: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    values: Vec<String>,
}

/// `TopicDetailResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    topic_list: Vec<Detail>,
    total_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    topic_name: String,
    topic_id: String,
    partition_num: i32,
    replica_num: i16,
    note: String,
    create_time: i64,
    enable_white_list: bool,
    ip_white_list_count: usize,
    forward_cos_bucket: &'static str,
    forward_status: i64,
    forward_interval: i64,
    config: Config,
    retention_time_config: RetentionTime,
    status: i64,
    tags: Vec<Tag>,
}

/// `TopicRetentionTimeConfigRsp`, minutes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetentionTime {
    expect: i64,
    current: i64,
    mod_time_stamp: i64,
}

impl Operation for DescribeTopicDetail {
    const NAME: &'static str = "DescribeTopicDetail";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;
    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.instance_id);

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let id = InstanceId::new(request.instance_id.clone());
        let instance = control.instance_view(cx, &id).await?;
        let mut found = control.topic_list(cx, &id).await?;
        let filters = request.filters.as_deref().unwrap_or_default();
        check_filters(
            filters.iter().map(|f| (f.name.as_str(), f.values.len())),
            &FILTERS,
        )?;
        found.retain(|view| request.wants(&instance, view));
        request.sort(&instance, &mut found)?;
        let total_count = found.len();
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let topic_list = page
            .cut(found)
            .into_iter()
            .map(|view| detail(&instance, view))
            .collect();
        Ok(Answered::new(Found {
            topic_list,
            total_count,
        }))
    }
}

impl Request {
    fn wants(&self, instance: &Instance, view: &TopicView) -> bool {
        let ignore_case = self.search_word_ignore_case_flag.unwrap_or(false);
        let by_word = given(self.search_word.as_ref()).is_none_or(|word| {
            topics::matches_word(instance, view, word)
                || (ignore_case
                    && view
                        .topic
                        .name
                        .to_lowercase()
                        .contains(&word.to_lowercase()))
        });
        // No topic is bound to a preset ACL rule here.
        let by_rule = given(self.acl_rule_name.as_ref()).is_none();
        by_word
            && by_rule
            && self
                .filters
                .iter()
                .flatten()
                .all(|filter| filter.wants(instance, view))
    }

    /// `OrderType` 1 is the largest first. The newest first where nothing is said, as the vendor's page has it; where two
    /// are alike, by name.
    fn sort(&self, instance: &Instance, found: &mut [TopicView]) -> Result<(), CallError> {
        let largest_first = check::switch("OrderType", self.order_type.unwrap_or(0))?;
        match given(self.order_by.as_ref()) {
            None => {
                found.sort_by_key(|view| std::cmp::Reverse(topics::created_at(view)));
                return Ok(());
            }
            Some("CreateTime") => found.sort_by_key(topics::created_at),
            Some("PartitionNum") => found.sort_by_key(|view| view.topic.partitions),
            Some("MessageRetentionTime") => {
                found.sort_by_key(|view| Config::of(view, instance).retention);
            }
            Some(_) => {
                return Err(check::value(
                    "OrderBy",
                    "must be CreateTime, PartitionNum or MessageRetentionTime",
                ));
            }
        }
        if largest_first {
            found.reverse();
        }
        Ok(())
    }
}

impl Filter {
    /// Of those in [`FILTERS`].
    fn wants(&self, instance: &Instance, view: &TopicView) -> bool {
        match self.name.as_str() {
            "ReplicaNum" => self
                .values
                .contains(&view.topic.replication_factor.to_string()),
            "TopicName" => self.values.contains(&view.topic.name),
            "TopicId" => self.values.contains(&topics::topic_id(instance, view)),
            _ => false,
        }
    }
}

fn detail(instance: &Instance, view: TopicView) -> Detail {
    const MS_PER_MINUTE: i64 = 60_000;
    let config = Config::of(&view, instance);
    let minutes = config.retention / MS_PER_MINUTE;
    Detail {
        topic_id: topics::topic_id(instance, &view),
        partition_num: view.topic.partitions,
        replica_num: view.topic.replication_factor,
        note: topics::note(&view),
        create_time: topics::create_time(&view),
        enable_white_list: topics::white_list_enabled(&view),
        ip_white_list_count: topics::white_list(&view).len(),
        forward_cos_bucket: "",
        forward_status: NOT_FORWARDED,
        forward_interval: 0,
        config,
        retention_time_config: RetentionTime {
            expect: minutes,
            current: minutes,
            mod_time_stamp: topics::create_time(&view),
        },
        status: 0,
        tags: topics::tags(&view),
        topic_name: view.topic.name,
    }
}
