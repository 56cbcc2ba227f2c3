//! QueryProductList: what can be ordered here.

use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::bss::convert::{PRODUCT_CODE, Subscription, page};

pub struct QueryProductList;

/// Parameters, as on the vendor's page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    page_num: i64,
    page_size: Option<i64>,
    query_total_count: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    page_num: usize,
    page_size: usize,
    total_count: Option<usize>,
    product_list: Products,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Products {
    product: Vec<Product>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Product {
    product_code: &'static str,
    product_type: &'static str,
    subscription_type: &'static str,
    product_name: &'static str,
}

impl Operation for QueryProductList {
    const NAME: &'static str = "QueryProductList";
    const ACTION: &'static str = "DescribeProductList";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(_call: Call, request: Request) -> Result<Response, CallError> {
        let page = page(Some(request.page_num), request.page_size)?;
        let product = |subscription: Subscription| Product {
            product_code: PRODUCT_CODE,
            product_type: subscription.product_type(),
            subscription_type: subscription.word(),
            product_name: subscription.product_name(),
        };
        Ok(Response {
            data: Data {
                page_num: page.number,
                page_size: page.size,
                total_count: request
                    .query_total_count
                    .unwrap_or(false)
                    .then_some(Subscription::ALL.len()),
                product_list: Products {
                    product: page.cut(Subscription::ALL.map(product)),
                },
            },
        })
    }
}
