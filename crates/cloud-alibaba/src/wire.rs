//! Alibaba Cloud's RPC gateway on the wire: everything goes to `/`, the operation's name and version stand in
//! headers or among the parameters, parameters in the query, a form body or both, and the answer is JSON or XML.

use brokerage_wire::cloud::{Answer, CloudWire, Route};
use brokerage_wire::fault::Fault;
use brokerage_wire::params::{Param, ParamError, from_dotted};
use brokerage_wire::render;
use brokerage_wire::signing::{SignatureFault, decode_pairs};
use brokerage_wire::{WireRequest, WireResponse};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::fault::{BAD_REQUEST, missing};
use super::{SERVICES, Service, Success};

/// Parameters of every call; the operation does not see them. `RegionId` is not among them: most operations
/// declare it.
const COMMON: [&str; 11] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "SignatureType",
    "Timestamp",
    "SecurityToken",
];
/// The vendor's page about a code.
const RECOMMEND: &str = "https://error-center.aliyun.com/status/search?source=PopGw&Keyword=";
/// Where an XML answer to an unknown operation is rooted; never seen, since failures have a root of their own.
const UNKNOWN_OPERATION: &str = "Unknown";

/// Alibaba Cloud. It recognises everything and stands last in the list of clouds.
pub struct Aliyun;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Xml,
}

impl Format {
    /// JSON wherever something asks for it, whatever else is said: XML is the documented default, and no client
    /// that speaks the third signature can read it.
    fn of(request: &WireRequest) -> Self {
        let named = parameter(request, "Format");
        let says = |text: &str| {
            named
                .as_deref()
                .is_some_and(|format| format.eq_ignore_ascii_case(text))
        };
        let third_signature = request
            .header("authorization")
            .is_some_and(|value| value.starts_with("ACS3-"));
        let accepts_json = request
            .header("accept")
            .is_some_and(|value| value.contains("application/json"));
        if third_signature || says("json") || (accepts_json && !says("xml")) {
            Self::Json
        } else {
            Self::Xml
        }
    }

    /// Clients compare these texts as they are.
    const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json;charset=utf-8"),
            Self::Xml => HeaderValue::from_static("text/xml;charset=utf-8"),
        }
    }
}

/// Query parameters, then those of a form body.
///
/// # Errors
/// [`ParamError::Malformed`] where they cannot be decoded.
fn pairs(request: &WireRequest) -> Result<Vec<(String, String)>, ParamError> {
    let malformed = |reason: String| ParamError::Malformed { reason };
    let decode = |text: &str| decode_pairs(text).map_err(|fault| malformed(fault.to_string()));
    let mut pairs = decode(request.raw_query().unwrap_or_default())?;
    if request.has_form_body() {
        let body =
            std::str::from_utf8(request.body()).map_err(|_| malformed("not UTF-8".into()))?;
        pairs.extend(decode(body)?);
    }
    Ok(pairs)
}

/// The first value of a parameter that is not empty. Reads no other parameter, since every call asks for several of
/// these; a name that is written with escapes is the same name here as it is to the signature.
fn parameter(request: &WireRequest, name: &str) -> Option<String> {
    let query = request.raw_query().unwrap_or_default();
    let body = match request.has_form_body() {
        true => std::str::from_utf8(request.body()).unwrap_or_default(),
        false => "",
    };
    let pieces = query.split('&').chain(body.split('&'));
    let candidates = pieces.filter(|piece| {
        let written = piece.split_once('=').map_or(*piece, |(written, _)| written);
        written == name || written.contains(['%', '+'])
    });
    candidates
        .filter_map(|piece| decode_pairs(piece).ok()?.pop())
        .find(|(decoded, value)| decoded == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// A value that every call names in a header, among its parameters, or in both alike. The first signature does
/// not cover headers: with it the parameter decides.
fn named(request: &WireRequest, header: &str, name: &str) -> Result<String, Fault> {
    let in_header = request
        .header(header)
        .filter(|value| !value.is_empty())
        .map(str::to_owned);
    let in_parameters = parameter(request, name);
    match (in_header, in_parameters) {
        (Some(header), Some(parameter)) if header != parameter => {
            let message = format!("{name} is given twice with different values.");
            Err(Fault::new("InvalidParameter", BAD_REQUEST, message))
        }
        (_, Some(parameter)) => Ok(parameter),
        (Some(header), None) if parameter(request, "Signature").is_none() => Ok(header),
        _ => Err(missing(name)),
    }
}

fn service_of(route: &Route) -> Option<&'static Service> {
    SERVICES
        .iter()
        .copied()
        .find(|service| std::ptr::eq(service.table, route.table))
}

impl CloudWire for Aliyun {
    fn speaks(&self, _request: &WireRequest) -> bool {
        true
    }

    fn route(&self, request: &WireRequest) -> Result<Route, Fault> {
        if !matches!(*request.method(), Method::GET | Method::POST) {
            return Err(Fault::new(
                "UnsupportedHTTPMethod",
                BAD_REQUEST,
                "This http method is not supported.",
            ));
        }
        let not_found = || {
            Fault::new(
                "InvalidApi.NotFound",
                404,
                "Specified api is not found, please check your url and method.",
            )
        };
        if request.path() != "/" {
            return Err(not_found());
        }
        if let Some(format) = parameter(request, "Format")
            && !["json", "xml"]
                .iter()
                .any(|known| format.eq_ignore_ascii_case(known))
        {
            return Err(Fault::new(
                "InvalidParameter.Format",
                BAD_REQUEST,
                "Format must be JSON or XML.",
            ));
        }
        let action = named(request, "x-acs-action", "Action")?;
        let version = named(request, "x-acs-version", "Version")?;
        let mut of_version = SERVICES
            .iter()
            .filter(|service| service.table.version == version)
            .peekable();
        if of_version.peek().is_none() {
            return Err(Fault::new(
                "InvalidVersion",
                404,
                "Specified parameter Version is not valid.",
            ));
        }
        let found = of_version
            .find_map(|service| service.table.row(&action).map(|row| (service.table, row)));
        let (table, row) = found.ok_or_else(not_found)?;
        Ok(Route {
            table,
            row,
            path_params: Vec::new(),
        })
    }

    fn params(&self, request: &WireRequest, _route: &Route) -> Result<Param, ParamError> {
        from_dotted(
            pairs(request)?
                .into_iter()
                .filter(|(name, _)| !COMMON.contains(&name.as_str())),
        )
    }

    fn region_parameter(&self) -> &'static str {
        "RegionId"
    }

    fn region(&self, _request: &WireRequest, params: &Param) -> String {
        params
            .get("RegionId")
            .and_then(Param::as_text)
            .unwrap_or_default()
    }

    fn request_id(&self, uuid: String) -> String {
        uuid.to_ascii_uppercase()
    }

    fn signature_fault(&self, fault: &SignatureFault) -> Fault {
        super::fault::signature_fault(fault)
    }

    fn unknown_key(&self, _id: &str) -> Fault {
        Fault::new(
            "InvalidAccessKeyId.NotFound",
            404,
            "Specified access key is not found.",
        )
    }

    fn wrong_token(&self) -> Fault {
        Fault::new(
            "InvalidSecurityToken.MismatchWithAccessKey",
            BAD_REQUEST,
            "Specified SecurityToken mismatch with the AccessKey.",
        )
    }

    fn render(&self, answer: &Answer<'_>, body: Value) -> WireResponse {
        let operation = answer
            .route
            .map_or(UNKNOWN_OPERATION, |route| route.row.name);
        let fields = match render::without_nulls(body) {
            Value::Object(fields) => fields,
            // A unit struct: an operation that answers nothing of its own.
            _ => Map::new(),
        };
        let envelope = answer
            .route
            .and_then(service_of)
            .map_or(super::plain_envelope as _, |service| service.envelope);
        let success = Success {
            operation,
            request_id: answer.request_id,
        };
        let tree = Value::Object(envelope(&success, fields));
        respond(
            answer,
            StatusCode::OK,
            &format!("{operation}Response"),
            &tree,
        )
    }

    fn render_fault(&self, answer: &Answer<'_>, fault: &Fault) -> WireResponse {
        let status =
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut tree = Map::new();
        if status == StatusCode::OK {
            // The few refusals with status 200 have the shape of the service's answers, and no success.
            tree.insert("Code".to_owned(), fault.code.as_ref().into());
            tree.insert("Message".to_owned(), fault.message.as_str().into());
            tree.insert("RequestId".to_owned(), answer.request_id.into());
            tree.insert("Success".to_owned(), false.into());
            return respond(answer, status, &root_of(answer), &Value::Object(tree));
        }
        tree.insert("RequestId".to_owned(), answer.request_id.into());
        tree.insert(
            "HostId".to_owned(),
            answer.request.host_raw().unwrap_or_default().into(),
        );
        tree.insert("Code".to_owned(), fault.code.as_ref().into());
        tree.insert("Message".to_owned(), fault.message.as_str().into());
        tree.insert(
            "Recommend".to_owned(),
            format!("{RECOMMEND}{}", fault.code).into(),
        );
        respond(answer, status, "Error", &Value::Object(tree))
    }
}

/// The root of an XML answer.
fn root_of(answer: &Answer<'_>) -> String {
    let operation = answer
        .route
        .map_or(UNKNOWN_OPERATION, |route| route.row.name);
    format!("{operation}Response")
}

fn respond(answer: &Answer<'_>, status: StatusCode, root: &str, tree: &Value) -> WireResponse {
    let format = Format::of(answer.request);
    let body = match format {
        Format::Json => render::json_bytes(tree),
        Format::Xml => render::xml_bytes(root, tree),
    };
    let mut response: Response<Bytes> = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, format.content_type());
    if let Ok(id) = HeaderValue::from_str(answer.request_id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-acs-request-id"), id);
    }
    response
}
