//! From files to the macro that declares them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use crate::unserved;

/// Writes the list of operations of every service of the crate that is built, and tells cargo to run the build script
/// again when a file comes or goes. What is wrong is an error of the build.
#[must_use]
pub fn write() -> ExitCode {
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"));
    // Build scripts run in the folder of their crate.
    let written = out.and_then(|out| {
        let out = Path::new(&out);
        write_lists(Path::new("src"), out)?;
        unserved::write(Path::new("calls"), out)
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn write_lists(src: &Path, out: &Path) -> io::Result<()> {
    for service in names(src)? {
        let ops = src.join(&service).join("ops");
        if ops.is_dir() {
            println!("cargo::rerun-if-changed={}", ops.display());
            fs::write(out.join(format!("{service}.rs")), list(&ops)?)?;
        }
    }
    Ok(())
}

/// The macro that declares the operations of a folder.
fn list(ops: &Path) -> io::Result<String> {
    let (mut modules, mut rows) = (String::new(), String::new());
    for name in names(ops)? {
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "mod") else {
            continue;
        };
        let file = ops.join(&name);
        let operation = type_name(module);
        let declares = format!("pub struct {operation};");
        if !fs::read_to_string(&file)?
            .lines()
            .any(|line| line == declares)
        {
            let file = file.display();
            return Err(io::Error::other(format!(
                "{file} has no line `{declares}`: its operation is named after it"
            )));
        }
        // Writing to a text does not fail.
        let _ = writeln!(modules, "        mod {module};");
        let _ = writeln!(
            rows,
            "            ::brokerage_wire::operation::row::<{module}::{operation}>(),"
        );
    }
    Ok(format!(
        "macro_rules! operations {{\n    () => {{\n{modules}\n        pub(super) static ROWS: &[::brokerage_wire::operation::Row] = &[\n{rows}        ];\n    }};\n}}\n"
    ))
}

/// What lies in a folder, in order.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// `create_topic` as the name of a type, `CreateTopic`.
fn type_name(module: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    module.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: Result<&[&str], &str>) {
        let cloud = tempfile::tempdir().unwrap();
        let (src, out) = (cloud.path().join("src"), cloud.path().join("out"));
        let ops = src.join("queue/ops");
        fs::create_dir_all(&ops).unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(src.join("lib.rs"), "").unwrap();
        for (name, text) in files {
            fs::write(ops.join(name), text).unwrap();
        }
        match (write_lists(&src, &out), expected) {
            (Ok(()), Ok(expected)) => {
                let written = fs::read_to_string(out.join("queue.rs")).unwrap();
                let lines: Vec<&str> = written.lines().map(str::trim).collect();
                let named = |start| lines.iter().filter(move |line| line.starts_with(start));
                let found: Vec<&str> = named("mod ").chain(named("::")).copied().collect();
                assert_eq!(found, expected);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (other, _) => panic!("{files:?}: {other:?}"),
        }
    }

    #[test]
    fn operations_are_listed_in_order_of_their_files() {
        check(&[("mod.rs", ""), ("notes.md", "")], Ok(&[]));
        check(
            &[
                ("mod.rs", ""),
                ("make_v_queue.rs", "//! Docs.\n\npub struct MakeVQueue;\n"),
                ("drop_queue.rs", "pub struct DropQueue;\n"),
            ],
            Ok(&[
                "mod drop_queue;",
                "mod make_v_queue;",
                "::brokerage_wire::operation::row::<drop_queue::DropQueue>(),",
                "::brokerage_wire::operation::row::<make_v_queue::MakeVQueue>(),",
            ]),
        );
    }

    #[test]
    fn a_file_without_its_operation_is_refused() {
        check(
            &[("drop_queue.rs", "struct DropQueue;\n")],
            Err("drop_queue.rs has no line `pub struct DropQueue;`"),
        );
    }
}
