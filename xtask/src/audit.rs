//! The supply chain: what the binary is made of, as a bill of materials (CycloneDX), and what waits to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::program::{Ended, Program};
use crate::tools::{Install, cargo_deny};
use crate::workspace::Workspace;

/// How long cargo may take to look at the registry.
const CARGO_LIMIT: Duration = Duration::from_secs(300);
/// What the bill of materials is of.
const PRODUCT: &str = "brokerage";

/// Writes the bill of materials of the binary: every crate that is built into it, with its licence and checksum.
///
/// # Errors
/// If cargo cannot say what the binary is made of, or a crate of the registry has no licence or checksum.
pub(crate) fn sbom_write(workspace: &Workspace) -> Result<(PathBuf, usize)> {
    let ended = Program::new("cargo", CARGO_LIMIT, workspace.log("metadata")?)
        .args(["metadata", "--format-version", "1", "--locked", "--quiet"])
        .folder(workspace.root())
        .succeed()?;
    let line = ended.output.lines().find(|line| line.starts_with('{'));
    let metadata: Value = serde_json::from_str(line.context("cargo metadata says nothing")?)?;
    let lock: toml::Table = toml::from_str(&fs::read_to_string(workspace.path("Cargo.lock"))?)?;
    let components = components(&metadata, &checksums(&lock))?;
    let count = components.len();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": PRODUCT } },
        "components": components,
    });
    let path = workspace.target().join("sbom.cdx.json");
    fs::write(&path, format!("{bill:#}\n"))?;
    Ok((path, count))
}

/// Checksums of `Cargo.lock`, by name and version.
fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let text = |package: &toml::Value, key: &str| {
        let value = package.get(key).and_then(toml::Value::as_str);
        value.map(str::to_owned)
    };
    let entry = |package: &toml::Value| {
        let of = (text(package, "name")?, text(package, "version")?);
        Some((of, text(package, "checksum")?))
    };
    packages.into_iter().flatten().filter_map(entry).collect()
}

fn components(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Vec<Value>> {
    let of = |id: &str| {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        packages.into_iter().find(|package| package["id"] == id)
    };
    let mut components = Vec::new();
    for id in built_in(metadata) {
        let package = of(&id).with_context(|| format!("{id} is no package"))?;
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let (name, version) = (text("name"), text("version"));
        if package["source"].is_null() {
            continue;
        }
        let licence = package["license"].as_str();
        let licence = licence.with_context(|| format!("{name} {version} has no licence"))?;
        let checksum = checksums.get(&(name.clone(), version.clone()));
        let checksum = checksum.with_context(|| format!("{name} {version} has no checksum"))?;
        components.push(json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:cargo/{name}@{version}"),
            "licenses": [{ "expression": licence.replace('/', " OR ") }],
            "hashes": [{ "alg": "SHA-256", "content": checksum }],
        }));
    }
    Ok(components)
}

/// The ids of what is built into the binary: not what only builds or tests it.
fn built_in(metadata: &Value) -> BTreeSet<String> {
    let nodes = || {
        metadata["resolve"]["nodes"]
            .as_array()
            .into_iter()
            .flatten()
    };
    let is_product = |package: &&Value| package["name"] == PRODUCT;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let roots = packages.into_iter().filter(is_product);
    let mut waiting: Vec<String> = roots
        .filter_map(|package| package["id"].as_str().map(str::to_owned))
        .collect();
    let mut found = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        let node = nodes().find(|node| node["id"] == *id);
        let needs = node.and_then(|node| node["deps"].as_array());
        for need in needs.into_iter().flatten() {
            let kinds = need["dep_kinds"].as_array();
            let is_normal = |kind: &Value| kind["kind"].is_null();
            if kinds.is_some_and(|kinds| kinds.iter().any(is_normal))
                && let Some(id) = need["pkg"].as_str()
            {
                waiting.push(id.to_owned());
            }
        }
    }
    found
}

/// What became of cargo-deny.
pub(crate) enum Denied {
    /// It has looked.
    Looked(Ended),
    /// It, or what it looks into, cannot be had here.
    Missing(String),
}

/// Runs checks of cargo-deny over the whole graph, for every platform.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn deny_run(workspace: &Workspace, checks: &[&str]) -> Result<Denied> {
    let program = match cargo_deny(workspace) {
        Install::Ready(program) => program,
        Install::Missing(reason) => return Ok(Denied::Missing(reason)),
    };
    let ended = Program::new(program, CARGO_LIMIT, workspace.log("deny")?)
        .args(["--all-features", "check", "--hide-inclusion-graph"])
        .args(checks)
        .folder(workspace.root())
        .run()?;
    Ok(
        match ended.output.contains("failed to fetch advisory database") {
            true => Denied::Missing("the database of advisories is not to be reached".to_owned()),
            false => Denied::Looked(ended),
        },
    )
}

/// Prints what waits: advisories, and newer versions of what is used. False when there is an advisory.
///
/// # Errors
/// If cargo cannot be run.
pub fn audit_print(workspace: &Workspace) -> Result<bool> {
    let (path, count) = sbom_write(workspace)?;
    println!("{}: {count} crates", path.display());
    let mut is_clean = true;
    match deny_run(workspace, &["advisories"])? {
        Denied::Missing(reason) => println!("advisories: not looked at: {reason}"),
        Denied::Looked(ended) => {
            is_clean = ended.success;
            println!("advisories: {}", ended.tail(60));
        }
    }
    let ended = Program::new("cargo", CARGO_LIMIT, workspace.log("update")?)
        .args(["update", "--dry-run", "--verbose"])
        .folder(workspace.root())
        .run()?;
    let waits = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("Updating ") && line.contains("->") || line.contains("(available:")
    };
    ended
        .output
        .lines()
        .filter(waits)
        .for_each(|line| println!("{}", line.trim()));
    Ok(is_clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_has_what_is_built_in_and_nothing_else() {
        let need = |id: &str, kind: Value| json!({"pkg": id, "dep_kinds": [{ "kind": kind }]});
        let metadata = json!({
            "packages": [
                {"id": "own", "name": PRODUCT, "version": "1", "source": null},
                {"id": "used", "name": "used", "version": "2", "source": "r", "license": "MIT/Zlib"},
                {"id": "tested", "name": "tested", "version": "3", "source": "r"},
            ],
            "resolve": {"nodes": [
                {"id": "own", "deps": [need("used", Value::Null), need("tested", "dev".into())]},
                {"id": "used", "deps": []},
                {"id": "tested", "deps": []},
            ]},
        });
        let lock = "[[package]]\nname = 'used'\nversion = '2'\nchecksum = 'abc'";
        let lock = toml::from_str(lock).expect("a lock file");
        let bill = components(&metadata, &checksums(&lock)).expect("components");
        assert_eq!(bill.len(), 1);
        assert_eq!(bill[0]["purl"], "pkg:cargo/used@2");
        assert_eq!(bill[0]["licenses"][0]["expression"], "MIT OR Zlib");
        assert_eq!(bill[0]["hashes"][0]["content"], "abc");
        assert!(
            components(&metadata, &BTreeMap::new()).is_err(),
            "no checksum"
        );
    }
}
