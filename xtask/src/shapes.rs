//! What requests look like, for the broker's walk over them: from the message definitions in Apache Kafka's own client
//! library.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::program::Program;
use crate::tools::kafka_client_libs;
use crate::workspace::Workspace;

/// The release whose definitions are read: the newest that the broker behaves as. Each holds those before it.
const RELEASE: &str = "4.1.0";
/// The broker's rows: what it serves.
const ROWS: &str = "crates/broker/src/protocol/api.rs";
/// The broker's table.
const TABLE: &str = "crates/broker/src/protocol/shape/table.rs";
/// How long unpacking or formatting may take.
const LIMIT: Duration = Duration::from_secs(60);
/// What the table begins with.
const HEAD: &str = "//! The fields of each request, as Apache Kafka 4.1 defines them in its message definitions. Made by
//! `cargo xtask shapes`.

use kafka_protocol::messages::ApiKey;

use super::{LAST, Shape, array, bytes, fixed, list, nullable, text};

/// One row for each request that is served.
pub(super) const SHAPES: &[Shape] = &[
";

/// Makes the broker's table of shapes anew; true if it stayed the same.
///
/// # Errors
/// If the library cannot be fetched, or a definition is not understood.
pub fn shapes_write(workspace: &Workspace) -> Result<bool> {
    let library =
        kafka_client_libs(workspace, RELEASE)?.join(format!("kafka-clients-{RELEASE}.jar"));
    let messages = workspace.scratch("kafka-messages")?;
    Program::new("jar", LIMIT, workspace.log("shapes")?)
        .folder(&messages)
        .args([
            OsStr::new("xf"),
            library.as_os_str(),
            OsStr::new("common/message"),
        ])
        .succeed()?;
    let rows = fs::read_to_string(workspace.path(ROWS)).context("reading what is served")?;
    let mut table = HEAD.to_owned();
    for name in served(&rows) {
        let file = format!("common/message/{name}Request.json");
        shape(name, &definition(&messages.join(file))?, &mut table)
            .with_context(|| format!("the definition of {name}"))?;
    }
    table.push_str("];\n");
    let path = workspace.path(TABLE);
    let before = fs::read(&path).unwrap_or_default();
    fs::write(&path, table).context("writing the table")?;
    Program::new("rustfmt", LIMIT, workspace.log("rustfmt")?)
        .args([
            OsStr::new("--edition"),
            OsStr::new("2024"),
            path.as_os_str(),
        ])
        .succeed()?;
    Ok(before == fs::read(&path).context("reading what was written")?)
}

/// The names of the broker's rows, in order: a name, versions, and what answers it.
fn served(rows: &str) -> impl Iterator<Item = &str> {
    rows.lines().filter_map(|line| {
        let (name, versions) = line.strip_prefix("    ")?.split_once(' ')?;
        let is_row = versions.contains("..=") && versions.contains(" => ");
        let is_name = name.starts_with(|first: char| first.is_ascii_uppercase());
        (is_row && is_name).then_some(name)
    })
}

/// A definition without the comments that Kafka puts into JSON.
fn definition(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines = text.lines().map(|line| {
        let comment = line
            .find("//")
            .filter(|at| line[..*at].matches('"').count() % 2 == 0);
        &line[..comment.unwrap_or(line.len())]
    });
    let text: Vec<&str> = lines.collect();
    serde_json::from_str(&text.join("\n")).with_context(|| format!("parsing {}", path.display()))
}

fn shape(name: &str, definition: &Value, out: &mut String) -> Result<()> {
    let valid = versions(&definition["validVersions"])?.context("no version is valid")?;
    let flexible = versions(&definition["flexibleVersions"])?;
    let flexible = flexible.map_or("LAST".to_owned(), |(from, _)| from.to_string());
    let structures = definition["commonStructs"].as_array();
    let definitions = Definitions {
        structures: structures.map_or(&[], Vec::as_slice),
        valid,
    };
    write!(
        out,
        "Shape {{ key: ApiKey::{name}, flexible_from: {flexible}, fields: &["
    )?;
    definitions.fields(&definition["fields"], out)?;
    out.push_str("] },\n");
    Ok(())
}

/// From and to; the newest has no end.
type Versions = (i16, Option<i16>);

fn versions(value: &Value) -> Result<Option<Versions>> {
    let text = value.as_str().context("versions are a text")?;
    if text == "none" {
        return Ok(None);
    }
    if let Some(from) = text.strip_suffix('+') {
        return Ok(Some((from.parse()?, None)));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Ok(Some((from.parse()?, Some(to.parse()?))))
}

/// What the fields of one request refer to.
struct Definitions<'a> {
    structures: &'a [Value],
    valid: Versions,
}

impl Definitions<'_> {
    fn fields(&self, fields: &Value, out: &mut String) -> Result<()> {
        for field in fields.as_array().context("fields are a list")? {
            // None of the tagged ones holds an array.
            if field["tag"].is_null() {
                self.field(field, out)?;
            }
        }
        Ok(())
    }

    fn field(&self, field: &Value, out: &mut String) -> Result<()> {
        let name = snake(field["name"].as_str().context("a field has a name")?);
        let kind = field["type"].as_str().context("a field has a type")?;
        match kind.strip_prefix("[]") {
            Some(element) => match single(element, "") {
                Some(single) => write!(out, "list({name:?}, &[{single}])")?,
                None => self.structure("array", &name, field, element, out)?,
            },
            None => match single(kind, &name) {
                Some(single) => out.push_str(&single),
                None if field["nullableVersions"].is_null() => {
                    bail!("{name} is a structure that is always there")
                }
                None => self.structure("nullable", &name, field, kind, out)?,
            },
        }
        let (from, to) = versions(&field["versions"])?.context("a field has versions")?;
        let is_always = from <= self.valid.0 && to.is_none_or(|to| Some(to) >= self.valid.1);
        if !is_always {
            let to = to.map_or("LAST".to_owned(), |to| to.to_string());
            write!(out, ".only({from}, {to})")?;
        }
        out.push_str(", ");
        Ok(())
    }

    /// A structure, written out here or shared by several fields.
    fn structure(
        &self,
        form: &str,
        name: &str,
        field: &Value,
        structure: &str,
        out: &mut String,
    ) -> Result<()> {
        let shared = self
            .structures
            .iter()
            .find(|known| known["name"] == structure);
        let fields = shared.map_or(&field["fields"], |known| &known["fields"]);
        write!(out, "{form}({name:?}, &[")?;
        self.fields(fields, out)?;
        out.push_str("])");
        Ok(())
    }
}

/// A single value, if the type is one.
fn single(kind: &str, name: &str) -> Option<String> {
    let fixed = |bytes: usize| Some(format!("fixed({name:?}, {bytes})"));
    match kind {
        "bool" | "int8" => fixed(1),
        "int16" | "uint16" => fixed(2),
        "int32" | "uint32" => fixed(4),
        "int64" | "float64" => fixed(8),
        "uuid" => fixed(16),
        "string" => Some(format!("text({name:?})")),
        "bytes" | "records" => Some(format!("bytes({name:?})")),
        _ => None,
    }
}

/// `TopicId` as `topic_id`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{served, shape};

    #[test]
    fn a_definition_becomes_a_row() {
        let definition = json!({
            "validVersions": "3-5",
            "flexibleVersions": "4+",
            "fields": [
                { "name": "GroupId", "type": "string", "versions": "0+" },
                { "name": "Topics", "type": "[]Topic", "versions": "5+", "fields": [
                    { "name": "Partitions", "type": "[]int32", "versions": "0-4" },
                    { "name": "Records", "type": "records", "versions": "0+" },
                ] },
                { "name": "Tagged", "type": "[]int32", "versions": "4+", "tag": 0 },
            ],
        });
        let mut row = String::new();
        shape("Produce", &definition, &mut row).unwrap();
        let expected = "Shape { key: ApiKey::Produce, flexible_from: 4, fields: &[text(\"group_id\"), \
            array(\"topics\", &[list(\"partitions\", &[fixed(\"\", 4)]).only(0, 4), bytes(\"records\"), ]).only(5, LAST), ] },\n";
        assert_eq!(row, expected);
    }

    #[test]
    fn what_is_not_understood_is_no_row() {
        let definition = json!({
            "validVersions": "0",
            "flexibleVersions": "none",
            "fields": [{ "name": "Cursor", "type": "Cursor", "versions": "0+", "fields": [] }],
        });
        assert!(shape("Produce", &definition, &mut String::new()).is_err());
    }

    #[test]
    fn rows_are_found_by_their_form() {
        let rows = "fn a() {\n    Served 0 => b\n    Produce 0..=13 from 3 => {\n        at..=b => c\n    }\n    Fetch 4..=18 => fetch,\n}\n";
        assert!(served(rows).eq(["Produce", "Fetch"]));
    }
}
