//! Apache Kafka's own brokers, the oracle: KRaft nodes that are broker and controller at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use brokerage_engine_apache::{
    Distribution, FAST_FLAGS, FEW_THREADS, JAVA, NodeSettings, node_folder_make,
};

use super::cluster::{controller_port, listener_port};
use super::door::{PASSWORD, SecurityProtocol, USER};
use crate::program::Program;
use crate::tools::{Install, kafka_server_libs};
use crate::workspace::Workspace;

/// The largest heap of a node: three start beside each other.
const HEAP_FLAG: &str = "-Xmx512m";
/// How long formatting a folder or making a key may take.
const LIMIT: Duration = Duration::from_secs(60);
/// What guards the key store; it holds a key of one run on loopback.
const STORE_PASSWORD: &str = "example-secret-store";

/// What every node needs: the jars, a formatted folder as template, a key with its certificate.
#[derive(Debug)]
pub(crate) struct ApacheKafka {
    distribution: Distribution,
    folder: PathBuf,
}

impl ApacheKafka {
    /// Installs the jars, formats the template, and makes the key, each if absent.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self> {
        let libs = match kafka_server_libs(workspace) {
            Install::Ready(libs) => libs,
            Install::Missing(reason) => bail!("Apache Kafka cannot be had: {reason}"),
        };
        let kafka = Self {
            distribution: Distribution::at(&libs),
            folder: workspace.scratch("kafka/conformance")?,
        };
        if !kafka.authority().exists() {
            kafka.key_make(workspace)?;
        }
        if !kafka.template().join("meta.properties").exists() {
            kafka.template_format(workspace)?;
        }
        Ok(kafka)
    }

    /// The certificate of all nodes, which signs itself.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn store(&self) -> PathBuf {
        self.folder.join("server.p12")
    }

    fn template(&self) -> PathBuf {
        self.folder.join("template")
    }

    fn key_make(&self, workspace: &Workspace) -> Result<()> {
        let keytool = |word: &str, log: &str| -> Result<Program> {
            Ok(Program::new("keytool", LIMIT, workspace.log(log)?)
                .args([word, "-alias", "server", "-storepass", STORE_PASSWORD])
                .args(["-keystore".into(), self.store()]))
        };
        let _ = fs::remove_file(self.store());
        keytool("-genkeypair", "keytool-genkeypair")?
            .args([
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-storetype",
                "PKCS12",
            ])
            .args(["-dname", "CN=localhost", "-validity", "3650"])
            .args(["-ext", "san=ip:127.0.0.1,dns:localhost", "-ext", "bc:c"])
            .succeed()?;
        keytool("-exportcert", "keytool-exportcert")?
            .args(["-rfc", "-file"])
            .args([self.authority()])
            .succeed()?;
        Ok(())
    }

    /// Formatting costs a start of the virtual machine, so it is done once and copied.
    fn template_format(&self, workspace: &Workspace) -> Result<()> {
        let properties = self.folder.join("template.properties");
        self.settings_write(&properties, &self.template(), 0, 1, 29_000)?;
        let credential = |mechanism: &str| format!("{mechanism}=[name={USER},password={PASSWORD}]");
        let credentials = ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(credential);
        Program::new(JAVA, LIMIT, workspace.log("kafka-conformance-format")?)
            .args(
                self.distribution
                    .format_arguments(&properties, &credentials),
            )
            .succeed()?;
        Ok(())
    }

    /// Makes the settings and the formatted folder of one node, counted from 0.
    pub(crate) fn node_prepare(
        &self,
        folder: &Path,
        node: u16,
        brokers: u16,
        first_port: u16,
    ) -> Result<()> {
        let data = folder.join(format!("data-{node}"));
        node_folder_make(&self.template(), &data, node)
            .with_context(|| format!("making {}", data.display()))?;
        let properties = node_properties(folder, node);
        self.settings_write(&properties, &data, node, brokers, first_port)
    }

    /// The command that runs a prepared node.
    pub(crate) fn node_command(&self, folder: &Path, node: u16) -> Command {
        let flags: Vec<&str> = [HEAP_FLAG].iter().chain(FAST_FLAGS).copied().collect();
        let properties = node_properties(folder, node);
        let mut command = Command::new(JAVA);
        command.args(self.distribution.node_arguments(&flags, &properties));
        command
    }

    fn settings_write(
        &self,
        path: &Path,
        data: &Path,
        node: u16,
        brokers: u16,
        first_port: u16,
    ) -> Result<()> {
        let all = &SecurityProtocol::ALL;
        let listener = |protocol: &SecurityProtocol| {
            let port = listener_port(all, first_port, brokers, node, *protocol);
            (protocol.name(), port)
        };
        let listeners: Vec<_> = all.iter().map(listener).collect();
        let controller_ports: Vec<u16> = (0..brokers)
            .map(|voter| controller_port(first_port, brokers, voter))
            .collect();
        let settings = NodeSettings {
            node,
            controller_ports: &controller_ports,
            listeners: &listeners,
            data,
            more: &self.doors(),
        };
        settings
            .write(path)
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Settings of the doors, and of what the scripts wait for.
    fn doors(&self) -> String {
        let mut text = format!(
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             ssl.keystore.type=PKCS12\nssl.keystore.location={}\nssl.keystore.password={STORE_PASSWORD}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:{USER};User:ANONYMOUS\nallow.everyone.if.no.acl.found=true\n\
             auto.create.topics.enable=false\nlog.retention.check.interval.ms=5000\n{FEW_THREADS}",
            self.store().display()
        );
        for listener in ["sasl_plaintext", "sasl_ssl"] {
            for mechanism in ["scram-sha-256", "scram-sha-512"] {
                text += &format!(
                    "listener.name.{listener}.{mechanism}.sasl.jaas.config=\
                     org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
                );
            }
            text += &format!(
                "listener.name.{listener}.plain.sasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_{USER}=\"{PASSWORD}\";\n"
            );
        }
        text
    }
}

fn node_properties(folder: &Path, node: u16) -> PathBuf {
    folder.join(format!("node-{node}.properties"))
}
