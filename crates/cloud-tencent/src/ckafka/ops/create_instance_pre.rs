//! CreateInstancePre: buys clusters for months in advance, by the rules of CreatePostPaidInstance.

use brokerage_domain::catalog::Terms;
use brokerage_domain::order::Charge;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use brokerage_wire::params::Ignored;
use serde::Deserialize;

use super::create_post_paid_instance as post;
use crate::ckafka::answer::{Answered, Deal};
use crate::ckafka::check;
use crate::ckafka::convert::Tag;

/// `RenewFlag`: renewed by itself.
const RENEWS: i64 = 1;
/// Months of each automatic renewal: the vendor's page names none.
const RENEW_MONTHS: u32 = 1;

pub struct CreateInstancePre;

/// Parameters, as in the vendor's SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    instance_name: String,
    zone_id: i64,
    period: String,
    instance_type: i64,
    vpc_id: String,
    subnet_id: String,
    msg_retention_time: Option<i64>,
    cluster_id: Option<Ignored<i64>>,
    renew_flag: Option<i64>,
    kafka_version: Option<String>,
    specifications_type: Option<String>,
    disk_size: Option<i64>,
    band_width: Option<i64>,
    partition: Option<i64>,
    tags: Option<Vec<Tag>>,
    disk_type: Option<String>,
    multi_zone_flag: Option<bool>,
    zone_ids: Option<Vec<i64>>,
    public_network_monthly: Option<i64>,
    instance_num: Option<i64>,
    /// Accepted without effect: there are no vouchers.
    #[expect(dead_code, reason = "stands under [ignored] in its calls")]
    auto_voucher: Option<Ignored<i64>>,
    elastic_bandwidth_switch: Option<i64>,
    #[serde(rename = "CustomSSLCertId")]
    custom_ssl_cert_id: Option<String>,
    store_quantity_type: Option<Ignored<i64>>,
}

impl Operation for CreateInstancePre {
    const NAME: &'static str = "CreateInstancePre";
    const MODE: Mode = Mode::Write;
    type Request = Request;
    type Response = Answered<Deal>;

    async fn call(call: Call, request: Request) -> Result<Self::Response, CallError> {
        let terms = call.control.catalog(call.cx.profile)?.terms();
        let charge = charge(&request, terms)?;
        let placed = post::place(call, request.postpaid(), charge).await?;
        Ok(Answered::new(Deal::placed(&placed)))
    }
}

impl Request {
    /// The same purchase, by the hour.
    fn postpaid(self) -> post::Request {
        post::Request {
            vpc_id: self.vpc_id,
            subnet_id: self.subnet_id,
            instance_name: Some(self.instance_name),
            instance_type: Some(self.instance_type),
            msg_retention_time: self.msg_retention_time,
            cluster_id: self.cluster_id,
            kafka_version: self.kafka_version,
            specifications_type: self.specifications_type,
            disk_type: self.disk_type,
            band_width: self.band_width,
            disk_size: self.disk_size,
            partition: self.partition,
            topic_num: None,
            zone_id: Some(self.zone_id),
            multi_zone_flag: self.multi_zone_flag,
            zone_ids: self.zone_ids,
            instance_num: self.instance_num,
            public_network_monthly: self.public_network_monthly,
            tags: self.tags,
            elastic_bandwidth_switch: self.elastic_bandwidth_switch,
            custom_ssl_cert_id: self.custom_ssl_cert_id,
            store_quantity_type: self.store_quantity_type,
        }
    }
}

fn charge(request: &Request, terms: &Terms) -> Result<Charge, CallError> {
    check::filled("Period", &request.period)?;
    let months = check::period("Period", &request.period, terms)?;
    let renew_months = match request.renew_flag.unwrap_or(0) {
        RENEWS => Some(RENEW_MONTHS),
        // Not by itself: nothing said, or said so.
        0 | 2 => None,
        _ => return Err(check::value("RenewFlag", "must be 0, 1 or 2")),
    };
    Ok(Charge::prepaid(months, renew_months))
}
