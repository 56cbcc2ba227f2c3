//! Tencent Cloud's API 3.0 on the wire: action and version in headers (or, in its first signature, among the
//! parameters), JSON answers with status 200 whatever happens.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use brokerage_wire::cloud::{Answer, CloudWire, Route};
use brokerage_wire::fault::Fault;
use brokerage_wire::language::Language;
use brokerage_wire::params::{Param, ParamError, Types, from_dotted, from_json};
use brokerage_wire::signing::{SignatureFault, decode_pairs};
use brokerage_wire::{WireRequest, WireResponse};

/// Parameters of every call; the operation does not see them.
const COMMON: [&str; 11] = [
    "Action",
    "Version",
    "Region",
    "Timestamp",
    "Nonce",
    "SecretId",
    "SignatureMethod",
    "RequestClient",
    "Language",
    "Token",
    "Signature",
];

/// Beginnings of parameters that only this cloud's first signature has. Several, so that a call with one of them
/// damaged is still refused in this cloud's words.
const MARKS: [&str; 3] = ["SecretId=", "SignatureMethod=Hmac", "RequestClient="];

/// Whether a query or form, as it was sent, has one of them.
fn bears_mark(text: &str) -> bool {
    let marked = |pair: &str| MARKS.iter().any(|mark| pair.starts_with(mark));
    text.split('&').any(marked)
}

/// Headers that only this cloud's calls have.
const HEADERS: [&str; 3] = ["x-tc-action", "x-tc-version", "x-tc-timestamp"];

/// Whether a query or form names a version of one of this cloud's services, and nobody's signature: a call that is not
/// signed at all is refused in the words of whose call it is.
fn names_version(text: &str) -> bool {
    let versions = crate::cloud::SERVICES.iter().map(|table| table.version);
    let signed = text.split('&').any(|pair| pair.starts_with("AccessKeyId="));
    let is_one = |pair: &str| {
        let version = pair.strip_prefix("Version=");
        version.is_some_and(|version| versions.clone().any(|own| own == version))
    };
    !signed && text.split('&').any(is_one)
}

/// Tencent Cloud.
pub struct Tencent;

/// Query parameters, then those of a form body.
fn dotted_pairs(request: &WireRequest) -> Result<Vec<(String, String)>, ParamError> {
    let malformed = |reason: &str| ParamError::Malformed {
        reason: reason.to_owned(),
    };
    let decoded = |text: &str| decode_pairs(text).map_err(|fault| malformed(&fault.to_string()));
    let mut pairs = decoded(request.raw_query().unwrap_or_default())?;
    if request.has_form_body() {
        let body = std::str::from_utf8(request.body()).map_err(|_| malformed("not UTF-8"))?;
        pairs.extend(decoded(body)?);
    }
    Ok(pairs)
}

/// A parameter of the query or form.
fn parameter(request: &WireRequest, name: &str) -> Option<String> {
    let pairs = dotted_pairs(request).unwrap_or_default();
    pairs
        .into_iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// A common parameter: a header, or a parameter of the first signature. That signature covers no header, so that
/// under it no header can say what the call is.
fn common(request: &WireRequest, header: &str, name: &str) -> Option<String> {
    let by_headers = request.header("authorization").is_some();
    let header = request.header(header).map(|value| value.trim().to_owned());
    if by_headers {
        header.or_else(|| parameter(request, name))
    } else {
        parameter(request, name).or(header)
    }
}

impl CloudWire for Tencent {
    fn speaks(&self, request: &WireRequest) -> bool {
        let query = request.raw_query().unwrap_or_default();
        let form = match request.has_form_body() {
            true => std::str::from_utf8(request.body()).unwrap_or_default(),
            false => "",
        };
        HEADERS.iter().any(|name| request.header(name).is_some())
            || request
                .header("authorization")
                .is_some_and(|value| value.starts_with("TC3-"))
            || [query, form].into_iter().any(bears_mark)
            || (request.header("authorization").is_none()
                && [query, form].into_iter().any(names_version))
    }

    fn route(&self, request: &WireRequest) -> Result<Route, Fault> {
        let missing = |name| {
            Fault::new(
                "MissingParameter",
                200,
                format!("The request is missing the parameter `{name}`."),
            )
        };
        let action = common(request, "x-tc-action", "Action").ok_or_else(|| missing("Action"))?;
        let version =
            common(request, "x-tc-version", "Version").ok_or_else(|| missing("Version"))?;
        let mut of_version = crate::cloud::SERVICES
            .iter()
            .filter(|table| table.version == version)
            .peekable();
        if of_version.peek().is_none() {
            return Err(Fault::new(
                "NoSuchVersion",
                200,
                format!("The version {version} does not exist."),
            ));
        }
        let found = of_version.find_map(|table| table.row(&action).map(|row| (*table, row)));
        let (table, row) = found.ok_or_else(|| {
            Fault::new(
                "InvalidAction",
                200,
                format!("The action {action} does not exist or is not supported."),
            )
        })?;
        Ok(Route {
            table,
            row,
            path_params: Vec::new(),
        })
    }

    fn params(&self, request: &WireRequest, _route: &Route) -> Result<Param, ParamError> {
        if request.has_json_body() {
            return from_json(request.body());
        }
        let business = dotted_pairs(request)?
            .into_iter()
            .filter(|(name, _)| !COMMON.contains(&name.as_str()));
        from_dotted(business)
    }

    fn types(&self, request: &WireRequest) -> Types {
        match request.has_json_body() {
            true => Types::OfJson,
            false => Types::InText,
        }
    }

    fn region_parameter(&self) -> &'static str {
        "Region"
    }

    fn region(&self, request: &WireRequest, _params: &Param) -> String {
        common(request, "x-tc-region", "Region").unwrap_or_default()
    }

    /// `X-TC-Language`, or `Language` of the first signature: `zh-CN` or `en-US`.
    fn language(&self, request: &WireRequest) -> Language {
        let tag = common(request, "x-tc-language", "Language");
        tag.map_or(Language::English, |tag| Language::of_tag(&tag))
    }

    fn signature_fault(&self, fault: &SignatureFault) -> Fault {
        super::fault::signature_fault(fault)
    }

    fn unknown_key(&self, _id: &str) -> Fault {
        Fault::new(
            "AuthFailure.SecretIdNotFound",
            200,
            "The SecretId is not found.",
        )
    }

    fn wrong_token(&self) -> Fault {
        Fault::new(
            "AuthFailure.TokenFailure",
            200,
            "The token is wrong or has expired.",
        )
    }

    fn render(&self, answer: &Answer<'_>, body: Value) -> WireResponse {
        let mut response = match body {
            Value::Object(fields) => fields,
            Value::Null => serde_json::Map::new(),
            other => serde_json::Map::from_iter([("Result".to_owned(), other)]),
        };
        response.insert("RequestId".to_owned(), answer.request_id.into());
        respond(&json!({ "Response": response }))
    }

    fn render_fault(&self, answer: &Answer<'_>, fault: &Fault) -> WireResponse {
        let error = json!({ "Code": fault.code, "Message": fault.message });
        respond(&json!({ "Response": { "Error": error, "RequestId": answer.request_id } }))
    }
}

/// Python's SDK looks for errors only under exactly this content type, and takes any other status for a broken
/// network.
fn respond(tree: &Value) -> WireResponse {
    let mut response = Response::new(Bytes::from(tree.to_string()));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
