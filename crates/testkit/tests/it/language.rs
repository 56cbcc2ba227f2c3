//! Whoever asks for Chinese in its vendor's way reads refusals in Chinese; everybody else reads English.

use brokerage_testkit::{Plane, PlaneOptions};
use brokerage_wire::WireRequest;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What an unsigned call is told, with these headers.
async fn told(plane: &Plane, target: &str, headers: &[(&'static str, &'static str)]) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in [("host", "h")].iter().chain(headers) {
        map.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let request = WireRequest::new(Method::GET, target, map, Bytes::new());
    plane.send(&request.expect("a request")).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cloud_lets_its_callers_choose_the_language() {
    let plane = Plane::start(PlaneOptions::default()).await;
    let tencent = ("x-tc-action", "DescribeInstances");
    let version = ("x-tc-version", "2019-08-19");
    let alibaba = "/?Action=GetQuotaTip&Version=2019-09-16";
    let jd = "/v1/regions/cn-north-1/instances";
    for (target, headers, is_chinese) in [
        ("/", vec![tencent, version], false),
        (
            "/",
            vec![tencent, version, ("x-tc-language", "en-US")],
            false,
        ),
        (
            "/",
            vec![tencent, version, ("x-tc-language", "zh-CN")],
            true,
        ),
        (
            "/",
            vec![tencent, version, ("accept-language", "zh-CN")],
            false,
        ),
        (alibaba, vec![], false),
        (alibaba, vec![("accept-language", "en")], false),
        (alibaba, vec![("accept-language", "zh-CN,zh;q=0.9")], true),
        (jd, vec![("accept-language", "en-US,zh;q=0.5")], false),
        (jd, vec![("accept-language", "zh-CN")], true),
    ] {
        let told = told(&plane, target, &headers).await;
        let has_han = told.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert_eq!(has_han, is_chinese, "{target} {headers:?}: {told}");
    }
}
