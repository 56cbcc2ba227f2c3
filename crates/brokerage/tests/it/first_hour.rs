//! The first hour: every command that `--help` and README show is run as it is printed.
//!
//! A help's examples stand under `Examples:`, from `docs/examples.txt`; README's commands are its indented lines. They run in a shell, in a folder
//! of their own beside a sandbox server on the default data directory. What a person would have to make first (a file, a
//! group) is made here, and ports that are written out become ports that the system chooses.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_brokerage");
const README: &str = include_str!("../../../../README.md");
const OPERATING: &str = include_str!("../../../../docs/operating.md");

/// A server in a folder; killed when a test gives it up.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ports of one server's brokers.
const BROKER_PORTS: u16 = 200;
/// Where such ranges begin: below the ports that systems give away by themselves.
const BROKER_PORTS_FIRST: u16 = 10_240;

/// A range of ports that no other test of this process has and in which nothing listens.
fn broker_ports() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 80).unwrap();
    loop {
        let block = (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 80;
        let first = BROKER_PORTS_FIRST + block * BROKER_PORTS;
        let last = first + BROKER_PORTS - 1;
        if (first..=last).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return format!("{first}-{last}");
        }
    }
}

/// A shell in the folder, in which `brokerage` is the binary under test and servers bind ports that the system chooses.
fn shell(dir: &Path, line: &str) -> Command {
    let bin = Path::new(BINARY).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("BROKERAGE_LISTEN", "127.0.0.1:0")
        .env_remove("BROKERAGE_DATA")
        .env_remove("BROKERAGE_SECRET")
        .stdin(Stdio::null());
    command
}

pub fn run(dir: &Path, line: &str) -> Output {
    shell(dir, line).output().unwrap()
}

/// Runs what has to succeed, and returns what it printed.
pub fn done(dir: &Path, line: &str) -> String {
    let ended = run(dir, line);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{line}\n{told}");
    String::from_utf8(ended.stdout).unwrap()
}

pub fn refused(dir: &Path, line: &str) -> String {
    let ended = run(dir, line);
    assert_eq!(ended.status.code(), Some(1), "{line}");
    String::from_utf8(ended.stderr).unwrap()
}

pub fn json(dir: &Path, line: &str) -> Value {
    serde_json::from_str(&done(dir, &format!("{line} --json"))).unwrap()
}

/// Starts a server by a line that is shown somewhere, and waits until it says that it is ready.
pub fn serve(dir: &Path, line: &str) -> (Server, String) {
    let mut child = shell(dir, &format!("exec {line}"))
        .env("BROKERAGE_BROKER_PORTS", broker_ports())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let server = Server(child);
    let mut told = String::new();
    while !told.contains("next, in another terminal") {
        let read = out.read_line(&mut told).unwrap();
        assert!(read > 0, "{line} ended: {told}");
    }
    std::thread::spawn(move || drop(out.read_to_string(&mut String::new())));
    (server, told)
}

/// The examples of every command's help, in the order of the commands.
fn examples(dir: &Path, words: &str) -> Vec<String> {
    let help = done(dir, &format!("brokerage {words} --help"));
    let mut found = Vec::new();
    let mut shown = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    while let Some(line) = shown.next().filter(|line| line.starts_with("  ")) {
        let mut line = line.trim().to_owned();
        while let Some(begun) = line.strip_suffix('\\') {
            line = format!("{begun}{}", shown.next().unwrap().trim());
        }
        found.push(line);
    }
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let mut has_commands = false;
    for name in commands.filter_map(|line| line.split_whitespace().next()) {
        has_commands = true;
        if name != "help" {
            found.extend(examples(dir, format!("{words} {name}").trim()));
        }
    }
    assert!(
        has_commands || !found.is_empty(),
        "{words} shows no example"
    );
    found
}

/// Makes what examples name and no example makes.
fn prepare(dir: &Path) {
    fs::write(
        dir.join("brokerage.toml"),
        "sandbox = true\ndata = 'other'\n",
    )
    .unwrap();
    let policy = OPERATING
        .lines()
        .skip_while(|line| !line.starts_with("    {\"Version\""))
        .take_while(|line| line.starts_with("    "));
    let policy: String = policy.collect();
    fs::write(dir.join("policy.json"), policy).unwrap();
    fs::create_dir(dir.join("brokerage-data/clusters/ckafka-forgotten")).unwrap();
}

/// A consumer group of the instance that examples call `orders`.
fn make_group(dir: &Path) {
    let shown = json(dir, "brokerage instance show orders");
    let bootstrap = shown["bootstrap"]
        .as_str()
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(bootstrap).await.unwrap();
        let mut kafka = brokerage_kafka_admin::Client::connect(stream)
            .await
            .unwrap();
        let at = brokerage_kafka_admin::PartitionOffset {
            topic: "hello".to_owned(),
            partition: 0,
            offset: 0,
            metadata: String::new(),
        };
        kafka.group_offsets_set("billing", &[at]).await.unwrap();
    });
}

#[test]
fn every_example_of_every_help_runs_as_printed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, _) = serve(dir, "brokerage serve --sandbox");
    prepare(dir);
    let examples = examples(dir, "");
    assert!(examples.len() > 40, "{examples:#?}");
    for line in &examples {
        if line.starts_with("brokerage group") {
            make_group(dir);
        }
        if line.starts_with("brokerage serve") {
            // Beside the one that runs, in a data directory of its own.
            let line = line.replace(":8443", ":0");
            let other = tempfile::tempdir_in(dir).unwrap();
            fs::copy(
                dir.join("brokerage.toml"),
                other.path().join("brokerage.toml"),
            )
            .unwrap();
            drop(serve(other.path(), &line));
            continue;
        }
        let printed = done(dir, line);
        let is_table = !["completions", "man", "operations", "catalog"]
            .iter()
            .any(|other| line.starts_with(&format!("brokerage {other}")));
        let lines = printed
            .lines()
            .filter(|_| is_table && !line.contains("--json"));
        for row in lines.filter(|row| !row.contains("kcat") && !row.contains(": ")) {
            // Ids are whole: those of a sandbox's networks say where they are.
            let is_wide = line.starts_with("brokerage network list");
            assert!(is_wide || row.chars().count() <= 100, "{line}: {row}");
        }
    }
}

/// README's commands, without what fetches or tests the program.
fn readme() -> Vec<String> {
    let lines = README.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.map(|line| line.split(" #").next().unwrap().trim());
    let lines = lines.map(|line| line.replace("cargo run --release -- ", "brokerage "));
    lines
        .filter(|line| !line.starts_with("cargo xtask"))
        .collect()
}

#[test]
fn readme_runs_as_printed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut servers = BTreeMap::new();
    let mut count = 0;
    for line in readme() {
        count += 1;
        // A public address and a folder that needs rights are the reader's own.
        let line = line
            .replace("/var/lib/brokerage", "data")
            .replace("0.0.0.0:8080", "127.0.0.1:0")
            .replace("0.0.0.0", "127.0.0.1")
            .replace("127.0.0.1:8081", "127.0.0.1:0")
            .replace("127.0.0.1:8443", "127.0.0.1:0");
        if line.starts_with("brokerage serve") {
            servers.insert(line.clone(), serve(dir, &line));
        } else if line.contains("kcat") {
            // Where it is installed. The first port of a new server is 20000 unless it is told otherwise.
            if run(dir, "command -v kcat").status.success() {
                let shown = json(dir, "brokerage instance show orders");
                let bootstrap = shown["bootstrap"].as_str().unwrap();
                done(dir, &line.replace("127.0.0.1:20000", bootstrap));
            }
        } else {
            done(dir, &line);
        }
    }
    assert!(count > 10, "README shows commands");
}

#[test]
fn a_purchase_says_what_it_costs_and_what_to_type_next() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, told) = serve(dir, "brokerage serve --sandbox");
    let next = told
        .split("next, in another terminal: ")
        .nth(1)
        .unwrap()
        .trim();
    let bought = done(dir, next);
    for expected in [
        "order ",
        "instance ",
        "(orders), running",
        "bootstrap ",
        "size ",
        "MB/s",
        "CNY for the hour",
    ] {
        assert!(bought.contains(expected), "{expected}: {bought}");
    }
    let lines = bought.split_once("next ").unwrap().1;
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    assert!(
        lines[0].starts_with("brokerage topic create ckafka-"),
        "{lines:?}"
    );
    done(dir, lines[0]);
    assert!(
        lines[1].starts_with("echo hello | kcat -P -b 127.0.0.1:"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("kcat -C -e -b 127.0.0.1:"),
        "{lines:?}"
    );

    let price = json(dir, "brokerage price --dialect ckafka");
    let order = json(dir, "brokerage order show orders");
    assert_eq!(price["price"], order["total"]);
    assert!(
        price["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    );
}

#[test]
fn a_purchase_knows_every_region_and_awaits_every_instance() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _server = serve(dir, "brokerage serve --sandbox");
    for (dialect, region) in [
        ("ckafka", "ap-shanghai"),
        ("ckafka", "ap-beijing"),
        ("alikafka", "cn-beijing"),
        ("bss", "cn-shanghai"),
        ("jdkafka", "cn-east-2"),
        ("jdkafka", "cn-south-1"),
    ] {
        let line = format!("brokerage buy --dialect {dialect} --region {region} --wait");
        let bought = json(dir, &line);
        assert_eq!(bought["phase"], "running", "{line}");
        assert_eq!(bought["instances"][0]["region"], region, "{line}");
    }
    let batch = json(
        dir,
        "brokerage buy --dialect ckafka --set InstanceNum=3 --wait",
    );
    let instances = batch["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 3);
    assert!(
        instances.iter().all(|of| of["phase"] == "running"),
        "{batch}"
    );

    let half = json(dir, "brokerage buy --dialect alikafka");
    assert_eq!(half["phase"], "awaiting_start");
    let next = half["next"][0].as_str().unwrap();
    assert!(
        next.contains("StartInstance") && next.contains("--wait"),
        "{next}"
    );
}

#[test]
fn what_a_purchase_cannot_mean_is_refused_before_anything_is_bought() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _server = serve(dir, "brokerage serve --sandbox");
    for (set, dialect, named) in [
        (
            "DiskTyp=1",
            "alikafka",
            "DiskTyp: CreatePostPayOrder has no such",
        ),
        ("instance.extensoin.x=1", "jdkafka", "instance.extensoin"),
        ("Period=1", "bss", "Period"),
        (
            "StartInstance.Nmae=x",
            "alikafka",
            "Nmae: StartInstance has no such",
        ),
        ("BandWidth=much", "ckafka", "BandWidth"),
        ("BandWidth", "ckafka", "not NAME=VALUE"),
    ] {
        let told = refused(
            dir,
            &format!("brokerage buy --dialect {dialect} --set {set}"),
        );
        assert!(told.contains(named), "{set}: {told}");
        assert_eq!(told.trim().lines().count(), 1, "{told}");
    }
    // Nor does a price buy anything.
    for dialect in ["alikafka", "bss", "ckafka", "jdkafka"] {
        let price = json(dir, &format!("brokerage price --dialect {dialect}"));
        assert_eq!(price["currency"], "CNY", "{price}");
    }
    assert_eq!(json(dir, "brokerage order list"), Value::Array(Vec::new()));
    // A text stays the text that was typed, whatever it looks like.
    json(
        dir,
        "brokerage buy --dialect ckafka --set InstanceName=1e3 --wait",
    );
    assert_eq!(json(dir, "brokerage instance show 1e3")["name"], "1e3");
}

#[test]
fn what_an_operator_mistypes_is_said_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _server = serve(dir, "brokerage serve --sandbox");
    let place = "--account sandbox --region ap-guangzhou";
    for (line, named) in [
        ("account create poor --balance=-5", "balance: 0 to"),
        ("account create poor --balance -5", "balance: 0 to"),
        ("account show poor", "the account poor does not exist"),
        (
            &format!("network create {place} --profile kafka vpc-1"),
            "kafka is none of alikafka, ckafka, jdkafka",
        ),
        (
            "instance show nothing",
            "the instance nothing does not exist",
        ),
        ("order show nothing", "the order nothing does not exist"),
        ("key rotate NOTHING1", "does not exist"),
        (
            "key create --account sandbox --id a/b",
            "letters and digits",
        ),
        ("price --dialect ckafka --region nowhere", "nowhere"),
        ("price --dialect ckafka --set BandWidth=21", "21"),
    ] {
        let told = refused(dir, &format!("brokerage {line}"));
        assert!(told.contains(named), "{line}: {told}");
        assert!(!told.contains("internal error"), "{line}: {told}");
    }
    done(dir, "brokerage buy --dialect ckafka --name plain --wait");
    let ended = run(dir, "brokerage user put plain anna");
    assert!(ended.status.success());
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains("warning: no listener"),
        "{ended:?}"
    );
    done(dir, "brokerage broker stop plain 0");
    let stopped = json(dir, "brokerage instance show plain");
    assert_eq!(stopped["brokers_stopped"], serde_json::json!([0]));
}

/// docs/operating.md lists them.
#[test]
fn exit_codes_are_those_of_the_manual() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let nowhere = "brokerage instances --data nowhere";
    let ended = run(dir, nowhere);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(
        told,
        "brokerage: no server runs on nowhere: there is no such directory\n"
    );
    assert_eq!(ended.status.code(), Some(1));
    let _server = serve(dir, "brokerage serve --sandbox");
    for (line, code, named) in [
        ("brokerage instances".to_owned(), 0, ""),
        (
            "brokerage order show nothing".to_owned(),
            1,
            "the order nothing does not exist",
        ),
        (
            "brokerage orphan delete lost".to_owned(),
            1,
            "the cluster lost does not exist",
        ),
        ("brokerage buy".to_owned(), 2, "--dialect"),
        (
            "brokerage buy --dialect ckafka --nonsense".to_owned(),
            2,
            "--nonsense",
        ),
        ("brokerage nonsense".to_owned(), 2, "nonsense"),
        ("brokerage order show".to_owned(), 2, "ORDER"),
    ] {
        let ended = run(dir, &line);
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{line}: {told}");
        assert!(told.contains(named), "{line}: {told}");
    }
    done(dir, "brokerage buy --dialect ckafka --name orders --wait");
    let told = refused(dir, "brokerage broker stop orders 7");
    assert!(told.contains("the broker 7 does not exist"), "{told}");
}

#[test]
fn a_price_is_of_parameters_that_the_operation_has() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _server = serve(dir, "brokerage serve --sandbox");
    for (dialect, set) in [
        ("ckafka", "Bandwidth=400"),
        ("alikafka", "ioMax=20"),
        ("jdkafka", "Nope=1"),
    ] {
        let told = refused(
            dir,
            &format!("brokerage price --dialect {dialect} --set {set}"),
        );
        let (name, _) = set.split_once('=').unwrap();
        assert!(
            told.contains(name) && told.contains("no such parameter"),
            "{told}"
        );
    }
}

#[test]
fn a_policy_is_a_document_as_the_clouds_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _server = serve(dir, "brokerage serve --sandbox");
    let key = |policy: &str| {
        fs::write(dir.join("p.json"), policy).unwrap();
        "brokerage key create --account sandbox --policy p.json"
    };
    let may = |action: &str| {
        format!(
            r#"{{"version": "2.0", "statement": [{{"effect": "allow", "action": {action}, "resource": "*"}}]}}"#
        )
    };
    for (policy, named) in [
        (
            may("\"*\"").replace(
                "\"resource\"",
                "\"condition\": {\"ip_equal\": {\"qcs:ip\": \"::\"}}, \"resource\"",
            ),
            "Condition is not served yet (ip_equal of qcs:ip)",
        ),
        ("{\"statements\": []}".to_owned(), "statements"),
        ("null".to_owned(), "no object with a list Statement"),
        (
            may("\"*\"").replace("\"action\"", "\"Effect\": \"Deny\", \"action\""),
            "Effect is said twice",
        ),
        (
            format!("{{\"Id\": \"{}\"}}", "x".repeat(300_000)),
            "longer than",
        ),
        (
            may("\"*\"").replace("allow", "permit"),
            "neither Allow nor Deny",
        ),
    ] {
        let told = refused(dir, key(&policy));
        assert!(told.contains(named), "{policy}: {told}");
    }
    for (action, is_sold) in [
        (r#"["ckafka:*", "vpc:*"]"#, true),
        (r#"["ckafka:Describe*", "vpc:*"]"#, false),
    ] {
        let made = json(dir, key(&may(action)));
        let [id, secret] = ["access_key_id", "secret"].map(|key| made[key].as_str().unwrap());
        let buy = format!(
            "BROKERAGE_SECRET={secret} brokerage buy --dialect ckafka --access-key-id {id}"
        );
        let ended = run(dir, &buy);
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.success(), is_sold, "{action}: {told}");
        assert_eq!(
            told.contains("UnauthorizedOperation"),
            !is_sold,
            "{action}: {told}"
        );
    }
}

#[test]
fn what_was_backed_up_under_way_runs_again_in_another_place() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (server, _) = serve(dir, "brokerage serve --sandbox");
    done(dir, "brokerage buy --dialect ckafka --name orders --wait");
    done(dir, "brokerage topic create orders hello");
    make_group(dir);
    let before = json(dir, "brokerage instance show orders");
    let money = json(dir, "brokerage account show sandbox");
    let backed_up = json(dir, "brokerage backup copy");
    assert_eq!(backed_up["master_key"], false);
    // What is made later is not in it.
    done(dir, "brokerage topic create orders later");
    drop(server);
    let key = "brokerage-data/master.key";
    let restored = json(
        dir,
        &format!("brokerage restore copy --data restored --master-key {key}"),
    );
    assert_eq!(restored["not_restored"], serde_json::json!([]));
    let (_server, _) = serve(dir, "brokerage serve --sandbox --data restored");
    let asked = |words: &str| json(dir, &format!("brokerage {words} --data restored"));
    let after = asked("instance show orders");
    assert_eq!(after["instance_id"], before["instance_id"]);
    assert_eq!(after["bootstrap"], before["bootstrap"]);
    assert_eq!(asked("account show sandbox"), money);
    assert_eq!(asked("ledger check")["findings"], serde_json::json!([]));
    let names = |list: &Value, key: &str| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row[key].as_str().unwrap().to_owned())
            .collect()
    };
    // Clusters start behind the server's word that it is ready.
    let began = std::time::Instant::now();
    let topics = loop {
        let ended = run(dir, "brokerage topic list orders --json --data restored");
        if ended.status.success() {
            break serde_json::from_slice(&ended.stdout).unwrap();
        }
        assert!(
            began.elapsed() < std::time::Duration::from_secs(60),
            "it runs"
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert!(
        names(&topics, "topic").contains(&"hello".to_owned()),
        "{topics}"
    );
    assert!(
        !names(&topics, "topic").contains(&"later".to_owned()),
        "{topics}"
    );
    let groups = asked("group list orders");
    assert_eq!(names(&groups, "group"), ["billing"]);
}
