//! Inside a crate, too, what stands above uses what stands below, and never the other way round. So modules of two
//! wings make no circle.

use super::Source;

/// A folder of modules, and what each of them may use.
struct House {
    root: &'static str,
    /// From above to below. A row has wings, which do not use each other; a wing has modules, separated by spaces,
    /// which do.
    rows: &'static [&'static [&'static str]],
    /// Whether each module stands in a row. Otherwise modules in no row are not asked.
    is_whole: bool,
    /// Modules of tests that the tests of every wing may use.
    for_tests: &'static str,
}

const HOUSES: &[House] = &[House {
    root: "crates/broker/src/",
    rows: &[
        &["host"],
        &["network"],
        &["protocol"],
        &["cluster"],
        &["quota"],
        &["coordinator", "security"],
        &["metadata"],
        &["log"],
        // What all wings use.
        &["process", "spec"],
        &[
            "clock", "counters", "error", "memory", "release", "timers", "turn", "vital",
        ],
    ],
    is_whole: true,
    for_tests: "trace",
}];

/// Finds uses of what stands above, or beside.
pub(super) fn wings(source: &Source, found: &mut Vec<(usize, String)>) {
    for house in HOUSES {
        if let Some(path) = source.path.strip_prefix(house.root)
            && let Some(path) = path.strip_suffix(".rs")
        {
            house.check(source, path, found);
        }
    }
}

impl House {
    fn check(&self, source: &Source, path: &str, found: &mut Vec<(usize, String)>) {
        let modules: Vec<&str> = path.split('/').filter(|name| *name != "mod").collect();
        let own = modules[0];
        if own == "lib" || own == "main" || own == self.for_tests {
            return;
        }
        let Some(at) = self.place(own) else {
            if self.is_whole {
                found.push((0, format!("{own} stands in no wing")));
            }
            return;
        };
        for (line, used) in uses(source, &modules) {
            let used = used.as_str();
            if used == own || used == self.for_tests {
                continue;
            }
            match self.place(used) {
                Some(there) if there.0 > at.0 || there == at => {}
                Some(_) => found.push((line, format!("{own} must not use {used}"))),
                None if self.is_whole => found.push((line, format!("{used} stands in no wing"))),
                None => {}
            }
        }
    }

    /// Row and wing of a module.
    fn place(&self, module: &str) -> Option<(usize, usize)> {
        self.rows.iter().enumerate().find_map(|(row, wings)| {
            let is_in = |wing: &&str| wing.split(' ').any(|name| name == module);
            Some((row, wings.iter().position(is_in)?))
        })
    }
}

/// The topmost modules that a file names, in tests, too, with their lines: by `crate::` and by `super::`.
fn uses(source: &Source, modules: &[&str]) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut text = String::new();
    let mut starts = Vec::new();
    for (line, code) in source.all_code() {
        starts.push((text.len(), line));
        text.push_str(code);
        text.push('\n');
    }
    let line_at = |at: usize| {
        let after = starts.partition_point(|(start, _)| *start <= at);
        starts[after - 1].1
    };
    let depths = inline_depths(&text);
    let is_word = |before: &str| {
        !before.ends_with(|before: char| before.is_alphanumeric() || "_:\"".contains(before))
    };
    for (at, root) in text.match_indices("crate::") {
        if is_word(&text[..at]) {
            heads(&text[at + root.len()..], &mut |head| {
                out.push((line_at(at), head.to_owned()));
            });
        }
    }
    for (at, up) in text.match_indices("super::") {
        if !is_word(&text[..at]) {
            continue;
        }
        let rest = text[at..].trim_start_matches(up);
        let count = (text.len() - at - rest.len()) / up.len();
        let depth = modules.len() + depths[text[..at].matches('\n').count()];
        // What is not above the topmost module stays in it.
        if count >= depth {
            heads(rest, &mut |head| out.push((line_at(at), head.to_owned())));
        }
    }
    out
}

/// Calls back with the first name of each path of a `use` tree.
fn heads(tree: &str, found: &mut dyn FnMut(&str)) {
    let tree = tree.trim_start();
    let Some(list) = tree.strip_prefix('{') else {
        let end = tree.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        return found(&tree[..end.unwrap_or(tree.len())]);
    };
    let mut depth = 0;
    let mut is_start = true;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if c.is_whitespace() => {}
            _ if is_start => {
                is_start = false;
                heads(&list[at..], found);
            }
            _ => {}
        }
    }
}

/// For each line, how many modules it stands in that are written out in the file.
fn inline_depths(text: &str) -> Vec<usize> {
    let mut open: Vec<usize> = Vec::new();
    let mut depths = Vec::new();
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code.starts_with('}') && open.last() == Some(&indent) {
            open.pop();
        }
        depths.push(open.len());
        let words: Vec<&str> = code.split_whitespace().collect();
        if let [.., "mod", _, "{"] = words[..] {
            open.push(indent);
        }
    }
    depths
}
