//! `brokerage buy`: a genuine vendor purchase, signed by our own client. It works against the real clouds as well.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use brokerage_control::sandbox::{SANDBOX_KEY_ID, SANDBOX_SECRET};
use brokerage_dialects::client::{AlibabaCall, ClientFault, JdCloudCall, TencentCall};
use brokerage_dialects::params::{Param, from_dotted};
use brokerage_dialects::signing::{Credentials, SigningMoment};
use brokerage_dialects::wire::WireRequest;
use brokerage_domain::clock::{Clock, SystemClock};
use brokerage_domain::id::Chance;
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::print;
use crate::admin::{self, Ask};
use crate::cli::{BuyDialect, BuyFlags};

/// Parameters that are sent unless `--set` says otherwise: a small cluster of each catalog.
const ALIKAFKA: &[(&str, &str)] = &[
    ("DeployType", "5"),
    ("DiskSize", "500"),
    ("DiskType", "0"),
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
    ("TopicQuota", "50"),
];
const ALIKAFKA_START: &[(&str, &str)] =
    &[("VpcId", "vpc-brokerage"), ("VSwitchId", "vsw-brokerage")];
const BSS: &[(&str, &str)] = &[
    ("ProductCode", "alikafka"),
    ("ProductType", "alikafka_post"),
    ("SubscriptionType", "PayAsYouGo"),
];
const BSS_MODULES: &[(&str, &str)] = &[
    ("SpecType", "normal"),
    ("IoMaxSpec", "alikafka.hw.2xlarge"),
    ("TopicQuota", "50"),
    ("DiskType", "0"),
    ("DiskSize", "500"),
];
const CKAFKA: &[(&str, &str)] = &[
    ("InstanceName", "brokerage"),
    ("VpcId", "vpc-brokerage"),
    ("SubnetId", "subnet-brokerage"),
    ("ZoneId", "100003"),
    ("SpecificationsType", "profession"),
    ("BandWidth", "20"),
    ("DiskSize", "200"),
    ("Partition", "400"),
];
const JDKAFKA: &[(&str, &str)] = &[
    ("instance.vpcId", "vpc-brokerage"),
    ("instance.subnetId", "subnet-brokerage"),
    ("instance.instanceVersion", "1.0.2"),
    ("instance.instanceName", "brokerage"),
    ("instance.azId.0", "cn-north-1a"),
    ("instance.instanceClassSpec.0.role", "broker"),
    (
        "instance.instanceClassSpec.0.nodeClassCode",
        "kafka.broker.n1.xsmall",
    ),
    ("instance.instanceClassSpec.0.nodeCount", "3"),
    ("instance.instanceClassSpec.0.nodeDiskType", "ssd.io1"),
    ("instance.instanceClassSpec.0.nodeDiskGB", "100"),
];

/// Settings with this prefix go into the StartInstance call of a two-step purchase.
const START_PREFIX: &str = "StartInstance.";
const ALIKAFKA_VERSION: &str = "2019-09-16";
const BSS_VERSION: &str = "2017-12-14";
const CKAFKA_VERSION: &str = "2019-08-19";
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

/// An instance as its cloud shows it.
struct Seen {
    phase: &'static str,
    bootstrap: String,
}

/// Runs the command.
pub fn run(flags: BuyFlags) -> anyhow::Result<ExitCode> {
    let buyer = Buyer::new(&flags)?;
    let bought = buyer.purchase()?;
    let mut seen = buyer.look(&bought)?;
    if flags.wait {
        if seen.phase == "awaiting_start" {
            buyer.start(&bought)?;
        }
        seen = buyer.wait(&bought, Duration::from_secs(flags.wait_seconds))?;
    }
    let answer = json!({
        "instance_id": bought.instance_id,
        "order_id": bought.order_id,
        "bootstrap": seen.bootstrap,
        "phase": seen.phase,
    });
    print::value(&answer, flags.target.json);
    Ok(ExitCode::SUCCESS)
}

struct Buyer {
    dialect: BuyDialect,
    scheme: String,
    host: String,
    region: String,
    purchase: Param,
    start: Param,
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
        let region_default = match flags.dialect {
            BuyDialect::Alikafka | BuyDialect::Bss => "cn-hangzhou",
            BuyDialect::Ckafka => "ap-guangzhou",
            BuyDialect::Jdkafka => "cn-north-1",
        };
        let region = flags
            .region
            .clone()
            .unwrap_or_else(|| region_default.to_owned());
        let (start, purchase) = settings(flags)?;
        let access_key_id = flags.access_key_id.clone();
        let secret = match (&access_key_id, std::env::var("BROKERAGE_SECRET")) {
            (_, Ok(secret)) => secret,
            (None, Err(_)) => SANDBOX_SECRET.to_owned(),
            (Some(_), Err(_)) => bail!(
                "the secret of --access-key-id is read from the environment, BROKERAGE_SECRET"
            ),
        };
        Ok(Self {
            dialect: flags.dialect,
            scheme: scheme.to_owned(),
            host: host.trim_end_matches('/').to_owned(),
            purchase: purchase_params(flags.dialect, &region, purchase)?,
            start: start_params(&region, start)?,
            region,
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
        match self.dialect {
            BuyDialect::Alikafka => {
                let answer =
                    self.alibaba("CreatePostPayOrder", ALIKAFKA_VERSION, &self.purchase)?;
                let order_id = text(&answer, "/OrderId")?;
                let of_order = params([
                    ("RegionId", self.region.as_str()),
                    ("OrderId", order_id.as_str()),
                ])?;
                let listed = self.alibaba("GetInstanceList", ALIKAFKA_VERSION, &of_order)?;
                Ok(Bought {
                    instance_id: text(&listed, "/InstanceList/InstanceVO/0/InstanceId")?,
                    order_id,
                })
            }
            BuyDialect::Bss => {
                let answer = self.alibaba("CreateInstance", BSS_VERSION, &self.purchase)?;
                Ok(Bought {
                    order_id: text(&answer, "/Data/OrderId")?,
                    instance_id: text(&answer, "/Data/InstanceId")?,
                })
            }
            BuyDialect::Ckafka => {
                let answer = self.tencent("CreatePostPaidInstance", &self.purchase)?;
                let data = "/Response/Result/Data";
                Ok(Bought {
                    order_id: text(&answer, &format!("{data}/DealNames/0"))?,
                    instance_id: text(&answer, &format!("{data}/InstanceId"))?,
                })
            }
            BuyDialect::Jdkafka => {
                let answer = self.jd(&Method::POST, &["instances"], &self.purchase)?;
                Ok(Bought {
                    order_id: text(&answer, "/result/buyId")?,
                    instance_id: text(&answer, "/result/instanceId")?,
                })
            }
        }
    }

    /// The second step of Alibaba's purchases.
    fn start(&self, bought: &Bought) -> anyhow::Result<()> {
        let mut start = self.start.clone();
        start.set("InstanceId", Param::Text(bought.instance_id.clone()));
        self.alibaba("StartInstance", ALIKAFKA_VERSION, &start)?;
        Ok(())
    }

    fn wait(&self, bought: &Bought, longest: Duration) -> anyhow::Result<Seen> {
        let began = Instant::now();
        let (mut pause, pause_max) = PAUSE;
        loop {
            let seen = self.look(bought)?;
            match seen.phase {
                "running" => return Ok(seen),
                "failed" | "released" => bail!("{} is {}", bought.instance_id, seen.phase),
                _ if began.elapsed() > longest => {
                    bail!("{} is still {}", bought.instance_id, seen.phase)
                }
                _ => std::thread::sleep(pause),
            }
            pause = pause.mul_f32(1.5).min(pause_max);
        }
    }

    fn look(&self, bought: &Bought) -> anyhow::Result<Seen> {
        let id = bought.instance_id.as_str();
        match self.dialect {
            BuyDialect::Alikafka | BuyDialect::Bss => {
                let wanted = params([("RegionId", self.region.as_str()), ("InstanceId.1", id)])?;
                let answer = self.alibaba("GetInstanceList", ALIKAFKA_VERSION, &wanted)?;
                let instance = &answer["InstanceList"]["InstanceVO"][0];
                let phase = match instance["ServiceStatus"].as_i64() {
                    Some(0) => "awaiting_start",
                    Some(5) => "running",
                    Some(10 | 15) => "released",
                    _ => "provisioning",
                };
                Ok(Seen {
                    phase,
                    bootstrap: ["EndPoint", "SslEndPoint", "SaslEndPoint"]
                        .iter()
                        .find_map(|name| instance[name].as_str())
                        .unwrap_or_default()
                        .to_owned(),
                })
            }
            BuyDialect::Ckafka => {
                let answer =
                    self.tencent("DescribeInstancesDetail", &params([("InstanceId", id)])?)?;
                let instance = &answer["Response"]["Result"]["InstanceList"][0];
                let phase = match instance["Status"].as_i64() {
                    Some(1) => "running",
                    Some(-1) => "failed",
                    Some(2 | 3) | None => "released",
                    _ => "provisioning",
                };
                let address = |vip: &Value| {
                    Some(format!(
                        "{}:{}",
                        vip["Vip"].as_str()?,
                        vip["Vport"].as_str()?
                    ))
                };
                let addresses: Vec<String> = instance["VipList"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(address)
                    .collect();
                Ok(Seen {
                    phase,
                    bootstrap: addresses.join(","),
                })
            }
            BuyDialect::Jdkafka => {
                let answer = self.jd(
                    &Method::GET,
                    &["instances", id],
                    &Param::Object(Default::default()),
                )?;
                let instance = &answer["result"]["instance"];
                let phase = match instance["instanceStatus"].as_str() {
                    Some("running") => "running",
                    Some("error") => "failed",
                    _ => "provisioning",
                };
                let endpoints =
                    instance["extension"]["internalEndpoint"]["brokerEndpoint"].as_array();
                let addresses: Vec<&str> = endpoints
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                Ok(Seen {
                    phase,
                    bootstrap: addresses.join(","),
                })
            }
        }
    }

    fn alibaba(&self, action: &str, version: &str, params: &Param) -> anyhow::Result<Value> {
        let call = AlibabaCall {
            host: &self.host,
            action,
            version,
            params,
        };
        let answer = self.send_patiently(|moment| call.request(&self.credentials, moment))?;
        match answer["Success"].as_bool() {
            Some(true) => Ok(answer),
            _ => bail!(
                "{action}: {}: {}",
                plain(&answer["Code"]),
                plain(&answer["Message"])
            ),
        }
    }

    fn tencent(&self, action: &str, params: &Param) -> anyhow::Result<Value> {
        let call = TencentCall {
            host: &self.host,
            service: "ckafka",
            action,
            version: CKAFKA_VERSION,
            region: &self.region,
            params,
        };
        let answer = self.send_patiently(|moment| call.request(&self.credentials, moment))?;
        match &answer["Response"]["Error"] {
            Value::Null => Ok(answer),
            error => bail!(
                "{action}: {}: {}",
                plain(&error["Code"]),
                plain(&error["Message"])
            ),
        }
    }

    fn jd(&self, method: &Method, path: &[&str], params: &Param) -> anyhow::Result<Value> {
        let path = [&["regions", self.region.as_str()], path].concat();
        let call = JdCloudCall {
            host: &self.host,
            service: "kafka",
            region: &self.region,
            method,
            path: &path,
            params,
        };
        let answer = self.send_patiently(|moment| call.request(&self.credentials, moment))?;
        match &answer["error"] {
            Value::Null => Ok(answer),
            error => bail!(
                "{}: {}: {}",
                path.join("/"),
                plain(&error["status"]),
                plain(&error["message"])
            ),
        }
    }

    /// Signs and sends; again after a pause while the vendor says that calls come too fast. A throttled call was not
    /// carried out, so that a purchase is never made twice.
    fn send_patiently(
        &self,
        sign: impl Fn(&SigningMoment) -> Result<WireRequest, ClientFault>,
    ) -> anyhow::Result<Value> {
        for _ in 1..THROTTLED_TRIES_MAX {
            let answer = self.send(sign(&self.moment())?)?;
            if !is_throttled(&answer) {
                return Ok(answer);
            }
            std::thread::sleep(THROTTLED_PAUSE);
        }
        self.send(sign(&self.moment())?)
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

type Pairs = Vec<(String, String)>;

/// What `--set` says: first for StartInstance, then for the purchase.
fn settings(flags: &BuyFlags) -> anyhow::Result<(Pairs, Pairs)> {
    let mut start = Vec::new();
    let mut purchase = Vec::new();
    for setting in &flags.set {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("--set {setting}: not NAME=VALUE")
        };
        match name.strip_prefix(START_PREFIX) {
            Some(name) => start.push((name.to_owned(), value.to_owned())),
            None => purchase.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok((start, purchase))
}

fn purchase_params(dialect: BuyDialect, region: &str, set: Pairs) -> anyhow::Result<Param> {
    match dialect {
        BuyDialect::Alikafka => Ok(from_dotted(over(
            &[ALIKAFKA, &[("RegionId", region)]].concat(),
            set,
        ))?),
        BuyDialect::Bss => bss_params(region, set),
        BuyDialect::Ckafka => Ok(typed(from_dotted(over(CKAFKA, set))?)),
        BuyDialect::Jdkafka => Ok(typed(from_dotted(over(JDKAFKA, set))?)),
    }
}

fn start_params(region: &str, set: Pairs) -> anyhow::Result<Param> {
    Ok(from_dotted(over(
        &[ALIKAFKA_START, &[("RegionId", region)]].concat(),
        set,
    ))?)
}

/// BSS takes what is bought as numbered modules: a setting that is no parameter of the call is the code of one.
fn bss_params(region: &str, set: Pairs) -> anyhow::Result<Param> {
    const OWN: [&str; 10] = [
        "ProductCode",
        "ProductType",
        "SubscriptionType",
        "Period",
        "PricingCycle",
        "RenewalStatus",
        "RenewPeriod",
        "ClientToken",
        "Logistics",
        "OwnerId",
    ];
    let is_own = |name: &str| OWN.contains(&name) || name.starts_with("Parameter.");
    let (own, modules): (Pairs, Pairs) = set.into_iter().partition(|(name, _)| is_own(name));
    let explicit = own.iter().any(|(name, _)| name.starts_with("Parameter."));
    let mut pairs = over(BSS, own);
    if !explicit {
        for (at, (code, value)) in (1..).zip(over(
            &[BSS_MODULES, &[("RegionId", region)]].concat(),
            modules,
        )) {
            pairs.push((format!("Parameter.{at}.Code"), code));
            pairs.push((format!("Parameter.{at}.Value"), value));
        }
    }
    Ok(from_dotted(pairs)?)
}

/// The defaults with what was set over them. An empty value takes a default away.
fn over(defaults: &[(&str, &str)], set: Pairs) -> Pairs {
    let kept = defaults
        .iter()
        .filter(|(name, _)| !set.iter().any(|(over, _)| over == name));
    let mut pairs: Pairs = kept
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    pairs.extend(set.into_iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn params<const N: usize>(pairs: [(&str, &str); N]) -> anyhow::Result<Param> {
    Ok(from_dotted(pairs)?)
}

/// Numbers and switches of a JSON request in their own type; a value in quotes stays text.
fn typed(param: Param) -> Param {
    match param {
        Param::Object(fields) => Param::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, typed(value)))
                .collect(),
        ),
        Param::List(items) => Param::List(items.into_iter().map(typed).collect()),
        Param::Text(text) => match serde_json::from_str(&text) {
            Ok(Value::Bool(switch)) => Param::Bool(switch),
            Ok(Value::Number(number)) => Param::Number(number),
            Ok(Value::String(quoted)) => Param::Text(quoted),
            _ => Param::Text(text),
        },
        other => other,
    }
}

fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {pointer}: {answer}"))
}

/// Whether an answer says, in any cloud's words, that calls come too fast.
fn is_throttled(answer: &Value) -> bool {
    const CODES: [&str; 3] = ["Throttling", "RequestLimitExceeded", "RESOURCE_EXHAUSTED"];
    [
        &answer["Code"],
        &answer["Response"]["Error"]["Code"],
        &answer["error"]["status"],
    ]
    .into_iter()
    .filter_map(Value::as_str)
    .any(|code| CODES.iter().any(|throttled| code.starts_with(throttled)))
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
