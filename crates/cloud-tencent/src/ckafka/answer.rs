//! The forms that many of CKafka's answers share.

use brokerage_wire::page::Page;
use serde::Serialize;

/// An answer whose whole content stands under `Result`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answered<T> {
    result: T,
}

impl<T> Answered<T> {
    /// The answer with this content.
    pub const fn new(result: T) -> Self {
        Self { result }
    }
}

/// `JgwOperateResponse`: what most operations that change something answer. A failure never stands here: Terraform
/// takes a `ReturnCode` other than `"0"` for an error object that is not there, and ends.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Operated {
    return_code: &'static str,
    return_message: &'static str,
    data: Option<OperatedData>,
}

/// `OperateResponseData`. No route is ever made here, so that `RouteDTO` is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OperatedData {
    flow_id: i64,
}

impl Operated {
    /// Done, with nothing to wait for: `Data` is null.
    pub const fn done() -> Self {
        Self {
            return_code: "0",
            return_message: "ok",
            data: None,
        }
    }

    /// Under way: DescribeTaskStatus tells how far.
    pub const fn flowing(flow_id: i64) -> Self {
        Self {
            return_code: "0",
            return_message: "ok",
            data: Some(OperatedData { flow_id }),
        }
    }
}

/// The page that `Offset` and `Limit` name. What is below 0 counts as 0, what is above `limit_max` as that.
pub fn page(offset: Option<i64>, limit: Option<i64>, limit_default: i64, limit_max: i64) -> Page {
    let count = |value: i64| usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    Page::behind(
        count(offset.unwrap_or(0)),
        count(limit.unwrap_or(limit_default).min(limit_max)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_from_any_offset_and_never_longer_than_its_maximum() {
        let check = |offset, limit, expected: &[i32]| {
            assert_eq!(
                page(offset, limit, 2, 3).cut(0..5),
                expected,
                "{offset:?} {limit:?}"
            );
        };
        check(None, None, &[0, 1]);
        check(Some(4), Some(9), &[4]);
        check(Some(1), Some(9), &[1, 2, 3]);
        check(Some(9), None, &[]);
        check(Some(-1), Some(-1), &[]);
    }
}
