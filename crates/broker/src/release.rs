//! Releases of Apache Kafka: which requests a broker of each one advertises, and which settings its topics
//! have.
//!
//! The table `releases.txt` is made by `cargo xtask releases` from every release's own client library.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// The table as it is committed.
const TABLE: &str = include_str!("releases.txt");
/// A value that ends with a release.
const ABSENT: &str = "none";

/// A setting that brokers dropped with the record formats before 2, while the client library names it still.
const ONLY_NAMED: &str = "message.downconversion.enable";

/// The rows of the table, oldest first.
static RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| read(TABLE));

/// Major, minor, patch.
type Number = [u16; 3];

/// One release, or several patches of a minor release that advertise the same.
#[derive(Debug)]
pub(crate) struct Release {
    /// Position in the table.
    pub index: usize,
    /// The first of the patches.
    number: Number,
    /// Names and versions of requests by their keys.
    apis: BTreeMap<i16, Api>,
    /// Settings of topics that not all releases have, and whether this one has.
    topic_configs: HashMap<&'static str, bool>,
}

/// One request of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    pub name: &'static str,
    pub versions: RangeInclusive<i16>,
}

impl Release {
    /// The release of a version such as `2.4.1` or `2.4`. A patch that the table does not name is like the
    /// one before it.
    pub(crate) fn find(version: &str) -> Option<&'static Self> {
        let (number, is_minor) = parse(version)?;
        let alike = |release: &&Release| release.number[..2] == number[..2];
        let older = |release: &&Release| is_minor || release.number <= number;
        let mut patches = RELEASES.iter().filter(alike);
        let first = patches.next()?;
        Some(patches.take_while(older).last().unwrap_or(first))
    }

    /// All releases, oldest first.
    pub(crate) fn all() -> &'static [Self] {
        &RELEASES
    }

    /// The newest that is known.
    pub(crate) fn newest() -> &'static Self {
        RELEASES.last().expect("the table names a release")
    }

    /// Whether it is of this minor release or of a newer one.
    pub(crate) fn is_at_least(&self, major: u16, minor: u16) -> bool {
        self.number[..2] >= [major, minor][..]
    }

    /// The requests that its brokers serve, by key.
    pub(crate) fn apis(&self) -> &BTreeMap<i16, Api> {
        &self.apis
    }

    /// Whether its topics have this setting. Settings that the table never names belong to all releases.
    pub(crate) fn has_topic_config(&self, name: &str) -> bool {
        let is_named = self.topic_configs.get(name).copied().unwrap_or(true);
        is_named && !(name == ONLY_NAMED && self.is_at_least(4, 0))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.number;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// Every version of Apache Kafka that clusters can behave as, oldest first; further patches of the last
/// release of a line behave as it does.
pub fn versions() -> Vec<String> {
    RELEASES.iter().map(ToString::to_string).collect()
}

/// Whether a cluster can behave as this version of Apache Kafka (`2.4.1`, `2.4`).
pub fn serves_version(version: &str) -> bool {
    Release::find(version).is_some()
}

/// The number, and whether the patch was left open.
fn parse(version: &str) -> Option<(Number, bool)> {
    let part = |text: &str| {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| text.parse().ok()).flatten()
    };
    let parts: Option<Vec<u16>> = version.split('.').map(part).collect();
    match parts?[..] {
        [major, minor] => Some(([major, minor, 0], true)),
        [major, minor, patch] => Some(([major, minor, patch], false)),
        _ => None,
    }
}

/// Reads the table. What it cannot read is a mistake of who made it, and shows in every test.
fn read(table: &'static str) -> Vec<Release> {
    let mut releases: Vec<Release> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("release") => {
                let first = words
                    .next()
                    .and_then(parse)
                    .expect("a release has a number");
                releases.push(Release {
                    index: releases.len(),
                    number: first.0,
                    apis: BTreeMap::new(),
                    topic_configs: HashMap::new(),
                });
            }
            Some("api") => {
                let key = words.next().and_then(|key| key.parse::<i16>().ok());
                let key = key.expect("a request has a key");
                let name = words.next().expect("a request has a name");
                for (release, value) in by_release(&mut releases, words) {
                    if let Some(versions) = value.and_then(range) {
                        release.apis.insert(key, Api { name, versions });
                    }
                }
            }
            Some("config") => {
                let name = words.next().expect("a setting has a name");
                for (release, value) in by_release(&mut releases, words) {
                    release.topic_configs.insert(name, value.is_some());
                }
            }
            other => panic!("the table of releases has a line of {other:?}"),
        }
    }
    releases
}

/// Each release with the value that holds for it: that of the last change up to it.
fn by_release(
    releases: &mut [Release],
    changes: impl Iterator<Item = &'static str>,
) -> impl Iterator<Item = (&mut Release, Option<&'static str>)> {
    let changes: Vec<(Number, &'static str)> = changes
        .filter_map(|change| change.split_once(':'))
        .filter_map(|(from, value)| Some((parse(from)?.0, value)))
        .collect();
    releases.iter_mut().map(move |release| {
        let until = |(from, _): &&(Number, &'static str)| *from <= release.number;
        let value = changes.iter().take_while(until).last();
        let value = value.map(|(_, value)| *value);
        (release, value.filter(|value| *value != ABSENT))
    })
}

fn range(value: &'static str) -> Option<RangeInclusive<i16>> {
    let (min, max) = value.split_once('-')?;
    Some(min.parse().ok()?..=max.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, expected: Option<&str>) {
        let found = Release::find(version).map(Release::to_string);
        assert_eq!(found.as_deref(), expected, "{version}");
    }

    #[test]
    fn a_version_is_the_newest_patch_known_up_to_it() {
        check("1.0.2", Some("1.0.0"));
        check("2.4.1", Some("2.4.0"));
        check("2.4", Some("2.4.0"));
        check("3.3.0", Some("3.3.1"));
        check("4.0.0", Some("4.0.0"));
        check("4.0.1", Some("4.0.1"));
        check("4.0.77", Some("4.0.1"));
        check("4.0", Some("4.0.1"));
        check("4.1.0", Some("4.1.0"));
    }

    #[test]
    fn what_is_not_in_the_table_is_no_release() {
        for version in [
            "",
            "2",
            "2.",
            "2.4.",
            "2.4.1.0",
            "+2.4",
            "2.4.x",
            "v2.4",
            "0.10.2",
            "0.11.0.3",
            "1.2.0",
            "2.9.0",
            "3.10.0",
            "4.2.0",
            "5.0.0",
            "99999999999.0",
        ] {
            check(version, None);
        }
    }

    #[test]
    fn every_line_of_the_table_is_understood() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let words = line.split_ascii_whitespace().skip(1);
            for (release, value) in words.filter_map(|word| word.split_once(':')) {
                assert!(
                    parse(release).is_some_and(|(_, is_minor)| !is_minor),
                    "{line}"
                );
                let is_range = range(value).is_some_and(|range| range.start() <= range.end());
                assert!(is_range || [ABSENT, "yes"].contains(&value), "{line}");
            }
        }
        let numbers: Vec<Number> = Release::all().iter().map(|found| found.number).collect();
        assert!(numbers.is_sorted() && numbers.len() > 20);
    }

    #[test]
    fn a_setting_belongs_to_the_releases_that_have_it() {
        for (version, name, expected) in [
            ("2.2.2", "max.compaction.lag.ms", false),
            ("2.3.0", "max.compaction.lag.ms", true),
            ("3.9.0", "message.timestamp.difference.max.ms", true),
            ("4.0.0", "message.timestamp.difference.max.ms", false),
            ("3.9.0", "message.downconversion.enable", true),
            ("4.0.0", "message.downconversion.enable", false),
            ("1.0.0", "leader.replication.throttled.replicas", true),
        ] {
            let release = Release::find(version).unwrap();
            assert_eq!(
                release.has_topic_config(name),
                expected,
                "{name} in {version}"
            );
        }
    }
}
