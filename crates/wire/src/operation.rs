//! An operation is one type with constants and one `call`; a table row is the same with its types erased.
//!
//! The static tables of rows are dispatcher, access policy, rate limit and coverage report at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brokerage_control::context::resource_name;
use brokerage_control::{Call as Scope, Context, Control};
use brokerage_domain::catalog::Field;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::{CallError, Fault, PlanParameter, missing};
use crate::params::{Decoded, IndexBase, Param, ParamError, Reading, decode_as, typed};

/// A future that is sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It only looks.
    Read,
    /// It changes something: its nonce is remembered with the change.
    Write,
}

/// What the region of a call is to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionUse {
    /// It has to be named, and only what is in it is there.
    Required,
    /// It may be named, and then only what is in it is there; otherwise what is named has its own.
    Optional,
    /// There is none: what clients name all the same is not looked at.
    Absent,
}

/// What a call is made with, beside its request.
pub struct Call {
    /// The control plane.
    pub control: Arc<Control>,
    /// Who asks, where: what looks borrows it, and what changes something takes it.
    pub cx: Scope,
}

/// One operation of a vendor's API.
///
/// `call` takes three steps: vendor words to a domain request, one call on the control plane, its answer back to
/// vendor words.
pub trait Operation: 'static {
    /// The vendor's name of it.
    const NAME: &'static str;
    /// What policies name behind the service and a colon, where that is not the operation's own name.
    const ACTION: &'static str = Self::NAME;
    /// Whether it changes something.
    const MODE: Mode;
    /// The limit for one account, where it is not its service's [`Table::calls_per_second`].
    const CALLS_PER_SECOND: Option<u32> = None;
    /// The HTTP method, where the vendor's calls differ in it.
    const METHOD: Method = Method::POST;
    /// The path, with `{parameter}` for each parameter in it, where the vendor's calls differ in it.
    const PATH: &'static str = "/";
    /// What the region of a call is to it, where that differs from its service's [`Table::region`].
    const REGION: Option<RegionUse> = None;
    /// The parameters, in the vendor's names.
    type Request: DeserializeOwned + Send;
    /// The answer without its envelope, in the vendor's names.
    type Response: Serialize + Send;

    /// Condition keys that [`Operation::conditions`] may give.
    const CONDITION_KEYS: &'static [&'static str] = &[];

    /// The parameters that a plan's fields come from, where they are called or counted otherwise than in its service's
    /// purchase: refusals name them so.
    const PLAN_PARAMETERS: fn(Field) -> Option<PlanParameter> = |_| None;

    /// The parameter that is the id of the one resource that the request names, where it names one.
    const RESOURCE: ResourceId<Self::Request> = |_| None;

    /// Every resource that the request names, by its id or its whole name: policies are asked about each, before
    /// anything is done to one.
    ///
    /// Instances that a call comes to without their names (lists, orders, tasks) are held against the policy where
    /// they are read ([`brokerage_control::context::Rights`]).
    fn resources(request: &Self::Request) -> Vec<String> {
        (Self::RESOURCE)(request)
            .map(str::to_owned)
            .into_iter()
            .collect()
    }

    /// Condition keys that the operation defines, with this request's values.
    fn conditions(_request: &Self::Request) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The operation itself.
    fn call(
        call: Call,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Response, CallError>> + Send;
}

/// Finds in a request the id of the one resource that it names.
pub type ResourceId<Request> = fn(&Request) -> Option<&str>;

/// Reads the parameters of one operation.
pub type Prepare = fn(&Param, Reading) -> Result<Box<dyn Prepared>, ParamError>;

/// Gives texts the types that one operation's parameters have.
pub type Typed = fn(&Param, IndexBase) -> Param;

/// One line of a dialect's table.
pub struct Row {
    /// The vendor's name of the operation.
    pub name: &'static str,
    /// What policies name behind the service: see [`Table::action`].
    pub action: &'static str,
    /// Whether it changes something.
    pub mode: Mode,
    /// The limit for one account, where it is not its service's: see [`Table::calls_per_second_of`].
    pub calls_per_second: Option<u32>,
    /// The HTTP method.
    pub method: Method,
    /// The path, with `{parameter}` for each parameter in it.
    pub path: &'static str,
    /// What the region of a call is to it, where that differs from its service's.
    pub region: Option<RegionUse>,
    /// Condition keys that policies may name for it.
    pub condition_keys: &'static [&'static str],
    /// Reads the parameters.
    pub prepare: Prepare,
    /// Gives texts the types of the parameters.
    pub typed: Typed,
}

/// A request whose parameters were read.
pub trait Prepared: Send + Sync {
    /// The resources that the request names.
    fn resources(&self) -> Vec<String>;
    /// Condition keys with this request's values.
    fn conditions(&self) -> Vec<(&'static str, String)>;
    /// Top-level parameters that the operation does not have.
    fn unknown(&self) -> &[String];
    /// Parameters that are accepted without effect.
    fn ignored(&self) -> &[String];
    /// Makes the call.
    fn run(self: Box<Self>, call: Call) -> BoxFuture<'static, Result<Value, CallError>>;
}

struct Ready<O: Operation>(Decoded<O::Request>);

impl<O: Operation> Prepared for Ready<O>
where
    O::Request: Sync,
{
    fn resources(&self) -> Vec<String> {
        O::resources(&self.0.value)
    }

    fn conditions(&self) -> Vec<(&'static str, String)> {
        O::conditions(&self.0.value)
    }

    fn unknown(&self) -> &[String] {
        &self.0.unknown
    }

    fn ignored(&self) -> &[String] {
        &self.0.ignored
    }

    fn run(self: Box<Self>, call: Call) -> BoxFuture<'static, Result<Value, CallError>> {
        Box::pin(async move {
            let response = O::call(call, self.0.value)
                .await
                .map_err(|error| error.in_words(O::PLAN_PARAMETERS))?;
            serde_json::to_value(response)
                .map_err(|error| CallError::Domain(brokerage_domain::Error::internal(error)))
        })
    }
}

fn prepare<O: Operation>(params: &Param, reading: Reading) -> Result<Box<dyn Prepared>, ParamError>
where
    O::Request: Sync,
{
    Ok(Box::new(Ready::<O>(decode_as(params, reading)?)))
}

/// The row of an operation.
pub const fn row<O: Operation>() -> Row
where
    O::Request: Sync,
{
    Row {
        name: O::NAME,
        action: O::ACTION,
        mode: O::MODE,
        calls_per_second: O::CALLS_PER_SECOND,
        method: O::METHOD,
        path: O::PATH,
        region: O::REGION,
        condition_keys: O::CONDITION_KEYS,
        prepare: prepare::<O>,
        typed: typed::<O::Request>,
    }
}

/// What becomes of parameters that an operation does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownParams {
    /// Those at the top are read over, as vendors' gateways do: their clients repeat what stands elsewhere, and send more
    /// than is declared. A member of an object that the operation does have was meant for it, and is refused.
    RefusedInside,
    /// They are refused.
    Refused,
}

impl UnknownParams {
    /// The first of some unknown parameters, by full vendor path, that is refused.
    pub fn refused(self, unknown: &[String]) -> Option<&String> {
        unknown.iter().find(|name| match self {
            Self::RefusedInside => name.contains('.'),
            Self::Refused => true,
        })
    }
}

/// One dialect: the operations of one version of one service, and how it refuses.
pub struct Table {
    /// The dialect's name.
    pub dialect: &'static str,
    /// The service, as policies and the scopes of credentials name it.
    pub service: &'static str,
    /// The API version that callers name.
    pub version: &'static str,
    /// The catalog that it sells from.
    pub profile: &'static str,
    /// The limit of each operation for one account, where the operation has none of its own.
    pub calls_per_second: u32,
    /// What the region of a call is to its operations.
    pub region: RegionUse,
    /// How policies name its resources: segments between colons, with `{region}`, `{account}` and, at the end, `{id}`.
    pub resource_form: &'static str,
    /// How its lists are counted in dotted parameters.
    pub index_base: IndexBase,
    /// Which parameters that the operation does not have are refused.
    pub unknown: UnknownParams,
    /// The operations.
    pub rows: &'static [Row],
    /// The operations of the vendor's model that are not served.
    pub unserved: &'static [&'static str],
    /// Turns what went wrong into the vendor's words.
    pub fault: fn(&CallError) -> Fault,
}

impl Table {
    /// The region that a call is about, of what its caller named: empty for all of them.
    ///
    /// The one place that decides it for every operation of every cloud; what is in another region is then not there,
    /// by [`Context::covers`].
    ///
    /// # Errors
    /// A required one that is missing, under the name `parameter`; one that there is not.
    pub fn region_meant(
        &self,
        control: &Control,
        row: &Row,
        parameter: &str,
        named: &str,
    ) -> Result<String, CallError> {
        match (row.region.unwrap_or(self.region), named) {
            (RegionUse::Absent, _) | (RegionUse::Optional, "") => Ok(String::new()),
            (RegionUse::Required, "") => Err(missing(parameter)),
            (RegionUse::Required | RegionUse::Optional, _) => {
                control.region_check(self.profile, named)?;
                Ok(named.to_owned())
            }
        }
    }

    /// The access action of an operation, as policies name it.
    pub fn action(&self, row: &Row) -> String {
        format!("{}:{}", self.service, row.action)
    }

    /// The limit of an operation for one account.
    pub fn calls_per_second_of(&self, row: &Row) -> u32 {
        row.calls_per_second.unwrap_or(self.calls_per_second)
    }

    /// What policies are asked about: the resources that a request names, by their whole names. A request that names
    /// none is about all of its service, or about everything where its table's resources are another service's.
    pub fn resource_names(&self, cx: &Context, named: Vec<String>) -> Vec<String> {
        let name = |id: &str| resource_name(self.resource_form, cx, &cx.region, id);
        if named.is_empty() {
            let mut parts = self.resource_form.split(':');
            let is_own = parts.any(|part| part == self.service);
            return vec![if is_own { name("*") } else { "*".to_owned() }];
        }
        let (_, kind) = self.resource_form.rsplit_once(':').unwrap_or_default();
        let kind = kind.trim_end_matches("{id}");
        let whole = |resource: String| match resource.rsplit_once(':') {
            None => name(&resource),
            Some((_, end)) => match end.strip_prefix(kind) {
                Some(id) if !kind.is_empty() => name(id),
                _ => resource,
            },
        };
        named.into_iter().map(whole).collect()
    }

    /// The row of an operation.
    pub fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}
