//! What the flags, the environment and the file mean together: flags before environment before file before default.
//!
//! Clap reads flags and environment into [`ServeSettings`], and this module reads the file into the same and turns texts
//! into values. A wrong value names its key.

mod shared_ports;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use brokerage_control::seal::MasterKey;
use brokerage_domain::listener::{Listeners, SecurityProtocol};
use brokerage_engine_embedded::{Durability, LogIntervals, TlsFiles, named_file_text};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::ServeFlags;
use crate::settings::ServeSettings;
use shared_ports::shared_ports_of;

/// Where data goes when nothing is said.
pub const DATA_DEFAULT: &str = "brokerage-data";
/// The key that seals secrets, in the environment.
const MASTER_KEY_VARIABLE: &str = "BROKERAGE_MASTER_KEY";
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
const HOST_DEFAULT: &str = "127.0.0.1";
/// What clouds have their public endpoints speak.
const PUBLIC_SECURITY_DEFAULT: &str = "SASL_SSL";
const PORTS_DEFAULT: &str = "20000-32767";
/// What `group.initial.rebalance.delay.ms` is by default, and at most: longer than any member waits.
const REBALANCE_DELAY_MS_DEFAULT: u64 = 3_000;
const REBALANCE_DELAY_MS_MAX: u64 = 1_800_000;
/// Addresses that one server binds.
const LISTEN_MAX: usize = 16;

/// Everything that `serve` needs to know.
pub struct Config {
    pub sandbox: bool,
    pub listen: Vec<SocketAddr>,
    /// Where the API is served over TLS.
    pub listen_tls: Vec<SocketAddr>,
    /// The operator's certificate of the API.
    pub tls: Option<TlsFiles>,
    pub data: PathBuf,
    pub broker_host: String,
    pub broker_bind: IpAddr,
    pub broker_public_host: String,
    pub broker_public_bind: IpAddr,
    pub broker_ports: (u16, u16),
    pub listeners: Listeners,
    /// The TLS ports that instances share: that of private listeners, and that of public ones.
    pub broker_shared_ports: [Option<u16>; 2],
    /// The operator's certificate.
    pub broker_tls: Option<TlsFiles>,
    pub durability: Durability,
    /// Whether asking for a topic makes it where an order says nothing of it.
    pub auto_create_topics: bool,
    /// How often brokers look their logs through.
    pub log_intervals: LogIntervals,
    /// How long an empty group waits for more members than the first.
    pub group_initial_rebalance_delay: Duration,
    pub rate_limits: bool,
    pub catalog: Option<PathBuf>,
    pub store: StoreChoice,
    /// The key that seals secrets, where it is not to be the data directory's own.
    pub master_key: Option<MasterKey>,
    /// Where `/metrics` is served.
    pub metrics: Option<SocketAddr>,
    /// Whether it has topics, users and groups, too.
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

impl Config {
    /// Reads the file that the flags name and puts everything together.
    ///
    /// # Errors
    /// If the file cannot be read or is no settings file, and as [`Config::of`].
    pub fn resolve(flags: ServeFlags) -> anyhow::Result<Self> {
        let file = match &flags.config {
            None => ServeSettings::default(),
            Some(path) => {
                let text = named_file_text(path)
                    .with_context(|| format!("config: {} cannot be read", path.display()))?;
                toml::from_str(&text).map_err(|error| {
                    anyhow!("config: {}: {}", path.display(), toml_reason(&text, &error))
                })?
            }
        };
        Self::of(flags.settings.or(file), flags.json)
    }

    /// What the settings mean.
    ///
    /// # Errors
    /// The first wrong value, by its key.
    pub fn of(settings: ServeSettings, json: bool) -> anyhow::Result<Self> {
        let or = |text: Option<String>, default: &str| text.unwrap_or_else(|| default.to_owned());
        let is_on = |key, text: Option<String>, default| {
            anyhow::Ok(switch(key, text.as_deref())?.unwrap_or(default))
        };
        let sandbox = is_on("sandbox", settings.sandbox, false)?;
        let everywhere = settings.sandbox_on_all_interfaces;
        let everywhere = is_on("sandbox_on_all_interfaces", everywhere, false)?;
        let listen = addresses("listen", &or(settings.listen, LISTEN_DEFAULT))?;
        let listen_tls = settings.listen_tls.as_deref();
        let listen_tls = listen_tls.map_or(Ok(Vec::new()), |text| addresses("listen_tls", text))?;
        let broker_host = or(settings.broker_host, HOST_DEFAULT);
        let binds = binds(settings.broker_bind, settings.broker_public_bind)?;
        let listeners = listeners(
            &or(settings.broker_addressing, "port"),
            &or(settings.broker_security, "PLAINTEXT"),
            &or(settings.broker_public_security, PUBLIC_SECURITY_DEFAULT),
        )?;
        let private = settings.broker_shared_port;
        let public = settings.broker_public_shared_port;
        let metrics = settings.metrics.as_deref();
        let metrics = metrics.map(|text| address("metrics", text)).transpose()?;
        if sandbox && !everywhere {
            let all = [&*listen, &*listen_tls, metrics.as_slice()].concat();
            ensure_loopback(&all, &binds)?;
        }
        Ok(Self {
            sandbox,
            listen,
            listen_tls,
            tls: tls_files("tls", settings.tls_certificate, settings.tls_key)?,
            data: PathBuf::from(or(settings.data, DATA_DEFAULT)),
            broker_public_host: or(settings.broker_public_host, &broker_host),
            broker_host,
            broker_bind: binds[0],
            broker_public_bind: binds[1],
            broker_ports: ports(&or(settings.broker_ports, PORTS_DEFAULT))?,
            broker_shared_ports: shared_ports_of([private, public], &listeners, binds)?,
            listeners,
            broker_tls: tls_files(
                "broker_tls",
                settings.broker_tls_certificate,
                settings.broker_tls_key,
            )?,
            durability: durability(settings.durability, sandbox)?,
            auto_create_topics: is_on(
                "broker_auto_create_topics",
                settings.broker_auto_create_topics,
                false,
            )?,
            log_intervals: log_intervals(
                settings.broker_retention_check_interval_ms,
                settings.broker_producer_expiration_ms,
                settings.broker_producer_expiration_check_interval_ms,
            )?,
            group_initial_rebalance_delay: rebalance_delay(
                settings.broker_group_initial_rebalance_delay_ms,
            )?,
            rate_limits: is_on("rate_limits", settings.rate_limits, true)?,
            catalog: settings.catalog.map(PathBuf::from),
            store: store_choice(&or(settings.store, "sqlite"))?,
            metrics,
            master_key: master_key(settings.master_key_file.as_deref())?,
            metrics_details: is_on("metrics_details", settings.metrics_details, false)?,
            log: or(settings.log, "warn"),
            json,
        })
    }
}

/// What is wrong in a file, on one line: where, and why.
fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    let reason = error.message();
    line.map_or_else(
        || reason.to_owned(),
        |line| format!("line {line}: {reason}"),
    )
}

/// What brokers bind, and what their public listeners bind: the same unless something else is said.
fn binds(bind: Option<String>, public: Option<String>) -> anyhow::Result<[IpAddr; 2]> {
    let bind = bind.unwrap_or_else(|| HOST_DEFAULT.to_owned());
    let public = public.unwrap_or_else(|| bind.clone());
    Ok([
        bind_address("broker_bind", &bind)?,
        bind_address("broker_public_bind", &public)?,
    ])
}

fn bind_address(key: &str, text: &str) -> anyhow::Result<IpAddr> {
    text.parse()
        .with_context(|| format!("{key}: {text:?} is not an address"))
}

fn ensure_loopback(listen: &[SocketAddr], binds: &[IpAddr]) -> anyhow::Result<()> {
    let listen = listen.iter().map(SocketAddr::ip);
    ensure!(
        listen
            .chain(binds.iter().copied())
            .all(|address| address.is_loopback()),
        "listen: sandbox mode has a public key, so it binds loopback only (or say sandbox_on_all_interfaces)"
    );
    Ok(())
}

fn durability(text: Option<String>, sandbox: bool) -> anyhow::Result<Durability> {
    match text.as_deref() {
        None if sandbox => Ok(Durability::Process),
        None | Some("power") => Ok(Durability::Power),
        Some("process") => Ok(Durability::Process),
        Some(other) => bail!("durability: {other:?} is neither power nor process"),
    }
}

fn rebalance_delay(delay_ms: Option<u64>) -> anyhow::Result<Duration> {
    match delay_ms.unwrap_or(REBALANCE_DELAY_MS_DEFAULT) {
        delay_ms @ ..=REBALANCE_DELAY_MS_MAX => Ok(Duration::from_millis(delay_ms)),
        _ => {
            bail!("broker_group_initial_rebalance_delay_ms: more than {REBALANCE_DELAY_MS_MAX} ms")
        }
    }
}

fn log_intervals(
    retention_check_ms: Option<i64>,
    producer_expiration_ms: Option<i64>,
    producer_expiration_check_ms: Option<i64>,
) -> anyhow::Result<LogIntervals> {
    let usual = LogIntervals::default();
    let interval = |key: &str, interval_ms: Option<i64>, usual_ms: i64| {
        let interval_ms = interval_ms.unwrap_or(usual_ms);
        ensure!(interval_ms > 0, "{key}: {interval_ms} is no time");
        Ok(interval_ms)
    };
    Ok(LogIntervals {
        retention_check_ms: interval(
            "broker_retention_check_interval_ms",
            retention_check_ms,
            usual.retention_check_ms,
        )?,
        producer_expiration_ms: interval(
            "broker_producer_expiration_ms",
            producer_expiration_ms,
            usual.producer_expiration_ms,
        )?,
        producer_expiration_check_ms: interval(
            "broker_producer_expiration_check_interval_ms",
            producer_expiration_check_ms,
            usual.producer_expiration_check_ms,
        )?,
        ..usual
    })
}

fn store_choice(text: &str) -> anyhow::Result<StoreChoice> {
    match text {
        "sqlite" => Ok(StoreChoice::Sqlite),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(StoreChoice::Postgres(SecretString::from(url)))
        }
        _ => bail!("store: neither sqlite nor a postgres:// URL"),
    }
}

/// The key that processes on one database share: out of a file, or out of the environment alone, so that it stands in no
/// command line.
fn master_key(file: Option<&str>) -> anyhow::Result<Option<MasterKey>> {
    let said = std::env::var(MASTER_KEY_VARIABLE).ok();
    let (key, text) = match (file, said) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => bail!("master_key_file: {MASTER_KEY_VARIABLE} is set as well"),
        (None, Some(text)) => (MASTER_KEY_VARIABLE, SecretString::from(text)),
        (Some(path), None) => {
            let text = named_file_text(Path::new(path))
                .with_context(|| format!("master_key_file: {path} cannot be read"))?;
            ("master_key_file", SecretString::from(text))
        }
    };
    let read = MasterKey::from_text(text.expose_secret());
    read.map(Some)
        .with_context(|| format!("{key}: it holds no key (32 bytes as hexadecimal digits)"))
}

fn tls_files(
    of: &str,
    certificate: Option<String>,
    key: Option<String>,
) -> anyhow::Result<Option<TlsFiles>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate_chain: certificate.into(),
            private_key: key.into(),
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => bail!("{of}_certificate: a key without its certificate"),
        (Some(_), None) => bail!("{of}_key: a certificate without its key"),
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

fn addresses(key: &str, text: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let list = text
        .split(',')
        .map(|one| address(key, one))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if list.len() > LISTEN_MAX {
        bail!("{key}: more than {LISTEN_MAX} addresses");
    }
    Ok(list)
}

fn listeners(addressing: &str, private: &str, public: &str) -> anyhow::Result<Listeners> {
    let reason = |reason: String| anyhow!("broker_addressing: {reason}");
    let addressing = addressing.parse().map_err(reason)?;
    let protocols = |key: &str, text: &str| {
        text.split(',')
            .map(|one| one.trim().parse::<SecurityProtocol>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|reason| anyhow!("{key}: {reason}"))
    };
    let public = protocols("broker_public_security", public)?;
    Listeners::new(addressing, protocols("broker_security", private)?)
        .map_err(|reason| anyhow!("broker_security: {reason}"))?
        .with_public(public)
        .map_err(|reason| anyhow!("broker_public_security: {reason}"))
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

    fn check(flags: ServeSettings, file: &str, expected: Result<&str, &str>) {
        let combined = toml::from_str(file)
            .map_err(anyhow::Error::from)
            .and_then(|file| Config::of(flags.or(file), false));
        match (combined, expected) {
            (Ok(config), Ok(listen)) => assert_eq!(config.listen[0].to_string(), listen),
            (Err(error), Err(key)) => {
                assert!(format!("{error:#}").contains(key), "{error:#} names {key}")
            }
            (Ok(_), Err(key)) => panic!("{key} was accepted"),
            (Err(error), Ok(_)) => panic!("{error:#}"),
        }
    }

    fn flags(change: impl FnOnce(&mut ServeSettings)) -> ServeSettings {
        let mut flags = ServeSettings::default();
        change(&mut flags);
        flags
    }

    #[test]
    fn flags_win_over_the_file_and_wrong_values_name_their_key() {
        let listen = |text: &str| flags(|f| f.listen = Some(text.to_owned()));
        check(ServeSettings::default(), "", Ok(LISTEN_DEFAULT));
        check(
            ServeSettings::default(),
            "listen = '127.0.0.1:1'",
            Ok("127.0.0.1:1"),
        );
        check(
            listen("127.0.0.1:2"),
            "listen = '127.0.0.1:1'",
            Ok("127.0.0.1:2"),
        );
        check(listen("nowhere"), "", Err("listen"));
        check(
            ServeSettings::default(),
            "sandbox = true\nmetrics = '0.0.0.0:1'",
            Err("sandbox"),
        );
        check(
            ServeSettings::default(),
            "master_key_file = 'nowhere'",
            Err("master_key_file"),
        );
        check(ServeSettings::default(), "lisen = 'x'", Err("lisen"));
        check(
            ServeSettings::default(),
            "broker_ports = '9-1'",
            Err("broker_ports"),
        );
        check(
            ServeSettings::default(),
            "broker_addressing = 'somewhere'",
            Err("broker_addressing"),
        );
        for wrong in ["TLS", "SSL,SSL", ""] {
            let file = format!("broker_security = '{wrong}'");
            check(ServeSettings::default(), &file, Err("broker_security"));
            let file = format!("broker_public_security = '{wrong}'");
            check(
                ServeSettings::default(),
                &file,
                Err("broker_public_security"),
            );
        }
        check(
            ServeSettings::default(),
            "broker_addressing = 'server-name'",
            Err("broker_security"),
        );
        check(
            ServeSettings::default(),
            "broker_tls_certificate = 'chain.pem'",
            Err("broker_tls_key"),
        );
        check(
            ServeSettings::default(),
            "tls_key = 'key.pem'",
            Err("tls_certificate"),
        );
        check(
            ServeSettings::default(),
            "listen_tls = 'here'",
            Err("listen_tls"),
        );
        check(
            ServeSettings::default(),
            "broker_auto_create_topics = 'maybe'",
            Err("broker_auto_create_topics"),
        );
        check(
            ServeSettings::default(),
            "durability = 'hope'",
            Err("durability"),
        );
        check(
            ServeSettings::default(),
            "broker_retention_check_interval_ms = 0",
            Err("broker_retention_check_interval_ms"),
        );
        for wrong in ["-1", "1800001"] {
            let file = format!("broker_group_initial_rebalance_delay_ms = {wrong}");
            let key = "broker_group_initial_rebalance_delay_ms";
            check(ServeSettings::default(), &file, Err(key));
        }
        check(ServeSettings::default(), "store = 'paper'", Err("store"));
        check(ServeSettings::default(), "metrics = 'here'", Err("metrics"));
        check(
            flags(|f| f.rate_limits = Some("maybe".into())),
            "",
            Err("rate_limits"),
        );
    }

    #[test]
    fn sandbox_mode_binds_loopback_unless_told_otherwise() {
        check(
            ServeSettings::default(),
            "sandbox = true\nlisten = '0.0.0.0:1'",
            Err("loopback"),
        );
        check(
            ServeSettings::default(),
            "sandbox = true\nlisten_tls = '0.0.0.0:1'",
            Err("loopback"),
        );
        check(
            ServeSettings::default(),
            "sandbox = true\nbroker_bind = '0.0.0.0'",
            Err("loopback"),
        );
        check(
            ServeSettings::default(),
            "sandbox = true\nbroker_public_bind = '0.0.0.0'",
            Err("loopback"),
        );
        check(
            ServeSettings::default(),
            "sandbox = true\nsandbox_on_all_interfaces = true\nlisten = '0.0.0.0:1'",
            Ok("0.0.0.0:1"),
        );
    }
}
