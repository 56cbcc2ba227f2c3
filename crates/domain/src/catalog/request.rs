//! What a buyer asks for, in our words, and what can be wrong with it.

use serde::{Deserialize, Serialize};

/// Most zones, node groups that a request may name; more are refused before they are looked at.
pub(super) const LIST_LEN_MAX: usize = 16;

/// Which of a vendor's two sites sells: they differ in currency, prices and some editions.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The site for the vendor's home market.
    #[default]
    Domestic,
    /// The site for everybody else.
    International,
}

impl Site {
    /// Both sites.
    pub const ALL: [Self; 2] = [Self::Domestic, Self::International];
}

/// A group of equal nodes, for editions that are sold by the node. `None` = not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGroup {
    /// What the nodes do.
    pub role: String,
    /// Code of the node class.
    pub class: Option<String>,
    /// How many nodes.
    pub count: Option<i64>,
    /// Code of the disk type of each node.
    pub disk_type: Option<String>,
    /// Size of each node's disk, GB.
    pub disk_gb: Option<i64>,
}

/// What a buyer asks for. `None` = not said: the catalog's default applies, or the field is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// Which site the buyer's account belongs to.
    pub site: Site,
    /// Region id.
    pub region: String,
    /// Zone ids; empty where the zone is chosen later.
    pub zones: Vec<String>,
    /// Code of the edition.
    pub edition: Option<String>,
    /// Code of a row of a ladder or of a fixed package; wins over `bandwidth_mbps`.
    pub spec: Option<String>,
    /// Bandwidth as the vendor counts it for the edition, MB/s of 2^20 bytes.
    pub bandwidth_mbps: Option<i64>,
    /// Topics.
    pub topics: Option<i64>,
    /// Partitions: bought on top (ladder) or in all (bands).
    pub partitions: Option<i64>,
    /// Disk, GB.
    pub disk_gb: Option<i64>,
    /// Code of the disk type.
    pub disk_type: Option<String>,
    /// Public bandwidth, Mbit/s, beyond what is free.
    pub public_mbit: Option<i64>,
    /// Kafka version as the vendor names it.
    pub version: Option<String>,
    /// Message retention, minutes.
    pub retention_minutes: Option<i64>,
    /// Node groups, for editions that are sold by the node.
    pub nodes: Vec<NodeGroup>,
    /// Whether the cluster is to be reachable from the public network (where the vendor asks that first).
    pub deploy_public: bool,
    /// Whether the term is paid in advance (some ranges and editions depend on it).
    pub prepaid: bool,
}

/// A field of a [`PlanRequest`]; each dialect maps it to the name of its own parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `region`.
    Region,
    /// `zones`.
    Zone,
    /// `edition`.
    Edition,
    /// `spec`.
    Spec,
    /// `bandwidth_mbps`.
    Bandwidth,
    /// `topics`.
    Topics,
    /// `partitions`.
    Partitions,
    /// `disk_gb`, or that of a node group.
    Disk,
    /// `disk_type`, or that of a node group.
    DiskType,
    /// `public_mbit`.
    PublicBandwidth,
    /// `version`.
    Version,
    /// `retention_minutes`.
    Retention,
    /// `nodes`.
    Nodes,
    /// `nodes[].role`.
    NodeRole,
    /// `nodes[].class`.
    NodeClass,
    /// `nodes[].count`.
    NodeCount,
    /// `prepaid`: how the term is paid.
    Payment,
}

impl Field {
    /// The field in words for people, where a number is meant.
    const fn amount_word(self) -> &'static str {
        match self {
            Self::Zone => "number of zones",
            Self::Nodes => "number of node groups",
            other => other.word(),
        }
    }

    /// The field in words for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Zone => "zone",
            Self::Edition => "edition",
            Self::Spec => "spec",
            Self::Bandwidth => "bandwidth",
            Self::Topics => "topics",
            Self::Partitions => "partitions",
            Self::Disk => "disk size",
            Self::DiskType => "disk type",
            Self::PublicBandwidth => "public bandwidth",
            Self::Version => "version",
            Self::Retention => "retention",
            Self::Nodes => "nodes",
            Self::NodeRole => "node role",
            Self::NodeClass => "node class",
            Self::NodeCount => "node count",
            Self::Payment => "way of payment",
        }
    }
}

/// Why a request cannot be sold: which field, and what would fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// Needed, not said, and without a default.
    #[error("the {} is required", field.word())]
    Missing {
        /// The field.
        field: Field,
    },
    /// Outside what is sold.
    #[error("the {} must be from {min} to {max}, not {value}", field.amount_word())]
    OutOfRange {
        /// The field.
        field: Field,
        /// What was asked.
        value: i64,
        /// Least that is sold.
        min: i64,
        /// Most that is sold.
        max: i64,
    },
    /// Inside the range, between two steps.
    #[error("the {} is sold from {min} in steps of {step}, not as {value}", field.word())]
    NotAStep {
        /// The field.
        field: Field,
        /// What was asked.
        value: i64,
        /// Where the steps begin.
        min: i64,
        /// Their size.
        step: i64,
    },
    /// Not in the catalog, or not together with the rest.
    #[error("the {} {value:?} is not offered here{}", field.word(), offered_words(offered))]
    NotOffered {
        /// The field.
        field: Field,
        /// What was asked.
        value: String,
        /// What is offered in its place; empty where that is no list.
        offered: Vec<String>,
    },
    /// Two fields that contradict each other.
    #[error("the {} and the {} contradict each other", a.word(), b.word())]
    Conflict {
        /// One field.
        a: Field,
        /// The other.
        b: Field,
    },
    /// Named twice where once is right.
    #[error("the {} {value:?} is given more than once", field.word())]
    Duplicate {
        /// The field.
        field: Field,
        /// The value.
        value: String,
    },
    /// Less than what the cluster uses already.
    #[error("the {} is {}", field.word(), in_use_words(*field, *used))]
    InUse {
        /// The field.
        field: Field,
        /// How much is used; of the disk, bytes.
        used: u64,
    },
}

fn offered_words(offered: &[String]) -> String {
    /// Most values that a refusal lists.
    const LISTED_MAX: usize = 40;
    match offered {
        [] => String::new(),
        [one] => format!(", only {one} is"),
        several if several.len() <= LISTED_MAX => format!(": it is one of {}", several.join(", ")),
        several => format!(
            ": it is one of {} and others",
            several[..LISTED_MAX].join(", ")
        ),
    }
}

fn in_use_words(field: Field, used: u64) -> String {
    match field {
        Field::Disk => "less than what is stored already".to_owned(),
        _ => format!("less than the {used} that are in use"),
    }
}

impl PlanFault {
    /// The same in another unit than the plan's, for a parameter that is counted otherwise: of `size` of the plan's
    /// units each, and from `start` units on. The ends of a range are the last that lie within it.
    #[must_use]
    pub fn counted(self, size: i64, start: i64) -> Self {
        let size = size.max(1);
        let down = |number: i64| number.div_euclid(size).saturating_add(start);
        let up = |number: i64| down(number.saturating_add(size - 1));
        match self {
            Self::OutOfRange {
                field,
                value,
                min,
                max,
            } => Self::OutOfRange {
                field,
                value: down(value),
                min: up(min),
                max: down(max),
            },
            Self::NotAStep {
                field,
                value,
                min,
                step,
            } => Self::NotAStep {
                field,
                value: down(value),
                min: up(min),
                step: (step / size).max(1),
            },
            other => other,
        }
    }

    /// What is wrong with a field that is less than what is used, for a sentence that names the field itself.
    pub fn in_use(&self) -> Option<String> {
        match self {
            Self::InUse { field, used } => Some(in_use_words(*field, *used)),
            _ => None,
        }
    }

    /// The field to show to the buyer; of a conflict the first.
    pub const fn field(&self) -> Field {
        match self {
            Self::Missing { field }
            | Self::OutOfRange { field, .. }
            | Self::NotAStep { field, .. }
            | Self::NotOffered { field, .. }
            | Self::InUse { field, .. }
            | Self::Duplicate { field, .. } => *field,
            Self::Conflict { a, .. } => *a,
        }
    }
}
