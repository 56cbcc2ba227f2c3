//! The settings of `serve`, each declared once: as a flag, a variable of the environment and a key of the file.
//! What it means is found in `config`.

use clap::Args;
use serde::{Deserialize, Deserializer};

/// Settings of `serve`, as they are written. A key of the file is the flag's name with underscores.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSettings {
    /// A well-known account and key, unknown networks accepted, loopback only
    #[arg(long, env = "BROKERAGE_SANDBOX", num_args = 0..=1, default_missing_value = "true")]
    #[serde(deserialize_with = "switch_as_text")]
    pub sandbox: Option<String>,
    /// Let sandbox mode listen on other addresses than loopback
    #[arg(long, env = "BROKERAGE_SANDBOX_ON_ALL_INTERFACES", num_args = 0..=1, default_missing_value = "true")]
    #[serde(deserialize_with = "switch_as_text")]
    pub sandbox_on_all_interfaces: Option<String>,
    /// Addresses of the API, separated by commas; port 0 lets the system choose [default: 127.0.0.1:8080]
    #[arg(long, env = "BROKERAGE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Addresses of the API over TLS, separated by commas; not served when nothing is said
    #[arg(long, env = "BROKERAGE_LISTEN_TLS", value_name = "ADDRESS")]
    pub listen_tls: Option<String>,
    /// Certificate of the API with those that vouch for it (PEM) [default: what brokers show]
    #[arg(long, env = "BROKERAGE_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<String>,
    /// Key of that certificate (PEM)
    #[arg(long, env = "BROKERAGE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<String>,
    /// Directory of everything that is kept [default: brokerage-data]
    #[arg(long, env = "BROKERAGE_DATA", value_name = "DIR")]
    pub data: Option<String>,
    /// Host that Kafka clients are told [default: 127.0.0.1]
    #[arg(long, env = "BROKERAGE_BROKER_HOST", value_name = "HOST")]
    pub broker_host: Option<String>,
    /// Address that brokers bind [default: 127.0.0.1]
    #[arg(long, env = "BROKERAGE_BROKER_BIND", value_name = "ADDRESS")]
    pub broker_bind: Option<String>,
    /// Host that Kafka clients of the public network are told [default: as broker_host]
    #[arg(long, env = "BROKERAGE_BROKER_PUBLIC_HOST", value_name = "HOST")]
    pub broker_public_host: Option<String>,
    /// Address that listeners for the public network bind [default: as broker_bind]
    #[arg(long, env = "BROKERAGE_BROKER_PUBLIC_BIND", value_name = "ADDRESS")]
    pub broker_public_bind: Option<String>,
    /// How listeners are told apart: `port`, `loopback` (own 127.x addresses, Linux) or `server-name` (one TLS port) [default: port]
    #[arg(long, env = "BROKERAGE_BROKER_ADDRESSING", value_name = "KIND")]
    pub broker_addressing: Option<String>,
    /// Security protocols of new instances' listeners, separated by commas [default: PLAINTEXT]
    #[arg(long, env = "BROKERAGE_BROKER_SECURITY", value_name = "PROTOCOLS")]
    pub broker_security: Option<String>,
    /// Security protocols of public listeners, where public access is bought [default: SASL_SSL]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_PUBLIC_SECURITY",
        value_name = "PROTOCOLS"
    )]
    pub broker_public_security: Option<String>,
    /// TLS port that instances share which are told apart by server name [default: 9093 with `server-name`]
    #[arg(long, env = "BROKERAGE_BROKER_SHARED_PORT", value_name = "PORT")]
    pub broker_shared_port: Option<u16>,
    /// TLS port that their public listeners share, at broker_public_bind [default: the one after broker_shared_port]
    #[arg(long, env = "BROKERAGE_BROKER_PUBLIC_SHARED_PORT", value_name = "PORT")]
    pub broker_public_shared_port: Option<u16>,
    /// Certificate of TLS listeners with those that vouch for it (PEM) [default: signed by an own authority]
    #[arg(long, env = "BROKERAGE_BROKER_TLS_CERTIFICATE", value_name = "FILE")]
    pub broker_tls_certificate: Option<String>,
    /// Key of that certificate (PEM)
    #[arg(long, env = "BROKERAGE_BROKER_TLS_KEY", value_name = "FILE")]
    pub broker_tls_key: Option<String>,
    /// First and last port of brokers [default: 20000-32767]
    #[arg(long, env = "BROKERAGE_BROKER_PORTS", value_name = "FIRST-LAST")]
    pub broker_ports: Option<String>,
    /// When an acknowledged record is safe: `power` or `process` [default: power; sandbox: process]
    #[arg(long, env = "BROKERAGE_DURABILITY", value_name = "KIND")]
    pub durability: Option<String>,
    /// Whether producing makes a topic on new instances whose order says nothing of it: `on` or `off` [default: off]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_AUTO_CREATE_TOPICS",
        value_name = "ON|OFF"
    )]
    pub broker_auto_create_topics: Option<String>,
    /// How often brokers apply retention, Kafka's `log.retention.check.interval.ms` [default: 300000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_RETENTION_CHECK_INTERVAL_MS",
        value_name = "MS"
    )]
    pub broker_retention_check_interval_ms: Option<i64>,
    /// How long brokers remember a silent producer, Kafka's `producer.id.expiration.ms` [default: 86400000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_PRODUCER_EXPIRATION_MS",
        value_name = "MS"
    )]
    pub broker_producer_expiration_ms: Option<i64>,
    /// How often they look for such producers, `producer.id.expiration.check.interval.ms` [default: 600000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_PRODUCER_EXPIRATION_CHECK_INTERVAL_MS",
        value_name = "MS"
    )]
    pub broker_producer_expiration_check_interval_ms: Option<i64>,
    /// How long an empty group waits for more members, `group.initial.rebalance.delay.ms` [default: 3000]
    #[arg(
        long,
        env = "BROKERAGE_BROKER_GROUP_INITIAL_REBALANCE_DELAY_MS",
        value_name = "MS"
    )]
    pub broker_group_initial_rebalance_delay_ms: Option<u64>,
    /// Whether the vendors' limits on calls a second apply: `on` or `off` [default: on]
    #[arg(long, env = "BROKERAGE_RATE_LIMITS", value_name = "ON|OFF")]
    pub rate_limits: Option<String>,
    /// Directory of catalog files that replace the built-in ones
    #[arg(long, env = "BROKERAGE_CATALOG", value_name = "DIR")]
    pub catalog: Option<String>,
    /// Database: `sqlite` (in the data directory) or a PostgreSQL URL [default: sqlite]
    #[arg(long, env = "BROKERAGE_STORE", value_name = "STORE")]
    pub store: Option<String>,
    /// File with the key that seals secrets, for processes that share a database [default: own]
    #[arg(long, env = "BROKERAGE_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<String>,
    /// Address of `/metrics` (OpenMetrics, no authentication); not served when nothing is said
    #[arg(long, env = "BROKERAGE_METRICS", value_name = "ADDRESS")]
    pub metrics: Option<String>,
    /// Tell topics, users and groups in `/metrics`, too
    #[arg(long, env = "BROKERAGE_METRICS_DETAILS", num_args = 0..=1, default_missing_value = "true")]
    #[serde(deserialize_with = "switch_as_text")]
    pub metrics_details: Option<String>,
    /// What is logged, such as `info` or `brokerage_control=debug` [default: warn]
    #[arg(long, env = "BROKERAGE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

impl ServeSettings {
    /// These, and the other's where these say nothing.
    pub fn or(self, other: Self) -> Self {
        macro_rules! either {
            ($($setting:ident),* $(,)?) => {
                Self { $($setting: self.$setting.or(other.$setting)),* }
            };
        }
        either!(
            sandbox,
            sandbox_on_all_interfaces,
            listen,
            listen_tls,
            tls_certificate,
            tls_key,
            data,
            broker_host,
            broker_bind,
            broker_public_host,
            broker_public_bind,
            broker_addressing,
            broker_security,
            broker_public_security,
            broker_shared_port,
            broker_public_shared_port,
            broker_tls_certificate,
            broker_tls_key,
            broker_ports,
            durability,
            broker_auto_create_topics,
            broker_retention_check_interval_ms,
            broker_producer_expiration_ms,
            broker_producer_expiration_check_interval_ms,
            broker_group_initial_rebalance_delay_ms,
            rate_limits,
            catalog,
            store,
            master_key_file,
            metrics,
            metrics_details,
            log,
        )
    }
}

/// Reads what is a flag with an optional value on the command line, and true or false in the file.
fn switch_as_text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let switch = Option::<bool>::deserialize(input)?;
    Ok(switch.map(|on| on.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Command;

    use super::*;

    const OPERATING: &str = include_str!("../../../docs/operating.md");

    /// Names and defaults of the document's table.
    fn documented() -> BTreeMap<String, String> {
        let rows = OPERATING
            .lines()
            .skip_while(|line| *line != "| name | default | meaning |")
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().replace('`', "")));
        cells
            .map(|mut cells| (cells.nth(1).unwrap(), cells.next().unwrap()))
            .collect()
    }

    #[test]
    fn the_document_has_each_setting_with_the_default_that_help_shows() {
        let documented = documented();
        let command = ServeSettings::augment_args(Command::new("serve"));
        let mut names = Vec::new();
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            names.push(name.to_owned());
            assert_eq!(argument.get_long().unwrap(), name.replace('_', "-"));
            let variable = format!("BROKERAGE_{}", name.to_uppercase());
            assert_eq!(argument.get_env().unwrap(), variable.as_str());
            let help = argument.get_help().unwrap().to_string().replace('`', "");
            let shown = help
                .rsplit_once("[default: ")
                .map(|(_, rest)| rest.trim_end_matches(']'));
            let default = documented.get(name).unwrap_or_else(|| panic!("{name}"));
            match shown {
                Some(shown) => assert_eq!(default, shown, "{name}"),
                None => assert!(
                    ["off", "none", "built in", "not served"].contains(&default.as_str()),
                    "{name}: {default}"
                ),
            }
        }
        names.sort();
        assert!(documented.keys().eq(&names), "{documented:?}");
    }

    #[test]
    fn what_is_said_first_holds() {
        let read = |text: &str| toml::from_str::<ServeSettings>(text).unwrap();
        let both = read("sandbox = false\nbroker_shared_port = 1")
            .or(read("sandbox = true\nbroker_shared_port = 2\nlog = 'info'"));
        assert_eq!(both.sandbox.as_deref(), Some("false"));
        assert_eq!(both.broker_shared_port, Some(1));
        assert_eq!(both.log.as_deref(), Some("info"));
        assert_eq!(both.listen, None);
        let wrong = toml::from_str::<ServeSettings>("sandbox = 'on'").unwrap_err();
        assert!(wrong.to_string().contains("expected a boolean"), "{wrong}");
    }
}
