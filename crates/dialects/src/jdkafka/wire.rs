//! JD Cloud's REST on the wire: the operation is a method and a path, parameters stand in path, query and JSON body,
//! and the status of the answer stands in its body once more.
//!
//! Its clients differ in what they look at: Python and Go read only the body, Node only the status, and Python takes
//! an error without `requestId` for a success. So every answer carries all of it.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::vpc;
use crate::fault::Fault;
use crate::operation::Table;
use crate::params::{Param, ParamError, from_dotted, from_json};
use crate::signing::{SignatureFault, Vendor, decode_pairs_with_equals, decode_path};
use crate::vendor::{Answer, Route, VendorWire};
use crate::wire::{WireRequest, WireResponse};

/// How every path begins.
const BASE: &str = "/v1/regions/";
/// The header that repeats the id of the call; Python needs it where a body is empty.
const REQUEST_ID_HEADER: &str = "x-jdcloud-request-id";

/// JD Cloud.
pub struct JdCloud;

/// What a method and a path name: a table, an operation in it, and the parameter after the collection.
struct Place<'a> {
    table: &'static Table,
    operation: &'static str,
    member: Option<(&'static str, &'a str)>,
}

impl<'a> Place<'a> {
    const fn new(
        table: &'static Table,
        operation: &'static str,
        member: Option<(&'static str, &'a str)>,
    ) -> Option<Self> {
        Some(Self {
            table,
            operation,
            member,
        })
    }
}

/// Finds the operation of what follows the region in a decoded path. Kafka and VPC are served at one address, since
/// the vendor's command line has one endpoint for all services.
fn place<'a>(method: &Method, rest: &[&'a str]) -> Option<Place<'a>> {
    let kafka = &super::TABLE;
    match (method.as_str(), rest) {
        ("POST", ["instances"]) => Place::new(kafka, "createInstance", None),
        ("GET", ["instances"]) => Place::new(kafka, "describeInstances", None),
        ("GET", ["instances", id]) => {
            Place::new(kafka, "describeInstance", Some(("instanceId", *id)))
        }
        ("DELETE", ["instances", id]) => {
            Place::new(kafka, "deleteInstance", Some(("instanceId", *id)))
        }
        ("POST", ["instances", action]) => match action.rsplit_once(':')? {
            (id, "modifyInstanceSpec") => {
                Place::new(kafka, "modifyInstanceSpec", Some(("instanceId", id)))
            }
            _ => None,
        },
        ("GET", ["vpcs"]) => Place::new(&vpc::TABLE, "describeVpcs", None),
        ("GET", ["subnets"]) => Place::new(&vpc::TABLE, "describeSubnets", None),
        ("GET", ["subnets", id]) => {
            Place::new(&vpc::TABLE, "describeSubnet", Some(("subnetId", *id)))
        }
        _ => None,
    }
}

fn find(method: &Method, path: &str) -> Option<Route> {
    // A trailing slash leaves an empty segment: some of the vendor's own paths end with one.
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let ["v1", "regions", region, rest @ ..] = segments.as_slice() else {
        return None;
    };
    let Place {
        table,
        operation,
        member,
    } = place(method, rest)?;
    let row = table.row(operation)?;
    let region = ("regionId", (*region).to_owned());
    let member = member.map(|(name, value)| (name, value.to_owned()));
    Some(Route {
        table,
        row,
        path_params: std::iter::once(region).chain(member).collect(),
    })
}

impl VendorWire for JdCloud {
    fn vendor(&self) -> Vendor {
        Vendor::JdCloud
    }

    fn speaks(&self, request: &WireRequest) -> bool {
        let signed = request
            .header("authorization")
            .is_some_and(|value| value.starts_with("JDCLOUD"));
        signed || decode_path(request.path()).is_ok_and(|path| path.starts_with(BASE))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_name_one_operation() {
        let check = |method: &str, path: &str, expected: Option<(&str, &[(&str, &str)])>| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let route = find(&method, path);
            let found = route.as_ref().map(|route| {
                let params: Vec<(&str, &str)> = route
                    .path_params
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                (route.row.name, params)
            });
            let expected = expected.map(|(name, params)| (name, params.to_vec()));
            assert_eq!(found, expected, "{method} {path}");
        };
        let region: &[_] = &[("regionId", "r")];
        let instance: &[_] = &[("regionId", "r"), ("instanceId", "i")];
        check(
            "POST",
            "/v1/regions/r/instances",
            Some(("createInstance", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances",
            Some(("describeInstances", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances/",
            Some(("describeInstances", region)),
        );
        check(
            "GET",
            "/v1/regions/r/instances/i",
            Some(("describeInstance", instance)),
        );
        check(
            "DELETE",
            "/v1/regions/r/instances/i/",
            Some(("deleteInstance", instance)),
        );
        check(
            "POST",
            "/v1/regions/r/instances/i:modifyInstanceSpec",
            Some(("modifyInstanceSpec", instance)),
        );
        check("GET", "/v1/regions/r/vpcs/", Some(("describeVpcs", region)));
        check(
            "GET",
            "/v1/regions/r/subnets",
            Some(("describeSubnets", region)),
        );
        check(
            "GET",
            "/v1/regions/r/subnets/s",
            Some(("describeSubnet", &[("regionId", "r"), ("subnetId", "s")])),
        );
        for (method, path) in [
            ("GET", "/v1/regions"),
            ("PUT", "/v1/regions/r/instances"),
            ("DELETE", "/v1/regions/r/instances"),
            ("POST", "/v1/regions/r/instances/i"),
            ("POST", "/v1/regions/r/instances/i:stop"),
            ("GET", "/v1/regions/r/instances/i/topics"),
            ("POST", "/v1/regions/r/subnets/"),
            ("GET", "/v2/regions/r/instances"),
        ] {
            check(method, path, None);
        }
    }
}
