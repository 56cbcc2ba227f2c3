//! From what a buyer asks for to a plan: which row, how much of everything, and what can be used of it.

use serde::{Deserialize, Serialize};

use crate::listener::Listeners;

use super::draft::{Draft, Traffic, asked_in, not_offered, not_one_of};
use super::load::Catalog;
use super::rate::{Module, RateFault, Term};
use super::request::{Field, NodeGroup, PlanFault, PlanRequest, Site};
use super::schema::{Edition, Features, Groups, Growth, Model, Range, TermUnit, Version};

/// Bytes in one MB of bandwidth: vendors count bandwidth in powers of two.
const BYTES_PER_MB: i64 = 1 << 20;
/// Bytes in one GB of disk.
const BYTES_PER_GB: i64 = 1 << 30;
/// Bits in one Mbit of public bandwidth, counted as networks are: in powers of ten.
const BITS_PER_MBIT: i64 = 1_000_000;
/// Milliseconds in one minute of retention.
const MS_PER_MINUTE: i64 = 60_000;

/// What was asked for and granted, in the units of the request: what a dialect shows back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// The figure that names the bandwidth, MB/s; `None` where nodes are bought.
    pub bandwidth_mbps: Option<i64>,
    /// Topics; `None` where partitions are bought instead.
    pub topics: Option<i64>,
    /// Partitions: on top of the included ones (ladder) or in all (otherwise); `None` where topics are
    /// bought instead.
    pub partitions: Option<i64>,
    /// Disk, GB, over all nodes.
    pub disk_gb: i64,
    /// Disk type.
    pub disk_type: String,
    /// Public bandwidth beyond the free part, Mbit/s.
    pub public_mbit: i64,
    /// Whether traffic may go beyond the bandwidth, for money by the byte.
    #[serde(default)]
    pub elastic_bandwidth: bool,
    /// Retention where a topic sets none, minutes.
    pub retention_minutes: i64,
    /// Whether the cluster was bought with a public deployment.
    pub deploy_public: bool,
    /// Node groups, every field filled in; empty where no nodes are bought.
    pub nodes: Vec<NodeGroup>,
}

/// How full the disk may become, percent of [`UsableLimits::disk_bytes_max`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskMarks {
    /// From here on expired data goes at once, not once a day.
    pub expire_percent: u8,
    /// From here on the oldest data goes, whatever the retention says.
    pub trim_percent: u8,
    /// From here on writes are refused; 100 = when nothing is left.
    pub refuse_percent: u8,
}

/// What the cluster may use of what was bought: what an engine enforces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsableLimits {
    /// Topics.
    pub topics_max: u64,
    /// Partitions.
    pub partitions_max: u64,
    /// Whether a topic of p partitions on r replicas counts p × r.
    pub partitions_count_replicas: bool,
    /// Consumer groups.
    pub groups_max: u64,
    /// Client connections, over all brokers.
    pub connections_max: u64,
    /// Of these, connections from the public network.
    pub public_connections_max: u64,
    /// Message size where nothing else is set, bytes.
    pub message_bytes_default: u64,
    /// Message size that can be set, bytes.
    pub message_bytes_max: u64,
    /// Traffic in, bytes a second; `None` = not limited by the plan.
    pub ingress_bytes_per_second_max: Option<u64>,
    /// Traffic out, bytes a second; `None` = not limited by the plan.
    pub egress_bytes_per_second_max: Option<u64>,
    /// How much more than each of these two clients may use: it is counted apart. Bytes a second.
    #[serde(default)]
    pub elastic_bytes_per_second: u64,
    /// Whether each replica's traffic counts against the two limits above.
    pub bandwidth_counts_replicas: bool,
    /// Disk that messages can fill, bytes.
    pub disk_bytes_max: u64,
    /// Whether a message on r replicas fills r times its size.
    pub disk_counts_replicas: bool,
    /// What happens as the disk fills.
    pub disk_marks: DiskMarks,
    /// Retention where a topic sets none, ms.
    pub retention_ms: u64,
    /// Public bandwidth, the free part included, bits a second.
    pub public_bits_per_second_max: u64,
}

/// What is sold to one buyer: stored with the instance, and all that the rater and an engine need of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Profile of the catalog that sold it.
    pub profile: String,
    /// Version of that catalog.
    pub catalog_version: String,
    /// SHA-256 of that catalog's text.
    pub catalog_hash: String,
    /// Site that sold it.
    pub site: Site,
    /// Region.
    pub region: String,
    /// Zones; empty where they are chosen later.
    pub zones: Vec<String>,
    /// Edition.
    pub edition: String,
    /// Row of a ladder, package or node class; `None` where bandwidth is sold in bands.
    pub spec: Option<String>,
    /// How many such plans one account may ever buy.
    pub per_account_max: Option<u32>,
    /// Version as it was asked for.
    pub version: String,
    /// The Apache Kafka release that this is.
    pub kafka_version: String,
    /// Brokers of the cluster.
    pub brokers: u32,
    /// How clients reach them: what the operator offers when it is ordered.
    #[serde(default)]
    pub listeners: Listeners,
    /// Features of the edition.
    pub features: Features,
    /// What was bought.
    pub bought: Bought,
    /// What can be used of it.
    pub usable: UsableLimits,
    /// What is charged.
    pub modules: Vec<Module>,
}

impl Plan {
    /// Whether clients of the public network are let in: where it is bought with the deployment, that; otherwise when more
    /// was bought than the free part.
    pub fn has_public_access(&self) -> bool {
        let bought = &self.bought;
        self.usable.public_bits_per_second_max > 0
            && (bought.deploy_public || bought.public_mbit > 0)
    }
}

impl Range {
    /// Whether a value is sold.
    pub fn has(&self, value: i64) -> bool {
        (self.min..=self.max).contains(&value) && (value - self.min) % self.step == 0
    }

    /// How many steps a value lies above the beginning.
    pub(super) fn steps_to(&self, value: i64) -> i64 {
        (value - self.min) / self.step
    }

    pub(super) fn check(&self, field: Field, value: i64) -> Result<i64, PlanFault> {
        let Self { min, max, step } = *self;
        if self.has(value) {
            Ok(value)
        } else if (min..=max).contains(&value) {
            Err(PlanFault::NotAStep {
                field,
                value,
                min,
                step,
            })
        } else {
            Err(PlanFault::OutOfRange {
                field,
                value,
                min,
                max,
            })
        }
    }
}

impl Growth {
    fn at(&self, mbps: i64, brokers: u32) -> i64 {
        let each = (self.base + mbps / self.step_mbps * self.per_step).min(self.max);
        if self.per_broker {
            each.saturating_mul(i64::from(brokers))
        } else {
            each
        }
    }
}

impl Catalog {
    /// The plan that fits a request, or the first field that does not.
    ///
    /// # Errors
    /// [`PlanFault`]: what is missing, not offered, out of range, between two steps, or contradicts another field.
    pub fn plan(&self, request: &PlanRequest) -> Result<Plan, PlanFault> {
        if self.region(&request.region).is_none() {
            return Err(match request.region.as_str() {
                "" => PlanFault::Missing {
                    field: Field::Region,
                },
                region => self.region_not_offered(region),
            });
        }
        let edition = self.edition_asked(request)?;
        let zones = self.zones_asked(edition, request)?;
        let version = self.version_asked(request)?;
        if request.elastic_bandwidth && edition.elastic_bandwidth_percent == 0 {
            return Err(PlanFault::Conflict {
                a: Field::ElasticBandwidth,
                b: Field::Edition,
            });
        }
        let mut draft = match edition.model {
            Model::Ladder => self.draft_ladder(edition, request)?,
            Model::Package => self.draft_package(edition, request)?,
            Model::Bands => self.draft_bands(edition, request)?,
            Model::Nodes => self.draft_nodes(edition, request, version)?,
        };
        if edition.model != Model::Nodes {
            // Each zone that was bought has a broker.
            let zones = u32::try_from(zones.len()).unwrap_or(u32::MAX);
            draft.brokers = draft.brokers.max(zones);
        }
        let retention_minutes = retention_asked(edition, request)?;
        let plan = self.plan_of(edition, request, zones, version, draft, retention_minutes)?;
        self.check_priced(&plan, request.prepaid)?;
        Ok(plan)
    }

    fn plan_of(
        &self,
        edition: &Edition,
        request: &PlanRequest,
        zones: Vec<String>,
        version: &Version,
        draft: Draft,
        retention_minutes: i64,
    ) -> Result<Plan, PlanFault> {
        Ok(Plan {
            profile: self.profile().to_owned(),
            catalog_version: self.version().to_owned(),
            catalog_hash: self.hash().to_owned(),
            site: request.site,
            region: request.region.clone(),
            zones,
            edition: edition.code.clone(),
            per_account_max: draft.per_account_max,
            version: version.id.clone(),
            kafka_version: version.kafka.clone(),
            brokers: draft.brokers,
            listeners: Listeners::default(),
            features: edition.features,
            usable: usable(edition, request, &draft, retention_minutes)?,
            spec: draft.spec,
            bought: Bought {
                bandwidth_mbps: draft.bandwidth_mbps,
                topics: draft.topics_bought,
                partitions: draft.partitions_bought,
                disk_gb: draft.disk_gb,
                disk_type: draft.disk_type,
                public_mbit: draft.public_mbit,
                elastic_bandwidth: request.elastic_bandwidth,
                retention_minutes,
                deploy_public: request.deploy_public,
                nodes: draft.nodes,
            },
            modules: draft.modules,
        })
    }

    pub(super) fn edition_asked(&self, request: &PlanRequest) -> Result<&Edition, PlanFault> {
        let code = request
            .edition
            .as_deref()
            .unwrap_or(&self.defaults().edition);
        let edition = self
            .edition(code)
            .ok_or_else(|| self.edition_not_offered(request.site, code))?;
        let unit = if request.prepaid {
            TermUnit::Month
        } else {
            TermUnit::Hour
        };
        if self.unit_is_sold(code, request.site, unit) {
            return Ok(edition);
        }
        if edition.sold.iter().any(|sold| sold.site == request.site) {
            return Err(PlanFault::Conflict {
                a: Field::Edition,
                b: Field::Payment,
            });
        }
        Err(self.edition_not_offered(request.site, code))
    }

    /// The refusal of a region that is not sold in.
    pub fn region_not_offered(&self, region: &str) -> PlanFault {
        let offered = self.regions().iter().map(|region| &region.id);
        not_one_of(Field::Region, region, offered)
    }

    /// The refusal of a version that is not offered.
    pub fn version_not_offered(&self, id: &str) -> PlanFault {
        let offered = self.versions().iter().map(|version| &version.id);
        not_one_of(Field::Version, id, offered)
    }

    fn edition_not_offered(&self, site: Site, code: &str) -> PlanFault {
        let sold = |edition: &&Edition| edition.sold.iter().any(|sold| sold.site == site);
        let offered = self
            .editions()
            .iter()
            .filter(sold)
            .map(|edition| &edition.code);
        not_one_of(Field::Edition, code, offered)
    }

    fn zones_asked(
        &self,
        edition: &Edition,
        request: &PlanRequest,
    ) -> Result<Vec<String>, PlanFault> {
        if request.zones.is_empty() && edition.zones.min > 0 {
            return Err(PlanFault::Missing { field: Field::Zone });
        }
        self.zones_fit(edition, &request.region, &request.zones)?;
        Ok(request.zones.clone())
    }

    /// Whether a cluster of an edition can stand in these zones of a region, for purchases that name them after the
    /// order.
    ///
    /// # Errors
    /// The first [`PlanFault`].
    pub fn zones_check(
        &self,
        edition: &str,
        region: &str,
        zones: &[String],
    ) -> Result<(), PlanFault> {
        let edition = self
            .edition(edition)
            .ok_or_else(|| not_offered(Field::Edition, edition))?;
        self.zones_fit(edition, region, zones)
    }

    fn zones_fit(
        &self,
        edition: &Edition,
        region: &str,
        zones: &[String],
    ) -> Result<(), PlanFault> {
        let named = i64::try_from(zones.len()).unwrap_or(i64::MAX);
        let Range { min, max, .. } = edition.zones;
        if named < min || named > max {
            return Err(PlanFault::OutOfRange {
                field: Field::Zone,
                value: named,
                min,
                max,
            });
        }
        for (index, zone) in zones.iter().enumerate() {
            if !self.zones(region).any(|offered| offered.id == *zone) {
                let offered = self.zones(region).map(|zone| &zone.id);
                return Err(not_one_of(Field::Zone, zone, offered));
            }
            if zones[..index].contains(zone) {
                return Err(PlanFault::Duplicate {
                    field: Field::Zone,
                    value: zone.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether an edition takes this retention, in minutes, for settings that are made after the order.
    ///
    /// # Errors
    /// The [`PlanFault`].
    pub fn retention_check(
        &self,
        edition: &str,
        minutes: i64,
        prepaid: bool,
    ) -> Result<(), PlanFault> {
        let edition = self
            .edition(edition)
            .ok_or_else(|| not_offered(Field::Edition, edition))?;
        let request = PlanRequest {
            retention_minutes: Some(minutes),
            prepaid,
            ..PlanRequest::default()
        };
        retention_asked(edition, &request).map(drop)
    }

    fn version_asked(&self, request: &PlanRequest) -> Result<&Version, PlanFault> {
        let asked = request
            .version
            .as_deref()
            .or(self.defaults().version.as_deref());
        let id = asked.ok_or(PlanFault::Missing {
            field: Field::Version,
        })?;
        self.version_offered(id)
            .ok_or_else(|| self.version_not_offered(id))
    }

    /// Refuses a plan with a part that has no price in its column, naming the field that brought it in.
    fn check_priced(&self, plan: &Plan, prepaid: bool) -> Result<(), PlanFault> {
        let term = if prepaid { Term::Months(1) } else { Term::Hour };
        for module in &plan.modules {
            match self.module_quote(module, plan.site, &plan.region, term) {
                Ok(_) => {}
                Err(RateFault::Money(_)) => return Err(not_offered(module.field(), "so much")),
                Err(_) => return Err(not_offered(module.field(), &module.asked())),
            }
        }
        Ok(())
    }
}

impl Module {
    /// The field of a request that this part comes from.
    pub fn field(&self) -> Field {
        match self {
            Self::Spec { .. } => Field::Spec,
            Self::Bandwidth { .. } => Field::Bandwidth,
            Self::Nodes { .. } => Field::NodeClass,
            Self::Disk { .. } => Field::Disk,
            Self::Topics { .. } => Field::Topics,
            Self::Partitions { .. } => Field::Partitions,
            Self::Public { .. } => Field::PublicBandwidth,
        }
    }

    fn asked(&self) -> String {
        match self {
            Self::Spec { code, .. } => code.clone(),
            Self::Nodes { class, .. } => class.clone(),
            Self::Bandwidth { mbps: amount, .. }
            | Self::Disk { gb: amount, .. }
            | Self::Topics { extra: amount, .. }
            | Self::Partitions { extra: amount, .. }
            | Self::Public { mbit: amount, .. } => amount.to_string(),
        }
    }
}

fn retention_asked(edition: &Edition, request: &PlanRequest) -> Result<i64, PlanFault> {
    let rule = &edition.retention_minutes;
    let max = if request.prepaid {
        rule.prepaid_max.unwrap_or(rule.max)
    } else {
        rule.max
    };
    let range = Range {
        min: rule.min,
        max,
        step: 1,
    };
    asked_in(
        Field::Retention,
        Some(request.retention_minutes.unwrap_or(rule.default)),
        Some(range),
    )
}

fn usable(
    edition: &Edition,
    request: &PlanRequest,
    draft: &Draft,
    retention_minutes: i64,
) -> Result<UsableLimits, PlanFault> {
    let times = |field: Field, count: i64, unit: i64| {
        let product = count
            .checked_mul(unit)
            .and_then(|product| u64::try_from(product).ok());
        product.ok_or_else(|| not_offered(field, &count.to_string()))
    };
    let write_mbps = draft.traffic.map_or(0, |traffic| traffic.write_mbps);
    let groups = match edition.groups {
        Groups::Fixed(groups) => groups,
        Groups::PerTopic(per_topic) => draft.topics_for_groups.saturating_mul(per_topic),
    };
    let connections = edition.connections.at(write_mbps, draft.brokers);
    let public_connections = edition
        .public_connections
        .as_ref()
        .map_or(0, |rule| rule.at(write_mbps, draft.brokers));
    let free_mbit = edition.public.as_ref().map_or(0, |public| public.free_mbit);
    let bytes = |pick: fn(Traffic) -> i64| {
        draft
            .traffic
            .map(|traffic| times(Field::Bandwidth, pick(traffic), BYTES_PER_MB))
            .transpose()
    };
    let ingress = bytes(|traffic| traffic.write_mbps)?;
    let elastic_percent = times(Field::Bandwidth, edition.elastic_bandwidth_percent, 1)?;
    Ok(UsableLimits {
        topics_max: times(Field::Topics, draft.topics_usable, 1)?,
        partitions_max: times(Field::Partitions, draft.partitions_usable, 1)?,
        partitions_count_replicas: edition.partitions_count_replicas,
        groups_max: times(Field::Topics, groups, 1)?,
        connections_max: times(Field::Spec, connections, 1)?,
        public_connections_max: times(Field::Spec, public_connections, 1)?,
        message_bytes_default: times(Field::Edition, edition.message_bytes.default, 1)?,
        message_bytes_max: times(Field::Edition, edition.message_bytes.max, 1)?,
        ingress_bytes_per_second_max: ingress,
        egress_bytes_per_second_max: bytes(|traffic| traffic.read_mbps)?,
        elastic_bytes_per_second: match (request.elastic_bandwidth, ingress) {
            (true, Some(bytes)) => bytes.saturating_mul(elastic_percent) / 100,
            _ => 0,
        },
        bandwidth_counts_replicas: edition.bandwidth_counts_replicas,
        disk_bytes_max: times(Field::Disk, draft.disk_gb, BYTES_PER_GB)?
            / times(Field::Disk, edition.disk_divisor, 1)?,
        disk_counts_replicas: edition.disk_counts_replicas,
        disk_marks: DiskMarks {
            expire_percent: edition.disk_marks.expire_percent,
            trim_percent: edition.disk_marks.trim_percent,
            refuse_percent: edition.disk_marks.refuse_percent,
        },
        retention_ms: times(Field::Retention, retention_minutes, MS_PER_MINUTE)?,
        public_bits_per_second_max: times(
            Field::PublicBandwidth,
            free_mbit + draft.public_mbit,
            BITS_PER_MBIT,
        )?,
    })
}
