//! The catalog file's shape (TOML, schema 1), as it is read. Rules between fields are in `validate`.
//!
//! Any table may carry `source` (a key of `[sources]`, or `"default"` for a value that is ours because no
//! vendor page gives it) and `defaults` (names of the keys in that table that are ours). Both only
//! document: `report` reads them from the text, so here they are accepted and dropped.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error as _;

use super::request::Site;
use crate::money::{Currency, Money};

/// Documentation of a table: where its numbers come from. Kept by the report, not here.
pub(super) type Source = Option<String>;
/// Names of the keys in a table that are our own choice.
pub(super) type OwnKeys = Option<Vec<String>>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogFile {
    pub schema: u32,
    pub profile: String,
    pub version: String,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
    pub sources: BTreeMap<String, String>,
    pub site: Vec<SiteRow>,
    pub hour_from_month: Option<HourFromMonth>,
    pub batch_max: u32,
    #[serde(rename = "default")]
    pub default: Defaults,
    pub terms: Terms,
    pub lifecycle: Lifecycle,
    pub version_offered: Vec<Version>,
    pub region_group: Vec<RegionGroup>,
    pub region: Vec<Region>,
    #[serde(default)]
    pub shared_zone: Vec<Zone>,
    pub disk_type: Vec<DiskType>,
    pub edition: Vec<Edition>,
    #[serde(default)]
    pub spec: Vec<Spec>,
    #[serde(default)]
    pub band: Vec<Band>,
    #[serde(default)]
    pub included_partitions: Vec<IncludedPartitions>,
    #[serde(default)]
    pub node_class: Vec<NodeClass>,
    #[serde(default)]
    pub addon: Vec<Addon>,
}

/// A site that sells, and what it takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteRow {
    pub id: Site,
    pub currency: Currency,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// Rule for an hourly price that no list gives: `month × numerator / denominator`, rounded up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HourFromMonth {
    pub numerator: i64,
    pub denominator: i64,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// What applies where the buyer says nothing. A value that is absent here must be said.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Edition.
    pub edition: String,
    /// Bandwidth, MB/s.
    pub bandwidth_mbps: Option<i64>,
    /// Topics.
    pub topics: Option<i64>,
    /// Partitions.
    pub partitions: Option<i64>,
    /// Disk, GB (of each node, where nodes are sold).
    pub disk_gb: Option<i64>,
    /// Disk type.
    pub disk_type: Option<String>,
    /// Kafka version.
    pub version: Option<String>,
    /// Node role.
    pub node_role: Option<String>,
    /// Node class.
    pub node_class: Option<String>,
    /// Nodes in a group.
    pub node_count: Option<i64>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// A range of whole numbers with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Least.
    pub min: i64,
    /// Most.
    pub max: i64,
    /// Distance between two values that are sold; counted from `min`.
    pub step: i64,
}

/// How a term is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermUnit {
    /// Pay-as-you-go, by the started hour.
    Hour,
    /// In advance, by the month.
    Month,
}

/// Which lengths are sold in advance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Lengths, months (a year is 12).
    pub months: Vec<u32>,
    /// Length where none is said, months.
    pub months_default: u32,
    /// Lengths ordered through the vendor's general ordering interface are multiples of this, months.
    pub general_order_months_step: u32,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// When what is owed is drawn from the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// At each settlement, with the charge quantum.
    Settlement,
    /// Once a natural day, for the day before.
    Daily,
}

/// Timers and rules of an instance's life; all lengths in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// What is charged at least, and in multiples, seconds.
    #[serde(rename = "charge_quantum", deserialize_with = "duration")]
    pub charge_quantum_s: i64,
    /// When what is owed is drawn.
    pub draw: Draw,
    /// IANA name of the zone whose midnights end a natural day.
    pub time_zone: String,
    /// After this an order that its buyer never started is cancelled and its hold voided, seconds.
    #[serde(rename = "unstarted_to_cancel", deserialize_with = "duration")]
    pub unstarted_to_cancel_s: i64,
    /// How long a release that was not forced keeps the data, seconds.
    #[serde(rename = "release_keeps_data", deserialize_with = "duration")]
    pub release_keeps_data_s: i64,
    /// Pay-as-you-go.
    pub postpaid: PostpaidTimers,
    /// Paid in advance.
    pub prepaid: PrepaidTimers,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// Timers of pay-as-you-go instances, seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostpaidTimers {
    /// From the first moment in arrears to the stop.
    #[serde(rename = "arrears_to_stop", deserialize_with = "duration")]
    pub arrears_to_stop_s: i64,
    /// From the stop to the release.
    #[serde(rename = "stop_to_release", deserialize_with = "duration")]
    pub stop_to_release_s: i64,
    /// Days after the stop on which the owner is reminded.
    #[serde(default)]
    pub notice_days_after_stop: Vec<u32>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// Timers of instances that are paid in advance, seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepaidTimers {
    /// From the expiry to the stop.
    #[serde(rename = "expiry_to_stop", deserialize_with = "duration")]
    pub expiry_to_stop_s: i64,
    /// From the stop to the release.
    #[serde(rename = "stop_to_release", deserialize_with = "duration")]
    pub stop_to_release_s: i64,
    /// Whether stop and release wait for the next midnight of the zone.
    pub at_midnight: bool,
    /// Days before the expiry on which the owner is reminded.
    #[serde(default)]
    pub notice_days_before_expiry: Vec<u32>,
    /// Days after the stop on which the owner is reminded.
    #[serde(default)]
    pub notice_days_after_stop: Vec<u32>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// A Kafka version on offer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// As the vendor writes it; shown back as it was asked.
    pub id: String,
    /// The Apache Kafka release that it is.
    pub kafka: String,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// Regions that share one price column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionGroup {
    pub id: u32,
    pub regions: Vec<String>,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// A place where clusters are sold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Region id.
    pub id: String,
    /// The region's number, where the vendor has one.
    pub number: Option<u32>,
    /// Name for people.
    pub name: String,
    /// The region's zones, without the shared ones.
    #[serde(default)]
    pub zones: Vec<Zone>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// A zone of a region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Zone id.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// A type of disk.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskType {
    pub code: String,
    #[expect(dead_code, reason = "for people who read the file")]
    pub name: String,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// How an edition is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// A row of a ladder, with topics or partitions, disk and public bandwidth bought on top.
    Ladder,
    /// A row with fixed figures; only disk can be added.
    Package,
    /// Bandwidth in bands, with partitions, disk and public bandwidth.
    Bands,
    /// So many nodes of a class, each with a disk.
    Nodes,
}

/// On which site and in which terms an edition is sold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sold {
    pub site: Site,
    pub terms: Vec<TermUnit>,
}

/// What distinguishes editions besides numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Access control lists.
    pub acl: bool,
    /// TLS inside the private network.
    pub private_tls: bool,
    /// Retention set for a single topic.
    pub topic_retention: bool,
}

/// A number that grows with bandwidth: `min(max, base + floor(mbps / step_mbps) × per_step)`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Growth {
    pub base: i64,
    #[serde(default)]
    pub per_step: i64,
    #[serde(default = "one")]
    pub step_mbps: i64,
    pub max: i64,
    /// Whether each broker has so many, or the whole instance.
    #[serde(default)]
    pub per_broker: bool,
}

/// How many consumer groups there may be.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Groups {
    /// So many.
    Fixed(i64),
    /// So many for each topic bought.
    PerTopic(i64),
}

/// How long messages are kept, minutes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    pub default: i64,
    pub min: i64,
    pub max: i64,
    /// Most for instances paid in advance, where it differs.
    pub prepaid_max: Option<i64>,
}

/// How large a message may be, bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageBytes {
    pub default: i64,
    pub max: i64,
}

/// Public bandwidth, Mbit/s.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicBandwidth {
    pub free_mbit: i64,
    /// Whether it is sold (and then required) only with a public deployment.
    pub by_deployment: bool,
    /// What can be bought beyond the free part; a ladder's rows have their own.
    pub mbit: Option<Range>,
}

/// How full a disk may become, percent: what happens at each mark.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskMarkRow {
    pub expire_percent: u8,
    pub trim_percent: u8,
    pub refuse_percent: u8,
}

/// An edition: a family of plans with common rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// Code as the vendor writes it.
    pub code: String,
    /// How it is sold.
    pub model: Model,
    pub(super) sold: Vec<Sold>,
    /// Brokers of a cluster; node editions count their nodes instead.
    pub brokers: u32,
    /// How many zones must and may be named.
    pub(super) zones: Range,
    /// Features.
    pub features: Features,
    /// Bought disk divided by this is what messages can fill.
    #[serde(default = "one")]
    pub(super) disk_divisor: i64,
    /// Whether a message on r replicas fills r times its size.
    pub(super) disk_counts_replicas: bool,
    /// Whether a topic of p partitions on r replicas counts p × r.
    pub(super) partitions_count_replicas: bool,
    /// Whether each replica's traffic counts against the bandwidth bought.
    pub(super) bandwidth_counts_replicas: bool,
    /// How far traffic may go beyond the bandwidth bought where that is elastic, percent of it; 0 where the edition has
    /// no elastic bandwidth.
    #[serde(default)]
    pub(super) elastic_bandwidth_percent: i64,
    /// Usable topics for each topic bought, while topics (not partitions) are bought.
    #[serde(default = "one")]
    pub(super) topics_factor: i64,
    /// Partitions that come with each topic above the included ones.
    pub(super) partitions_per_extra_topic: Option<i64>,
    /// In place of the row's figures: topics that can be bought.
    pub(super) topics: Option<Range>,
    /// Partitions that can be bought; a ladder's rows have their own.
    pub(super) partitions: Option<Range>,
    /// Disk that can be bought, GB; a ladder's rows have their own.
    pub(super) disk_gb: Option<Range>,
    /// Disk types on offer.
    pub disk_types: Vec<String>,
    pub(super) public: Option<PublicBandwidth>,
    pub(super) groups: Groups,
    pub(super) connections: Growth,
    pub(super) public_connections: Option<Growth>,
    pub(super) message_bytes: MessageBytes,
    pub(super) retention_minutes: Retention,
    pub(super) disk_marks: DiskMarkRow,
    /// Roles that nodes can have; the brokers are the nodes of the first.
    #[serde(default)]
    pub roles: Vec<String>,
    pub(super) node_count: Option<Range>,
    /// Partitions that each broker node carries.
    pub(super) partitions_per_broker: Option<i64>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// What a ladder row says about topics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicAllowance {
    pub included: i64,
    pub min: i64,
    pub max: i64,
    /// Partitions that come with the included topics.
    pub partitions: i64,
}

/// What a ladder row says about partitions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartitionAllowance {
    pub included: i64,
    pub max: i64,
}

/// Figures that a package fixes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixed {
    pub topics: i64,
    pub partitions: i64,
    pub disk_gb: i64,
}

/// A row of a ladder, or a package.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Code as the vendor writes it.
    pub code: String,
    /// Its edition.
    pub edition: String,
    /// The one site that sells it; absent = each site with a price.
    pub site: Option<Site>,
    /// The figure that selects it where no code is given, MB/s.
    pub bandwidth_mbps: i64,
    /// Traffic in, MB/s.
    pub write_mbps: i64,
    /// Traffic out, MB/s.
    pub read_mbps: i64,
    pub(super) topics: Option<TopicAllowance>,
    pub(super) partitions: Option<PartitionAllowance>,
    pub(super) disk_gb: Option<Range>,
    pub(super) public_mbit: Option<Range>,
    pub(super) fixed: Option<Fixed>,
    /// How many an account may ever buy.
    pub per_account_max: Option<u32>,
    pub(super) price: Vec<Price>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// A band of bandwidth: `base + per_step × (mbps - min) / step`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Editions that are sold by it.
    pub editions: Vec<String>,
    /// Bandwidth, MB/s.
    pub mbps: Range,
    pub(super) price: Vec<BandPrice>,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// Partitions that come with bandwidth from `from_mbps` on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IncludedPartitions {
    pub from_mbps: i64,
    pub partitions: i64,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// A class of node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeClass {
    /// Code as the vendor writes it.
    pub code: String,
    /// Processors of a node.
    pub cpu: u32,
    /// Memory of a node, GB.
    pub memory_gb: u32,
    /// Traffic of the cluster over all replicas, MB/s, for classes that are sold by traffic: class and
    /// disk are then priced once for the cluster and not for each node.
    pub cluster_mbps: Option<i64>,
    /// Business traffic of such a cluster, MB/s.
    pub business_mbps: Option<i64>,
    /// Versions that it is sold with.
    pub versions: Vec<String>,
    pub(super) price: Vec<Price>,
    #[serde(default, rename = "source")]
    _source: Source,
    #[serde(default, rename = "defaults")]
    _own: OwnKeys,
}

/// What an addon adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AddonKind {
    Disk,
    Topics,
    Partitions,
    Public,
}

/// A price for so much of something on top of a plan's base.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Addon {
    pub kind: AddonKind,
    /// Editions it applies to; absent = all.
    pub editions: Option<Vec<String>>,
    /// Disk types it applies to; absent = all.
    pub disk_types: Option<Vec<String>>,
    /// How much one unit is.
    pub unit: i64,
    pub price: Vec<Price>,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// One price column of a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    #[serde(default)]
    pub site: Site,
    pub group: u32,
    pub month: Option<Money>,
    pub hour: Option<Money>,
    #[serde(default, rename = "source")]
    _source: Source,
}

/// One price column of a band, a month.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BandPrice {
    #[serde(default)]
    pub site: Site,
    pub group: u32,
    pub base: Money,
    pub per_step: Money,
    #[serde(default, rename = "source")]
    _source: Source,
}

fn one() -> i64 {
    1
}

/// Reads `"90m"`, `"96h"` or `"7d"` as seconds.
fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration_s(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is not a length like \"90m\", \"96h\" or \"7d\""
        ))
    })
}

fn parse_duration_s(text: &str) -> Option<i64> {
    let (unit_at, unit) = text.char_indices().next_back()?;
    let unit_s = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..unit_at];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(parse_duration_s(text), expected, "{text:?}")
        };
        check("96h", Some(345_600));
        check("7d", Some(604_800));
        check("0h", Some(0));
        check("90m", Some(5_400));
        for text in [
            "",
            "h",
            "96",
            "-1h",
            "1.5h",
            "1 h",
            "99999999999999999999d",
            "1é",
        ] {
            check(text, None);
        }
    }
}
