//! QueryAccountBalance: what the caller's account can spend.

use brokerage_domain::Error;
use brokerage_domain::catalog::Site;
use brokerage_domain::money::Money;
use brokerage_wire::fault::CallError;
use brokerage_wire::operation::{Call, Mode, Operation};
use serde::{Deserialize, Serialize};

use crate::bss::convert::amount_text;

pub struct QueryAccountBalance;

/// It has no parameters.
#[derive(Debug, Deserialize)]
pub struct Request {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    available_cash_amount: String,
    mybank_credit_amount: String,
    currency: &'static str,
    available_amount: String,
    credit_amount: String,
}

impl Operation for QueryAccountBalance {
    const NAME: &'static str = "QueryAccountBalance";
    // The vendor's spelling.
    const ACTION: &'static str = "DescribeAcccount";
    const MODE: Mode = Mode::Read;
    type Request = Request;
    type Response = Response;

    async fn call(call: Call, _request: Request) -> Result<Response, CallError> {
        let Call { control, cx } = &call;
        let site = Site::default();
        let currency = control.catalog(cx.profile)?.currency(site);
        let currency =
            currency.ok_or_else(|| Error::internal("the catalog has no currency for the site"))?;
        let balance = control.account_balance(cx.account(), currency).await?;
        let cash = balance
            .posted
            .checked_sub(balance.held)
            .map_err(Error::internal)?;
        Ok(Response {
            data: Data {
                available_cash_amount: amount_text(cash),
                mybank_credit_amount: amount_text(Money::ZERO),
                currency: currency.code(),
                available_amount: amount_text(balance.available()),
                credit_amount: amount_text(balance.credit_limit),
            },
        })
    }
}
