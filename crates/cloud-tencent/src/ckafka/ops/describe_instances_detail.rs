//! DescribeInstancesDetail: the caller's clusters with what was bought and where they answer.

use brokerage_control::Control;
use brokerage_control::instance::InstanceFilter;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::page;
use crate::ckafka::check::{check_filters, given};
use crate::ckafka::convert::{self, Tag, VipEntity};

/// `Limit` where none is given.
const LIMIT_DEFAULT: i64 = 10;
/// Largest `Limit`. The page says 20; Terraform asks for 100 and takes a shorter page for the last one, so that
/// cutting it would lose rows.
const LIMIT_MAX: i64 = 100;

/// Names of filters: those of the vendor's page, and what else lists show.
const FILTERS: [&str; 11] = [
    "Ip",
    "VpcId",
    "SubNetId",
    "InstanceType",
    "InstanceId",
    "SubnetId",
    "InstanceName",
    "Status",
    "Version",
    "VersionFilter",
    "ZoneId",
];

pub struct DescribeInstancesDetail;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_id: Option<String>,
    search_word: Option<String>,
    status: Option<Vec<i64>>,
    offset: Option<i64>,
    limit: Option<i64>,
    tag_key: Option<String>,
    filters: Option<Vec<Filter>>,
    instance_ids: Option<String>,
    instance_id_list: Option<Vec<String>>,
    tag_list: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    values: Vec<String>,
}

/// `Result` of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    result: Found,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    total_count: usize,
    instance_list: Vec<Detail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    instance_id: String,
    instance_name: String,
    vip: String,
    vport: String,
    vip_list: Vec<VipEntity>,
    status: i64,
    bandwidth: i64,
    disk_size: i64,
    zone_id: i64,
    vpc_id: String,
    subnet_id: String,
    renew_flag: i64,
    healthy: i64,
    healthy_message: String,
    create_time: i64,
    expire_time: i64,
    is_internal: i64,
    topic_num: i64,
    tags: Vec<Tag>,
    version: String,
    zone_ids: Vec<i64>,
    cvm: i64,
    instance_type: String,
    disk_type: String,
    max_topic_number: i64,
    max_partition_number: i64,
    rebalance_time: String,
    partition_number: i64,
    public_network_charge_type: &'static str,
    public_network: i64,
    cluster_type: &'static str,
    features: Vec<String>,
    retention_bytes: i64,
}

impl Operation for DescribeInstancesDetail {
    const NAME: &'static str = "DescribeInstancesDetail";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let page = page(request.offset, request.limit, LIMIT_DEFAULT, LIMIT_MAX);
        let filters = request.filters.as_deref().unwrap_or_default();
        check_filters(
            filters.iter().map(|f| (f.name.as_str(), f.values.len())),
            &FILTERS,
        )?;
        let found = control
            .instance_page(cx, request.filter(control), page.offset, page.size)
            .await?;
        let mut instance_list = Vec::with_capacity(found.instances.len());
        for instance in found.instances {
            instance_list.push(detail(&call, instance).await?);
        }
        Ok(Response {
            result: Found {
                total_count: found.total,
                instance_list,
            },
        })
    }
}

impl Request {
    /// `None` where everything is asked for.
    fn filter<'a>(&'a self, control: &'a Control) -> Option<InstanceFilter<'a>> {
        let texts = [
            &self.instance_id,
            &self.search_word,
            &self.tag_key,
            &self.instance_ids,
        ];
        let is_filtered = texts.iter().any(|text| given(text.as_ref()).is_some())
            || self.status.as_ref().is_some_and(|list| !list.is_empty())
            || self.filters.as_ref().is_some_and(|list| !list.is_empty())
            || self.tag_list.as_ref().is_some_and(|list| !list.is_empty())
            || self
                .instance_id_list
                .as_ref()
                .is_some_and(|list| !list.is_empty());
        is_filtered.then(|| InstanceFilter {
            ids: self.ids(),
            passes: Box::new(|instance| self.wants(control, instance)),
        })
    }

    /// The ids of which every answer is one, if some are named.
    fn ids(&self) -> Option<Vec<InstanceId>> {
        if let Some(id) = given(self.instance_id.as_ref()) {
            return Some(vec![InstanceId::new(id)]);
        }
        if let Some(list) = given(self.instance_ids.as_ref()) {
            let ids = list.split(',').map(|id| InstanceId::new(id.trim()));
            return Some(ids.collect());
        }
        let list = self
            .instance_id_list
            .as_ref()
            .filter(|list| !list.is_empty());
        let by_filter = self
            .filters
            .iter()
            .flatten()
            .find(|filter| filter.name == "InstanceId");
        let named = list.or(by_filter.map(|filter| &filter.values));
        named.map(|ids| ids.iter().map(InstanceId::new).collect())
    }

    fn wants(&self, control: &Control, instance: &Instance) -> bool {
        let id = instance.id.as_str();
        let by_id = given(self.instance_id.as_ref()).is_none_or(|wanted| wanted == id);
        let by_ids = given(self.instance_ids.as_ref())
            .is_none_or(|list| list.split(',').any(|wanted| wanted.trim() == id));
        let list = self.instance_id_list.as_deref().unwrap_or_default();
        let by_list = list.is_empty() || list.iter().any(|wanted| wanted == id);
        let by_word = given(self.search_word.as_ref()).is_none_or(|word| has_word(instance, word));
        let states = self.status.as_deref().unwrap_or_default();
        let by_status = states.is_empty() || states.contains(&convert::status(instance.phase));
        let by_key = given(self.tag_key.as_ref()).is_none_or(|key| instance.tags.contains_key(key));
        let wanted_tags = self.tag_list.as_deref().unwrap_or_default();
        let by_tags = wanted_tags
            .iter()
            .all(|tag| instance.tags.get(&tag.tag_key) == Some(&tag.tag_value));
        let filters = self.filters.as_deref().unwrap_or_default();
        by_id
            && by_ids
            && by_list
            && by_word
            && by_status
            && by_key
            && by_tags
            && filters.iter().all(|f| f.wants(control, instance))
    }
}

impl Filter {
    /// Of those in [`FILTERS`].
    fn wants(&self, control: &Control, instance: &Instance) -> bool {
        let has = |text: &str| self.values.iter().any(|value| value == text);
        let placement = instance.placement.as_ref();
        match self.name.as_str() {
            "InstanceId" => has(instance.id.as_str()),
            "InstanceName" => self
                .values
                .iter()
                .any(|value| convert::name(instance).contains(value)),
            "Ip" => convert::vips(control, instance)
                .iter()
                .any(|vip| has(&vip.vip)),
            "VpcId" => placement.is_some_and(|placement| has(placement.network_id.as_str())),
            "SubNetId" | "SubnetId" => {
                placement.is_some_and(|placement| has(placement.subnet_id.as_str()))
            }
            "InstanceType" => has(convert::instance_type(instance)),
            "Status" => has(&convert::status(instance.phase).to_string()),
            "VersionFilter" | "Version" => has(&instance.plan.version),
            "ZoneId" => convert::zone_ids(instance)
                .iter()
                .any(|zone| has(&zone.to_string())),
            _ => false,
        }
    }
}

/// `SearchWord`: a part of the name, the id, a zone, the VPC's id or the subnet's.
fn has_word(instance: &Instance, word: &str) -> bool {
    let placement = instance.placement.as_ref();
    let placed = placement.into_iter().flat_map(|placement| {
        let ids = [placement.network_id.as_str(), placement.subnet_id.as_str()];
        ids.into_iter()
            .chain(placement.zones.iter().map(String::as_str))
    });
    [instance.id.as_str(), convert::name(instance)]
        .into_iter()
        .chain(placed)
        .any(|text| text.contains(word))
}

async fn detail(call: &Call, instance: Instance) -> Result<Detail, CallError> {
    let control = &call.control;
    let used = control.topic_usage(&instance).await?;
    let figures = convert::figures(&instance);
    let vip_list = convert::vips(control, &instance);
    let zone_ids = convert::zone_ids(&instance);
    let placement = instance.placement.as_ref();
    Ok(Detail {
        instance_id: instance.id.to_string(),
        instance_name: convert::name(&instance).to_owned(),
        vip: vip_list
            .first()
            .map(|vip| vip.vip.clone())
            .unwrap_or_default(),
        vport: vip_list
            .first()
            .map(|vip| vip.vport.clone())
            .unwrap_or_default(),
        status: convert::status(instance.phase),
        bandwidth: figures.bandwidth_mbit,
        disk_size: instance.plan.bought.disk_gb,
        zone_id: zone_ids.first().copied().unwrap_or_default(),
        vpc_id: placement
            .map(|placement| placement.network_id.to_string())
            .unwrap_or_default(),
        subnet_id: placement
            .map(|placement| placement.subnet_id.to_string())
            .unwrap_or_default(),
        renew_flag: convert::renew_flag(&instance),
        healthy: convert::healthy(instance.phase),
        healthy_message: instance.failure.clone().unwrap_or_default(),
        create_time: instance.created_at.seconds(),
        expire_time: convert::expire_time(&instance),
        is_internal: 0,
        topic_num: convert::count(used.topics),
        tags: convert::tags(&instance.tags),
        version: instance.plan.version.clone(),
        cvm: convert::cvm(&instance),
        instance_type: convert::instance_type(&instance).to_owned(),
        disk_type: convert::disk_type(&instance),
        max_topic_number: figures.topics_max,
        max_partition_number: figures.partitions_max,
        rebalance_time: convert::rebalance_time(&instance),
        partition_number: convert::count(used.partitions),
        public_network_charge_type: "BANDWIDTH_POSTPAID_BY_HOUR",
        public_network: convert::public_network(&instance),
        cluster_type: convert::CLUSTER_TYPE,
        features: Vec::new(),
        retention_bytes: convert::retention_bytes(&instance),
        vip_list,
        zone_ids,
    })
}
