//! A server of the product, started as its users start it.

use std::ffi::OsString;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

use crate::broker_ports::broker_ports_find;
use crate::program::Group;

/// How long a server may take to become ready or to stop.
const LIMIT: Duration = Duration::from_secs(30);
/// Ports for the brokers of one server.
const BROKER_PORTS_EACH: u16 = 2_000;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The binary.
    pub binary: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where its log goes; each start adds to it.
    pub log: PathBuf,
    /// Ports for its brokers; without it some that no other server uses.
    pub broker_ports: Option<RangeInclusive<u16>>,
    /// More arguments of `serve`.
    pub arguments: Vec<OsString>,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    settings: ServerSettings,
    broker_ports: RangeInclusive<u16>,
    group: Group,
    ready: Ready,
}

/// What a server says when it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ready {
    api: String,
    api_tls: Option<String>,
    ca: Option<String>,
    metrics: Option<String>,
}

impl Server {
    /// Starts a server in sandbox mode on ports of its own and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready in time.
    pub fn start(settings: ServerSettings) -> Result<Self> {
        let broker_ports = match settings.broker_ports.clone() {
            Some(given) => given,
            None => broker_ports_find(BROKER_PORTS_EACH)?,
        };
        let (group, ready) = start(&settings, &broker_ports)?;
        Ok(Self {
            settings,
            broker_ports,
            group,
            ready,
        })
    }

    /// `host:port` of its API.
    pub fn api(&self) -> &str {
        &self.ready.api
    }

    /// `host:port` of its metrics, where they are served.
    pub fn metrics(&self) -> Option<&str> {
        self.ready.metrics.as_deref()
    }

    /// Buys a cluster with the command line and waits until it runs; returns its bootstrap addresses. `parameters` are
    /// the vendor's, `NAME=VALUE`.
    ///
    /// # Errors
    /// If it is refused or does not run.
    pub fn buy(&self, dialect: &str, name: &str, parameters: &[String]) -> Result<Vec<String>> {
        let mut command = Command::new(self.binary());
        command.args(["buy", "--dialect", dialect, "--name", name]);
        command.args(["--wait", "--json", "--wait-seconds", "60", "--data"]);
        command.arg(self.data());
        parameters.iter().for_each(|parameter| {
            command.args(["--set", parameter]);
        });
        let done = command.output()?;
        let told = String::from_utf8_lossy(&done.stdout);
        let told = told.lines().find_map(bootstrap_of);
        told.with_context(|| {
            let error = String::from_utf8_lossy(&done.stderr);
            format!("buy --dialect {dialect} told no bootstrap: {error}")
        })
    }

    /// `host:port` of its API over TLS, if it was told to listen there.
    pub fn api_tls(&self) -> Option<&str> {
        self.ready.api_tls.as_deref()
    }

    /// The certificate that clients of its own authority trust.
    pub fn ca(&self) -> Option<&str> {
        self.ready.ca.as_deref()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.settings.data
    }

    /// Its binary.
    pub fn binary(&self) -> &Path {
        &self.settings.binary
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// If it does not stop in time, or not with 0.
    pub fn stop(&mut self) -> Result<()> {
        self.group.signal(Signal::TERM);
        match self.group.wait(LIMIT)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the server stopped with {status}"),
            None => bail!(
                "the server did not stop within {} s of SIGTERM",
                LIMIT.as_secs()
            ),
        }
    }

    /// Kills it.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.group.signal(Signal::KILL);
        self.group.wait(LIMIT)?;
        Ok(())
    }

    /// Starts it again on the same data and broker ports; the API may be at another port.
    ///
    /// # Errors
    /// If it does not become ready in time.
    pub fn start_again(&mut self) -> Result<()> {
        let (group, ready) = start(&self.settings, &self.broker_ports)?;
        (self.group, self.ready) = (group, ready);
        Ok(())
    }
}

fn start(settings: &ServerSettings, broker_ports: &RangeInclusive<u16>) -> Result<(Group, Ready)> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(&settings.log)?;
    let mut command = Command::new(&settings.binary);
    command
        .args(["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"])
        // Suites have hundreds of groups, each with one member.
        .args(["--broker-group-initial-rebalance-delay-ms", "0"])
        .args(["--broker-host", "127.0.0.1", "--broker-ports"])
        .arg(format!("{}-{}", broker_ports.start(), broker_ports.end()))
        .arg("--data")
        .arg(&settings.data)
        .args(&settings.arguments)
        .stdin(Stdio::null());
    let (group, lines) = Group::start_heard(&mut command, log)?;
    loop {
        match lines.recv_timeout(LIMIT) {
            Ok(line) => {
                if let Some(ready) = ready_of(&line) {
                    return Ok((group, ready));
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("the server was not ready within {} s", LIMIT.as_secs())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let tail = std::fs::read_to_string(&settings.log).unwrap_or_default();
                let tail: Vec<&str> = tail.lines().rev().take(10).collect();
                bail!(
                    "the server ended before it was ready: {}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
            }
        }
    }
}

/// The addresses of a line `{"event":"ready","api":["host:port"],…}`.
fn ready_of(line: &str) -> Option<Ready> {
    let event: Value = serde_json::from_str(line).ok()?;
    if event["event"] != "ready" {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Ready {
        api: text(&event["api"][0])?,
        api_tls: text(&event["api_tls"][0]),
        ca: text(&event["ca"]),
        metrics: text(&event["metrics"]),
    })
}

/// The addresses in what `buy --json` says.
fn bootstrap_of(line: &str) -> Option<Vec<String>> {
    let bought: Value = serde_json::from_str(line).ok()?;
    let bootstrap = bought["bootstrap"].as_str()?;
    Some(bootstrap.split(',').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{bootstrap_of, ready_of};

    #[test]
    fn what_was_bought_has_addresses() {
        let told = r#"{"instance_id":"i","bootstrap":"h:1,h:2"}"#;
        assert_eq!(
            bootstrap_of(told),
            Some(vec!["h:1".to_owned(), "h:2".to_owned()])
        );
        assert_eq!(bootstrap_of("{}"), None);
    }

    #[test]
    fn only_the_ready_line_names_the_api() {
        let cases = [
            (
                r#"{"event":"ready","api":["127.0.0.1:41"],"data":"d"}"#,
                Some("127.0.0.1:41"),
            ),
            (r#"{"event":"stopping","api":["127.0.0.1:41"]}"#, None),
            ("listening on 127.0.0.1:41", None),
        ];
        for (line, expected) in cases {
            let ready = ready_of(line);
            assert_eq!(ready.map(|ready| ready.api).as_deref(), expected, "{line}");
        }
        let tls = r#"{"event":"ready","api":["h:1"],"api_tls":["h:2"],"ca":"d/ca.pem"}"#;
        let ready = ready_of(tls).unwrap();
        assert_eq!(ready.api_tls.as_deref(), Some("h:2"));
        assert_eq!(ready.ca.as_deref(), Some("d/ca.pem"));
    }
}
