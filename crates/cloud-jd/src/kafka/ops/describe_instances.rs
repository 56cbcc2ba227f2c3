//! describeInstances: the caller's clusters in a region, the newest first.

use brokerage_control::instance::InstanceFilter;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use http::Method;
use serde::{Deserialize, Serialize};

use crate::kafka::convert::{InstanceView, charge_mode, status};
use crate::kafka::list::{Filter, FilterField, TagFilter, page, passes};

/// `pageSize` where none is given.
const PAGE_SIZE_DEFAULT: i64 = 10;

pub struct DescribeInstances;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(rename = "regionId")]
    _region_id: String,
    page_number: Option<i64>,
    page_size: Option<i64>,
    filters: Option<Vec<Filter>>,
    tag_filters: Option<Vec<TagFilter>>,
}

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

impl Request {
    /// `None` where everything is asked for.
    fn filter(&self) -> Result<Option<InstanceFilter<'_>>, CallError> {
        let filters = self.filters.as_deref().unwrap_or_default();
        let tags = self.tag_filters.as_deref().unwrap_or_default();
        let by_fields = passes(filters, FIELDS)?;
        if filters.is_empty() && tags.is_empty() {
            return Ok(None);
        }
        let ids = Filter::values_of(filters, "instanceId");
        Ok(Some(InstanceFilter {
            ids: ids.map(|ids| ids.iter().map(InstanceId::new).collect()),
            passes: Box::new(move |instance| {
                let by_tags = |TagFilter { key, values }: &TagFilter| {
                    let value = instance.tags.get(key);
                    value.is_some_and(|value| values.contains(value))
                };
                by_fields(instance) && tags.iter().all(by_tags)
            }),
        }))
    }
}

impl Operation for DescribeInstances {
    const NAME: &'static str = "describeInstances";
    const MODE: Mode = Mode::Read;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/v1/regions/{regionId}/instances";
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let page = page(request.page_number, request.page_size, PAGE_SIZE_DEFAULT)?;
        let found = control
            .instance_page(cx, request.filter()?, page.offset, page.size)
            .await?;
        let instances = found
            .instances
            .iter()
            .map(|instance| InstanceView::new(control, instance));
        Ok(Response {
            instances: instances.collect::<Result<_, _>>()?,
            total_count: found.total,
        })
    }
}
