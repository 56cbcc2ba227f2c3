//! Genuine vendor requests, for our own command line, tests and benchmarks: the same bytes that a vendor's client
//! would send. They work against the real clouds as well.
//!
//! A cloud says by a [`Client`] how a call is made and how its answer is read, and by a [`Purchase`] how a cluster is
//! bought. Requests are built here and nothing is sent. The caller brings the clock and the nonce.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::message::{WireFault, WireRequest};
use crate::operation::{Row, Table};
use crate::params::{Param, ParamError, to_dotted};
use crate::render;
use crate::signing::{
    Credentials, Scheme, SignatureFault, SigningMoment, SigningScope, encode_pairs, sign,
};

/// Why a request cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// Host, action, version or region holds what a header cannot.
    #[error("{name} is not a header value")]
    Header {
        /// Our name of it.
        name: &'static str,
    },
    /// A part of the path is not among the parameters.
    #[error("{name} is missing")]
    PathParam {
        /// The vendor's name of it.
        name: String,
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

/// A call of an operation.
#[derive(Clone, Copy)]
pub struct ClientCall<'a> {
    /// The service.
    pub table: &'static Table,
    /// The operation.
    pub row: &'static Row,
    /// Host and port of the endpoint.
    pub host: &'a str,
    /// The region.
    pub region: &'a str,
    /// Parameters in the vendor's names, those of a path among them. The region need not be.
    pub params: &'a Param,
}

/// How a cloud's calls are made, and how its answers are read.
pub struct Client {
    /// What calls are signed with.
    pub scheme: &'static Scheme,
    /// The request of a call, as the vendor's current clients send it, not yet signed.
    pub request: fn(&ClientCall<'_>) -> Result<WireRequest, ClientFault>,
    /// Where an answer has what the vendor's model knows as the operation's: a JSON pointer.
    pub answer: &'static str,
    /// What an answer that is a refusal says.
    pub refusal: fn(&Value) -> Option<Refusal>,
    /// How the codes begin that say that calls come too fast. Such a call was not carried out.
    pub throttled: &'static str,
}

impl Client {
    /// The signed request of a call.
    ///
    /// # Errors
    /// [`ClientFault`] if a part does not fit into a request.
    pub fn signed(
        &self,
        call: &ClientCall<'_>,
        credentials: &Credentials,
        moment: &SigningMoment,
    ) -> Result<WireRequest, ClientFault> {
        let scope = SigningScope {
            region: call.region.to_owned(),
            service: call.table.service.to_owned(),
        };
        let request = (self.request)(call)?;
        Ok(sign(request, self.scheme, credentials, moment, &scope)?)
    }
}

/// What a cloud says when it does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The vendor's code.
    pub code: String,
    /// What the caller reads.
    pub message: String,
}

impl Refusal {
    /// A refusal from two members of an answer.
    #[must_use]
    pub fn of(code: &Value, message: &Value) -> Self {
        let plain = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        Self {
            code: plain(code),
            message: plain(message),
        }
    }
}

/// Names and values as a person types them.
pub type Pairs = Vec<(String, String)>;

/// One call of a purchase.
pub struct Step {
    /// The service.
    pub table: &'static Table,
    /// The operation.
    pub operation: &'static str,
    /// Its parameters.
    pub params: Param,
}

/// Where a cluster is placed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: String,
    /// The network; empty where the buyer has none there.
    pub network: String,
    /// The subnet.
    pub subnet: String,
    /// The subnet's zone, as orders name it.
    pub zone: String,
}

/// How the buyer's own subnets in a region are found.
pub struct Places {
    /// The parameters of an order, or of its start, that say network, subnet and zone; those that say none are empty.
    pub parameters: [&'static str; 3],
    /// The calls that are made.
    pub steps: fn() -> Vec<Step>,
    /// The subnets in their answers, in the clouds' order. Their region is not filled in.
    pub read: fn(&[Value]) -> Vec<Place>,
}

/// How a cluster is bought with one service of a cloud: a small one of its catalog, unless the buyer says otherwise.
pub struct Purchase {
    /// The service's dialect: what the buyer names.
    pub dialect: &'static str,
    /// Cloud, service and operation, for help.
    pub about: &'static str,
    /// Where it is bought unless the buyer says otherwise.
    pub region: &'static str,
    /// Where it can be placed.
    pub places: Places,
    /// The parameter of the order, or with its operation's name and a point of the start, that names the instance.
    pub name: &'static str,
    /// The order, in a place, with what the buyer set.
    pub order: fn(&Place, Pairs) -> Result<Step, ParamError>,
    /// Where the answer to the order has the id of the order.
    pub order_id: &'static str,
    /// The call that finds the instance of an order, where the answer to the order does not name it.
    pub find: Option<fn(&str) -> Step>,
    /// The ids of the instances in the answer to the order, or to `find`.
    pub instance_ids: fn(&Value) -> Vec<String>,
    /// The call that shows an instance.
    pub look: fn(&str) -> Step,
    /// What its answer shows.
    pub seen: fn(&Value) -> Seen,
    /// The second half of the purchase, where there is one.
    pub start: Option<Start>,
}

/// The call that starts an instance which was bought.
pub struct Start {
    /// The operation: what the buyer sets for it begins with its name and a point.
    pub operation: &'static str,
    /// The call, for an instance in a place, with what the buyer set.
    pub step: fn(&str, &Place, Pairs) -> Result<Step, ParamError>,
}

/// An instance as its cloud shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How far it is.
    pub phase: SeenPhase,
    /// Its bootstrap servers; empty while it has none.
    pub bootstrap: String,
}

/// How far an instance is, for a buyer who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenPhase {
    /// It waits for [`Purchase::start`].
    AwaitingStart,
    /// It is on its way.
    Provisioning,
    /// It runs.
    Running,
    /// It never will.
    Failed,
    /// It is gone.
    Released,
}

impl SeenPhase {
    /// The word that people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AwaitingStart => "awaiting_start",
            Self::Provisioning => "provisioning",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Released => "released",
        }
    }
}

/// Headers of a request, each with our name of it for a refusal.
///
/// # Errors
/// [`ClientFault::Header`].
pub fn headers<const N: usize>(
    fields: [(HeaderName, &'static str, &str); N],
) -> Result<HeaderMap, ClientFault> {
    let mut headers = HeaderMap::with_capacity(N);
    for (header, name, value) in fields {
        let value = HeaderValue::from_str(value).map_err(|_| ClientFault::Header { name })?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// A request that carries its parameters in the query, lists counted from 1.
///
/// # Errors
/// [`ClientFault::Target`].
pub fn query_request(
    method: Method,
    path: &str,
    headers: HeaderMap,
    params: &Param,
) -> Result<WireRequest, ClientFault> {
    let pairs = to_dotted(params, 1);
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let query = encode_pairs(pairs);
    let target = match query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    Ok(WireRequest::new(method, target, headers, Bytes::new())?)
}

/// A request that carries its parameters as JSON.
///
/// # Errors
/// [`ClientFault::Target`], [`ClientFault::Render`].
pub fn json_request(
    method: Method,
    path: &str,
    headers: HeaderMap,
    params: &Param,
) -> Result<WireRequest, ClientFault> {
    let body = render::json_bytes(&render::tree(params)?);
    Ok(WireRequest::new(method, path, headers, body)?)
}

/// Defaults with what was set over them. An empty value takes a default away; an empty default is none.
#[must_use]
pub fn over(defaults: &[(&str, &str)], set: Pairs) -> Pairs {
    let kept = defaults
        .iter()
        .filter(|(name, value)| !value.is_empty() && !set.iter().any(|(over, _)| over == name));
    let mut pairs: Pairs = kept
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    pairs.extend(set.into_iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

impl Step {
    /// A call whose parameters have the types that its operation gives them: what a person types is text.
    #[must_use]
    pub fn typed(table: &'static Table, operation: &'static str, params: Param) -> Self {
        let params = match table.row(operation) {
            Some(row) => (row.typed)(&params, table.index_base),
            None => params,
        };
        Self {
            table,
            operation,
            params,
        }
    }
}

/// The texts at a pointer of each member of a list at another one.
#[must_use]
pub fn texts_at(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let members = answer.pointer(list).and_then(Value::as_array);
    let members = members.into_iter().flatten();
    members
        .filter_map(|of| of.pointer(member)?.as_str())
        .map(str::to_owned)
        .collect()
}

/// Parameters that are texts.
#[must_use]
pub fn texts<const N: usize>(fields: [(&str, &str); N]) -> Param {
    let text = |(name, value): (&str, &str)| (name.to_owned(), Param::Text(value.to_owned()));
    Param::Object(fields.into_iter().map(text).collect())
}
