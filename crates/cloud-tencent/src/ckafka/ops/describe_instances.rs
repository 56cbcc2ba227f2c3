//! DescribeInstances: the caller's clusters by id, name and state.

use brokerage_control::instance::InstanceFilter;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};
use crate::ckafka::check::given;
use crate::ckafka::convert;

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 10;
/// Largest `Limit`.
const LIMIT_MAX: i64 = 100;

pub struct DescribeInstances;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: Option<String>,
    search_word: Option<String>,
    status: Option<Vec<i64>>,
    offset: Option<i64>,
    limit: Option<i64>,
    tag_key: Option<String>,
    vpc_id: Option<String>,
}

/// `InstanceResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    instance_list: Vec<Entry>,
    total_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    instance_id: String,
    instance_name: String,
    status: i64,
    if_community: bool,
}

impl Operation for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Answered<Found>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let found = control
            .instance_page(cx, request.filter(), page.offset, page.size)
            .await?;
        Ok(Answered::new(Found {
            instance_list: found.instances.into_iter().map(entry).collect(),
            total_count: found.total,
        }))
    }
}

impl Request {
    /// `None` where everything is asked for.
    fn filter(&self) -> Option<InstanceFilter<'_>> {
        let texts = [
            &self.instance_id,
            &self.search_word,
            &self.tag_key,
            &self.vpc_id,
        ];
        let is_filtered = texts.iter().any(|text| given(text.as_ref()).is_some())
            || self
                .status
                .as_ref()
                .is_some_and(|states| !states.is_empty());
        let id = given(self.instance_id.as_ref());
        is_filtered.then(|| InstanceFilter {
            ids: id.map(|id| vec![InstanceId::new(id)]),
            passes: Box::new(|instance| self.wants(instance)),
        })
    }

    fn wants(&self, instance: &Instance) -> bool {
        let id = instance.id.as_str();
        let states = self.status.as_deref().unwrap_or_default();
        let network = instance
            .placement
            .as_ref()
            .map(|placement| placement.network_id.as_str());
        given(self.instance_id.as_ref()).is_none_or(|wanted| wanted == id)
            && given(self.search_word.as_ref())
                .is_none_or(|word| id.contains(word) || convert::name(instance).contains(word))
            && (states.is_empty() || states.contains(&convert::status(instance.phase)))
            && given(self.tag_key.as_ref()).is_none_or(|key| instance.tags.contains_key(key))
            && given(self.vpc_id.as_ref()).is_none_or(|wanted| network == Some(wanted))
    }
}

fn entry(instance: Instance) -> Entry {
    Entry {
        instance_id: instance.id.to_string(),
        status: convert::status(instance.phase),
        instance_name: convert::name(&instance).to_owned(),
        if_community: true,
    }
}
