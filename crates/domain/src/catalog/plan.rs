//! From what a buyer asks for to a plan: which row, how much of everything, and what can be used of it.

use serde::{Deserialize, Serialize};

use super::load::Catalog;
use super::rate::{Module, RateFault, Term};
use super::request::{Field, LIST_LEN_MAX, NodeGroup, PlanFault, PlanRequest, Site};
use super::schema::{
    Edition, Features, Groups, Growth, Model, NodeClass, Range, Spec, TermUnit, Version,
};

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

impl UsableLimits {
    /// Ingress of business traffic when each topic has so many replicas, bytes a second.
    pub fn ingress_at(&self, replicas: u32) -> Option<u64> {
        self.ingress_bytes_per_second_max
            .map(|limit| self.shared(limit, replicas))
    }

    /// Egress of business traffic when each topic has so many replicas, bytes a second.
    pub fn egress_at(&self, replicas: u32) -> Option<u64> {
        self.egress_bytes_per_second_max
            .map(|limit| self.shared(limit, replicas))
    }

    fn shared(&self, limit: u64, replicas: u32) -> u64 {
        if self.bandwidth_counts_replicas {
            limit / u64::from(replicas.max(1))
        } else {
            limit
        }
    }
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
    /// Features of the edition.
    pub features: Features,
    /// What was bought.
    pub bought: Bought,
    /// What can be used of it.
    pub usable: UsableLimits,
    /// What is charged.
    pub modules: Vec<Module>,
}

/// The part of a plan that depends on how the edition is sold.
struct Draft {
    spec: Option<String>,
    per_account_max: Option<u32>,
    brokers: u32,
    bandwidth_mbps: Option<i64>,
    traffic: Option<Traffic>,
    topics_bought: Option<i64>,
    partitions_bought: Option<i64>,
    topics_usable: i64,
    partitions_usable: i64,
    /// Topics that the rule for groups counts.
    topics_for_groups: i64,
    disk_type: String,
    disk_gb: i64,
    public_mbit: i64,
    nodes: Vec<NodeGroup>,
    modules: Vec<Module>,
}

#[derive(Clone, Copy)]
struct Traffic {
    write_mbps: i64,
    read_mbps: i64,
}

/// Topics and partitions of a ladder row.
struct Counts {
    topics_bought: Option<i64>,
    partitions_bought: Option<i64>,
    topics_usable: i64,
    partitions_usable: i64,
    topics_for_groups: i64,
    module: Module,
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

    fn check(&self, field: Field, value: i64) -> Result<i64, PlanFault> {
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
    pub fn plan(&self, request: &PlanRequest) -> Result<Plan, PlanFault> {
        if self.region(&request.region).is_none() {
            return Err(match request.region.as_str() {
                "" => PlanFault::Missing {
                    field: Field::Region,
                },
                region => not_offered(Field::Region, region),
            });
        }
        let edition = self.edition_asked(request)?;
        let zones = self.zones_asked(edition, request)?;
        let version = self.version_asked(request)?;
        let draft = match edition.model {
            Model::Ladder => self.draft_ladder(edition, request)?,
            Model::Package => self.draft_package(edition, request)?,
            Model::Bands => self.draft_bands(edition, request)?,
            Model::Nodes => self.draft_nodes(edition, request, version)?,
        };
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
            features: edition.features,
            usable: usable(edition, &draft, retention_minutes)?,
            spec: draft.spec,
            bought: Bought {
                bandwidth_mbps: draft.bandwidth_mbps,
                topics: draft.topics_bought,
                partitions: draft.partitions_bought,
                disk_gb: draft.disk_gb,
                disk_type: draft.disk_type,
                public_mbit: draft.public_mbit,
                retention_minutes,
                deploy_public: request.deploy_public,
                nodes: draft.nodes,
            },
            modules: draft.modules,
        })
    }

    fn edition_asked(&self, request: &PlanRequest) -> Result<&Edition, PlanFault> {
        let code = request
            .edition
            .as_deref()
            .unwrap_or(&self.defaults().edition);
        let edition = self
            .edition(code)
            .ok_or_else(|| not_offered(Field::Edition, code))?;
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
        Err(not_offered(Field::Edition, code))
    }

    fn zones_asked(
        &self,
        edition: &Edition,
        request: &PlanRequest,
    ) -> Result<Vec<String>, PlanFault> {
        let named = i64::try_from(request.zones.len()).unwrap_or(i64::MAX);
        let Range { min, max, .. } = edition.zones;
        if named == 0 && min > 0 {
            return Err(PlanFault::Missing { field: Field::Zone });
        }
        if named < min || named > max {
            return Err(PlanFault::OutOfRange {
                field: Field::Zone,
                value: named,
                min,
                max,
            });
        }
        for (index, zone) in request.zones.iter().enumerate() {
            if !self
                .zones(&request.region)
                .any(|offered| offered.id == *zone)
            {
                return Err(not_offered(Field::Zone, zone));
            }
            if request.zones[..index].contains(zone) {
                return Err(PlanFault::Duplicate {
                    field: Field::Zone,
                    value: zone.clone(),
                });
            }
        }
        Ok(request.zones.clone())
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
            .ok_or_else(|| not_offered(Field::Version, id))
    }

    /// The row that was asked for: by code, which wins, or by its bandwidth.
    fn spec_asked(&self, edition: &Edition, request: &PlanRequest) -> Result<&Spec, PlanFault> {
        if let Some(code) = request.spec.as_deref() {
            return self
                .spec_sold(&edition.code, code, request.site)
                .ok_or_else(|| not_offered(Field::Spec, code));
        }
        let asked = request.bandwidth_mbps.or(self.defaults().bandwidth_mbps);
        let mbps = asked.ok_or(PlanFault::Missing { field: Field::Spec })?;
        self.specs(&edition.code)
            .find(|spec| {
                spec.bandwidth_mbps == mbps && spec.site.is_none_or(|only| only == request.site)
            })
            .ok_or_else(|| not_offered(Field::Bandwidth, &mbps.to_string()))
    }

    fn disk_type_asked(&self, edition: &Edition, asked: Option<&str>) -> Result<String, PlanFault> {
        let code = asked
            .or(self.defaults().disk_type.as_deref())
            .ok_or(PlanFault::Missing {
                field: Field::DiskType,
            })?;
        if edition.disk_types.iter().any(|offered| offered == code) {
            Ok(code.to_owned())
        } else {
            Err(not_offered(Field::DiskType, code))
        }
    }

    fn draft_ladder(&self, edition: &Edition, request: &PlanRequest) -> Result<Draft, PlanFault> {
        let spec = self.spec_asked(edition, request)?;
        let disk_type = self.disk_type_asked(edition, request.disk_type.as_deref())?;
        let disk_gb = asked_in(
            Field::Disk,
            request.disk_gb.or(self.defaults().disk_gb),
            spec.disk_gb.or(edition.disk_gb),
        )?;
        let counts = counts_of(edition, spec, request)?;
        let public_mbit = public_asked(edition, spec.public_mbit, request)?;
        let modules = vec![
            Module::Spec {
                edition: edition.code.clone(),
                code: spec.code.clone(),
            },
            Module::Disk {
                edition: edition.code.clone(),
                disk_type: disk_type.clone(),
                gb: disk_gb,
            },
            counts.module,
        ];
        Ok(Draft {
            spec: Some(spec.code.clone()),
            per_account_max: spec.per_account_max,
            brokers: edition.brokers,
            bandwidth_mbps: Some(spec.bandwidth_mbps),
            traffic: Some(Traffic {
                write_mbps: spec.write_mbps,
                read_mbps: spec.read_mbps,
            }),
            topics_bought: counts.topics_bought,
            partitions_bought: counts.partitions_bought,
            topics_usable: counts.topics_usable,
            partitions_usable: counts.partitions_usable,
            topics_for_groups: counts.topics_for_groups,
            disk_type,
            disk_gb,
            public_mbit,
            nodes: Vec::new(),
            modules: with_public(modules, edition, public_mbit),
        })
    }

    fn draft_package(&self, edition: &Edition, request: &PlanRequest) -> Result<Draft, PlanFault> {
        let spec = self.spec_asked(edition, request)?;
        // The loader refuses a package without figures.
        let fixed = spec
            .fixed
            .as_ref()
            .ok_or_else(|| not_offered(Field::Spec, &spec.code))?;
        let disk_type = self.disk_type_asked(edition, request.disk_type.as_deref())?;
        let disk_gb = match request.disk_gb {
            Some(asked) if asked > fixed.disk_gb => {
                asked_in(Field::Disk, Some(asked), edition.disk_gb)?
            }
            _ => fixed.disk_gb,
        };
        let public_mbit = public_asked(edition, None, request)?;
        let code = edition.code.clone();
        let modules = vec![
            Module::Spec {
                edition: code.clone(),
                code: spec.code.clone(),
            },
            Module::Disk {
                edition: code,
                disk_type: disk_type.clone(),
                gb: disk_gb - fixed.disk_gb,
            },
        ];
        Ok(Draft {
            spec: Some(spec.code.clone()),
            per_account_max: spec.per_account_max,
            brokers: edition.brokers,
            bandwidth_mbps: Some(spec.bandwidth_mbps),
            traffic: Some(Traffic {
                write_mbps: spec.write_mbps,
                read_mbps: spec.read_mbps,
            }),
            topics_bought: Some(fixed.topics),
            partitions_bought: Some(fixed.partitions),
            topics_usable: fixed.topics,
            partitions_usable: fixed.partitions,
            topics_for_groups: fixed.topics,
            disk_type,
            disk_gb,
            public_mbit,
            nodes: Vec::new(),
            modules: with_public(modules, edition, public_mbit),
        })
    }

    fn draft_bands(&self, edition: &Edition, request: &PlanRequest) -> Result<Draft, PlanFault> {
        let defaults = self.defaults();
        let mbps = self.bandwidth_asked(edition, request)?;
        let partitions = asked_in(
            Field::Partitions,
            request.partitions.or(defaults.partitions),
            edition.partitions,
        )?;
        let topics = asked_in(
            Field::Topics,
            request.topics.or(defaults.topics),
            edition.topics,
        )?;
        let disk_type = self.disk_type_asked(edition, request.disk_type.as_deref())?;
        let disk_gb = asked_in(
            Field::Disk,
            request.disk_gb.or(defaults.disk_gb),
            edition.disk_gb,
        )?;
        let public_mbit = public_asked(edition, None, request)?;
        let extra = (partitions - self.partitions_included(mbps)).max(0);
        let code = edition.code.clone();
        let modules = vec![
            Module::Bandwidth {
                edition: code.clone(),
                mbps,
            },
            Module::Partitions {
                edition: code.clone(),
                extra,
            },
            Module::Disk {
                edition: code,
                disk_type: disk_type.clone(),
                gb: disk_gb,
            },
        ];
        Ok(Draft {
            spec: None,
            per_account_max: None,
            brokers: edition.brokers,
            bandwidth_mbps: Some(mbps),
            traffic: Some(Traffic {
                write_mbps: mbps,
                read_mbps: mbps,
            }),
            topics_bought: Some(topics),
            partitions_bought: Some(partitions),
            // More topics than partitions is no error: a topic needs a partition, so fewer fit.
            topics_usable: topics.min(partitions),
            partitions_usable: partitions,
            topics_for_groups: topics,
            disk_type,
            disk_gb,
            public_mbit,
            nodes: Vec::new(),
            modules: with_public(modules, edition, public_mbit),
        })
    }

    fn bandwidth_asked(&self, edition: &Edition, request: &PlanRequest) -> Result<i64, PlanFault> {
        let field = Field::Bandwidth;
        let value = request
            .bandwidth_mbps
            .or(self.defaults().bandwidth_mbps)
            .ok_or(PlanFault::Missing { field })?;
        if self.bands(&edition.code).any(|band| band.mbps.has(value)) {
            return Ok(value);
        }
        let min = self
            .bands(&edition.code)
            .map(|band| band.mbps.min)
            .min()
            .unwrap_or(0);
        let max = self
            .bands(&edition.code)
            .map(|band| band.mbps.max)
            .max()
            .unwrap_or(0);
        if value < min || value > max {
            return Err(PlanFault::OutOfRange {
                field,
                value,
                min,
                max,
            });
        }
        // Between two bands the steps of the lower one are the nearest hint.
        let below = self
            .bands(&edition.code)
            .filter(|band| band.mbps.min <= value)
            .max_by_key(|band| band.mbps.min);
        let (min, step) = below.map_or((min, 1), |band| (band.mbps.min, band.mbps.step));
        Err(PlanFault::NotAStep {
            field,
            value,
            min,
            step,
        })
    }

    /// Partitions that come with a bandwidth, for editions that are sold in bands.
    pub fn partitions_included(&self, mbps: i64) -> i64 {
        let rows = self
            .file
            .included_partitions
            .iter()
            .filter(|row| row.from_mbps <= mbps);
        rows.max_by_key(|row| row.from_mbps)
            .map_or(0, |row| row.partitions)
    }

    fn draft_nodes(
        &self,
        edition: &Edition,
        request: &PlanRequest,
        version: &Version,
    ) -> Result<Draft, PlanFault> {
        let groups = self.node_groups_asked(edition, request, version)?;
        let mut modules = Vec::new();
        let mut disk_gb = 0_i64;
        for (group, class) in &groups {
            // A class that is sold by traffic is priced once, and so is its disk.
            let charged = if class.cluster_mbps.is_some() {
                1
            } else {
                group.count
            };
            let gb = group.disk_gb.saturating_mul(charged);
            disk_gb = disk_gb.saturating_add(gb);
            modules.push(Module::Nodes {
                class: class.code.clone(),
                count: charged,
            });
            modules.push(Module::Disk {
                edition: edition.code.clone(),
                disk_type: group.disk_type.clone(),
                gb,
            });
        }
        // `node_groups_asked` has made sure of exactly one group of brokers, and put it first.
        let Some((brokers, class)) = groups.first() else {
            return Err(PlanFault::Missing {
                field: Field::Nodes,
            });
        };
        let partitions = edition
            .partitions_per_broker
            .unwrap_or(0)
            .saturating_mul(brokers.count);
        Ok(Draft {
            spec: Some(class.code.clone()),
            per_account_max: None,
            brokers: u32::try_from(brokers.count)
                .map_err(|_| not_offered(Field::NodeCount, &brokers.count.to_string()))?,
            bandwidth_mbps: class.business_mbps,
            traffic: class.business_mbps.map(|mbps| Traffic {
                write_mbps: mbps,
                read_mbps: mbps,
            }),
            topics_bought: None,
            partitions_bought: None,
            topics_usable: partitions,
            partitions_usable: partitions,
            topics_for_groups: partitions,
            disk_type: brokers.disk_type.clone(),
            disk_gb,
            public_mbit: public_asked(edition, None, request)?,
            nodes: groups
                .iter()
                .map(|(group, class)| group.to_bought(class))
                .collect(),
            modules,
        })
    }

    fn node_groups_asked(
        &self,
        edition: &Edition,
        request: &PlanRequest,
        version: &Version,
    ) -> Result<Vec<(FilledGroup, &NodeClass)>, PlanFault> {
        let named = i64::try_from(request.nodes.len()).unwrap_or(i64::MAX);
        if request.nodes.is_empty() {
            return Err(PlanFault::Missing {
                field: Field::Nodes,
            });
        }
        if request.nodes.len() > LIST_LEN_MAX {
            return Err(PlanFault::OutOfRange {
                field: Field::Nodes,
                value: named,
                min: 1,
                max: i64::try_from(LIST_LEN_MAX).unwrap_or(i64::MAX),
            });
        }
        let mut groups: Vec<(FilledGroup, &NodeClass)> = Vec::new();
        for asked in &request.nodes {
            let group = self.node_group_filled(edition, asked)?;
            if groups.iter().any(|(other, _)| other.role == group.role) {
                return Err(PlanFault::Duplicate {
                    field: Field::NodeRole,
                    value: group.role,
                });
            }
            let class = self
                .node_class(&group.class)
                .ok_or_else(|| not_offered(Field::NodeClass, &group.class))?;
            if !class.versions.contains(&version.id) {
                return Err(PlanFault::Conflict {
                    a: Field::NodeClass,
                    b: Field::Version,
                });
            }
            groups.push((group, class));
        }
        let broker_role = edition.roles.first();
        groups.sort_by_key(|(group, _)| Some(&group.role) != broker_role);
        match groups.first() {
            Some((group, _)) if Some(&group.role) == broker_role => Ok(groups),
            _ => Err(PlanFault::Missing {
                field: Field::NodeRole,
            }),
        }
    }

    fn node_group_filled(
        &self,
        edition: &Edition,
        asked: &NodeGroup,
    ) -> Result<FilledGroup, PlanFault> {
        let defaults = self.defaults();
        let role = match (asked.role.as_str(), &defaults.node_role) {
            ("", None) => {
                return Err(PlanFault::Missing {
                    field: Field::NodeRole,
                });
            }
            ("", Some(role)) => role,
            (role, _) => role,
        };
        if !edition.roles.iter().any(|offered| offered == role) {
            return Err(not_offered(Field::NodeRole, role));
        }
        let class = asked.class.as_ref().or(defaults.node_class.as_ref());
        Ok(FilledGroup {
            role: role.to_owned(),
            class: class.cloned().ok_or(PlanFault::Missing {
                field: Field::NodeClass,
            })?,
            count: asked_in(
                Field::NodeCount,
                asked.count.or(defaults.node_count),
                edition.node_count,
            )?,
            disk_type: self.disk_type_asked(edition, asked.disk_type.as_deref())?,
            disk_gb: asked_in(
                Field::Disk,
                asked.disk_gb.or(defaults.disk_gb),
                edition.disk_gb,
            )?,
        })
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

/// A node group with nothing left open.
struct FilledGroup {
    role: String,
    class: String,
    count: i64,
    disk_type: String,
    disk_gb: i64,
}

impl FilledGroup {
    fn to_bought(&self, class: &NodeClass) -> NodeGroup {
        NodeGroup {
            role: self.role.clone(),
            class: Some(class.code.clone()),
            count: Some(self.count),
            disk_type: Some(self.disk_type.clone()),
            disk_gb: Some(self.disk_gb),
        }
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

fn not_offered(field: Field, value: &str) -> PlanFault {
    /// Longest part of a buyer's text that is said back, characters.
    const SHOWN_MAX: usize = 128;
    PlanFault::NotOffered {
        field,
        value: value.chars().take(SHOWN_MAX).collect(),
    }
}

/// A value that must be there and in its range; where there is no range nothing is sold.
fn asked_in(field: Field, asked: Option<i64>, range: Option<Range>) -> Result<i64, PlanFault> {
    let value = asked.ok_or(PlanFault::Missing { field })?;
    range
        .ok_or_else(|| not_offered(field, &value.to_string()))?
        .check(field, value)
}

/// Topics or partitions of a ladder row. Older orders buy topics, newer ones partitions; an order that
/// names both must mean the same by both, and is charged for partitions.
fn counts_of(edition: &Edition, spec: &Spec, request: &PlanRequest) -> Result<Counts, PlanFault> {
    // The loader refuses a ladder row without these.
    let (Some(topics), Some(partitions)) = (&spec.topics, &spec.partitions) else {
        return Err(not_offered(Field::Spec, &spec.code));
    };
    let per_topic = edition.partitions_per_extra_topic.unwrap_or(0);
    let Some(bought) = request.partitions else {
        let range = Range {
            min: topics.min,
            max: topics.max,
            step: 1,
        };
        let quota = asked_in(Field::Topics, request.topics, Some(range))?;
        let extra = quota - topics.included;
        return Ok(Counts {
            topics_bought: Some(quota),
            partitions_bought: None,
            topics_usable: quota * edition.topics_factor,
            partitions_usable: topics.partitions + extra.max(0) * per_topic,
            topics_for_groups: quota,
            module: Module::Topics {
                edition: edition.code.clone(),
                extra: extra.max(0),
            },
        });
    };
    let range = Range {
        min: 0,
        max: partitions.max - partitions.included,
        step: 1,
    };
    range.check(Field::Partitions, bought)?;
    let total = partitions.included + bought;
    if let Some(quota) = request.topics {
        // Two readings are in use: 16 partitions for each extra topic, and a quota equal to the total.
        let by_topics = quota
            .checked_sub(topics.included)
            .and_then(|extra| extra.checked_mul(per_topic));
        if by_topics != Some(bought) && quota != total {
            return Err(PlanFault::Conflict {
                a: Field::Topics,
                b: Field::Partitions,
            });
        }
    }
    Ok(Counts {
        topics_bought: request.topics,
        partitions_bought: Some(bought),
        topics_usable: total,
        partitions_usable: total,
        topics_for_groups: total,
        module: Module::Partitions {
            edition: edition.code.clone(),
            extra: bought,
        },
    })
}

fn public_asked(
    edition: &Edition,
    row: Option<Range>,
    request: &PlanRequest,
) -> Result<i64, PlanFault> {
    let field = Field::PublicBandwidth;
    match &edition.public {
        None => match request.public_mbit.unwrap_or(0) {
            0 => Ok(0),
            mbit => Err(not_offered(field, &mbit.to_string())),
        },
        // Without a public deployment the figure has no meaning, and clients send it all the same.
        Some(public) if public.by_deployment && !request.deploy_public => Ok(0),
        Some(public) => {
            let asked = request.public_mbit.or((!public.by_deployment).then_some(0));
            asked_in(field, asked, row.or(public.mbit))
        }
    }
}

fn with_public(mut modules: Vec<Module>, edition: &Edition, mbit: i64) -> Vec<Module> {
    if edition.public.is_some() {
        modules.push(Module::Public {
            edition: edition.code.clone(),
            mbit,
        });
    }
    modules
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
    Ok(UsableLimits {
        topics_max: times(Field::Topics, draft.topics_usable, 1)?,
        partitions_max: times(Field::Partitions, draft.partitions_usable, 1)?,
        partitions_count_replicas: edition.partitions_count_replicas,
        groups_max: times(Field::Topics, groups, 1)?,
        connections_max: times(Field::Spec, connections, 1)?,
        public_connections_max: times(Field::Spec, public_connections, 1)?,
        message_bytes_default: times(Field::Edition, edition.message_bytes.default, 1)?,
        message_bytes_max: times(Field::Edition, edition.message_bytes.max, 1)?,
        ingress_bytes_per_second_max: bytes(|traffic| traffic.write_mbps)?,
        egress_bytes_per_second_max: bytes(|traffic| traffic.read_mbps)?,
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
