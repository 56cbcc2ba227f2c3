//! Signed calls of a vendor's API, as its own clients send them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::clock::{Clock, SystemClock};
use brokerage_domain::id::Chance;
use brokerage_wire::client::{ClientCall, Refusal, Step};
use brokerage_wire::params::{Param, ParamError, Reading, Types};
use brokerage_wire::signing::{Credentials, SigningMoment};
use brokerage_wire::{Cloud, WireRequest};
use secrecy::SecretString;
use serde_json::Value;

use crate::admin::{self, Ask};

/// How often a throttled call is sent, and the pause in between.
const THROTTLED_TRIES_MAX: u32 = 20;
const THROTTLED_PAUSE: Duration = Duration::from_millis(300);
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes calls of one cloud in one region.
pub struct Caller {
    cloud: &'static Cloud,
    scheme: String,
    host: String,
    region: String,
    credentials: Credentials,
    chance: Chance,
    agent: ureq::Agent,
}

impl Caller {
    /// A caller with the key of this id, or the sandbox's.
    ///
    /// # Errors
    /// If the key's secret is not in the environment.
    pub fn new(
        cloud: &'static Cloud,
        endpoint: &str,
        region: &str,
        access_key_id: Option<String>,
    ) -> anyhow::Result<Self> {
        let (scheme, host) = endpoint.split_once("://").unwrap_or(("http", endpoint));
        let secret = match (&access_key_id, std::env::var("BROKERAGE_SECRET")) {
            (_, Ok(secret)) if secret.trim().is_empty() => {
                bail!("BROKERAGE_SECRET: it is empty, and signs nothing")
            }
            (_, Ok(secret)) => secret,
            (None, Err(_)) => SANDBOX_SECRET.to_owned(),
            (Some(_), Err(_)) => bail!(
                "the secret of --access-key-id is read from the environment, BROKERAGE_SECRET"
            ),
        };
        Ok(Self {
            cloud,
            scheme: scheme.to_owned(),
            host: host.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials: Credentials {
                access_key_id: access_key_id.unwrap_or_else(|| SANDBOX_KEY_ID.to_owned()),
                secret: SecretString::from(secret),
                session_token: None,
            },
            chance: Chance::from_system(),
            agent: ureq::Agent::new_with_config(
                ureq::config::Config::builder()
                    .timeout_global(Some(ANSWER_TIMEOUT))
                    .http_status_as_error(false)
                    .build(),
            ),
        })
    }

    fn moment(&self) -> SigningMoment {
        SigningMoment {
            epoch_s: SystemClock.now().seconds(),
            nonce: self.chance.uuid(),
        }
    }

    /// Refuses parameters that the operation does not have, and values that it cannot read: not every cloud tells.
    ///
    /// # Errors
    /// A text for people, with the parameter's name.
    pub fn check(&self, step: &Step) -> anyhow::Result<()> {
        let Some(row) = step.table.row(step.operation) else {
            return Ok(());
        };
        let region = self.cloud.wire.region_parameter();
        let mut params = step.params.clone();
        if params.get(region).is_none() {
            params.set(region, Param::Text(self.region.clone()));
        }
        let operation = step.operation;
        let reading = Reading::of(step.table.index_base, Types::InText);
        match (row.prepare)(&params, reading) {
            Ok(prepared) => {
                let mut unknown = prepared.unknown().iter();
                match unknown.find(|name| *name != region) {
                    Some(name) => bail!("--set {name}: {operation} has no such parameter"),
                    None => Ok(()),
                }
            }
            Err(ParamError::Invalid { name, reason }) => {
                bail!("--set {name}: {operation}: {reason}")
            }
            Err(ParamError::Unknown { name }) => {
                bail!("--set {name}: {operation} has no such parameter")
            }
            // What is missing is told by the cloud, which may not miss it.
            Err(ParamError::Missing { .. } | ParamError::Malformed { .. }) => Ok(()),
        }
    }

    /// Makes one call, and refuses what its cloud refuses.
    ///
    /// # Errors
    /// If the call cannot be sent or its answer not be read, and with what the cloud says.
    pub fn call(&self, step: Step) -> anyhow::Result<Value> {
        let row = step
            .table
            .row(step.operation)
            .with_context(|| format!("{} has no {}", step.table.dialect, step.operation))?;
        let call = ClientCall {
            table: step.table,
            row,
            host: &self.host,
            region: &self.region,
            params: &step.params,
        };
        let answer = self.send_patiently(&call)?;
        match (self.cloud.client.refusal)(&answer) {
            None => Ok(answer),
            Some(Refusal { code, message }) => bail!("{}: {code}: {message}", row.name),
        }
    }

    /// Signs and sends; again after a pause while the vendor says that calls come too fast. A throttled call was not
    /// carried out, so that a purchase is never made twice.
    fn send_patiently(&self, call: &ClientCall<'_>) -> anyhow::Result<Value> {
        let client = &self.cloud.client;
        let signed = || client.signed(call, &self.credentials, &self.moment());
        for _ in 1..THROTTLED_TRIES_MAX {
            let answer = self.send(signed()?)?;
            let refusal = (client.refusal)(&answer);
            if !refusal.is_some_and(|refusal| refusal.code.starts_with(client.throttled)) {
                return Ok(answer);
            }
            std::thread::sleep(THROTTLED_PAUSE);
        }
        self.send(signed()?)
    }

    fn send(&self, request: WireRequest) -> anyhow::Result<Value> {
        let (mut parts, body) = request.into_http()?.into_parts();
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        parts.uri = format!("{}://{}{target}", self.scheme, self.host).parse()?;
        let response = self
            .agent
            .run(http::Request::from_parts(parts, body.to_vec()))
            .with_context(|| format!("{}://{} does not answer", self.scheme, self.host))?;
        let text = response.into_body().read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("the answer is no JSON: {text:.200}"))
    }
}

/// Where the server of a data directory listens.
///
/// # Errors
/// If none runs.
pub fn endpoint_of_server(data: &Path) -> anyhow::Result<String> {
    let addresses = admin::ask(data, &Ask::Addresses)?;
    let first = addresses.as_ref().and_then(|a| a["api"][0].as_str());
    match first {
        Some(address) => Ok(format!("http://{address}")),
        None => bail!(
            "no server runs on {}; start one, or name an --endpoint",
            data.display()
        ),
    }
}
