//! `cargo xtask scaffold SERVICE OPERATION`: the first version of an operation, from the vendor's model.
//!
//! It writes the operation with its parameters and answer in the vendor's names, which refuses every call until it is
//! written, and its file of calls. Nothing else has to change.

mod calls;
mod operation;
#[cfg(test)]
mod tests;
mod text;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use brokerage_testkit::CLOUDS;
use brokerage_testkit::conformance::Model;
use brokerage_wire::Cloud;
use brokerage_wire::operation::Table;
use clap::Parser;
use xtask::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask scaffold")]
struct Arguments {
    /// A service, as `brokerage operations` names it.
    service: String,
    /// One of its operations that is not served, in the vendor's name.
    operation: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let scaffold = Scaffold::new(&arguments.service, &arguments.operation)?;
    let [operation, calls] = scaffold.write(Workspace::here().root())?;
    println!("{}\n{}", operation.display(), calls.display());
    format(&[operation])?;
    Ok(())
}

/// The two files of an operation.
struct Scaffold {
    dialect: &'static str,
    name: String,
    operation: String,
    calls: String,
}

impl Scaffold {
    /// Those of an operation that is in its service's model and is not served.
    fn new(service: &str, name: &str) -> Result<Self> {
        let services = || {
            CLOUDS
                .all()
                .flat_map(|cloud| cloud.services.iter().map(move |table| (cloud, *table)))
        };
        let Some((cloud, table)) = services().find(|(_, table)| table.dialect == service) else {
            let known: Vec<&str> = services().map(|(_, table)| table.dialect).collect();
            bail!(
                "there is no service {service}; there are {}",
                known.join(", ")
            );
        };
        if table.row(name).is_some() {
            bail!("{service} serves {name} already");
        }
        Self::of(cloud, table, name)
    }

    /// Those of any operation of a service's model.
    fn of(cloud: &Cloud, table: &'static Table, name: &str) -> Result<Self> {
        let dialect = table.dialect;
        let model = Model::of(cloud, table);
        let Some(of_model) = model.operation(name) else {
            let lower = name.to_lowercase();
            let near = model
                .operations
                .keys()
                .find(|known| known.to_lowercase() == lower);
            let hint = near.map_or_else(String::new, |near| format!("; it has {near}"));
            bail!("the model of {dialect} has no operation {name}{hint}");
        };
        Ok(Self {
            dialect,
            name: name.to_owned(),
            operation: operation::file(name, of_model),
            calls: calls::file(dialect, of_model),
        })
    }

    /// Writes both below a checkout's root and says where.
    fn write(&self, root: &Path) -> Result<[PathBuf; 2]> {
        let service = service_folder(root, self.dialect)?;
        let module = text::snake_case(&self.name);
        let operation = service.join("ops").join(format!("{module}.rs"));
        ensure!(
            !operation.exists(),
            "{} is there already",
            operation.display()
        );
        let cloud = service
            .ancestors()
            .nth(2)
            .context("services stand in src")?;
        let calls = cloud
            .join("calls")
            .join(self.dialect)
            .join(format!("{}.toml", self.name));
        for (path, text) in [(&operation, &self.operation), (&calls, &self.calls)] {
            fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok([operation, calls])
    }
}

/// The folder of a service's code: that whose table names the dialect.
fn service_folder(root: &Path, dialect: &str) -> Result<PathBuf> {
    let names = format!("    dialect: \"{dialect}\",\n");
    for cloud in fs::read_dir(root.join("crates"))? {
        let Ok(services) = fs::read_dir(cloud?.path().join("src")) else {
            continue;
        };
        for service in services {
            let service = service?.path();
            if fs::read_to_string(service.join("mod.rs")).is_ok_and(|text| text.contains(&names)) {
                return Ok(service);
            }
        }
    }
    bail!(
        "no service below {} has the table of {dialect}",
        root.display()
    )
}

/// Formats files of code.
fn format(paths: &[PathBuf]) -> Result<()> {
    let mut rustfmt = Command::new("rustfmt");
    let status = rustfmt.args(["--edition", "2024"]).args(paths).status();
    let status = status.context("starting rustfmt")?;
    ensure!(status.success(), "rustfmt: {status}");
    Ok(())
}
