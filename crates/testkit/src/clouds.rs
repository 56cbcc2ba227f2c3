//! The clouds, for tests and tools: the one list beside that of the composition root, and calls of each.

use brokerage_wire::Clouds;
use http::Method;

use crate::{Answer, Plane};

/// Every cloud, in the order in which the product asks them.
pub const CLOUDS: Clouds = Clouds {
    first: &[&brokerage_cloud_jd::CLOUD, &brokerage_cloud_tencent::CLOUD],
    last: &brokerage_cloud_alibaba::CLOUD,
};

impl Plane {
    /// A Tencent Cloud call with a JSON body, in region `ap-guangzhou`.
    pub async fn tencent(&self, action: &str, version: &str, body: &str) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("x-tc-action", action),
            ("x-tc-version", version),
            ("x-tc-region", "ap-guangzhou"),
        ];
        let request = Self::request(Method::POST, "/", &headers, body);
        self.send(&self.signed(
            request,
            &brokerage_cloud_tencent::signing::TC3,
            "ap-guangzhou",
            "ckafka",
        ))
        .await
    }

    /// A JD Cloud call in its second signature; `path` is after `/v1/regions/cn-north-1`.
    pub async fn jd(&self, service: &str, method: Method, path: &str, body: &str) -> Answer {
        let target = format!("/v1/regions/cn-north-1{path}");
        let request = Self::request(
            method,
            &target,
            &[("content-type", "application/json")],
            body,
        );
        self.send(&self.signed(
            request,
            &brokerage_cloud_jd::signing::JDCLOUD2,
            "cn-north-1",
            service,
        ))
        .await
    }

    /// An Alibaba Cloud RPC call with its first signature: everything in the query, JSON asked for.
    pub async fn aliyun(&self, action: &str, version: &str, params: &[(&str, &str)]) -> Answer {
        self.aliyun_as("JSON", action, version, params).await
    }

    /// The same with another `Format`.
    pub async fn aliyun_as(
        &self,
        format: &str,
        action: &str,
        version: &str,
        params: &[(&str, &str)],
    ) -> Answer {
        let mut query = vec![("Action", action), ("Version", version), ("Format", format)];
        query.extend_from_slice(params);
        let query: Vec<String> = query
            .into_iter()
            .map(|(name, value)| {
                let encode = brokerage_wire::signing::encode_component;
                format!("{}={}", encode(name), encode(value))
            })
            .collect();
        let request = Self::request(Method::POST, &format!("/?{}", query.join("&")), &[], "");
        self.send(&self.signed(request, &brokerage_cloud_alibaba::signing::RPC_V1, "", ""))
            .await
    }
}
