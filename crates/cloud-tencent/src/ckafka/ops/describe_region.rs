//! DescribeRegion: the regions that sell.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation, RegionUse};
use brokerage_wire::params::Ignored;
use serde::{Deserialize, Serialize};

use crate::ckafka::answer::{Answered, page};

/// `Limit` where none is given, and the largest: more than there are regions.
const LIMIT_MAX: i64 = 100;

pub struct DescribeRegion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    offset: Option<i64>,
    limit: Option<i64>,
    /// Accepted without effect: one product is sold.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    business: Option<Ignored<String>>,
    /// Accepted without effect: there are no dedicated clusters.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    cdc_id: Option<Ignored<String>>,
}

/// `Region`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Region {
    region_id: i64,
    region_name: String,
    area_name: String,
    region_code: String,
    region_code_v3: String,
    support: &'static str,
    ipv6: i64,
    multi_zone: i64,
}

impl Operation for DescribeRegion {
    const NAME: &'static str = "DescribeRegion";
    const MODE: Mode = Mode::Read;
    const REGION: Option<RegionUse> = Some(RegionUse::Absent);
    type Request = Request;
    type Response = Answered<Vec<Region>>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let Call { control, cx } = &call;
        let catalog = control.catalog(cx.profile)?;
        let page = page(request.offset, request.limit, LIMIT_MAX, LIMIT_MAX);
        let region = |region: &brokerage_domain::catalog::Region| Region {
            region_id: region.number.map_or(0, i64::from),
            region_name: region.name.clone(),
            area_name: region.name.clone(),
            region_code: region.id.clone(),
            region_code_v3: region.id.clone(),
            support: "",
            ipv6: 0,
            multi_zone: i64::from(catalog.zones(&region.id).nth(1).is_some()),
        };
        Ok(Answered::new(
            page.cut(catalog.regions().iter().map(region)),
        ))
    }
}
