//! What the command line promises whatever happens: its exit codes, one line of error, and an end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::first_hour::{done, json, refused, run, serve};

/// The one line on standard error of a command that fails.
fn refused_on_one_line(dir: &Path, line: &str) -> String {
    let told = refused(dir, line);
    assert_eq!(told.lines().count(), 1, "{line}: {told}");
    told
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, _) = serve(dir, "brokerage serve --sandbox");
    for line in [
        "account list",
        "catalog check",
        "completions bash",
        "instances --json",
        "man",
        "operations",
        "--help",
        "buy --help",
        "--version",
    ] {
        let told = refused_on_one_line(dir, &format!("brokerage {line} > /dev/full"));
        assert!(told.contains("standard output: No space left"), "{told}");
    }
    // A secret that could not be shown is known to nobody, and its reader is told so.
    let create = "brokerage key create --account sandbox --id SANDBOXSECOND";
    let told = refused_on_one_line(dir, &format!("{create} > /dev/full"));
    for expected in ["brokerage key rotate SANDBOXSECOND", "No space left"] {
        assert!(told.contains(expected), "{told}");
    }
    done(dir, "brokerage key rotate SANDBOXSECOND");
    // A reader that went away has read enough.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_brokerage"))
        .arg("operations")
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(141), Vec::new()));
}

#[test]
fn an_error_is_one_line_whatever_it_quotes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, _) = serve(dir, "brokerage serve --sandbox");
    let buy = "brokerage buy --dialect";
    for dialect in ["alikafka", "bss", "ckafka", "jdkafka"] {
        refused_on_one_line(dir, &format!("BROKERAGE_SECRET=wrong {buy} {dialect}"));
    }
    let told = refused_on_one_line(dir, &format!("BROKERAGE_SECRET= {buy} ckafka"));
    assert!(told.contains("BROKERAGE_SECRET: it is empty"), "{told}");
    fs::write(dir.join("wrong.toml"), "sandbox = true\nlisten = 1\n").unwrap();
    let told = refused_on_one_line(dir, "brokerage serve --config wrong.toml");
    assert!(told.contains("config: wrong.toml: line 2: "), "{told}");
    fs::create_dir(dir.join("catalogs")).unwrap();
    fs::write(dir.join("catalogs/wrong.toml"), "profile = \n").unwrap();
    let told = refused_on_one_line(dir, "brokerage catalog check --catalog catalogs");
    assert!(told.contains("wrong.toml"), "{told}");
    let told = refused_on_one_line(dir, "brokerage account show \"$(printf 'a\\nb\\033[2J')\"");
    assert!(told.contains("a\\nb\\u{1b}[2J"), "{told}");
}

#[test]
fn files_that_have_no_end_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(
        dir,
        "mkfifo pipe; mkdir catalogs; mkfifo catalogs/c.toml; truncate -s 1G long",
    );
    let (_server, _) = serve(dir, "brokerage serve --sandbox --data first");
    let other = "timeout 20 brokerage serve --sandbox --data other";
    let tls = "--listen-tls 127.0.0.1:0 --tls-key long --tls-certificate";
    let broker = "--broker-security SSL --broker-tls-key long --broker-tls-certificate";
    let key = "timeout 20 brokerage key create --account sandbox --data first --policy";
    for (line, named) in [
        (format!("{other} {tls} pipe"), "pipe"),
        (format!("{other} {tls} /dev/zero"), "/dev/zero"),
        (format!("{other} {broker} pipe"), "pipe"),
        (format!("{other} {broker} /dev/zero"), "/dev/zero"),
        (format!("{other} --config pipe"), "pipe"),
        (format!("{other} --config /dev/zero"), "/dev/zero"),
        (format!("{other} --catalog catalogs"), "c.toml"),
        (format!("{key} pipe"), "pipe"),
        (format!("{key} /dev/zero"), "/dev/zero"),
    ] {
        let told = refused_on_one_line(dir, &line);
        assert!(told.contains(named), "{line}: {told}");
        assert!(told.contains("this is no regular file"), "{line}: {told}");
    }
    for line in [
        format!("{other} {tls} long"),
        format!("{other} {broker} long"),
        format!("{other} --config long"),
        format!("{key} long"),
    ] {
        let told = refused_on_one_line(dir, &line);
        assert!(told.contains("longer than 1048576 bytes"), "{line}: {told}");
    }
}

#[test]
fn a_server_that_is_starting_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("data")).unwrap();
    // What a server has first: the directory, and no socket yet.
    let lock = File::create(dir.join("data/lock")).unwrap();
    lock.lock().unwrap();
    let mut asking = Command::new(env!("CARGO_BIN_EXE_brokerage"))
        .args(["instances", "--json", "--data", "data"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Longer than a look takes, and as long as a start does.
    let until = Instant::now() + Duration::from_millis(600);
    while Instant::now() < until {
        assert_eq!(asking.try_wait().unwrap(), None, "it has waited");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(lock);
    let ended = asking.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stdout, b"[]\n");
    // Whoever asks while a server starts gets its answer.
    for at in 0..5 {
        let line = format!("brokerage serve --sandbox --data d{at} > told{at} 2>&1 & echo $!");
        let server = done(dir, &line);
        let kill = format!("kill {}", server.trim());
        // Before it has its directory, there is nothing that could be waited for.
        while !dir.join(format!("d{at}/lock")).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let asked = run(dir, &format!("brokerage account list --json --data d{at}"));
        done(dir, &kill);
        let told = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success(), "{told}");
    }
}

#[test]
fn tables_show_ids_whole_and_what_leads_on_is_said_and_works() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, _) = serve(dir, "brokerage serve --sandbox");
    for network in json(dir, "brokerage network list").as_array().unwrap() {
        let table = done(dir, "brokerage network list");
        for id in ["network_id", "subnet_id"] {
            assert!(table.contains(network[id].as_str().unwrap()), "{network}");
        }
    }
    let next = |line: &str| {
        let ended = run(dir, line);
        assert!(ended.status.success(), "{line}: {ended:?}");
        let told = String::from_utf8(ended.stderr).unwrap();
        let lines: Vec<String> = told.lines().map(str::to_owned).collect();
        lines
    };
    let typed = |line: &str| line.trim_start_matches("next: ").trim().to_owned();
    let told = next("brokerage account create team-b --balance 1000");
    assert_eq!(told, ["next: brokerage key create --account team-b"]);
    let told = next(&format!("{} --id TEAMBFIRST", typed(&told[0])));
    assert!(
        told[0].starts_with("next: export BROKERAGE_ACCESS_KEY_ID=TEAMBFIRST "),
        "{told:?}"
    );
    let told = next(&typed(&told[1]));
    let told = next(&typed(&told[0]));
    let buy = typed(&told[0]);
    let (buy, _) = buy.split_once(", with the key").unwrap();
    let rotated = json(dir, "brokerage key rotate TEAMBFIRST");
    let [id, secret] = ["access_key_id", "secret"].map(|of| rotated[of].as_str().unwrap());
    let bought = done(
        dir,
        &format!("BROKERAGE_ACCESS_KEY_ID={id} BROKERAGE_SECRET={secret} {buy}"),
    );
    assert!(bought.contains(", running"), "{bought}");
    // For programs, nothing stands beside the answer.
    let ended = run(dir, "brokerage account create team-c --json");
    assert_eq!(ended.stderr, b"", "{ended:?}");
}

#[test]
fn whoever_buys_public_access_is_told_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (_server, _) = serve(dir, "brokerage serve --sandbox");
    for set in [
        "--dialect ckafka --set PublicNetworkMonthly=3",
        "--dialect alikafka --set DeployType=4 --set EipMax=3",
    ] {
        let bought = done(dir, &format!("brokerage buy --wait {set}"));
        let instance = bought.split("instance ").nth(1).unwrap();
        let id = instance.split_whitespace().next().unwrap();
        let id = id.trim_end_matches(',');
        let shown = json(dir, &format!("brokerage instance show {id}"));
        let public = shown["listeners"]["PUBLIC_SASL_SSL"].as_str().unwrap();
        let order = json(dir, &format!("brokerage order show {id}"));
        assert_eq!(order["size"], shown["size"], "{order}");
        let line = format!("public     {public} (SASL_SSL)");
        assert!(bought.contains(&line), "{line}: {bought}");
        for expected in [
            format!("brokerage user put {id} anna"),
            format!(
                "kcat -P -b {public} -t hello -X security.protocol=SASL_SSL -X sasl.mechanism=PLAIN"
            ),
        ] {
            assert!(bought.contains(&expected), "{expected}: {bought}");
        }
    }
}
