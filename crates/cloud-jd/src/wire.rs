//! JD Cloud's REST on the wire: the operation is a method and a path, parameters stand in path, query and JSON body,
//! and the status of the answer stands in its body once more.
//!
//! Its clients differ in what they look at: Python and Go read only the body, Node only the status, and Python takes
//! an error without `requestId` for a success. So every answer carries all of it.

use brokerage_wire::cloud::{Answer, CloudWire, Route};
use brokerage_wire::fault::Fault;
use brokerage_wire::params::{Param, ParamError, Types, from_dotted, from_json};
use brokerage_wire::signing::{SignatureFault, decode_pairs_with_equals, decode_path};
use brokerage_wire::{WireRequest, WireResponse};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::route::find;

/// How every path begins.
const BASE: &str = "/v1/regions/";
/// The header that repeats the id of the call; Python needs it where a body is empty.
const REQUEST_ID_HEADER: &str = "x-jdcloud-request-id";

/// JD Cloud.
pub struct JdCloud;

impl CloudWire for JdCloud {
    fn speaks(&self, request: &WireRequest) -> bool {
        let signed = request
            .header("authorization")
            .is_some_and(|value| value.starts_with("JDCLOUD"));
        let marked = request.header("x-jdcloud-date").is_some();
        signed || marked || decode_path(request.path()).is_ok_and(|path| path.starts_with(BASE))
    }

    fn route(&self, request: &WireRequest) -> Result<Route, Fault> {
        // The decoded path is what is signed, so it is what decides: `%3AmodifyInstanceSpec` is `:modifyInstanceSpec`.
        let path = decode_path(request.path()).map_err(|fault| self.signature_fault(&fault))?;
        find(request.method(), &path).ok_or_else(|| {
            let message = format!("There is no operation {} {path}.", request.method());
            Fault::new("NOT_FOUND", 404, message)
        })
    }

    fn params(&self, request: &WireRequest, route: &Route) -> Result<Param, ParamError> {
        let mut params = match *request.method() {
            Method::GET => {
                let pairs = decode_pairs_with_equals(request.raw_query().unwrap_or_default());
                from_dotted(pairs.map_err(|fault| ParamError::Malformed {
                    reason: fault.to_string(),
                })?)?
            }
            _ if request.body().is_empty() => Param::Object(IndexMap::new()),
            _ => from_json(request.body())?,
        };
        // Python and Go repeat these in the body; the path, which chose the operation, counts.
        for (name, value) in &route.path_params {
            params.set(*name, Param::Text(value.clone()));
        }
        Ok(params)
    }

    fn types(&self, request: &WireRequest) -> Types {
        match *request.method() {
            Method::GET => Types::InText,
            _ => Types::OfJson,
        }
    }

    fn region_parameter(&self) -> &'static str {
        "regionId"
    }

    fn region(&self, _request: &WireRequest, params: &Param) -> String {
        params
            .get("regionId")
            .and_then(Param::as_text)
            .unwrap_or_default()
    }

    fn signature_fault(&self, fault: &SignatureFault) -> Fault {
        super::fault::signature_fault(fault)
    }

    fn unknown_key(&self, _id: &str) -> Fault {
        super::fault::unauthenticated("The access key does not exist or is disabled.")
    }

    fn wrong_token(&self) -> Fault {
        super::fault::unauthenticated("The security token does not belong to the access key.")
    }

    fn render(&self, answer: &Answer<'_>, body: Value) -> WireResponse {
        let mut tree = Map::from_iter([("requestId".to_owned(), answer.request_id.into())]);
        if !body.is_null() {
            tree.insert("result".to_owned(), body);
        }
        respond(answer, StatusCode::OK, &Value::Object(tree))
    }

    fn render_fault(&self, answer: &Answer<'_>, fault: &Fault) -> WireResponse {
        let status =
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Go reads `code` as an integer; text breaks its decoding.
        let error =
            json!({ "code": status.as_u16(), "status": fault.code, "message": fault.message });
        respond(
            answer,
            status,
            &json!({ "requestId": answer.request_id, "error": error }),
        )
    }
}

fn respond(answer: &Answer<'_>, status: StatusCode, tree: &Value) -> WireResponse {
    let mut response = Response::new(Bytes::from(tree.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(id) = HeaderValue::from_str(answer.request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    response
}
