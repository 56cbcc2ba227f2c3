use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DeleteTopicsRequest, FetchRequest, ListOffsetsRequest,
        MetadataRequest, ProduceRequest,
    },
    protocol::Request,
};

use super::{Bounds, Client};
use crate::AdminError;

/// Every release of Apache Kafka.
const RELEASES: &str = include_str!("../../../broker/src/releases.txt");

fn client(versions: &[(i16, (i16, i16))]) -> Client {
    let (stream, _) = tokio::io::duplex(1);
    let mut client = Client::over(stream, Bounds::default());
    client.versions = versions.iter().copied().collect();
    client
}

/// What each release knows of a request: `api KEY NAME RELEASE:FIRST-LAST…`.
fn known_by_releases(key: i16) -> BTreeMap<&'static str, (i16, i16)> {
    let key = key.to_string();
    let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    let mut lines = RELEASES.lines().map(words);
    let line = lines.find(|words| words[0] == "api" && words[1] == key);
    let releases = line.expect("a request of Kafka").split_off(3);
    let range = |versions: &str| {
        let (first, last) = versions.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let known = releases.into_iter().map(|word| {
        let (release, versions) = word.split_once(':').expect("a release");
        (release, range(versions).expect("a range of versions"))
    });
    known.collect()
}

/// Each release that changed a request is spoken to in a version that it knows; this one in `expected`.
fn check<R: Request>(release: &str, newest: i16, expected: i16) {
    let known = known_by_releases(R::KEY);
    assert!(known.len() > 1);
    let version_of = |(first, last): (i16, i16)| {
        let version = client(&[(R::KEY, (first, last))]).version_up_to::<R>(newest);
        let version = version.expect("each release can be asked");
        assert!((first..=last.min(newest)).contains(&version));
        version
    };
    for versions in known.values() {
        version_of(*versions);
    }
    assert_eq!(version_of(known[release]), expected, "{release}");
}

#[test]
fn every_release_is_asked_in_a_version_that_it_knows() {
    check::<CreateTopicsRequest>("2.4.0", i16::MAX, 5);
    check::<DeleteTopicsRequest>("2.4.0", 5, 4);
    check::<MetadataRequest>("2.4.0", i16::MAX, 9);
    check::<ProduceRequest>("2.4.0", 12, 8);
    check::<ProduceRequest>("4.1.0", 12, 12);
    check::<FetchRequest>("2.3.0", 12, 11);
    check::<ListOffsetsRequest>("2.2.0", i16::MAX, 5);
}

#[test]
fn a_request_that_is_unknown_or_too_new_is_refused() {
    let client = client(&[(ProduceRequest::KEY, (10, 13))]);
    let refused = [
        client.version_up_to::<ProduceRequest>(9),
        client.version_up_to::<FetchRequest>(12),
    ];
    for version in refused {
        assert!(matches!(version, Err(AdminError::Unsupported { .. })));
    }
}
