//! Genuine vendor requests, for our own command line: the same bytes that a vendor's client would
//! send, signed by [`crate::signing::sign`]. They work against the real clouds as well.
//!
//! This module builds requests and sends nothing. The caller brings the clock and the nonce.
//!
//! ```
//! use brokerage_dialects::client;
//! use brokerage_dialects::params::Param;
//! use brokerage_dialects::signing::{self, Credentials, SigningMoment};
//!
//! let credentials = Credentials {
//!     access_key_id: "AKIDEXAMPLE".into(),
//!     secret: "example-secret".into(),
//!     session_token: None,
//! };
//! let moment = SigningMoment { epoch_s: 1_795_405_656, nonce: "n-1".into() };
//! let call = client::TencentCall {
//!     host: "127.0.0.1:8080",
//!     service: "ckafka",
//!     action: "DescribeInstances",
//!     version: "2019-08-19",
//!     region: "ap-guangzhou",
//!     params: &Param::Object(Default::default()),
//! };
//! let request = call.request(&credentials, &moment)?;
//! let claim = signing::claim(&request)?;
//! assert_eq!(claim.action.as_deref(), Some("DescribeInstances"));
//! signing::verify(&request, &claim, &credentials.secret)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::params::{Param, to_dotted};
use crate::render;
use crate::signing::{
    Credentials, Scheme, SignatureFault, SigningMoment, SigningScope, encode_component,
    encode_pairs, sign,
};
use crate::wire::{WireFault, WireRequest};

/// Why a request cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// Host, action, version or region holds what a header cannot.
    #[error("{name} is not a header value")]
    Header {
        /// Our name of it.
        name: &'static str,
    },
    /// The address cannot be written on a request line.
    #[error("the request has no valid target")]
    Target(#[from] WireFault),
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Signature(#[from] SignatureFault),
    /// The parameters cannot be written as JSON.
    #[error("the parameters cannot be written")]
    Render(#[from] render::RenderFault),
}

/// A call of Alibaba Cloud's RPC services: AliKafka, BSS, VPC, STS.
#[derive(Debug, Clone, Copy)]
pub struct AlibabaCall<'a> {
    /// Host and port of the endpoint.
    pub host: &'a str,
    /// The operation.
    pub action: &'a str,
    /// The API version.
    pub version: &'a str,
    /// Business parameters; lists are counted from 1.
    pub params: &'a Param,
}

impl AlibabaCall<'_> {
    /// The signed request: POST, ACS3-HMAC-SHA256, parameters in the query, as the vendor's current
    /// clients send it.
    ///
    /// # Errors
    /// [`ClientFault`] if a part does not fit into a request.
    pub fn request(
        &self,
        credentials: &Credentials,
        moment: &SigningMoment,
    ) -> Result<WireRequest, ClientFault> {
        let headers = headers([
            (HOST, "host", self.host),
            (
                HeaderName::from_static("x-acs-action"),
                "action",
                self.action,
            ),
            (
                HeaderName::from_static("x-acs-version"),
                "version",
                self.version,
            ),
            (ACCEPT, "accept", "application/json"),
        ])?;
        let target = with_query("/", self.params);
        let request = WireRequest::new(Method::POST, target, headers, Bytes::new())?;
        let scope = SigningScope::default();
        Ok(sign(request, Scheme::Acs3, credentials, moment, &scope)?)
    }
}

/// A call of Tencent Cloud's API 3.0: CKafka, VPC, tag.
#[derive(Debug, Clone, Copy)]
pub struct TencentCall<'a> {
    /// Host and port of the endpoint.
    pub host: &'a str,
    /// The service of the credential scope, such as `ckafka`.
    pub service: &'a str,
    /// The operation.
    pub action: &'a str,
    /// The API version.
    pub version: &'a str,
    /// The region.
    pub region: &'a str,
    /// Business parameters.
    pub params: &'a Param,
}

impl TencentCall<'_> {
    /// The signed request: POST, TC3-HMAC-SHA256, parameters as JSON.
    ///
    /// # Errors
    /// [`ClientFault`] if a part does not fit into a request.
    pub fn request(
        &self,
        credentials: &Credentials,
        moment: &SigningMoment,
    ) -> Result<WireRequest, ClientFault> {
        let headers = headers([
            (HOST, "host", self.host),
            (CONTENT_TYPE, "content type", "application/json"),
            (
                HeaderName::from_static("x-tc-action"),
                "action",
                self.action,
            ),
            (
                HeaderName::from_static("x-tc-version"),
                "version",
                self.version,
            ),
            (
                HeaderName::from_static("x-tc-region"),
                "region",
                self.region,
            ),
        ])?;
        let body = render::json_bytes(&render::tree(self.params)?);
        let request = WireRequest::new(Method::POST, "/", headers, body)?;
        let scope = SigningScope {
            region: String::new(),
            service: self.service.to_owned(),
        };
        Ok(sign(request, Scheme::Tc3, credentials, moment, &scope)?)
    }
}

/// A call of JD Cloud's REST services: Kafka, VPC.
#[derive(Debug, Clone, Copy)]
pub struct JdCloudCall<'a> {
    /// Host and port of the endpoint.
    pub host: &'a str,
    /// The service of the credential scope, such as `kafka`.
    pub service: &'a str,
    /// The region of the credential scope.
    pub region: &'a str,
    /// GET and DELETE carry parameters in the query, everything else as JSON.
    pub method: &'a Method,
    /// The parts of the path behind `/v1`, not encoded: `["regions", "cn-north-1", "instances"]`.
    pub path: &'a [&'a str],
    /// Parameters that are not in the path.
    pub params: &'a Param,
}

impl JdCloudCall<'_> {
    /// The signed request: JDCLOUD2-HMAC-SHA256, which signs date and nonce, as the vendor's Go,
    /// Node and Java clients do.
    ///
    /// # Errors
    /// [`ClientFault`] if a part does not fit into a request.
    pub fn request(
        &self,
        credentials: &Credentials,
        moment: &SigningMoment,
    ) -> Result<WireRequest, ClientFault> {
        let headers = headers([
            (HOST, "host", self.host),
            (CONTENT_TYPE, "content type", "application/json"),
        ])?;
        let mut path = String::from("/v1");
        for part in self.path {
            path.push('/');
            path.push_str(&encode_component(part));
        }
        let in_query = matches!(*self.method, Method::GET | Method::DELETE);
        let (target, body) = if in_query {
            (with_query(&path, self.params), Bytes::new())
        } else {
            (path, render::json_bytes(&render::tree(self.params)?))
        };
        let request = WireRequest::new(self.method.clone(), target, headers, body)?;
        let scope = SigningScope {
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        };
        Ok(sign(
            request,
            Scheme::JdCloud2,
            credentials,
            moment,
            &scope,
        )?)
    }
}

fn headers<const N: usize>(
    fields: [(HeaderName, &'static str, &str); N],
) -> Result<HeaderMap, ClientFault> {
    let mut headers = HeaderMap::with_capacity(N);
    for (header, name, value) in fields {
        let value = HeaderValue::from_str(value).map_err(|_| ClientFault::Header { name })?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// A path with its parameters, lists counted from 1.
fn with_query(path: &str, params: &Param) -> String {
    let pairs = to_dotted(params, 1);
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let query = encode_pairs(pairs);
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
