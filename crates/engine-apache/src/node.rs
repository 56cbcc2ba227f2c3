//! One KRaft node, broker and controller at once: its settings, its formatted folder, and what runs it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// The program that runs Kafka, found by `PATH`.
pub const JAVA: &str = "java";
/// Sixteen bytes in Kafka's form of ids; clusters of one machine never meet.
pub const CLUSTER_ID: &str = "YnJva2VyYWdlLWNsdXN0ZQ";
/// Flags of a virtual machine that starts fast: the serial collector and only the first compiler. The largest heap
/// (`-Xmx`) is for the caller to say.
pub const FAST_FLAGS: &[&str] = &["-Xms64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
/// Settings of a small node: threads and buffers as it needs them to start fast.
pub const FEW_THREADS: &str = "num.network.threads=2\nnum.io.threads=2\nbackground.threads=2\n\
     log.cleaner.dedupe.buffer.size=8388608\nlog.cleaner.io.buffer.size=262144\n";

/// Node ids count from here; Kafka's own examples do so, too.
const FIRST_NODE_ID: u16 = 1;
/// Partitions of Kafka's own topics: few, since each is made before the first group or transaction is served.
const INTERNAL_PARTITIONS: u16 = 4;
/// What the file is called that says whose folder it is.
const META_FILE: &str = "meta.properties";

/// The jars of one release of Apache Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    class_path: String,
}

impl Distribution {
    /// The jars that lie in a folder.
    pub fn at(libs: &Path) -> Self {
        Self {
            class_path: format!("{}/*", libs.display()),
        }
    }

    /// What [`JAVA`] is given to format the folder that a node's settings name. `credentials` are made with it, in the words
    /// of Kafka's tool (`SCRAM-SHA-256=[name=…,password=…]`).
    pub fn format_arguments(&self, settings: &Path, credentials: &[String]) -> Vec<OsString> {
        let words = ["kafka.tools.StorageTool", "format", "--cluster-id"];
        let mut arguments = self.arguments(&[], &words);
        arguments.extend([CLUSTER_ID, "--config"].map(OsString::from));
        arguments.push(settings.into());
        for credential in credentials {
            arguments.extend(["--add-scram", credential].map(OsString::from));
        }
        arguments
    }

    /// What [`JAVA`] is given to run a node, with these flags of the virtual machine.
    pub fn node_arguments(&self, flags: &[&str], settings: &Path) -> Vec<OsString> {
        let mut arguments = self.arguments(flags, &["kafka.Kafka"]);
        arguments.push(settings.into());
        arguments
    }

    fn arguments(&self, flags: &[&str], words: &[&str]) -> Vec<OsString> {
        let class_path = ["-cp", &self.class_path];
        let all = flags.iter().chain(&class_path).chain(words);
        all.map(OsString::from).collect()
    }
}

/// How one node is set up (`server.properties`).
#[derive(Debug, Clone, Copy)]
pub struct NodeSettings<'a> {
    /// The node, counted from 0; Kafka's id of it is one more.
    pub node: u16,
    /// Where the controller of each node listens on 127.0.0.1.
    pub controller_ports: &'a [u16],
    /// Where this one listens on 127.0.0.1: security protocols by Kafka's name, with their ports. One of PLAINTEXT is what
    /// brokers use among each other.
    pub listeners: &'a [(&'a str, u16)],
    /// Its formatted folder.
    pub data: &'a Path,
    /// Further lines.
    pub more: &'a str,
}

impl NodeSettings<'_> {
    /// Writes them to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.text())
    }

    fn text(&self) -> String {
        let node_id = FIRST_NODE_ID + self.node;
        let nodes = self.controller_ports.len();
        let voters: Vec<String> = (FIRST_NODE_ID..)
            .zip(self.controller_ports)
            .map(|(id, port)| format!("{id}@127.0.0.1:{port}"))
            .collect();
        let listeners = self.listeners.iter();
        let listeners: Vec<String> = listeners
            .map(|(name, port)| format!("{name}://127.0.0.1:{port}"))
            .collect();
        let (voters, listeners) = (voters.join(","), listeners.join(","));
        let controller = self.controller_ports.get(usize::from(self.node));
        let controller = controller.copied().unwrap_or_default();
        let mut text = format!(
            "process.roles=broker,controller\nnode.id={node_id}\ncontroller.quorum.voters={voters}\n\
             listeners={listeners},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={listeners}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             group.initial.rebalance.delay.ms=0\n{more}log.dirs={data}\n",
            more = self.more,
            data = self.data.display()
        );
        for (topic, partitions) in [
            ("offsets.topic", "offsets.topic.num.partitions"),
            (
                "transaction.state.log",
                "transaction.state.log.num.partitions",
            ),
            ("share.coordinator.state.topic", ""),
        ] {
            let _ = writeln!(text, "{topic}.replication.factor={nodes}");
            if topic != "offsets.topic" {
                let _ = writeln!(text, "{topic}.min.isr=1");
            }
            if !partitions.is_empty() {
                let _ = writeln!(text, "{partitions}={INTERNAL_PARTITIONS}");
            }
        }
        text
    }
}

/// Makes the folder of a node of a formatted one: formatting costs a start of the virtual machine.
///
/// # Errors
/// If a folder cannot be read or written.
pub fn node_folder_make(template: &Path, folder: &Path, node: u16) -> io::Result<()> {
    folder_copy(template, folder)?;
    let meta = folder.join(META_FILE);
    let text = fs::read_to_string(&meta)?;
    fs::write(&meta, node_meta(&text, node))
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

fn folder_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            folder_copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_one_template_differ_in_both_ids() {
        let template =
            "# when\nversion=1\nnode.id=1\ndirectory.id=Zb2AqTXbTYOZs1DvSxWvkg\ncluster.id=c\n";
        let expected =
            "# when\nversion=1\nnode.id=3\ndirectory.id=cb2AqTXbTYOZs1DvSxWvkg\ncluster.id=c\n";
        assert_eq!(node_meta(template, 2), expected);
    }

    #[test]
    fn a_node_knows_every_controller_and_itself() {
        let settings = NodeSettings {
            node: 1,
            controller_ports: &[101, 102, 103],
            listeners: &[("PLAINTEXT", 201), ("SASL_SSL", 301)],
            data: Path::new("data-1"),
            more: "num.io.threads=2\n",
        };
        let text = settings.text();
        for line in [
            "node.id=2",
            "controller.quorum.voters=1@127.0.0.1:101,2@127.0.0.1:102,3@127.0.0.1:103",
            "listeners=PLAINTEXT://127.0.0.1:201,SASL_SSL://127.0.0.1:301,CONTROLLER://127.0.0.1:102",
            "advertised.listeners=PLAINTEXT://127.0.0.1:201,SASL_SSL://127.0.0.1:301",
            "offsets.topic.replication.factor=3",
            "num.io.threads=2",
            "log.dirs=data-1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
