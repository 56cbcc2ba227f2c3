//! Calls as data: each operation of each service has one file, and everything that has to know how it is called reads
//! that: [`crate::conformance`], the tests over every operation, benchmarks, and what README shows.
//!
//! The file is `calls/<dialect>/<Operation>.toml` of the cloud's crate. An operation that is not served says so:
//!
//! ```toml
//! unserved = "later: why"
//! ```
//!
//! One that is served says how it is called, and what of the vendor's model it leaves out:
//!
//! ```toml
//! needs = ["CreateInstance", "other-dialect/CreateTopic"]
//!
//! [[call]]
//! until = "running"
//! save = { instance = "Result.Data.0.InstanceId" }
//! [call.send]
//! InstanceId = "{instance}"
//! DiskSize = 100
//! [call.expect]
//! Result = { Data = [{ Status = 1 }] }
//!
//! [[call]]
//! title = "an instance that is not there"
//! refused = "ResourceNotFound"
//! [call.send]
//! InstanceId = "none"
//!
//! [optional]
//! ParameterThatTheModelRequires = "why the request type does not"
//!
//! [ignored]
//! ParameterWithoutEffect = "never: why"
//!
//! [shown]
//! ParameterThatIsOnlyKept = { by = "DescribeInstance", at = "Result.Key", why = "never: why" }
//!
//! [absent]
//! "Result.Key" = "later: why"
//! ```
//!
//! `needs` are operations whose first call is played before, with what it needs itself; one whose saved values are
//! there already is not played again, so that who needs another purchase first names it first. What a need is answered
//! is held against its file only where that is played itself. The first call of a file is the operation's sample:
//! after its needs it succeeds in a sandbox. `{name}` in `send` and `expect` is a value that was saved; where it is
//! the whole text, with its type. `expect` holds members that have to be answered; others may be. `until` waits until
//! the saved `instance` is in a phase ([`SeenPhase::word`]).
//!
//! [`SeenPhase::word`]: brokerage_wire::client::SeenPhase::word

pub(crate) mod player;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use brokerage_wire::Cloud;
use brokerage_wire::operation::{Row, Table};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use player::{Door, PlayFault, Player};

use crate::CLOUDS;

/// The file of one operation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperationFile {
    /// Why it is not served.
    pub unserved: Option<String>,
    /// What is played before, by `Operation` or `dialect/Operation`.
    pub needs: Vec<String>,
    /// Its calls; the first is its sample.
    #[serde(rename = "call")]
    pub calls: Vec<Example>,
    /// Parameters that the model requires and the request type does not, with the reason.
    pub optional: BTreeMap<String, String>,
    /// Parameters without effect, with the reason.
    pub ignored: BTreeMap<String, String>,
    /// Parameters that are kept and shown again, and have no effect.
    pub shown: BTreeMap<String, Shown>,
    /// Keys of the model that no answer carries, with the reason.
    pub absent: BTreeMap<String, String>,
}

/// Where a parameter is shown again that has no effect.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The operation, by `Operation` or `dialect/Operation`, whose sample shows it.
    pub by: String,
    /// The path of its value in that answer. Behind `|`, the path in the JSON that is there as a text.
    pub at: String,
    /// What is there, where it is not as it was sent.
    #[serde(rename = "as")]
    pub shown_as: Option<String>,
    /// Why it has no effect.
    pub why: String,
}

/// A call, and what it is answered.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// What is special about it.
    pub title: String,
    /// Its parameters, in the vendor's names.
    pub send: Map<String, Value>,
    /// What the answer has to have, envelope aside.
    pub expect: Map<String, Value>,
    /// The code of the refusal that it has to be answered instead.
    pub refused: Option<String>,
    /// Names under which values of the answer are kept, with their paths.
    pub save: BTreeMap<String, String>,
    /// The phase that the saved `instance` then comes to.
    pub until: Option<String>,
}

/// An operation that is served.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Its cloud.
    pub cloud: &'static Cloud,
    /// Its service.
    pub table: &'static Table,
    /// Its row.
    pub row: &'static Row,
}

impl Operation {
    /// Every operation of every cloud.
    pub fn all() -> impl Iterator<Item = Self> {
        CLOUDS.all().flat_map(|cloud| {
            let tables = cloud.services.iter();
            tables.flat_map(move |table| Self::of_service(cloud, table))
        })
    }

    /// Every operation of a service.
    pub fn of_service(cloud: &'static Cloud, table: &'static Table) -> impl Iterator<Item = Self> {
        let of = move |row| Self { cloud, table, row };
        table.rows.iter().map(of)
    }

    /// The operation that a file of this one's calls `Operation` or `dialect/Operation`.
    #[must_use]
    pub fn named(self, name: &str) -> Option<Self> {
        let (dialect, name) = name.split_once('/').unwrap_or((self.table.dialect, name));
        Self::all().find(|other| other.table.dialect == dialect && other.row.name == name)
    }

    /// Its file.
    ///
    /// # Panics
    /// When it has none, or one without a call.
    #[must_use]
    pub fn file(self) -> &'static OperationFile {
        let file = files(self.table.dialect).get(self.row.name);
        let file = file.unwrap_or_else(|| panic!("{self} has no file of calls"));
        assert!(!file.calls.is_empty(), "the file of {self} has no call");
        file
    }

    /// Its first call.
    ///
    /// # Panics
    /// As [`Operation::file`].
    #[must_use]
    pub fn sample(self) -> &'static Example {
        &self.file().calls[0]
    }

    /// Where it is called: the region in which its cloud's goods are bought.
    #[must_use]
    pub const fn region(self) -> &'static str {
        self.cloud.purchases[0].region
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}/{}", self.table.dialect, self.row.name))
    }
}

/// The files of a dialect, by operation.
///
/// # Panics
/// Where a file cannot be read.
pub fn files(dialect: &str) -> &'static BTreeMap<String, OperationFile> {
    static FILES: OnceLock<BTreeMap<String, BTreeMap<String, OperationFile>>> = OnceLock::new();
    static NONE: BTreeMap<String, OperationFile> = BTreeMap::new();
    FILES.get_or_init(read).get(dialect).unwrap_or(&NONE)
}

fn read() -> BTreeMap<String, BTreeMap<String, OperationFile>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let clouds = entries(&crates).into_iter().map(|path| path.join("calls"));
    let dialects = clouds.filter(|calls| calls.is_dir());
    let dialects = dialects.flat_map(|calls| entries(&calls));
    let of = |path: PathBuf| (stem(&path), entries(&path).iter().map(file).collect());
    dialects.map(of).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).expect("the folder is there");
    let paths = listed.map(|entry| entry.expect("the folder can be read").path());
    paths.collect()
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().and_then(|name| name.to_str());
    stem.expect("files are named by words").to_owned()
}

fn file(path: &PathBuf) -> (String, OperationFile) {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let file = toml::from_str(&text);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (stem(path), file)
}
