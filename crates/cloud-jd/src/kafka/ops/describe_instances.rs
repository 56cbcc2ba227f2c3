//! describeInstances: the caller's clusters in a region, the newest first.

use std::cmp::Reverse;

use brokerage_domain::instance::{Instance, Phase};
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::convert::{InstanceView, charge_mode, status};
use crate::kafka::ids;
use crate::kafka::list::{Filter, FilterField, Page, TagFilter, retain};

/// `pageSize` where none is given.
const PAGE_SIZE_DEFAULT: i64 = 10;

/// The operation.
pub struct DescribeInstances;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    region_id: String,
    page_number: Option<i64>,
    page_size: Option<i64>,
    filters: Option<Vec<Filter>>,
    tag_filters: Option<Vec<TagFilter>>,
}

/// `result` of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    instances: Vec<InstanceView>,
    total_count: usize,
}

/// What the list can be filtered by (SDK text of `filters`).
const FIELDS: &[FilterField<Instance>] = &[
    FilterField {
        name: "instanceId",
        many: true,
        agrees: |instance, value| instance.id.as_str() == value,
    },
    FilterField {
        name: "instanceVersion",
        many: false,
        agrees: |instance, value| instance.plan.version == value,
    },
    FilterField {
        name: "instanceName",
        many: false,
        agrees: |instance, value| instance.name.contains(value),
    },
    FilterField {
        name: "instanceStatus",
        many: true,
        agrees: |instance, value| status(instance.phase) == value,
    },
    FilterField {
        name: "chargeMode",
        many: false,
        agrees: |instance, value| charge_mode(instance) == value,
    },
];

impl Operation for DescribeInstances {
    const NAME: &'static str = "describeInstances";
    const ACTION: &'static str = "kafka:describeInstances";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/instances";
    const CALLS_PER_SECOND: u32 = super::super::CALLS_PER_SECOND;
    type Request = Request;
    type Response = Response;

    fn resource(request: &Request) -> Option<String> {
        Some(ids::instance_resource(&request.region_id, "*"))
    }

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let page = Page::asked(request.page_number, request.page_size, PAGE_SIZE_DEFAULT)?;
        let mut found = control.instance_list(cx).await?;
        found.retain(|instance| !matches!(instance.phase, Phase::Released | Phase::Gone));
        retain(
            &mut found,
            request.filters.as_deref().unwrap_or_default(),
            FIELDS,
        )?;
        for TagFilter { key, values } in request.tag_filters.iter().flatten() {
            found.retain(|instance| {
                instance
                    .tags
                    .get(key)
                    .is_some_and(|value| values.contains(value))
            });
        }
        found.sort_by_key(|instance| Reverse(instance.created_at));
        let total_count = found.len();
        let shown = page.of(found);
        let instances = shown
            .iter()
            .map(|instance| InstanceView::new(control, instance));
        Ok(Response {
            instances: instances.collect::<Result<_, _>>()?,
            total_count,
        })
    }
}
