//! The five clients, and the script of each.

use std::path::PathBuf;
use std::time::Duration;

use crate::program::Program;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// How long one script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(900);

/// What a script is started with: its words, and variables besides those that all scripts read.
type Start = (Vec<PathBuf>, Vec<(&'static str, String)>);

/// A client, and how its script is had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// What `--client` takes.
    pub(crate) name: &'static str,
    install: fn(&Workspace) -> Install<Start>,
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
            tools::node_suites(workspace).map(|node| (vec![node, script], Vec::new()))
        },
    },
    Client {
        name: "franz-go",
        install: |workspace| {
            tools::go_suites(workspace)
                .map(|programs| (vec![programs.join("conformance")], Vec::new()))
        },
    },
    Client {
        name: "java",
        install: |workspace| {
            tools::java_suite(workspace).map(|classes| {
                let words = ["java", "-cp", &classes, "KafkaConformance"].map(PathBuf::from);
                (words.into(), Vec::new())
            })
        },
    },
];

/// Apache Kafka's command-line tools, which come along when they are asked for.
pub(crate) const TOOLS: Client = Client {
    name: "kafka-tools",
    install: |workspace| match tools::kafka_tools_libs(workspace) {
        Install::Ready(libs) => {
            let class_path = ("KAFKA_TOOLS", format!("{}/*", libs.display()));
            python(workspace, "kafka_tools.py").map(|(words, _)| (words, vec![class_path]))
        }
        Install::Missing(reason) => Install::Missing(reason),
    },
};

fn python(workspace: &Workspace, script: &str) -> Install<Start> {
    let script = workspace.path("acceptance/python").join(script);
    tools::python_suites(workspace).map(|python| (vec![python, script], Vec::new()))
}

/// A client whose script can be run.
#[derive(Debug)]
pub(crate) struct Script {
    /// The client's name.
    pub(crate) client: &'static str,
    start: Start,
}

impl Client {
    /// Installs what the script needs.
    pub(crate) fn script(self, workspace: &Workspace) -> Install<Script> {
        (self.install)(workspace).map(|start| Script {
            client: self.name,
            start,
        })
    }
}

impl Script {
    /// The program, whose output goes to `log`.
    pub(crate) fn program(&self, log: PathBuf) -> Program {
        let (words, variables) = &self.start;
        let mut program = Program::new(&words[0], SCRIPT_LIMIT, log).args(&words[1..]);
        for (name, value) in variables {
            program = program.env(name, value);
        }
        program
    }
}
