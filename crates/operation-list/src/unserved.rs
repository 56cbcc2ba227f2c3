//! From files of calls to the names of the operations that are not served.

use std::path::Path;
use std::{fs, io};

use crate::list::names;

/// What the first line of a file begins with whose operation is not served.
const UNSERVED: &str = "unserved = ";

/// Writes an expression for each folder of calls: the names in it that are not served, in order.
pub(crate) fn write(calls: &Path, out: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", calls.display());
    for dialect in names(calls)? {
        let unserved = unserved(&calls.join(&dialect))?;
        let list = out.join(format!("unserved-{dialect}.rs"));
        fs::write(list, format!("&{unserved:?}"))?;
    }
    Ok(())
}

fn unserved(dialect: &Path) -> io::Result<Vec<String>> {
    let mut unserved = Vec::new();
    for file in names(dialect)? {
        let text = fs::read_to_string(dialect.join(&file))?;
        let first = text.lines().find(|line| !line.starts_with('#'));
        if let Some(name) = file.strip_suffix(".toml")
            && first.is_some_and(|line| line.starts_with(UNSERVED))
        {
            unserved.push(name.to_owned());
        }
    }
    Ok(unserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_why_it_is_not_served_is_listed() {
        let cloud = tempfile::tempdir().unwrap();
        let calls = cloud.path().join("queue");
        fs::create_dir_all(&calls).unwrap();
        for (name, text) in [
            ("MakeQueue.toml", "[[call]]\ntitle = \"unserved = x\"\n"),
            ("DropQueue.toml", "# Why.\nunserved = \"later: why\"\n"),
            ("AskQueue.toml", "unserved = \"never: why\"\n"),
        ] {
            fs::write(calls.join(name), text).unwrap();
        }
        assert_eq!(unserved(&calls).unwrap(), ["AskQueue", "DropQueue"]);
    }
}
