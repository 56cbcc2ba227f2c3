//! The project's own rules, which no compiler knows. Each rule is one check; each breach is a finding.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

mod functions;
mod test_layout;
mod wings;

use crate::counts::Counts;
use crate::workspace::Workspace;

/// Lines of a source file above which it has to give a reason.
const LINES_MAX: usize = 800;
/// What a longer file says in its head, followed by its reason.
const LONGER_MARK: &str = "Longer than 800 lines:";

/// The breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The file, from the checkout's root.
    pub path: String,
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What was found.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.path, self.line, self.rule, self.text
        )
    }
}

/// What was found in the whole checkout.
#[derive(Debug)]
pub struct Report {
    /// Breaches, in order of rule and file.
    pub findings: Vec<Finding>,
    /// One check a rule.
    pub counts: Counts,
}

/// A tracked text file.
struct Source {
    path: String,
    text: String,
}

struct Rule {
    name: &'static str,
    check: fn(&Source, &mut Vec<(usize, String)>),
}

const RULES: &[Rule] = &[
    Rule {
        name: "vendor words stay in the clouds",
        check: vendor_words,
    },
    Rule {
        name: "SQL stays in the store",
        check: sql,
    },
    Rule {
        name: "clock and chance have one source",
        check: clock_and_chance,
    },
    Rule {
        name: "no path of a machine",
        check: machine_paths,
    },
    Rule {
        name: "long files give a reason",
        check: long_files,
    },
    Rule {
        name: "a function fits on a screen",
        check: functions::long_functions,
    },
    Rule {
        name: "tests stand where they are looked for",
        check: test_layout::test_layout,
    },
    Rule {
        name: "lib.rs is docs and pub use",
        check: lib_is_a_list,
    },
    Rule {
        name: "names say what a thing is",
        check: empty_names,
    },
    Rule {
        name: "a lint is expected with a reason, never allowed",
        check: allowed_lints,
    },
    Rule {
        name: "what a child prints is read to its end",
        check: pipes,
    },
    Rule {
        name: "crates depend downwards only",
        check: directions,
    },
    Rule {
        name: "modules use downwards only",
        check: wings::wings,
    },
];

/// Checks every tracked and every new file of the checkout.
///
/// # Errors
/// If git or a file cannot be read.
pub fn tidy_check(workspace: &Workspace) -> Result<Report> {
    let sources = sources(workspace.root())?;
    let mut report = Report {
        findings: Vec::new(),
        counts: Counts::default(),
    };
    for rule in RULES {
        let before = report.findings.len();
        for source in &sources {
            report.findings.extend(findings(rule, source));
        }
        report.counts += Counts::one(report.findings.len() == before);
    }
    Ok(report)
}

fn findings(rule: &Rule, source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    (rule.check)(source, &mut found);
    let finding = |(line, text): (usize, String)| Finding {
        rule: rule.name,
        path: source.path.clone(),
        line,
        text,
    };
    found.into_iter().map(finding).collect()
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root)
        .output()
        .context("running git")?;
    ensure!(listed.status.success(), "git ls-files: {}", listed.status);
    let mut sources = Vec::new();
    for name in listed
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let path = String::from_utf8(name.to_vec())?;
        let file: PathBuf = root.join(&path);
        // A file may be deleted and not yet committed so; a picture is no text.
        if let Ok(text) = std::fs::read_to_string(file) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Product code of a crate: neither its tests nor its benches.
    fn is_product(&self) -> bool {
        let aside = ["/benches/", "/examples/", "crates/testkit/"];
        self.is_rust()
            && self.path.starts_with("crates/")
            && !self.is_for_tests()
            && !aside.iter().any(|part| self.path.contains(part))
    }

    /// A file of tests only.
    fn is_for_tests(&self) -> bool {
        let tests = ["/tests/", "/tests.rs", "_tests.rs"];
        tests.iter().any(|part| self.path.contains(part))
    }

    /// In the crate of a cloud.
    fn in_cloud(&self) -> bool {
        self.path.starts_with("crates/cloud-")
    }

    fn in_crate(&self, name: &str) -> bool {
        self.path
            .strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The code with line numbers and without comments, that of tests, too.
    fn all_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().filter_map(|(index, line)| {
            let code = line.split(" //").next().unwrap_or(line);
            (!code.trim_start().starts_with("//")).then_some((index + 1, code))
        })
    }

    /// The code that is not for tests only, with line numbers and without comments: none in the tests of a module.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_of_tests = self.path.ends_with("/tests.rs");
        let mut for_tests = ForTests::default();
        self.all_code()
            .filter(move |(_, code)| !is_of_tests && !for_tests.has(code))
    }
}

/// Follows the lines of a file that rustfmt has formatted through the items that are for tests only.
#[derive(Default)]
struct ForTests {
    /// How far the item is indented that is for tests.
    indent: Option<usize>,
}

impl ForTests {
    /// Whether the next line is for tests only.
    fn has(&mut self, line: &str) -> bool {
        let code = line.trim();
        let indent = line.len() - line.trim_start().len();
        match self.indent {
            None if code == "#[cfg(test)]" => self.indent = Some(indent),
            None => return false,
            // The item ends where a line at its own indentation closes it.
            Some(item) if indent == item && code.ends_with(['}', ';', ',']) => self.indent = None,
            Some(_) => {}
        }
        true
    }
}

/// Vendors' names. The words for goods and networks that only vendors use are among them.
const VENDOR_WORDS: &[&str] = &[
    "alikafka", "aliyun", "alibaba", "ckafka", "tencent", "jdcloud", "jdkafka", "vswitch", "iomax",
    "bssapi",
];

/// The composition root lists the clouds, and nothing else of the product does.
const COMPOSITION_ROOT: &str = "crates/brokerage/src/serve.rs";

fn vendor_words(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.is_product() || source.in_cloud() {
        return;
    }
    let is_root = source.path == COMPOSITION_ROOT;
    let has_none_in_comments = !source.in_crate("brokerage");
    for (index, line) in source.text.lines().enumerate() {
        let lower = line.trim_start().to_ascii_lowercase();
        if has_none_in_comments
            && lower.starts_with("//")
            && let Some(word) = VENDOR_WORDS.iter().find(|word| lower.contains(**word))
        {
            found.push((index + 1, format!("{word} in a comment")));
        }
    }
    for (line, code) in source.code() {
        if is_root && (code.contains("::CLOUD") || code.starts_with("use ")) {
            continue;
        }
        let lower = code.to_ascii_lowercase();
        if let Some(word) = VENDOR_WORDS.iter().find(|word| lower.contains(**word)) {
            found.push((line, format!("{word} in {}", code.trim())));
        }
    }
}

fn sql(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.is_product() || source.in_crate("store") {
        return;
    }
    let starts = [
        "\"SELECT ",
        "\"INSERT INTO ",
        "\"UPDATE ",
        "\"DELETE FROM ",
        "\"CREATE TABLE ",
        "\"WITH ",
        "\"PRAGMA ",
    ];
    for (line, code) in source.code() {
        if starts.iter().any(|start| code.contains(start)) {
            found.push((line, code.trim().to_owned()));
        }
    }
}

fn clock_and_chance(source: &Source, found: &mut Vec<(usize, String)>) {
    let sources_of_both = ["crates/domain/src/clock.rs", "crates/domain/src/id.rs"];
    if !source.is_product() || sources_of_both.contains(&source.path.as_str()) {
        return;
    }
    let reads = [
        "SystemTime::now",
        "UNIX_EPOCH.elapsed",
        "Timestamp::now",
        "Zoned::now",
        "rand::rng(",
        "thread_rng",
        "OsRng",
        "from_os_rng",
        "getrandom::",
        "Uuid::now_v7",
        "Uuid::new_v4",
    ];
    for (line, code) in source.code() {
        if let Some(read) = reads.iter().find(|read| code.contains(**read)) {
            found.push((line, (*read).to_owned()));
        }
    }
}

fn machine_paths(source: &Source, found: &mut Vec<(usize, String)>) {
    let homes = [
        concat!("/wor", "k/"),
        concat!("/hom", "e/"),
        concat!("/roo", "t/"),
        concat!("/User", "s/"),
    ];
    for (index, line) in source.text.lines().enumerate() {
        // A URL's path may begin so; a machine's begins a word.
        let begins_a_word = |at: usize| {
            !line[..at]
                .ends_with(|before: char| before.is_alphanumeric() || "._-}".contains(before))
        };
        if let Some(home) = homes
            .iter()
            .find(|home| line.match_indices(**home).any(|(at, _)| begins_a_word(at)))
        {
            found.push((index + 1, (*home).to_owned()));
        }
    }
}

fn long_files(source: &Source, found: &mut Vec<(usize, String)>) {
    let is_source = [".rs", ".py", ".mjs", ".go", ".java"]
        .iter()
        .any(|end| source.path.ends_with(end));
    let lines = source.text.lines().count();
    if is_source
        && lines > LINES_MAX
        && !source
            .text
            .lines()
            .take(40)
            .any(|line| line.contains(LONGER_MARK))
    {
        found.push((
            0,
            format!("{lines} lines, and no \"{LONGER_MARK} …\" in its head"),
        ));
    }
}

fn lib_is_a_list(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.path.ends_with("src/lib.rs") {
        return;
    }
    for (line, code) in source.code() {
        let item = code
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("(crate) ");
        if ["fn ", "struct ", "enum ", "trait ", "impl ", "async fn "]
            .iter()
            .any(|start| item.starts_with(start))
        {
            found.push((line, code.trim().to_owned()));
        }
    }
}

fn empty_names(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.is_rust() {
        return;
    }
    let ends = [
        "Manager", "Helper", "Helpers", "Util", "Utils", "Impl", "_utils", "_helpers",
    ];
    for (line, code) in source.code() {
        let mut words = code
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let declares = ["struct", "enum", "trait", "mod", "type"].contains(&word);
            if !declares {
                continue;
            }
            if let Some(name) = words
                .next()
                .filter(|name| ends.iter().any(|end| name.ends_with(end)))
            {
                found.push((line, name.to_owned()));
            }
        }
    }
}

fn allowed_lints(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.is_rust() {
        return;
    }
    for (index, line) in source.text.lines().enumerate() {
        let attribute = line.trim_start();
        if attribute.starts_with("#[allow(") || attribute.starts_with("#![allow(") {
            found.push((index + 1, attribute.to_owned()));
        }
        if attribute.starts_with("#[expect(")
            && attribute.ends_with(")]")
            && !attribute.contains("reason")
        {
            found.push((index + 1, attribute.to_owned()));
        }
    }
}

/// Which crates of the house, and which kinds of outside crate, a crate may use.
const DIRECTIONS: &[(&str, &[&str], &[&str])] = &[
    // (crate, crates of the house that it may use, outside crates that it must not use)
    (
        "domain",
        &[],
        &[
            "tokio",
            "async-trait",
            "futures-util",
            "hyper",
            "http",
            "rusqlite",
            "postgres",
        ],
    ),
    ("store", &["domain"], &["hyper", "http", "kafka-protocol"]),
    (
        "kafka-admin",
        &[],
        &["hyper", "http", "rusqlite", "postgres"],
    ),
    (
        "engine",
        &["domain", "kafka-admin"],
        &["hyper", "rusqlite", "postgres"],
    ),
    ("broker", &[], &["hyper", "http", "rusqlite", "postgres"]),
    (
        "engine-embedded",
        &["domain", "engine", "kafka-admin", "broker"],
        &["hyper", "http", "rusqlite", "postgres"],
    ),
    (
        "control",
        &["domain", "store", "engine", "kafka-admin"],
        &["hyper", "http", "rusqlite", "postgres"],
    ),
    (
        "wire",
        &["domain", "control"],
        &["hyper", "rusqlite", "postgres", "kafka-protocol"],
    ),
    (
        // Each of them: no cloud uses another.
        "cloud-*",
        &["domain", "control", "wire"],
        &["hyper", "rusqlite", "postgres", "kafka-protocol"],
    ),
];

/// A child whose output nobody reads dies of it or waits forever; `Group::start_heard` reads.
fn pipes(source: &Source, found: &mut Vec<(usize, String)>) {
    if !source.path.starts_with("xtask/") || source.path == "xtask/src/program.rs" {
        return;
    }
    for (line, code) in source.code() {
        let is_output = ["stdout(", "stderr("]
            .iter()
            .any(|output| code.contains(output));
        if is_output && code.contains("piped()") {
            found.push((line, code.trim().to_owned()));
        }
    }
}

fn directions(source: &Source, found: &mut Vec<(usize, String)>) {
    let Some(name) = source
        .path
        .strip_prefix("crates/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
    else {
        return;
    };
    let Some((_, house, forbidden)) =
        DIRECTIONS
            .iter()
            .find(|(crate_name, ..)| match crate_name.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => *crate_name == name,
            })
    else {
        return;
    };
    let mut in_dependencies = false;
    for (index, line) in source.text.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.starts_with("[dependencies");
            continue;
        }
        let used = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if !in_dependencies || used.is_empty() {
            continue;
        }
        let outward = used
            .strip_prefix("brokerage-")
            .is_some_and(|room| !house.contains(&room));
        if outward || forbidden.contains(&used) {
            found.push((index + 1, format!("{name} must not use {used}")));
        }
    }
}

#[cfg(test)]
mod tests;
