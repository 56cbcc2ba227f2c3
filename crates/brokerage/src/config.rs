//! What the flags, the environment and the file mean together: flags before environment before file before default.
//!
//! Clap reads flags and environment; this module reads the file and turns texts into values. A wrong value names
//! its key.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail, ensure};
use brokerage_domain::listener::{Addressing, Listeners, SecurityProtocol};
use brokerage_engine_embedded::{Durability, LogIntervals, TlsFiles};
use secrecy::SecretString;
use serde::Deserialize;

use crate::cli::ServeFlags;

/// Where data goes when nothing is said.
pub const DATA_DEFAULT: &str = "brokerage-data";
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
const HOST_DEFAULT: &str = "127.0.0.1";
const PORTS_DEFAULT: &str = "20000-32767";
/// Kafka's usual port of TLS.
const SHARED_PORT_DEFAULT: u16 = 9093;
/// Addresses that one server binds.
const LISTEN_MAX: usize = 16;

/// Everything that `serve` needs to know.
pub struct Config {
    pub sandbox: bool,
    pub listen: Vec<SocketAddr>,
    pub data: PathBuf,
    pub broker_host: String,
    pub broker_bind: IpAddr,
    pub broker_ports: (u16, u16),
    pub listeners: Listeners,
    /// The TLS port that instances share.
    pub broker_shared_port: Option<u16>,
    /// The operator's certificate.
    pub broker_tls: Option<TlsFiles>,
    pub durability: Durability,
    /// How often brokers look their logs through.
    pub log_intervals: LogIntervals,
    pub rate_limits: bool,
    pub catalog: Option<PathBuf>,
    pub store: StoreChoice,
    /// Where `/metrics` is served.
    pub metrics: Option<SocketAddr>,
    /// Whether it tells topics, users and groups.
    pub metrics_details: bool,
    pub log: String,
    pub json: bool,
}

/// Where records are kept.
pub enum StoreChoice {
    /// A file in the data directory.
    Sqlite,
    /// A PostgreSQL database; the URL may hold a password.
    Postgres(SecretString),
}

/// The settings file: the flags' names, with underscores.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    sandbox: Option<bool>,
    sandbox_on_all_interfaces: Option<bool>,
    listen: Option<String>,
    data: Option<String>,
    broker_host: Option<String>,
    broker_bind: Option<String>,
    broker_ports: Option<String>,
    broker_addressing: Option<String>,
    broker_security: Option<String>,
    broker_shared_port: Option<u16>,
    broker_tls_certificate: Option<String>,
    broker_tls_key: Option<String>,
    durability: Option<String>,
    broker_retention_check_interval_ms: Option<i64>,
    broker_producer_expiration_ms: Option<i64>,
    broker_producer_expiration_check_interval_ms: Option<i64>,
    rate_limits: Option<String>,
    catalog: Option<String>,
    store: Option<String>,
    metrics: Option<String>,
    metrics_details: Option<bool>,
    log: Option<String>,
}

impl Config {
    /// Reads the file that the flags name and puts everything together.
    pub fn resolve(flags: ServeFlags) -> anyhow::Result<Self> {
        let file = match &flags.config {
            None => File::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("config: {} cannot be read", path.display()))?;
                toml::from_str(&text).with_context(|| format!("config: {}", path.display()))?
            }
        };
        Self::combine(flags, file)
    }

    fn combine(flags: ServeFlags, file: File) -> anyhow::Result<Self> {
        let text = |flag: Option<String>, file: Option<String>, default: &str| {
            flag.or(file).unwrap_or_else(|| default.to_owned())
        };
        let sandbox = switch("sandbox", flags.sandbox.as_deref())?
            .or(file.sandbox)
            .unwrap_or(false);
        let everywhere = switch(
            "sandbox_on_all_interfaces",
            flags.sandbox_on_all_interfaces.as_deref(),
        )?
        .or(file.sandbox_on_all_interfaces)
        .unwrap_or(false);
        let listen = addresses(&text(flags.listen, file.listen, LISTEN_DEFAULT))?;
        let broker_bind = text(flags.broker_bind, file.broker_bind, HOST_DEFAULT);
        let broker_bind: IpAddr = broker_bind
            .parse()
            .with_context(|| format!("broker_bind: {broker_bind:?} is not an address"))?;
        if sandbox
            && !everywhere
            && !(broker_bind.is_loopback() && listen.iter().all(|a| a.ip().is_loopback()))
        {
            bail!(
                "listen: sandbox mode has a public key, so it binds loopback only (or say sandbox_on_all_interfaces)"
            );
        }
        let durability_default = if sandbox { "process" } else { "power" };
        let durability = match text(flags.durability, file.durability, durability_default).as_str()
        {
            "power" => Durability::Power,
            "process" => Durability::Process,
            other => bail!("durability: {other:?} is neither power nor process"),
        };
        let usual = LogIntervals::default();
        let interval = |name: &str, flag: Option<i64>, file: Option<i64>, usual: i64| {
            let interval_ms = flag.or(file).unwrap_or(usual);
            ensure!(interval_ms > 0, "{name}: {interval_ms} is no time");
            Ok(interval_ms)
        };
        let log_intervals = LogIntervals {
            retention_check_ms: interval(
                "broker_retention_check_interval_ms",
                flags.broker_retention_check_interval_ms,
                file.broker_retention_check_interval_ms,
                usual.retention_check_ms,
            )?,
            producer_expiration_ms: interval(
                "broker_producer_expiration_ms",
                flags.broker_producer_expiration_ms,
                file.broker_producer_expiration_ms,
                usual.producer_expiration_ms,
            )?,
            producer_expiration_check_ms: interval(
                "broker_producer_expiration_check_interval_ms",
                flags.broker_producer_expiration_check_interval_ms,
                file.broker_producer_expiration_check_interval_ms,
                usual.producer_expiration_check_ms,
            )?,
            ..usual
        };
        let rate_limits = flags.rate_limits.or(file.rate_limits);
        let rate_limits = switch("rate_limits", rate_limits.as_deref())?.unwrap_or(true);
        let metrics = flags.metrics.or(file.metrics);
        let metrics = metrics.map(|text| address("metrics", &text)).transpose()?;
        let metrics_details = switch("metrics_details", flags.metrics_details.as_deref())?
            .or(file.metrics_details)
            .unwrap_or(false);
        let store = match text(flags.store, file.store, "sqlite").as_str() {
            "sqlite" => StoreChoice::Sqlite,
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                StoreChoice::Postgres(SecretString::from(url))
            }
            _ => bail!("store: neither sqlite nor a postgres:// URL"),
        };
        let listeners = listeners(
            &text(flags.broker_addressing, file.broker_addressing, "port"),
            &text(flags.broker_security, file.broker_security, "PLAINTEXT"),
        )?;
        // Instances that were ordered with names keep them, so the port may be wanted without the setting.
        let broker_shared_port = flags
            .broker_shared_port
            .or(file.broker_shared_port)
            .or((listeners.addressing == Addressing::ServerName).then_some(SHARED_PORT_DEFAULT));
        let certificate = flags.broker_tls_certificate.or(file.broker_tls_certificate);
        let broker_tls = match (certificate, flags.broker_tls_key.or(file.broker_tls_key)) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate_chain: certificate.into(),
                private_key: key.into(),
            }),
            (None, None) => None,
            (None, Some(_)) => bail!("broker_tls_certificate: a key without its certificate"),
            (Some(_), None) => bail!("broker_tls_key: a certificate without its key"),
        };
        Ok(Self {
            sandbox,
            listeners,
            broker_shared_port,
            broker_tls,
            listen,
            data: PathBuf::from(text(flags.data, file.data, DATA_DEFAULT)),
            broker_host: text(flags.broker_host, file.broker_host, HOST_DEFAULT),
            broker_bind,
            broker_ports: ports(&text(flags.broker_ports, file.broker_ports, PORTS_DEFAULT))?,
            durability,
            log_intervals,
            rate_limits,
            catalog: flags.catalog.or(file.catalog).map(PathBuf::from),
            store,
            metrics,
            metrics_details,
            log: text(flags.log, file.log, "warn"),
            json: flags.json,
        })
    }
}

fn switch(key: &str, text: Option<&str>) -> anyhow::Result<Option<bool>> {
    match text {
        None => Ok(None),
        Some("true" | "on" | "1" | "yes") => Ok(Some(true)),
        Some("false" | "off" | "0" | "no") => Ok(Some(false)),
        Some(other) => bail!("{key}: {other:?} is neither on nor off"),
    }
}

fn address(key: &str, text: &str) -> anyhow::Result<SocketAddr> {
    SocketAddr::from_str(text.trim())
        .with_context(|| format!("{key}: {text:?} is not an address with a port"))
}

fn addresses(text: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let list = text
        .split(',')
        .map(|one| address("listen", one))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if list.len() > LISTEN_MAX {
        bail!("listen: more than {LISTEN_MAX} addresses");
    }
    Ok(list)
}

fn listeners(addressing: &str, protocols: &str) -> anyhow::Result<Listeners> {
    let reason = |reason: String| anyhow!("broker_addressing: {reason}");
    let addressing = addressing.parse().map_err(reason)?;
    let protocols = protocols
        .split(',')
        .map(|one| one.trim().parse::<SecurityProtocol>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|reason| anyhow!("broker_security: {reason}"))?;
    Listeners::new(addressing, protocols).map_err(|reason| anyhow!("broker_security: {reason}"))
}

fn ports(text: &str) -> anyhow::Result<(u16, u16)> {
    let bounds = text
        .split_once('-')
        .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
    match bounds {
        Some((first, last)) if 0 < first && first <= last => Ok((first, last)),
        _ => bail!("broker_ports: {text:?} is not FIRST-LAST with 1 <= FIRST <= LAST <= 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: ServeFlags, file: &str, expected: Result<&str, &str>) {
        let combined = toml::from_str(file)
            .map_err(anyhow::Error::from)
            .and_then(|file| Config::combine(flags, file));
        match (combined, expected) {
            (Ok(config), Ok(listen)) => assert_eq!(config.listen[0].to_string(), listen),
            (Err(error), Err(key)) => {
                assert!(format!("{error:#}").contains(key), "{error:#} names {key}")
            }
            (Ok(_), Err(key)) => panic!("{key} was accepted"),
            (Err(error), Ok(_)) => panic!("{error:#}"),
        }
    }

    fn flags(change: impl FnOnce(&mut ServeFlags)) -> ServeFlags {
        let mut flags = ServeFlags::default();
        change(&mut flags);
        flags
    }

    #[test]
    fn flags_win_over_the_file_and_wrong_values_name_their_key() {
        let listen = |text: &str| flags(|f| f.listen = Some(text.to_owned()));
        check(ServeFlags::default(), "", Ok(LISTEN_DEFAULT));
        check(
            ServeFlags::default(),
            "listen = '127.0.0.1:1'",
            Ok("127.0.0.1:1"),
        );
        check(
            listen("127.0.0.1:2"),
            "listen = '127.0.0.1:1'",
            Ok("127.0.0.1:2"),
        );
        check(listen("nowhere"), "", Err("listen"));
        check(ServeFlags::default(), "lisen = 'x'", Err("lisen"));
        check(
            ServeFlags::default(),
            "broker_ports = '9-1'",
            Err("broker_ports"),
        );
        check(
            ServeFlags::default(),
            "broker_addressing = 'somewhere'",
            Err("broker_addressing"),
        );
        for wrong in ["TLS", "SSL,SSL", ""] {
            let file = format!("broker_security = '{wrong}'");
            check(ServeFlags::default(), &file, Err("broker_security"));
        }
        check(
            ServeFlags::default(),
            "broker_addressing = 'server-name'",
            Err("broker_security"),
        );
        check(
            ServeFlags::default(),
            "broker_tls_certificate = 'chain.pem'",
            Err("broker_tls_key"),
        );
        check(
            ServeFlags::default(),
            "durability = 'hope'",
            Err("durability"),
        );
        check(
            ServeFlags::default(),
            "broker_retention_check_interval_ms = 0",
            Err("broker_retention_check_interval_ms"),
        );
        check(ServeFlags::default(), "store = 'paper'", Err("store"));
        check(ServeFlags::default(), "metrics = 'here'", Err("metrics"));
        check(
            flags(|f| f.rate_limits = Some("maybe".into())),
            "",
            Err("rate_limits"),
        );
    }

    #[test]
    fn sandbox_mode_binds_loopback_unless_told_otherwise() {
        check(
            ServeFlags::default(),
            "sandbox = true\nlisten = '0.0.0.0:1'",
            Err("loopback"),
        );
        check(
            ServeFlags::default(),
            "sandbox = true\nbroker_bind = '0.0.0.0'",
            Err("loopback"),
        );
        check(
            ServeFlags::default(),
            "sandbox = true\nsandbox_on_all_interfaces = true\nlisten = '0.0.0.0:1'",
            Ok("0.0.0.0:1"),
        );
    }
}
