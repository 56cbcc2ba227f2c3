//! Apache Kafka's own brokers, the oracle: KRaft nodes that are broker and controller at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::cluster::{controller_port, listener_port};
use super::door::{PASSWORD, SecurityProtocol, USER};
use crate::program::Program;
use crate::tools::{Install, kafka_server_libs};
use crate::workspace::Workspace;

/// A small heap, the serial collector and only the first compiler: three nodes start beside each other.
const JVM_FLAGS: &[&str] = &[
    "-Xmx512m",
    "-Xms64m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
];
/// How long formatting a folder or making a key may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Sixteen bytes in Kafka's form of ids; clusters of one machine never meet.
const CLUSTER_ID: &str = "Y29uZm9ybWFuY2UtcnVucw";
/// Node ids count from here; Kafka's own examples do so, too.
const FIRST_NODE_ID: u16 = 1;
/// What guards the key store; it holds a key of one run on loopback.
const STORE_PASSWORD: &str = "example-secret-store";

/// What every node needs: the jars, a formatted folder as template, a key with its certificate.
#[derive(Debug)]
pub(crate) struct ApacheKafka {
    class_path: String,
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
            class_path: format!("{}/*", libs.display()),
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
        let text = self.properties(&self.template(), 0, 1, 29_000);
        fs::write(&properties, text)?;
        let credential = |mechanism: &str| format!("{mechanism}=[name={USER},password={PASSWORD}]");
        Program::new("java", LIMIT, workspace.log("kafka-conformance-format")?)
            .args(["-cp", &self.class_path, "kafka.tools.StorageTool", "format"])
            .args(["--cluster-id", CLUSTER_ID, "--config"])
            .args([&properties])
            .args(["--add-scram", &credential("SCRAM-SHA-256")])
            .args(["--add-scram", &credential("SCRAM-SHA-512")])
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
        copy_folder(&self.template(), &data)?;
        let meta = data.join("meta.properties");
        let text =
            fs::read_to_string(&meta).with_context(|| format!("reading {}", meta.display()))?;
        fs::write(&meta, node_meta(&text, node))?;
        let properties = self.properties(&data, node, brokers, first_port);
        fs::write(node_properties(folder, node), properties)?;
        Ok(())
    }

    /// The command that runs a prepared node.
    pub(crate) fn node_command(&self, folder: &Path, node: u16) -> Command {
        let mut command = Command::new("java");
        command
            .args(JVM_FLAGS)
            .args(["-cp", &self.class_path, "kafka.Kafka"])
            .arg(node_properties(folder, node));
        command
    }

    fn properties(&self, data: &Path, node: u16, brokers: u16, first_port: u16) -> String {
        let node_id = FIRST_NODE_ID + node;
        let voters: Vec<String> = (0..brokers)
            .map(|voter| {
                let port = controller_port(first_port, brokers, voter);
                format!("{}@127.0.0.1:{port}", FIRST_NODE_ID + voter)
            })
            .collect();
        let doors: Vec<String> = SecurityProtocol::ALL
            .into_iter()
            .map(|protocol| {
                let all = &SecurityProtocol::ALL;
                let port = listener_port(all, first_port, brokers, node, protocol);
                format!("{}://127.0.0.1:{port}", protocol.name())
            })
            .collect();
        let (voters, doors) = (voters.join(","), doors.join(","));
        let controller = controller_port(first_port, brokers, node);
        let mut text = format!(
            "process.roles=broker,controller\nnode.id={node_id}\ncontroller.quorum.voters={voters}\n\
             listeners={doors},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={doors}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             ssl.keystore.type=PKCS12\nssl.keystore.location={}\nssl.keystore.password={STORE_PASSWORD}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:{USER};User:ANONYMOUS\nallow.everyone.if.no.acl.found=true\n\
             auto.create.topics.enable=false\n\
             offsets.topic.replication.factor={brokers}\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor={brokers}\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=4\n\
             share.coordinator.state.topic.replication.factor={brokers}\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             num.network.threads=2\nnum.io.threads=2\nbackground.threads=2\n\
             log.cleaner.dedupe.buffer.size=8388608\nlog.cleaner.io.buffer.size=262144\n\
             log.retention.check.interval.ms=5000\nlog.dirs={}\n",
            self.store().display(),
            data.display()
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

/// `meta.properties` of a node, made from the template's: the node's id, and a directory id of its own.
fn node_meta(template: &str, node: u16) -> String {
    let mut text = String::new();
    for line in template.lines() {
        match line.split_once('=') {
            Some(("node.id", _)) => text += &format!("node.id={}", FIRST_NODE_ID + node),
            // Ids are base64: the first letter tells the nodes apart.
            Some(("directory.id", id)) => {
                let letter = char::from(b'a' + u8::try_from(node % 26).unwrap_or_default());
                text += &format!("directory.id={letter}{}", id.get(1..).unwrap_or_default());
            }
            _ => text += line,
        }
        text.push('\n');
    }
    text
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::node_meta;

    #[test]
    fn nodes_of_one_template_differ_in_both_ids() {
        let template =
            "# when\nversion=1\nnode.id=1\ndirectory.id=Zb2AqTXbTYOZs1DvSxWvkg\ncluster.id=c\n";
        let expected =
            "# when\nversion=1\nnode.id=3\ndirectory.id=cb2AqTXbTYOZs1DvSxWvkg\ncluster.id=c\n";
        assert_eq!(node_meta(template, 2), expected);
    }
}
