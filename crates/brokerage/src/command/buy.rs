//! `brokerage buy`: a genuine vendor purchase, signed by our own client. It works against the real clouds as well.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_domain::clock::{Clock, SystemClock};
use brokerage_domain::id::Chance;
use brokerage_wire::client::{ClientCall, Pairs, Purchase, Refusal, Seen, SeenPhase, Step};
use brokerage_wire::signing::{Credentials, SigningMoment};
use brokerage_wire::{Cloud, WireRequest};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::print;
use crate::admin::{self, Ask};
use crate::cli::BuyFlags;
use crate::serve::CLOUDS;

/// First and longest pause between two looks at an instance.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(3));
/// How often a throttled call is sent, and the pause in between.
const THROTTLED_TRIES_MAX: u32 = 20;
const THROTTLED_PAUSE: Duration = Duration::from_millis(300);
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What a purchase came to.
struct Bought {
    order_id: String,
    instance_id: String,
}

/// Runs the command.
///
/// # Errors
/// If no endpoint or key is known, the request cannot be sent, the cloud refuses it, or the cluster does not run in time.
pub fn run(flags: BuyFlags) -> anyhow::Result<ExitCode> {
    let buyer = Buyer::new(&flags)?;
    let bought = buyer.purchase()?;
    let mut seen = buyer.look(&bought)?;
    if flags.wait {
        if seen.phase == SeenPhase::AwaitingStart {
            buyer.start(&bought)?;
        }
        seen = buyer.wait(&bought, Duration::from_secs(flags.wait_seconds))?;
    }
    let answer = json!({
        "instance_id": bought.instance_id,
        "order_id": bought.order_id,
        "bootstrap": seen.bootstrap,
        "phase": seen.phase.word(),
    });
    print::value(&answer, flags.target.json);
    Ok(ExitCode::SUCCESS)
}

struct Buyer {
    cloud: &'static Cloud,
    purchase: &'static Purchase,
    scheme: String,
    host: String,
    region: String,
    order: Pairs,
    start: Pairs,
    credentials: Credentials,
    chance: Chance,
    agent: ureq::Agent,
}

impl Buyer {
    fn new(flags: &BuyFlags) -> anyhow::Result<Self> {
        let endpoint = match &flags.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => endpoint_of_server(&flags.target.data)?,
        };
        let (scheme, host) = endpoint.split_once("://").unwrap_or(("http", &endpoint));
        let of_dialect = |purchase: &&&Purchase| purchase.dialect == flags.dialect;
        let (cloud, purchase) = CLOUDS
            .all()
            .find_map(|cloud| Some((cloud, *cloud.purchases.iter().find(of_dialect)?)))
            .with_context(|| format!("--dialect {}: nothing is sold there", flags.dialect))?;
        let region = flags.region.as_deref().unwrap_or(purchase.region);
        let (start, order) = settings(flags, purchase)?;
        let access_key_id = flags.access_key_id.clone();
        let secret = match (&access_key_id, std::env::var("BROKERAGE_SECRET")) {
            (_, Ok(secret)) => secret,
            (None, Err(_)) => SANDBOX_SECRET.to_owned(),
            (Some(_), Err(_)) => bail!(
                "the secret of --access-key-id is read from the environment, BROKERAGE_SECRET"
            ),
        };
        Ok(Self {
            cloud,
            purchase,
            scheme: scheme.to_owned(),
            host: host.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            order,
            start,
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

    fn purchase(&self) -> anyhow::Result<Bought> {
        let purchase = self.purchase;
        let answer = self.call((purchase.order)(&self.region, self.order.clone())?)?;
        let order_id = text(&answer, purchase.order_id)?;
        let named = match purchase.find {
            Some(find) => self.call(find(&order_id))?,
            None => answer,
        };
        Ok(Bought {
            instance_id: text(&named, purchase.instance_id)?,
            order_id,
        })
    }

    /// The second step of a purchase that has one.
    fn start(&self, bought: &Bought) -> anyhow::Result<()> {
        if let Some(start) = &self.purchase.start {
            self.call((start.step)(&bought.instance_id, self.start.clone())?)?;
        }
        Ok(())
    }

    fn wait(&self, bought: &Bought, longest: Duration) -> anyhow::Result<Seen> {
        let began = Instant::now();
        let (mut pause, pause_max) = PAUSE;
        loop {
            let seen = self.look(bought)?;
            let (id, word) = (&bought.instance_id, seen.phase.word());
            match seen.phase {
                SeenPhase::Running => return Ok(seen),
                SeenPhase::Failed | SeenPhase::Released => bail!("{id} is {word}"),
                _ if began.elapsed() > longest => bail!("{id} is still {word}"),
                _ => std::thread::sleep(pause),
            }
            pause = pause.mul_f32(1.5).min(pause_max);
        }
    }

    fn look(&self, bought: &Bought) -> anyhow::Result<Seen> {
        let answer = self.call((self.purchase.look)(&bought.instance_id))?;
        Ok((self.purchase.seen)(&answer))
    }

    /// Makes one call, and refuses what its cloud refuses.
    fn call(&self, step: Step) -> anyhow::Result<Value> {
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

fn endpoint_of_server(data: &std::path::Path) -> anyhow::Result<String> {
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

/// What `--set` says: first for the call that starts, then for the order.
fn settings(flags: &BuyFlags, purchase: &Purchase) -> anyhow::Result<(Pairs, Pairs)> {
    let of_start = |name: &str| {
        let start = purchase.start.as_ref()?;
        let name = name.strip_prefix(start.operation)?.strip_prefix('.')?;
        Some(name.to_owned())
    };
    let mut start = Vec::new();
    let mut order = Vec::new();
    for setting in &flags.set {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("--set {setting}: not NAME=VALUE")
        };
        match of_start(name) {
            Some(name) => start.push((name, value.to_owned())),
            None => order.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok((start, order))
}

fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {pointer}: {answer}"))
}
