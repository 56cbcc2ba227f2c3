//! `brokerage buy`: a genuine vendor purchase, signed by our own client. It works against the real clouds as well.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use brokerage_domain::listener::SecurityProtocol;
use brokerage_wire::Cloud;
use brokerage_wire::client::{Pairs, Place, Purchase, Seen, SeenPhase};
use serde_json::{Value, json};

use super::client::{Caller, endpoint_of_server};
use super::next;
use super::print::{self, escaped};
use crate::admin::{self, Ask};
use crate::cli::BuyFlags;
use crate::serve::CLOUDS;

/// First and longest pause between two looks at an instance.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(3));
/// What the names of public listeners begin with.
const PUBLIC: &str = "PUBLIC_";
/// The topic of the commands that a buyer is told.
const TOPIC: &str = "hello";

/// Runs the command.
///
/// # Errors
/// If no endpoint or key is known, the request cannot be sent, the cloud refuses it, or the cluster does not run in time.
pub fn run(flags: BuyFlags) -> anyhow::Result<ExitCode> {
    let buyer = Buyer::new(&flags)?;
    let order = buyer.order()?;
    let mut bought = Vec::with_capacity(order.instance_ids.len());
    for id in &order.instance_ids {
        bought.push((id.as_str(), buyer.look(id)?));
    }
    if flags.wait {
        let deadline = Instant::now() + Duration::from_secs(flags.wait_seconds);
        let mut progress = Progress::new(flags.target.json);
        for (id, seen) in &mut bought {
            if seen.phase == SeenPhase::AwaitingStart {
                buyer.start(id)?;
            }
        }
        for (id, seen) in &mut bought {
            *seen = buyer.wait(id, deadline, &mut progress)?;
        }
        progress.clear();
    }
    // Only a server of ours tells more than its vendor's answers do.
    let data = flags.endpoint.is_none().then_some(&*flags.target.data);
    let shown: Vec<Value> = bought
        .iter()
        .map(|(id, seen)| shown(id, seen, data))
        .collect();
    let answer = answer(&order, &shown, &buyer.next(&bought, &shown, data));
    match flags.target.json {
        true => print::value(&answer, true, &[]),
        false => tell(&answer),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a purchase came to.
struct Ordered {
    order_id: String,
    instance_ids: Vec<String>,
}

struct Buyer {
    purchase: &'static Purchase,
    caller: Caller,
    place: Place,
    order: Pairs,
    start: Pairs,
}

impl Buyer {
    fn new(flags: &BuyFlags) -> anyhow::Result<Self> {
        let endpoint = match &flags.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => endpoint_of_server(&flags.target.data)?,
        };
        let of_dialect = |purchase: &&&Purchase| purchase.dialect == flags.dialect;
        let (cloud, purchase): (&Cloud, &Purchase) = CLOUDS
            .all()
            .find_map(|cloud| Some((cloud, *cloud.purchases.iter().find(of_dialect)?)))
            .with_context(|| format!("--dialect {}: nothing is sold there", flags.dialect))?;
        let region = flags.region.as_deref().unwrap_or(purchase.region);
        let caller = Caller::new(cloud, &endpoint, region, flags.access_key_id.clone())?;
        let mut set = super::pairs("--set", &flags.set)?;
        if let Some(name) = &flags.name {
            set.insert(0, (purchase.name.to_owned(), name.clone()));
        }
        // Where the instance is placed at its start, a purchase that does not start it needs no place.
        let place = match flags.wait || purchase.start.is_none() {
            true => place(&caller, purchase, region, &set)?,
            false => Place {
                region: region.to_owned(),
                ..Place::default()
            },
        };
        let (start, order) = settings(set, purchase);
        let buyer = Self {
            purchase,
            caller,
            place,
            order,
            start,
        };
        buyer.check()?;
        Ok(buyer)
    }

    /// Refuses what the calls do not have, before anything is bought.
    fn check(&self) -> anyhow::Result<()> {
        let order = (self.purchase.order)(&self.place, self.order.clone());
        self.caller.check(&order.map_err(refused_locally)?)?;
        if let Some(start) = &self.purchase.start {
            // Where it will be placed may not be known yet, and is not what is checked.
            let somewhere = Place {
                network: "any".to_owned(),
                subnet: "any".to_owned(),
                ..Place::default()
            };
            let step = (start.step)("any", &somewhere, self.start.clone());
            self.caller.check(&step.map_err(refused_locally)?)?;
        }
        Ok(())
    }

    fn order(&self) -> anyhow::Result<Ordered> {
        let purchase = self.purchase;
        let step = (purchase.order)(&self.place, self.order.clone())?;
        let answer = self.caller.call(step)?;
        let order_id = answer.pointer(purchase.order_id).and_then(Value::as_str);
        let order_id = order_id
            .with_context(|| format!("the answer has no {}: {answer}", purchase.order_id))?
            .to_owned();
        let named = match purchase.find {
            Some(find) => self.caller.call(find(&order_id))?,
            None => answer,
        };
        let instance_ids = (purchase.instance_ids)(&named);
        if instance_ids.is_empty() {
            bail!("the order {order_id} names no instance: {named}");
        }
        Ok(Ordered {
            order_id,
            instance_ids,
        })
    }

    /// The second step of a purchase that has one.
    fn start(&self, instance_id: &str) -> anyhow::Result<()> {
        if let Some(start) = &self.purchase.start {
            let step = (start.step)(instance_id, &self.place, self.start.clone())?;
            self.caller.call(step)?;
        }
        Ok(())
    }

    fn wait(&self, id: &str, deadline: Instant, progress: &mut Progress) -> anyhow::Result<Seen> {
        let (mut pause, pause_max) = PAUSE;
        loop {
            let seen = self.look(id)?;
            let word = seen.phase.word();
            match seen.phase {
                SeenPhase::Running => return Ok(seen),
                SeenPhase::Failed | SeenPhase::Released => bail!("{id} is {word}"),
                _ if Instant::now() > deadline => bail!("{id} is still {word}"),
                _ => progress.show(id, word),
            }
            std::thread::sleep(pause);
            pause = pause.mul_f32(1.5).min(pause_max);
        }
    }

    fn look(&self, instance_id: &str) -> anyhow::Result<Seen> {
        let answer = self.caller.call((self.purchase.look)(instance_id))?;
        Ok((self.purchase.seen)(&answer))
    }

    /// What the buyer may type next.
    fn next(&self, bought: &[(&str, Seen)], shown: &[Value], data: Option<&Path>) -> Vec<String> {
        let Some((id, seen)) = bought.first() else {
            return Vec::new();
        };
        let data_flag = data.map(next::data_flag).unwrap_or_default();
        match (seen.phase, &self.purchase.start) {
            (SeenPhase::AwaitingStart, Some(start)) => vec![format!(
                "# {id} waits for {}, which says where it is placed: call it with your SDK, or buy with --wait",
                start.operation
            )],
            (SeenPhase::Running, _) => {
                let mut lines = vec![format!("brokerage topic create {id} {TOPIC}{data_flag}")];
                let none = serde_json::Map::new();
                let listeners = shown.first().and_then(|of| of["listeners"].as_object());
                let listeners = listeners.unwrap_or(&none);
                let private = listeners.iter().find(|(_, at)| **at == *seen.bootstrap);
                let private = private.map_or("PLAINTEXT", |(listener, _)| listener);
                // From outside, where that was bought: with a user and over TLS, unlike the private one perhaps.
                let public = public_of(listeners).find(|(_, at)| *at != seen.bootstrap);
                let all = [(private, seen.bootstrap.as_str())]
                    .into_iter()
                    .chain(public);
                let all = all.map(|(name, at)| (name.trim_start_matches(PUBLIC), at));
                let all: Vec<(&str, &str)> = all.collect();
                let mut users = all.iter();
                lines
                    .extend(users.find_map(|(protocol, _)| user_command(id, protocol, &data_flag)));
                let ca = ca_of(data);
                for (protocol, at) in all {
                    lines.extend(client_commands(at, protocol, ca.as_deref()));
                }
                lines
            }
            _ if data.is_some() => vec![format!("brokerage instance show {id}{data_flag}")],
            _ => Vec::new(),
        }
    }
}

/// The public listeners among these, with what clients begin with.
fn public_of(listeners: &serde_json::Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    let public = listeners
        .iter()
        .filter(|(name, _)| name.starts_with(PUBLIC));
    public.filter_map(|(name, at)| Some((name.as_str(), at.as_str()?)))
}

fn refused_locally(fault: brokerage_wire::params::ParamError) -> anyhow::Error {
    anyhow::anyhow!("--set {}: {}", fault.name(), fault.reason())
}

/// Where the instance is placed: what the buyer says of network, subnet and zone, and what is missing of it from the
/// buyer's own subnets in the region.
fn place(caller: &Caller, purchase: &Purchase, region: &str, set: &Pairs) -> anyhow::Result<Place> {
    let places = &purchase.places;
    let said = places.parameters.map(|parameter| {
        let mut said = set.iter().rev();
        let found = said.find(|(name, _)| !parameter.is_empty() && name == parameter);
        found.map(|(_, value)| value.as_str())
    });
    let is_complete =
        |(parameter, said): (&&str, &Option<&str>)| parameter.is_empty() || said.is_some();
    if places.parameters.iter().zip(&said).all(is_complete) {
        return Ok(Place {
            region: region.to_owned(),
            ..Place::default()
        });
    }
    let answers: Vec<Value> = (places.steps)()
        .into_iter()
        .map(|step| caller.call(step))
        .collect::<anyhow::Result<_>>()?;
    let agrees = |of: &Place| {
        let own = [&of.network, &of.subnet, &of.zone];
        let mut pairs = own.into_iter().zip(said);
        pairs.all(|(own, said)| said.is_none_or(|said| said == own))
    };
    let found = (places.read)(&answers).into_iter().find(agrees);
    // A network or a subnet that is named and not found is for the cloud to refuse, or to make.
    let found = match (found, said[0].is_some() || said[1].is_some()) {
        (Some(found), _) => found,
        (None, true) => Place::default(),
        (None, false) => bail!(
            "you have no subnet in {region}: make one (brokerage network create, create-subnet), or say --set {}=… \
             --set {}=…",
            places.parameters[0],
            places.parameters[1],
        ),
    };
    Ok(Place {
        region: region.to_owned(),
        ..found
    })
}

/// What is set for the call that starts, then for the order.
fn settings(set: Pairs, purchase: &Purchase) -> (Pairs, Pairs) {
    let of_start = |name: &str| {
        let start = purchase.start.as_ref()?;
        let name = name.strip_prefix(start.operation)?.strip_prefix('.')?;
        Some(name.to_owned())
    };
    let (mut start, mut order) = (Vec::new(), Vec::new());
    for (name, value) in set {
        match of_start(&name) {
            Some(name) => start.push((name, value)),
            None => order.push((name, value)),
        }
    }
    (start, order)
}

/// What is known of an instance: all that the server of the data directory tells, or what its vendor's answer does.
fn shown(id: &str, seen: &Seen, data: Option<&Path>) -> Value {
    let instance = id.to_owned();
    let told = data.and_then(|data| admin::ask(data, &Ask::InstanceShow { instance }).ok()?);
    let mut shown = told.unwrap_or_else(|| json!({ "instance_id": id }));
    shown["phase"] = seen.phase.word().into();
    shown["bootstrap"] = seen.bootstrap.clone().into();
    shown
}

fn answer(order: &Ordered, shown: &[Value], next: &[String]) -> Value {
    let first = shown.first().unwrap_or(&Value::Null);
    json!({
        "instance_id": first["instance_id"],
        "order_id": order.order_id,
        "bootstrap": first["bootstrap"],
        "phase": first["phase"],
        "price": first["price"],
        "currency": first["currency"],
        "price_for": first["price_for"],
        "size": first["size"],
        "instances": shown,
        "next": next,
    })
}

/// Prints the answer for people.
fn tell(answer: &Value) {
    let text = |value: &Value| value.as_str().map(escaped).filter(|text| !text.is_empty());
    let field = |name: &str, shown: Option<String>| {
        if let Some(shown) = shown {
            print::line(format!("{name:<11}{shown}"));
        }
    };
    field("order", text(&answer["order_id"]));
    for instance in answer["instances"].as_array().into_iter().flatten() {
        let id = text(&instance["instance_id"]).unwrap_or_default();
        let phase = text(&instance["phase"]).unwrap_or_default();
        let name = text(&instance["name"]).map_or_else(String::new, |name| format!(" ({name})"));
        field("instance", Some(format!("{id}{name}, {phase}")));
        field("bootstrap", text(&instance["bootstrap"]));
        let listeners = instance["listeners"].as_object();
        for (name, at) in listeners.into_iter().flat_map(public_of) {
            let protocol = escaped(name.trim_start_matches(PUBLIC));
            field("public", Some(format!("{} ({protocol})", escaped(at))));
        }
    }
    let version = text(&answer["instances"][0]["kafka_version"]);
    let size = text(&answer["size"]).zip(version);
    field(
        "size",
        size.map(|(size, version)| format!("{size}, Kafka {version}")),
    );
    let each = match answer["instances"].as_array().map_or(0, Vec::len) {
        0 | 1 => "",
        _ => ", each",
    };
    let price = text(&answer["price"]).zip(text(&answer["currency"]));
    let price = price.zip(text(&answer["price_for"]));
    field(
        "price",
        price.map(|((price, currency), term)| format!("{price} {currency} for the {term}{each}")),
    );
    let next = answer["next"].as_array().into_iter().flatten();
    for (at, line) in next.filter_map(Value::as_str).enumerate() {
        field(if at == 0 { "next" } else { "" }, Some(escaped(line)));
    }
}

/// How a user is made for listeners that ask for one.
fn user_command(id: &str, protocol: &str, data_flag: &str) -> Option<String> {
    let protocol: SecurityProtocol = protocol.parse().ok()?;
    let command = || format!("brokerage user put {id} anna{data_flag}");
    protocol.has_sasl().then(command)
}

/// How records are written and read.
fn client_commands(bootstrap: &str, protocol: &str, ca: Option<&str>) -> Vec<String> {
    let mut options = String::new();
    let protocol: Option<SecurityProtocol> = protocol.parse().ok();
    if let Some(protocol) = protocol.filter(|protocol| *protocol != SecurityProtocol::Plaintext) {
        options.push_str(&format!(" -X security.protocol={}", protocol.name()));
        if protocol.has_sasl() {
            // Every client can send a password, which TLS hides; kcat before librdkafka 2.6.1 is refused by SCRAM of 4.0.
            let mechanism = match protocol.has_tls() {
                true => "PLAIN",
                false => "SCRAM-SHA-256",
            };
            options.push_str(&format!(
                " -X sasl.mechanism={mechanism} -X sasl.username=anna -X sasl.password=PASSWORD"
            ));
        }
        if let Some(ca) = ca.filter(|_| protocol.has_tls()) {
            options.push_str(&format!(" -X ssl.ca.location={ca}"));
        }
    }
    ["echo hello | kcat -P", "kcat -C -e"]
        .map(|kcat| format!("{kcat} -b {bootstrap} -t {TOPIC}{options}"))
        .to_vec()
}

/// The certificate that clients trust, of the server of a data directory.
fn ca_of(data: Option<&Path>) -> Option<String> {
    let reached = admin::ask(data?, &Ask::Addresses).ok()??;
    reached["ca"].as_str().map(next::quoted)
}

/// Tells on a terminal what is waited for, on one line that is written again; elsewhere whenever it changes.
struct Progress {
    is_quiet: bool,
    is_terminal: bool,
    began: Instant,
    told: String,
}

impl Progress {
    fn new(is_quiet: bool) -> Self {
        Self {
            is_quiet,
            is_terminal: std::io::stderr().is_terminal(),
            began: Instant::now(),
            told: String::new(),
        }
    }

    fn show(&mut self, id: &str, phase: &str) {
        let told = format!("{id} is {phase}");
        if self.is_quiet {
            return;
        }
        if self.is_terminal {
            let seconds = self.began.elapsed().as_secs();
            drop(write!(std::io::stderr(), "\r\u{1b}[K{told}, {seconds} s"));
        } else if told != self.told {
            print::aside(&told);
        }
        self.told = told;
    }

    /// Takes the line away.
    fn clear(&self) {
        if self.is_terminal && !self.told.is_empty() {
            drop(write!(std::io::stderr(), "\r\u{1b}[K"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_commands_say_what_the_listener_asks_for() {
        let check = |protocol, ca, expected: &str| {
            let commands = client_commands("h:1,h:2", protocol, ca);
            assert_eq!(
                commands[0],
                format!("echo hello | kcat -P -b h:1,h:2 -t hello{expected}")
            );
        };
        check("PLAINTEXT", Some("/ca.pem"), "");
        check(
            "SSL",
            Some("/ca.pem"),
            " -X security.protocol=SSL -X ssl.ca.location=/ca.pem",
        );
        check(
            "SASL_PLAINTEXT",
            Some("/ca.pem"),
            " -X security.protocol=SASL_PLAINTEXT -X sasl.mechanism=SCRAM-SHA-256 -X sasl.username=anna -X \
             sasl.password=PASSWORD",
        );
        check(
            "SASL_SSL",
            Some("/ca.pem"),
            " -X security.protocol=SASL_SSL -X sasl.mechanism=PLAIN -X sasl.username=anna -X sasl.password=PASSWORD -X \
             ssl.ca.location=/ca.pem",
        );
    }
}
