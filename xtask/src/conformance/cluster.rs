//! A Kafka cluster under test: the product's broker or Apache Kafka, behind the same doors.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;

use super::apache::ApacheKafka;
use super::door::{Door, PASSWORD, SecurityProtocol, USER};
use crate::broker_ports::broker_ports_find;
use crate::program::Group;

/// How long a cluster may take to accept connections, or to stop.
const LIMIT: Duration = Duration::from_secs(90);
/// How often a cluster that starts is asked.
const POLL: Duration = Duration::from_millis(10);
/// Listeners of a broker.
const LISTENERS: u16 = 4;

/// What runs Kafka.
#[derive(Debug)]
pub(crate) enum Engine {
    /// The broker's example program `cluster`.
    Embedded(PathBuf),
    /// Apache Kafka.
    Apache(ApacheKafka),
}

/// A cluster and everything that it leaves; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Cluster<'e> {
    engine: &'e Engine,
    /// Its data, and the logs of its processes.
    folder: PathBuf,
    brokers: u16,
    /// What each broker listens with, in the order of the ports.
    protocols: &'static [SecurityProtocol],
    first_port: u16,
    groups: Vec<Group>,
}

impl<'e> Cluster<'e> {
    /// Starts a cluster of so many brokers on no data at all, in a folder of its own, and waits for every listener.
    /// Where clients do not come in by name, the product's broker listens only where nobody does: beside users, those
    /// without a name administer nothing.
    pub(crate) fn start(
        engine: &'e Engine,
        folder: PathBuf,
        brokers: u16,
        door: Door,
    ) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        // A controller's port for each node of Apache Kafka besides.
        let first_port = *broker_ports_find(brokers * (LISTENERS + 1))?.start();
        let mut cluster = Self {
            engine,
            folder,
            brokers,
            protocols: match (engine, door.mechanism) {
                (Engine::Embedded(_), None) => &SecurityProtocol::NAMELESS,
                (Engine::Embedded(_), Some(_)) | (Engine::Apache(_), _) => &SecurityProtocol::ALL,
            },
            first_port,
            groups: Vec::new(),
        };
        if let Engine::Apache(kafka) = engine {
            for node in 0..brokers {
                kafka.node_prepare(&cluster.folder, node, brokers, first_port)?;
            }
        }
        cluster.groups_start()?;
        Ok(cluster)
    }

    /// `host:port` of that listener of each broker.
    pub(crate) fn bootstrap(&self, protocol: SecurityProtocol) -> String {
        let port = |broker| self.listener_port(broker, protocol);
        let addresses = (0..self.brokers).map(|broker| format!("127.0.0.1:{}", port(broker)));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// The certificate authority that clients have to trust.
    pub(crate) fn authority(&self) -> PathBuf {
        match self.engine {
            Engine::Embedded(_) => self.folder.join("data/ca.pem"),
            Engine::Apache(kafka) => kafka.authority(),
        }
    }

    /// Asks it to stop as an operator would, waits, and starts it on the same data and ports.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.groups_start()
    }

    /// Asks every process to stop and waits for all.
    pub(crate) fn stop(&mut self) -> Result<()> {
        for group in &self.groups {
            group.signal(Signal::TERM);
        }
        for mut group in self.groups.drain(..) {
            ensure!(
                group.wait(LIMIT)?.is_some(),
                "the cluster did not stop within {} s",
                LIMIT.as_secs()
            );
        }
        Ok(())
    }

    fn groups_start(&mut self) -> Result<()> {
        match self.engine {
            Engine::Embedded(program) => {
                let mut command = Command::new(program);
                command
                    .arg(self.folder.join("data"))
                    .args([self.first_port, self.brokers].map(|number| number.to_string()))
                    .args(["--user", &format!("{USER}:{PASSWORD}")])
                    // As often as the oracle: the scripts wait a minute for old records to go.
                    .args(["--retention-check-ms", "5000"]);
                for protocol in self.protocols {
                    command.args(["--door", protocol.name()]);
                }
                let group = self.group_start(&mut command, "broker")?;
                self.groups.push(group);
            }
            Engine::Apache(kafka) => {
                for node in 0..self.brokers {
                    let mut command = kafka.node_command(&self.folder, node);
                    let group = self.group_start(&mut command, &format!("node-{node}"))?;
                    self.groups.push(group);
                }
            }
        }
        self.await_listeners()
    }

    fn group_start(&self, command: &mut Command, name: &str) -> Result<Group> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{name}.log")))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Group::start(command)
    }

    fn listener_port(&self, broker: u16, protocol: SecurityProtocol) -> u16 {
        let brokers = self.brokers;
        listener_port(self.protocols, self.first_port, brokers, broker, protocol)
    }

    fn await_listeners(&mut self) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        for broker in 0..self.brokers {
            for &protocol in self.protocols {
                let port = self.listener_port(broker, protocol);
                while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                    for group in &mut self.groups {
                        if let Some(status) = group.ended()? {
                            bail!(
                                "a broker ended with {status}: see {}",
                                self.folder.display()
                            );
                        }
                    }
                    ensure!(
                        Instant::now() < deadline,
                        "the {} listener of broker {broker} does not accept: see {}",
                        protocol.name(),
                        self.folder.display()
                    );
                    thread::sleep(POLL);
                }
            }
        }
        Ok(())
    }
}

/// Where a listener of a broker is, brokers counted from 0: those of one protocol stand beside each other, in the
/// order of the protocols.
pub(crate) fn listener_port(
    protocols: &[SecurityProtocol],
    first_port: u16,
    brokers: u16,
    broker: u16,
    protocol: SecurityProtocol,
) -> u16 {
    let index = protocols
        .iter()
        .position(|one| *one == protocol)
        .unwrap_or_default();
    first_port + u16::try_from(index).unwrap_or_default() * brokers + broker
}

/// Where a controller is; behind all listeners.
pub(crate) fn controller_port(first_port: u16, brokers: u16, node: u16) -> u16 {
    first_port + brokers * LISTENERS + node
}
