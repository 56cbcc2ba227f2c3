//! The suites of `acceptance/`: programs from outside against a server that is started for each.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::counts::Counts;
use crate::program::Program;
use crate::server::{Server, ServerSettings};
use crate::steps::{Outcome, Run};
use crate::tools::{self, Install};

/// How long one suite may take.
const SUITE_LIMIT: Duration = Duration::from_secs(300);
/// How long building the binary may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2_400);
/// How long buying one cluster may take.
const BUY_LIMIT: Duration = Duration::from_secs(60);

/// The product's binary, built once a run. With failpoints it is another one, beside the plain one.
pub(crate) fn binary(run: &Run, failpoints: bool) -> Result<PathBuf> {
    let built = &run.binaries[usize::from(failpoints)];
    if let Some(binary) = built.get() {
        return Ok(binary.clone());
    }
    let binary = build(run, failpoints)?;
    Ok(built.get_or_init(|| binary).clone())
}

fn build(run: &Run, failpoints: bool) -> Result<PathBuf> {
    let name = if failpoints {
        "brokerage-failpoints"
    } else {
        "brokerage"
    };
    let copy = run.workspace.scratch("bin")?.join(name);
    let features: &[&str] = if failpoints {
        &["--features", "failpoints"]
    } else {
        &[]
    };
    Program::new(
        "cargo",
        BUILD_LIMIT,
        run.workspace.log(&format!("build-{name}"))?,
    )
    .args(["build", "--quiet", "--package", "brokerage"])
    .args(features)
    .folder(run.workspace.root())
    .succeed()?;
    // A copy: the next build of the other kind replaces Cargo's own.
    let built = run.workspace.target().join("debug/brokerage");
    let _ = fs::remove_file(&copy);
    fs::copy(&built, &copy).with_context(|| format!("copying {}", built.display()))?;
    Ok(copy)
}

pub(crate) fn fresh_data(run: &Run, suite: &str) -> Result<PathBuf> {
    let data = run.workspace.scratch("data")?.join(suite);
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    Ok(data)
}

fn server(run: &Run, suite: &str) -> Result<Server> {
    let log = run.workspace.log(&format!("{suite}-server"))?;
    let _ = fs::remove_file(&log);
    Server::start(ServerSettings {
        binary: binary(run, false)?,
        data: fresh_data(run, suite)?,
        log,
        broker_ports: None,
        arguments: ["--listen-tls", "127.0.0.1:0"].map(Into::into).into(),
    })
}

/// Turns what a suite printed into an outcome: its failed checks are shown at once.
pub(crate) fn outcome_of(suite: &str, ended: &crate::program::Ended) -> Outcome {
    for line in ended
        .output
        .lines()
        .filter(|line| line.starts_with("FAIL "))
    {
        println!("    {suite}: {line}");
    }
    match Counts::of_closing_line(&ended.output) {
        Some(counts) if ended.success == (counts.failed == 0) => Outcome::Counted(counts),
        _ => {
            println!(
                "    {suite} gave no result, {} ({})\n{}",
                ended.how,
                ended.log.display(),
                ended.tail(15)
            );
            Outcome::Counted(Counts::one(false))
        }
    }
}

/// Runs one program against a server of its own.
fn vendor_suite(
    run: &Run,
    suite: &str,
    program: impl FnOnce(PathBuf) -> Result<Program>,
) -> Result<Outcome> {
    let mut server = server(run, suite)?;
    let (api_tls, ca) = (server.api_tls(), server.ca());
    let (api_tls, ca) = api_tls.zip(ca).context("the server has no TLS listener")?;
    let ended = program(run.workspace.log(suite)?)?
        .env("ENDPOINT", server.api())
        .env("ENDPOINT_TLS", api_tls)
        // Node and Go read whom they trust when they begin.
        .env("NODE_EXTRA_CA_CERTS", ca)
        .env("SSL_CERT_FILE", ca)
        .env("ACCESS_KEY_ID", "BROKERAGESANDBOX")
        .env("ACCESS_KEY_SECRET", "brokerage-sandbox-secret")
        .env("BROKERAGE", server.binary())
        .env("DATA", server.data())
        .run()?;
    let outcome = outcome_of(suite, &ended);
    ledger_is_clean(&server)?;
    server.stop()?;
    Ok(outcome)
}

/// `ledger check` of a running server must find nothing.
fn ledger_is_clean(server: &Server) -> Result<()> {
    let done = Command::new(server.binary())
        .args(["ledger", "check", "--data"])
        .arg(server.data())
        .output()?;
    let told = String::from_utf8_lossy(&done.stdout);
    ensure!(
        done.status.success() && told.contains("0 findings"),
        "ledger check: {}\n{told}{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

fn python_suite(run: &Run, suite: &str, script: &str) -> Result<Outcome> {
    match tools::python_suites(&run.workspace) {
        Install::Missing(reason) => Ok(Outcome::Skipped(reason)),
        Install::Ready(python) => vendor_suite(run, suite, |log| {
            Ok(Program::new(python, SUITE_LIMIT, log)
                .args([run.workspace.path("acceptance/python").join(script)]))
        }),
    }
}

pub(crate) fn python_alikafka(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-alikafka", "alikafka.py")
}

pub(crate) fn python_public_access(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-public-access", "public_access.py")
}

pub(crate) fn python_instance_life(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-instance-life", "instance_life.py")
}

pub(crate) fn python_bss(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-bss", "bss.py")
}

pub(crate) fn python_ckafka(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-ckafka", "ckafka.py")
}

pub(crate) fn python_jdkafka(run: &Run) -> Result<Outcome> {
    python_suite(run, "python-jdkafka", "jdkafka.py")
}

pub(crate) fn node_vendors(run: &Run) -> Result<Outcome> {
    match tools::node_suites(&run.workspace) {
        Install::Missing(reason) => Ok(Outcome::Skipped(reason)),
        Install::Ready(node) => vendor_suite(run, "node-vendors", |log| {
            Ok(Program::new(node, SUITE_LIMIT, log)
                .args([run.workspace.path("acceptance/node/vendors.mjs")]))
        }),
    }
}

pub(crate) fn go_vendors(run: &Run) -> Result<Outcome> {
    match tools::go_suites(&run.workspace) {
        Install::Missing(reason) => Ok(Outcome::Skipped(reason)),
        Install::Ready(programs) => vendor_suite(run, "go-vendors", |log| {
            Ok(Program::new(programs.join("vendors"), SUITE_LIMIT, log))
        }),
    }
}

/// The crash suite needs a build that aborts where it is told to.
pub(crate) fn crash(run: &Run) -> Result<Outcome> {
    serving_suite(run, "crash", "crash.py", true, &[])
}

pub(crate) fn python_https(run: &Run) -> Result<Outcome> {
    let commands = match tools::python_cli(&run.workspace) {
        Install::Missing(reason) if run.ci => bail!("the clouds' command lines: {reason}"),
        Install::Missing(_) => PathBuf::new(),
        Install::Ready(commands) => commands,
    };
    let commands = [("COMMANDS", commands)];
    serving_suite(run, "python-https", "https.py", false, &commands)
}

pub(crate) fn python_first_hour(run: &Run) -> Result<Outcome> {
    serving_suite(run, "python-first-hour", "first_hour.py", false, &[])
}

/// A suite that starts its own servers.
fn serving_suite(
    run: &Run,
    suite: &str,
    script: &str,
    failpoints: bool,
    environment: &[(&str, PathBuf)],
) -> Result<Outcome> {
    let python = match tools::python_suites(&run.workspace) {
        Install::Missing(reason) => return Ok(Outcome::Skipped(reason)),
        Install::Ready(python) => python,
    };
    let ports = crate::broker_ports::broker_ports_find(1_000)?;
    let program = Program::new(python, 2 * SUITE_LIMIT, run.workspace.log(suite)?)
        .args([run.workspace.path("acceptance/python").join(script)]);
    let ended = environment
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value))
        .env("BROKERAGE", binary(run, failpoints)?)
        .env("DATA", fresh_data(run, suite)?)
        .env("BROKER_PORTS", format!("{}-{}", ports.start(), ports.end()))
        .run()?;
    Ok(outcome_of(suite, &ended))
}

/// A Kafka client, and the dialect through which its cluster is bought.
struct KafkaClient {
    name: &'static str,
    dialect: &'static str,
    /// The program with its arguments, or why it cannot be had.
    program: Install<Vec<PathBuf>>,
}

fn kafka_client_programs(run: &Run) -> Vec<KafkaClient> {
    let python = |script: &str| match tools::python_suites(&run.workspace) {
        Install::Ready(python) => Install::Ready(vec![
            python,
            run.workspace.path("acceptance/python").join(script),
        ]),
        Install::Missing(reason) => Install::Missing(reason),
    };
    let node = match tools::node_suites(&run.workspace) {
        Install::Ready(node) => Install::Ready(vec![
            node,
            run.workspace.path("acceptance/node/kafkajs_client.mjs"),
        ]),
        Install::Missing(reason) => Install::Missing(reason),
    };
    let go = match tools::go_suites(&run.workspace) {
        Install::Ready(programs) => Install::Ready(vec![programs.join("franz")]),
        Install::Missing(reason) => Install::Missing(reason),
    };
    let java = match tools::java_suite(&run.workspace) {
        Install::Ready(classes) => Install::Ready(
            ["java", "-cp", &classes, "KafkaClient"]
                .map(PathBuf::from)
                .into(),
        ),
        Install::Missing(reason) => Install::Missing(reason),
    };
    vec![
        KafkaClient {
            name: "confluent-kafka",
            dialect: "ckafka",
            program: python("confluent_client.py"),
        },
        KafkaClient {
            name: "kafka-python",
            dialect: "alikafka",
            program: python("kafka_python_client.py"),
        },
        KafkaClient {
            name: "kafkajs",
            dialect: "bss",
            program: node,
        },
        KafkaClient {
            name: "franz-go",
            dialect: "jdkafka",
            program: go,
        },
        KafkaClient {
            name: "java",
            dialect: "ckafka",
            program: java,
        },
    ]
}

/// What happens to the server before each phase; see `acceptance/README.md`.
const PHASES: [&str; 3] = ["bought", "stopped and started", "killed and started"];

/// Five Kafka clients, each against a cluster that `brokerage buy` bought, over two restarts of the server.
pub(crate) fn kafka_clients(run: &Run) -> Result<Outcome> {
    let mut clients = Vec::new();
    let mut counts = Counts::default();
    for client in kafka_client_programs(run) {
        match client.program {
            Install::Missing(reason) if run.ci => bail!("{}: {reason}", client.name),
            Install::Missing(reason) => {
                println!("    {} skipped: {reason}", client.name);
                counts.skipped += 1;
            }
            Install::Ready(program) => clients.push((client.name, client.dialect, program)),
        }
    }
    let mut server = server(run, "kafka-clients")?;
    let mut bootstraps = Vec::new();
    for (_, dialect, _) in &clients {
        bootstraps.push(buy(run, &server, dialect)?);
    }
    for (phase, event) in PHASES.iter().enumerate() {
        match phase {
            1 => server.stop()?,
            2 => server.kill()?,
            _ => {}
        }
        if phase > 0 {
            server.start_again()?;
        }
        for ((name, _, program), bootstrap) in clients.iter().zip(&bootstraps) {
            let suite = format!("{name}, {event}");
            let ended = Program::new(
                &program[0],
                SUITE_LIMIT,
                run.workspace.log(&format!("{name}-{phase}"))?,
            )
            .args(&program[1..])
            .env("BOOTSTRAP", bootstrap)
            .env("RUN", "acceptance")
            .env("PHASE", phase.to_string())
            .run()?;
            if let Outcome::Counted(more) = outcome_of(&suite, &ended) {
                counts += more;
            }
        }
    }
    ledger_is_clean(&server)?;
    server.stop()?;
    Ok(Outcome::Counted(counts))
}

/// Buys a cluster with the command line and returns its bootstrap addresses.
fn buy(run: &Run, server: &Server, dialect: &str) -> Result<String> {
    let log = run.workspace.log(&format!("buy-{dialect}"))?;
    let ended = Program::new(server.binary(), BUY_LIMIT, log)
        .args(["buy", "--dialect", dialect, "--wait", "--json", "--data"])
        .args([server.data()])
        .succeed()?;
    bootstrap_of(&ended.output)
        .with_context(|| format!("buy --dialect {dialect} told no bootstrap"))
}

fn bootstrap_of(output: &str) -> Option<String> {
    let object = output
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(line).ok());
    match object
        .or_else(|| serde_json::from_str(output).ok())?
        .get("bootstrap")?
    {
        Value::String(addresses) if !addresses.is_empty() => Some(addresses.clone()),
        Value::Array(addresses) if !addresses.is_empty() => Some(
            addresses
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(","),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::bootstrap_of;

    #[test]
    fn the_bootstrap_of_a_purchase_is_found() {
        let cases = [
            (
                r#"{"instance_id":"i","bootstrap":"h:1,h:2","phase":"running"}"#,
                Some("h:1,h:2"),
            ),
            (
                "waiting\n{\"bootstrap\":[\"h:1\",\"h:2\"]}\n",
                Some("h:1,h:2"),
            ),
            ("{\n  \"bootstrap\": \"h:1\"\n}", Some("h:1")),
            (r#"{"bootstrap":""}"#, None),
            (r#"{"phase":"provisioning"}"#, None),
            ("refused", None),
        ];
        for (output, expected) in cases {
            assert_eq!(bootstrap_of(output).as_deref(), expected, "{output}");
        }
    }
}
