//! The versions that ApiVersions advertises: those of the release that the cluster behaves as, as far as they
//! are served.

use std::sync::LazyLock;

use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use super::Context;
use super::api::SERVED;
use crate::error::ErrorCode;
use crate::release::{Api, Release};

/// One request, with the versions that a release advertises.
#[derive(Debug)]
pub(super) struct AdvertisedVersions {
    pub key: ApiKey,
    min: i16,
    max: i16,
    /// The lowest version that is really served.
    served_min: i16,
    by_hand_below: i16,
}

impl AdvertisedVersions {
    /// Whether a version is read and written by hand.
    pub(super) fn is_by_hand(&self, version: i16) -> bool {
        version < self.by_hand_below
    }

    pub(super) fn is_served(&self, version: i16) -> bool {
        (self.served_min..=self.max).contains(&version)
    }
}

/// By the index of the release; each ordered by key.
static ADVERTISED: LazyLock<Vec<Vec<AdvertisedVersions>>> =
    LazyLock::new(|| Release::all().iter().map(intersect).collect());

fn intersect(release: &Release) -> Vec<AdvertisedVersions> {
    let advertised = |(key, api): (&i16, &Api)| {
        let served = SERVED.iter().find(|served| served.key as i16 == *key)?;
        let served_min = served.served_min.max(*api.versions.start());
        let max = served.max.min(*api.versions.end());
        // Versions that are advertised without being served (see `SERVED`) are so for every release.
        let is_advertised_lower = served.min < served.served_min;
        (served_min <= max).then_some(AdvertisedVersions {
            key: served.key,
            min: if is_advertised_lower {
                served.min
            } else {
                served_min
            },
            max,
            served_min,
            by_hand_below: served.by_hand_below,
        })
    };
    release.apis().iter().filter_map(advertised).collect()
}

/// What a release advertises, ordered by key.
pub(super) fn advertised(release: &Release) -> &'static [AdvertisedVersions] {
    &ADVERTISED[release.index]
}

/// One request, if the release advertises it.
pub(super) fn find(release: &Release, key: i16) -> Option<&'static AdvertisedVersions> {
    let advertised = advertised(release);
    let at = advertised.binary_search_by_key(&key, |advertised| advertised.key as i16);
    at.ok().map(|at| &advertised[at])
}

/// A feature of a cluster (KIP-584): what its brokers support, and the level that holds. 0: not in use.
struct Feature {
    name: &'static str,
    min: i16,
    max: i16,
    finalized: i16,
}

const fn feature(name: &'static str, min: i16, max: i16, finalized: i16) -> Feature {
    Feature {
        name,
        min,
        max,
        finalized,
    }
}

/// What a freshly formatted cluster of Apache Kafka 4.0 has. Clients look at the first two: whether the
/// consumer protocol is there (KIP-848), and which transaction protocol is used (KIP-890).
const FEATURES_4_0: &[Feature] = &[
    feature("group.version", 0, 1, 1),
    feature("transaction.version", 0, 2, 2),
    feature("metadata.version", 7, 25, 25),
    feature("kraft.version", 0, 1, 0),
    feature("eligible.leader.replicas.version", 0, 1, 0),
];
/// The same of Apache Kafka 4.1.
const FEATURES_4_1: &[Feature] = &[
    feature("group.version", 0, 1, 1),
    feature("transaction.version", 0, 2, 2),
    feature("metadata.version", 7, 27, 27),
    feature("kraft.version", 0, 1, 0),
    feature("eligible.leader.replicas.version", 0, 1, 1),
    feature("share.version", 0, 1, 0),
];
/// `finalized_features_epoch` where there are no features.
const NO_EPOCH: i64 = -1;

/// Before 4.0 clusters are those with ZooKeeper, which finalize nothing.
fn features(release: &Release) -> &'static [Feature] {
    if release.is_at_least(4, 1) {
        FEATURES_4_1
    } else if release.is_at_least(4, 0) {
        FEATURES_4_0
    } else {
        &[]
    }
}

/// Longest name or version of a client's software that is looked at.
const SOFTWARE_BYTES_MAX: usize = 1 << 10;

/// KIP-511: letters, digits, `-` and `.`, with a letter or digit at both ends.
fn is_software(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= SOFTWARE_BYTES_MAX
        && outer(bytes.first())
        && outer(bytes.last())
        && bytes.iter().copied().all(inner)
}

pub(super) fn api_versions(context: &Context, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let is_valid =
        is_software(&request.client_software_name) && is_software(&request.client_software_version);
    if context.version >= 3 && !is_valid {
        return ApiVersionsResponse::default().with_error_code(ErrorCode::InvalidRequest.code());
    }
    let features = features(context.release);
    // Older clients cannot read a feature that begins with 0 (KAFKA-17011).
    let readable = features
        .iter()
        .filter(|feature| context.version >= 4 || feature.min > 0);
    let supported = readable.map(|feature| {
        SupportedFeatureKey::default()
            .with_name(feature.name.into())
            .with_min_version(feature.min)
            .with_max_version(feature.max)
    });
    let in_use = features.iter().filter(|feature| feature.finalized > 0);
    let finalized = in_use.map(|feature| {
        FinalizedFeatureKey::default()
            .with_name(feature.name.into())
            .with_min_version_level(feature.finalized)
            .with_max_version_level(feature.finalized)
    });
    ApiVersionsResponse::default()
        .with_api_keys(advertised(context.release).iter().map(row).collect())
        .with_supported_features(supported.collect())
        .with_finalized_features(finalized.collect())
        .with_finalized_features_epoch(if features.is_empty() { NO_EPOCH } else { 0 })
}

/// The answer to versions of ApiVersions that are not served, in its first version, which every client can
/// read. From 2.4 on the answer lists the supported versions (KIP-511).
pub(super) fn unsupported_api_versions(context: &Context) -> ApiVersionsResponse {
    let own = find(context.release, ApiKey::ApiVersions as i16);
    let own = own.filter(|_| context.release.is_at_least(2, 4));
    ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.code())
        .with_api_keys(own.map(row).into_iter().collect())
}

fn row(advertised: &AdvertisedVersions) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(advertised.key as i16)
        .with_min_version(advertised.min)
        .with_max_version(advertised.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stays out, made by this test when `UPDATE=1`.
    const UNSERVED_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/unserved.txt");
    const UNSERVED_HEAD: &str = "\
# Requests that brokers of Apache Kafka serve and this one does not, by release.
# Made by `UPDATE=1 cargo test -p brokerage-broker what_stays_out`; do not edit.
#
# KEY NAME RELEASE:VERSIONS…  # why; from that release on, \"none\": nothing is missing
# Requests between brokers are left out, and so is what only controllers serve.
";

    /// Why it is not served.
    fn reason(key: i16) -> &'static str {
        match key {
            0 | 1 => "record formats before 2 are not kept",
            2 => "clients before 0.10.1 ask so",
            8 => "clients before 0.9 ask so",
            9 => "offsets in ZooKeeper, for clients before 0.9",
            23 | 24 => "brokers ask each other so",
            57 => "the release is bought, and changes with the instance",
            64 => "brokers are those of the specification, and none can be left over",
            66 => "transactions by pattern come with the complete broker",
            71 | 72 => "nobody collects clients' metrics",
            76..=79 | 90..=92 => "share groups are not there",
            80 | 81 => "the quorum has one voter",
            other => panic!("why is the request {other} not served?"),
        }
    }

    /// The versions of a request that a release has and this broker does not serve.
    fn unserved(release: &Release, key: i16, api: &Api) -> Vec<i16> {
        let advertised = find(release, key);
        let is_served =
            |version: &i16| advertised.is_some_and(|advertised| advertised.is_served(*version));
        let versions = api.versions.clone();
        versions.filter(|version| !is_served(version)).collect()
    }

    /// `0-3,18-18`, or `none`.
    fn ranges(versions: &[i16]) -> String {
        let runs = versions.chunk_by(|a, b| a + 1 == *b);
        let run = |run: &[i16]| format!("{}-{}", run[0], run[run.len() - 1]);
        let text: Vec<String> = runs.map(run).collect();
        if text.is_empty() {
            return "none".to_owned();
        }
        text.join(",")
    }

    fn unserved_list() -> String {
        let mut names: Vec<(i16, &str)> = Vec::new();
        for release in Release::all() {
            names.extend(release.apis().iter().map(|(key, api)| (*key, api.name)));
        }
        names.sort_unstable();
        names.dedup();
        let mut list = UNSERVED_HEAD.to_owned();
        for (key, name) in names {
            let mut line = String::new();
            let mut before = "none".to_owned();
            for release in Release::all() {
                let api = release.apis().get(&key).filter(|api| api.name == name);
                let missing = api.map_or_else(Vec::new, |api| unserved(release, key, api));
                let now = ranges(&missing);
                if now != before {
                    line += &format!(" {release}:{now}");
                }
                before = now;
            }
            if !line.is_empty() {
                list += &format!("{key} {name}{line}  # {}\n", reason(key));
            }
        }
        list
    }

    #[test]
    fn what_stays_out_is_listed() {
        let now = unserved_list();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(UNSERVED_FILE, &now).unwrap();
        }
        let committed = std::fs::read_to_string(UNSERVED_FILE).unwrap();
        assert!(
            now == committed,
            "unserved.txt is not what is unserved now; \
             UPDATE=1 cargo test -p brokerage-broker what_stays_out writes it:\n{now}"
        );
    }

    #[test]
    fn nothing_is_told_that_the_release_does_not_have() {
        for release in Release::all() {
            for advertised in advertised(release) {
                let api = &release.apis()[&(advertised.key as i16)];
                let is_produce = advertised.key == ApiKey::Produce;
                assert!(
                    is_produce && advertised.min == 0 || api.versions.contains(&advertised.min),
                    "{release} {advertised:?}"
                );
                assert!(
                    api.versions.contains(&advertised.max),
                    "{release} {advertised:?}"
                );
                assert!(
                    advertised.min <= advertised.served_min
                        && advertised.served_min <= advertised.max
                );
            }
        }
    }

    #[test]
    fn every_request_that_is_served_belongs_to_a_release() {
        let newest = Release::all().last().unwrap();
        for served in SERVED {
            let advertised = find(newest, served.key as i16);
            let advertised = advertised.unwrap_or_else(|| panic!("{:?}", served.key));
            assert_eq!(advertised.max, served.max, "{:?}", served.key);
        }
    }

    #[test]
    fn names_of_software_are_checked_as_kip_511_says() {
        for (text, expected) in [
            ("librdkafka", true),
            ("apache-kafka-java", true),
            ("2.16.1-RC3", true),
            ("x", true),
            ("", false),
            ("-x", false),
            ("x.", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(is_software(text), expected, "{text:?}");
        }
    }
}
