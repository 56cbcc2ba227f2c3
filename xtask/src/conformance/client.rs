//! The five clients, and the script of each.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::program::Program;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// How long one script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(900);

/// A client, and how its script is had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// What `--client` takes.
    pub(crate) name: &'static str,
    install: fn(&Workspace) -> Install<Vec<PathBuf>>,
}

/// Every client.
pub(crate) const CLIENTS: [Client; 5] = [
    Client {
        name: "confluent-kafka",
        install: |workspace| python(workspace, "conformance_confluent.py"),
    },
    Client {
        name: "kafka-python",
        install: |workspace| python(workspace, "conformance_kafka_python.py"),
    },
    Client {
        name: "kafkajs",
        install: |workspace| {
            let script = workspace.path("acceptance/node/conformance_kafkajs.mjs");
            tools::node_suites(workspace).map(|node| vec![node, script])
        },
    },
    Client {
        name: "franz-go",
        install: |workspace| {
            tools::go_suites(workspace).map(|programs| vec![programs.join("conformance")])
        },
    },
    Client {
        name: "java",
        install: |workspace| {
            tools::java_suite(workspace).map(|classes| {
                ["java", "-cp", &classes, "KafkaConformance"]
                    .map(PathBuf::from)
                    .into()
            })
        },
    },
];

fn python(workspace: &Workspace, script: &str) -> Install<Vec<PathBuf>> {
    let script = workspace.path("acceptance/python").join(script);
    tools::python_suites(workspace).map(|python| vec![python, script])
}

/// A client whose script can be run.
#[derive(Debug)]
pub(crate) struct Script {
    /// The client's name.
    pub(crate) client: &'static str,
    words: Vec<PathBuf>,
}

impl Client {
    /// Installs what the script needs.
    pub(crate) fn script(self, workspace: &Workspace) -> Install<Script> {
        (self.install)(workspace).map(|words| Script {
            client: self.name,
            words,
        })
    }
}

impl Script {
    /// The program, whose output goes to `log`.
    pub(crate) fn program(&self, log: PathBuf) -> Result<Program> {
        Ok(Program::new(&self.words[0], SCRIPT_LIMIT, log).args(&self.words[1..]))
    }
}
