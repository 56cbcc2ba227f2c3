use super::{RULES, Source, findings};

const WINGS: &str = "modules use downwards only";

/// The lines that the rule finds in a file of this path and text.
fn check(rule: &str, path: &str, text: &str, expected: &[usize]) {
    let rule = RULES
        .iter()
        .find(|r| r.name == rule)
        .expect("the rule exists");
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let lines: Vec<usize> = findings(rule, &source)
        .into_iter()
        .map(|finding| finding.line)
        .collect();
    assert_eq!(lines, expected, "{} in {path}: {text}", rule.name);
}

#[test]
fn vendor_words_are_found_in_code_outside_the_clouds() {
    let rule = "vendor words stay in the clouds";
    check(
        rule,
        "crates/domain/src/plan.rs",
        "let a = 1;\nlet s = \"AliKafka\";\n",
        &[2],
    );
    check(
        rule,
        "crates/domain/src/plan.rs",
        "/// As AliKafka does.\nlet a = 1; // ckafka\n",
        &[1],
    );
    check(
        rule,
        "crates/brokerage/src/cli.rs",
        "/// Catalog: alikafka\n",
        &[],
    );
    check(
        rule,
        "crates/domain/src/plan.rs",
        "#[cfg(test)]\nmod tests { /* ckafka */ }\n",
        &[],
    );
    check(
        rule,
        "crates/cloud-tencent/src/ckafka/mod.rs",
        "let s = \"ckafka\";\n",
        &[],
    );
    check(
        rule,
        "crates/domain/tests/rater.rs",
        "let s = \"ckafka\";\n",
        &[],
    );
}

#[test]
fn pipes_are_found_where_nobody_reads_them_to_the_end() {
    let rule = "what a child prints is read to its end";
    let text = "let a = 1;\n    .stdin(Stdio::piped())\n    .stdout(Stdio::piped())\n    .stderr(Stdio::piped())\n";
    check(rule, "xtask/src/bin/bench/moto.rs", text, &[3, 4]);
    check(rule, "xtask/src/program.rs", text, &[]);
    check(rule, "crates/store/tests/backends/crash.rs", text, &[]);
}

#[test]
fn sql_is_found_outside_the_store() {
    let text = "tx.query(\"SELECT id FROM account\")\nlet heading = \"SELECTED\";\n";
    check(
        "SQL stays in the store",
        "crates/control/src/account.rs",
        text,
        &[1],
    );
    check(
        "SQL stays in the store",
        "crates/store/src/account.rs",
        text,
        &[],
    );
}

#[test]
fn reading_the_clock_is_found_outside_its_source() {
    let text = "let now = std::time::SystemTime::now();\n";
    check(
        "clock and chance have one source",
        "crates/control/src/order.rs",
        text,
        &[1],
    );
    check(
        "clock and chance have one source",
        "crates/domain/src/clock.rs",
        text,
        &[],
    );
}

#[test]
fn paths_of_a_machine_are_found_and_urls_are_not() {
    let home = concat!("/hom", "e/");
    check(
        "no path of a machine",
        "README.md",
        &format!("see {home}me/x\nhttps://example.com{home}page\n`{home}x`\n"),
        &[1, 3],
    );
}

#[test]
fn a_long_file_needs_a_reason() {
    let long = "x\n".repeat(801);
    check("long files give a reason", "crates/a/src/b.rs", &long, &[0]);
    check(
        "long files give a reason",
        "crates/a/src/b.rs",
        &format!("//! Longer than 800 lines: a table.\n{long}"),
        &[],
    );
    check("long files give a reason", "models/a.json", &long, &[]);
}

#[test]
fn a_function_that_is_too_long_is_found() {
    let rule = "a function fits on a screen";
    let check = |path: &str, text: &str, expected: &[usize]| check(rule, path, text, expected);
    let lines = |count: usize| "        a();\n".repeat(count);
    let function = |head: &str, count: usize| format!("{head} {{\n{}}}\n", lines(count - 2));
    let path = "crates/a/src/b.rs";
    check(path, &function("fn b()", 70), &[]);
    check(path, &function("fn b()", 71), &[1]);
    check(
        "xtask/src/b.rs",
        &function("pub(crate) async fn b()", 71),
        &[1],
    );
    let method = format!(
        "impl A {{\n    fn a(\n        b: B,\n    ) {{\n{}    }}\n}}\n",
        lines(68)
    );
    check(path, &method, &[2]);
    // What has no body is not closed by what follows.
    for end in [");", "-> A;"] {
        let declared = format!("trait A {{\n    fn a(\n    {end}\n{}}}\n", lines(80));
        check(path, &declared, &[]);
    }
    // One function in another: each is counted.
    let inner = format!("fn a() {{\n    fn b() {{\n{}    }}\n}}\n", lines(70));
    check(path, &inner, &[2, 1]);
    // Tests may be longer tables.
    check("crates/a/tests/it/b.rs", &function("fn b()", 160), &[]);
    check("crates/a/tests/it/b.rs", &function("fn b()", 161), &[1]);
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\n    fn b() {{\n{}    }}\n}}\n",
        lines(90)
    );
    check(path, &tests, &[]);
}

#[test]
fn tests_that_stand_elsewhere_are_found() {
    let rule = "tests stand where they are looked for";
    let check = |path: &str, text: &str, expected: &[usize]| check(rule, path, text, expected);
    check("crates/a/tests/it/main.rs", "mod b;\n", &[]);
    check("crates/a/tests/it/support/main.rs", "", &[]);
    check("crates/a/tests/b.rs", "", &[0]);
    check("crates/a/tests/all/main.rs", "", &[0]);
    check("crates/a/tests/all/b.rs", "", &[]);
    check("xtask/tests/b.rs", "", &[0]);
    check("crates/a/Cargo.toml", "[package]\n[[test]]\n", &[0]);
    check("crates/a/src/b/tests.rs", "", &[]);
    check("crates/a/src/b_tests.rs", "", &[0]);
    check(
        "crates/a/src/b.rs",
        "#[path = \"c.rs\"]\nmod tests;\n",
        &[1],
    );
    let shared = "#[path = \"../tests/it/support.rs\"]\nmod support;\n";
    check("crates/a/examples/b.rs", shared, &[]);
    let inline = |lines: usize| format!("mod tests {{\n{}}}\n", "    a();\n".repeat(lines - 2));
    check("crates/a/src/b.rs", &inline(150), &[]);
    check("crates/a/src/b.rs", &inline(151), &[1]);
}

#[test]
fn a_lib_with_logic_is_found() {
    check(
        "lib.rs is docs and pub use",
        "crates/a/src/lib.rs",
        "//! Docs.\npub use b::C;\npub fn d() {}\n",
        &[3],
    );
}

#[test]
fn names_that_say_nothing_are_found() {
    check(
        "names say what a thing is",
        "crates/a/src/b.rs",
        "struct OrderManager;\nstruct Order;\nmod time_utils;\n",
        &[1, 3],
    );
}

#[test]
fn a_lint_that_is_allowed_is_found() {
    let text = "#[allow(dead_code)]\n#[expect(dead_code, reason = \"used by the next step\")]\n#[expect(dead_code)]\n";
    check(
        "a lint is expected with a reason, never allowed",
        "crates/a/src/b.rs",
        text,
        &[1, 3],
    );
}

#[test]
fn a_dependency_against_the_direction_is_found() {
    let text = "[dependencies]\nserde.workspace = true\nbrokerage-control.workspace = true\ntokio = { workspace = true }\n[dev-dependencies]\ntokio.workspace = true\n";
    check(
        "crates depend downwards only",
        "crates/domain/Cargo.toml",
        text,
        &[3, 4],
    );
}

#[test]
fn what_follows_an_item_of_tests_is_looked_at() {
    let sql = "const READ: &str = \"SELECT 1\";\n";
    let check = |tests: &str, expected: &[usize]| {
        let text = format!("#[cfg(test)]\n{tests}\n{sql}");
        let path = "crates/control/src/a.rs";
        check("SQL stays in the store", path, &text, expected);
    };
    check("mod tests;", &[3]);
    check("use a::{\n    b,\n};", &[5]);
    check("#[path = \"b.rs\"]\nmod tests;", &[4]);
    check("mod tests {\n    const READ: &str = \"SELECT 1\";\n}", &[5]);
    check(
        "fn a(\n    b: &str,\n) -> &str {\n    \"SELECT 1\"\n}",
        &[7],
    );
}

#[test]
fn a_use_of_what_stands_above_is_found() {
    let check = |path: &str, text: &str, expected: &[usize]| {
        check(WINGS, &format!("crates/broker/src/{path}"), text, expected);
    };
    check(
        "log/a.rs",
        "use crate::error::ErrorCode;\nuse crate::host::Host;\n",
        &[2],
    );
    check(
        "log/a.rs",
        "use crate::{\n    error,\n    host::Host,\n};\n",
        &[1],
    );
    check("log/a.rs", "use crate::log::{a, b::{c, d}};\n", &[]);
    check(
        "log.rs",
        "fn a() -> crate::metadata::metadata_log::MetadataLog {}\n",
        &[1],
    );
    check("log/a.rs", "// `crate::host` is above.\n", &[]);
    // Nobody uses his neighbour.
    check(
        "security/a.rs",
        "use crate::coordinator::group::Groups;\n",
        &[1],
    );
    check(
        "metadata/a/b.rs",
        "use super::super::c;\nuse super::super::super::cluster::C;\n",
        &[2],
    );
    check(
        "quota.rs",
        "mod tests {\n    use super::*;\n}\nuse super::cluster::C;\n",
        &[4],
    );
    // What is for tests is looked at, too.
    check(
        "log/a.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::cluster::Cluster;\n}\n",
        &[3],
    );
    check("log/tests.rs", "use crate::trace::TracedCluster;\n", &[]);
    check("fresh.rs", "use crate::error::ErrorCode;\n", &[0]);
    check("log/a.rs", "use crate::fresh::A;\n", &[1]);
    check(
        "host/a.rs",
        "use crate::{cluster::C, log, network::n::{o, p}};\n",
        &[],
    );
}

#[test]
fn a_cloud_that_uses_another_is_found() {
    let rule = "crates depend downwards only";
    let path = "crates/cloud-new/Cargo.toml";
    let uses = |line: &str| format!("[dependencies]\n{line}\n[dev-dependencies]\n{line}\n");
    check(rule, path, &uses("brokerage-wire.workspace = true"), &[]);
    check(
        rule,
        path,
        &uses("brokerage-cloud-old.workspace = true"),
        &[2],
    );
    check(rule, path, &uses("brokerage-store.workspace = true"), &[2]);
    // A cloud uses none by a path either.
    check(
        rule,
        path,
        &uses("brokerage-cloud-old = { path = \"../cloud-old\" }"),
        &[2],
    );
}
