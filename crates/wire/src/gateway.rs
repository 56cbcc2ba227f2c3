//! The one way in: every call of every cloud takes the same steps in the same order.
//!
//! size limits (the listener's) → route → authenticate → rate → replay → parse → authorize → validate,
//! idempotency and call (the operation's).
//!
//! Calls are counted for their key before anything of them is remembered, and once more for their account when they
//! are permitted.

use std::sync::Arc;

use brokerage_control::access_key::OpenKey;
use brokerage_control::context::Rights;
use brokerage_control::replay::SignedCall;
use brokerage_control::request_log::RequestRecord;
use brokerage_control::{Call as Scope, Context, Control};
use brokerage_domain::access::Attempt;
use brokerage_domain::id::AccountId;
use secrecy::SecretString;
use serde_json::Value;

use crate::cloud::{Answer, Cloud, Clouds, Route};
use crate::fault::{CallError, Fault};
use crate::message::{WireRequest, WireResponse};
use crate::operation::{Call, Mode};
use crate::params::{ParamError, Reading};
use crate::signing::{Claim, SignatureFault, check_clock, verify};

/// Longest message of a refusal, in bytes: it repeats what the caller sent.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// Where a call came in: what its listener knows of it, and wants to know.
pub trait Entrance: Send + Sync {
    /// Whether others than the caller may have read the call on its way.
    fn is_exposed(&self) -> bool;

    /// Hears whose call it is as soon as that is proved. False: this account is served nothing now.
    fn admit(&self, account: &AccountId) -> bool;
}

/// An entrance that nobody else hears at, and that lets everybody in.
pub struct Inside;

impl Entrance for Inside {
    fn is_exposed(&self) -> bool {
        false
    }

    fn admit(&self, _account: &AccountId) -> bool {
        true
    }
}

/// Serves clouds over one control plane.
#[derive(Clone)]
pub struct Gateway {
    control: Arc<Control>,
    clouds: Clouds,
    /// Checked in place of the secret of a key that does not exist, so that both take the same time.
    nobody: Arc<SecretString>,
}

/// What is known of a call when it ends, for the log of requests.
#[derive(Default)]
struct Trace {
    key_id: Option<String>,
    outcome: Option<(String, String)>,
}

impl Gateway {
    /// A gateway to `control` that speaks these clouds.
    pub fn new(control: Arc<Control>, clouds: Clouds) -> Self {
        let nobody = Arc::new(SecretString::from(control.chance().uuid()));
        Self {
            control,
            clouds,
            nobody,
        }
    }

    /// Answers one request that came in at no particular entrance.
    pub async fn serve(&self, request: &WireRequest) -> WireResponse {
        self.serve_at(&Inside, request).await
    }

    /// Looks at the head of a request, before its body is read: the key has to be known and the clock right, and
    /// where the head declares the body's hash, the signature as well.
    ///
    /// # Errors
    /// The answer, in the vendor's words.
    pub async fn check_head(&self, head: &WireRequest) -> Result<(), WireResponse> {
        let cloud = self.clouds.speaking(head);
        let checked = match self.clouds.head_claim(head) {
            Ok(claim) => self.authenticate_head(cloud, head, &claim).await,
            Err(fault) => Err(cloud.wire.signature_fault(&fault)),
        };
        checked.map_err(|mut fault| {
            let language = cloud.wire.language(head);
            fault.message = cloud.texts.said(language, fault.message);
            let answer = Answer {
                request: head,
                route: None,
                request_id: &cloud.wire.request_id(self.control.chance().uuid()),
            };
            cloud.wire.render_fault(&answer, &fault)
        })
    }

    async fn authenticate_head(
        &self,
        cloud: &Cloud,
        head: &WireRequest,
        claim: &Claim,
    ) -> Result<(), Fault> {
        let Some(key) = self.look_up(cloud, claim, &unavailable).await? else {
            return Err(cloud.wire.unknown_key(&claim.access_key_id));
        };
        if claim.scheme.declared_hash.is_none() {
            return Ok(());
        }
        let verified = verify(head, claim, &key.secret);
        verified.map_err(|fault| cloud.wire.signature_fault(&fault))
    }

    /// Answers one request. It never fails: whatever is wrong is answered in the caller's dialect.
    pub async fn serve_at(&self, entrance: &dyn Entrance, request: &WireRequest) -> WireResponse {
        let began = self.control.real_now();
        let cloud = self.clouds.speaking(request);
        let request_id = cloud.wire.request_id(self.control.chance().uuid());
        let routed = cloud.wire.route(request);
        let route = routed.as_ref().ok();
        let answer = Answer {
            request,
            route,
            request_id: &request_id,
        };
        let mut trace = Trace::default();
        let outcome = match &routed {
            Ok(route) => {
                self.call(entrance, cloud, (request, route), &request_id, &mut trace)
                    .await
            }
            // Strangers do not learn which operations there are.
            Err(fault) => match self.authenticate(cloud, request, &unavailable).await {
                Ok(_) => Err(fault.clone()),
                Err(stranger) => Err(stranger),
            },
        };
        let response = match outcome {
            Ok(body) => cloud.wire.render(&answer, body),
            Err(mut fault) => {
                let end = fault.message.floor_char_boundary(MESSAGE_BYTES_MAX);
                fault.message.truncate(end);
                trace.outcome = Some((fault.code.clone().into_owned(), fault.message.clone()));
                let language = cloud.wire.language(request);
                fault.message = cloud.texts.said(language, fault.message);
                cloud.wire.render_fault(&answer, &fault)
            }
        };
        self.log(
            request,
            route,
            request_id,
            trace,
            response.status().as_u16(),
            began,
        );
        response
    }

    async fn call(
        &self,
        entrance: &dyn Entrance,
        cloud: &Cloud,
        (request, route): (&WireRequest, &Route),
        request_id: &str,
        trace: &mut Trace,
    ) -> Result<Value, Fault> {
        let Route { table, row, .. } = route;
        let refuse = |error: &CallError| {
            if let CallError::Domain(error @ brokerage_domain::Error::Internal(_)) = error {
                tracing::error!(
                    request_id,
                    operation = row.name,
                    error = error as &dyn std::error::Error,
                    "a call failed"
                );
            }
            (table.fault)(error)
        };
        let refuse_domain = |error| refuse(&CallError::Domain(error));
        let (claim, key) = self.authenticate(cloud, request, &refuse_domain).await?;
        trace.key_id = Some(claim.access_key_id.clone());
        let nonce = self.count(entrance, route, &claim, &key);
        let nonce = nonce.map_err(refuse_domain)?;
        let params = cloud
            .wire
            .params(request, route)
            .map_err(|e| refuse(&e.into()))?;
        let region_named = cloud.wire.region(request, &params);
        let reading = Reading::of(table.index_base, cloud.wire.types(request));
        let prepared = (row.prepare)(&params, reading).map_err(|e| refuse(&e.into()))?;
        if let Some(name) = table.unknown.refused(prepared.unknown()) {
            let unknown = ParamError::Unknown { name: name.clone() };
            return Err(refuse(&unknown.into()));
        }
        let parameter = cloud.wire.region_parameter();
        let region = table.region_meant(&self.control, row, parameter, &region_named);
        let region = region.map_err(|error| refuse(&error))?;
        let conditions = prepared.conditions();
        let action = table.action(row);
        let cx = Context {
            principal: key.principal(),
            request_id: request_id.to_owned(),
            profile: table.profile,
            region,
            region_named,
            operation: row.name,
            rights: Rights::new(
                &key.key.policy,
                &action,
                conditions.clone(),
                table.resource_form,
            ),
        };
        let named = prepared.resources();
        self.permit(route, &cx, &action, &conditions, named)
            .await
            .map_err(refuse_domain)?;
        let call = Call {
            control: self.control.clone(),
            cx: Scope::new(cx, nonce.filter(|_| row.mode == Mode::Write)),
        };
        prepared.run(call).await.map_err(|error| refuse(&error))
    }

    /// Counts a call for its key, and remembers its nonce. What is counted out leaves nothing behind.
    ///
    /// Where others may have read a call whose signature covers no nonce, its signature is remembered as well. Such a
    /// call is made again as often as it only reads; it changes something only if nothing came with its signature
    /// before, so that neither a change is repeated nor what read is sent again as a change.
    fn count(
        &self,
        entrance: &dyn Entrance,
        Route { table, row, .. }: &Route,
        claim: &Claim,
        key: &OpenKey,
    ) -> brokerage_domain::Result<Option<String>> {
        let limit = table.calls_per_second_of(row);
        if !entrance.admit(&key.key.account_id) {
            return Err(brokerage_domain::Error::Throttled { per_second: limit });
        }
        self.control
            .rate_take_of_key(&key.key.id, row.name, limit)?;
        let remember = |nonce: &str, signature| {
            self.control.nonce_remember(&SignedCall {
                account: &key.key.account_id,
                key_id: &claim.access_key_id,
                nonce,
                signature,
                signed_at_s: claim.signed_at_s,
            })
        };
        let nonce = claim.replay_key();
        if let Some(nonce) = &nonce {
            remember(nonce, claim.reusable_signature())?;
        }
        let Some(signature) = claim.signature_key().filter(|_| entrance.is_exposed()) else {
            return Ok(nonce);
        };
        match (remember(&signature, None), row.mode) {
            (Err(brokerage_domain::Error::Replayed), Mode::Read) => Ok(None),
            (remembered, _) => remembered.map(|()| Some(signature)),
        }
    }

    /// Asks the policy about every resource that a call names, and counts what it permits for the account.
    async fn permit(
        &self,
        Route { table, row, .. }: &Route,
        cx: &Context,
        action: &str,
        conditions: &[(&'static str, String)],
        named: Vec<String>,
    ) -> brokerage_domain::Result<()> {
        let conditions: Vec<(&str, &str)> = conditions
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        for resource in table.resource_names(cx, named) {
            let attempt = Attempt {
                action,
                resource: &resource,
                conditions: &conditions,
            };
            self.control.authorize(cx, &attempt).await?;
        }
        self.control
            .rate_take(cx.account(), row.name, table.calls_per_second_of(row))
    }

    /// Whether a request is authenticated, without making the call and without remembering its nonce: for replaying
    /// recorded requests.
    ///
    /// # Errors
    /// The vendor's refusal.
    pub async fn identify(&self, request: &WireRequest) -> Result<Claim, Fault> {
        let cloud = self.clouds.speaking(request);
        Ok(self.authenticate(cloud, request, &unavailable).await?.0)
    }

    /// Who asks. An unknown key costs the same work as a wrong secret.
    async fn authenticate(
        &self,
        cloud: &Cloud,
        request: &WireRequest,
        refuse: &(dyn Fn(brokerage_domain::Error) -> Fault + Send + Sync),
    ) -> Result<(Claim, Arc<OpenKey>), Fault> {
        let signature_fault = |fault: SignatureFault| cloud.wire.signature_fault(&fault);
        let claim = self.clouds.claim(request).map_err(signature_fault)?;
        let key = self.look_up(cloud, &claim, refuse).await?;
        let secret = key.as_ref().map_or(&*self.nobody, |key| &key.secret);
        let verified = verify(request, &claim, secret);
        let Some(key) = key else {
            return Err(cloud.wire.unknown_key(&claim.access_key_id));
        };
        verified.map_err(signature_fault)?;
        if !token_is_right(&claim, &key) {
            return Err(cloud.wire.wrong_token());
        }
        Ok((claim, key))
    }

    /// The key that a request claims, if there is one and the clock is right.
    async fn look_up(
        &self,
        cloud: &Cloud,
        claim: &Claim,
        refuse: &(dyn Fn(brokerage_domain::Error) -> Fault + Send + Sync),
    ) -> Result<Option<Arc<OpenKey>>, Fault> {
        let signature_fault = |fault: SignatureFault| cloud.wire.signature_fault(&fault);
        if !cloud.schemes.contains(&claim.scheme) {
            // A signature of another cloud on this cloud's call: nothing that this cloud's callers send.
            let algorithm = claim.scheme.name.to_owned();
            return Err(cloud
                .wire
                .signature_fault(&SignatureFault::UnsupportedAlgorithm { algorithm }));
        }
        check_clock(claim, self.control.real_now().seconds()).map_err(signature_fault)?;
        let key = self.control.access_key_open(&claim.access_key_id).await;
        key.map_err(refuse)
    }

    fn log(
        &self,
        request: &WireRequest,
        route: Option<&Route>,
        request_id: String,
        trace: Trace,
        status: u16,
        began: brokerage_domain::clock::Moment,
    ) {
        let now = self.control.real_now();
        let (outcome, message) = match trace.outcome {
            None => ("ok".to_owned(), None),
            Some((code, message)) => (code, Some(message)),
        };
        self.control.requests().push(RequestRecord {
            at: now.iso(),
            request_id,
            dialect: route.map_or("", |route| route.table.dialect),
            operation: route.map_or_else(
                || request.path().to_owned(),
                |route| route.row.name.to_owned(),
            ),
            access_key_id: trace.key_id,
            status,
            outcome,
            message,
            took_us: now.micros() - began.micros(),
        });
    }
}

/// The refusal when the store does not say who asks, before any dialect is chosen. Every cloud has this code.
fn unavailable(error: brokerage_domain::Error) -> Fault {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "a caller could not be looked up"
    );
    Fault::new(
        "InternalError",
        500,
        "The request processing has failed due to some unknown error.",
    )
}

/// Temporary keys come with their token; a token with any other key is as wrong as the wrong token.
fn token_is_right(claim: &Claim, key: &OpenKey) -> bool {
    match (&claim.session_token, &key.session_token_hash) {
        (None, None) => true,
        (Some(token), Some(hash)) => token
            .forms()
            .iter()
            .any(|form| brokerage_control::access_key::token_hash(form) == *hash),
        _ => false,
    }
}
