//! The part of a plan that depends on how its edition is sold: ladder, package, bands or nodes.

use super::load::Catalog;
use super::rate::Module;
use super::request::{Field, LIST_LEN_MAX, NodeGroup, PlanFault, PlanRequest, Site};
use super::schema::{Edition, NodeClass, Range, Spec, Version};

/// The part of a plan that depends on how the edition is sold.
pub(super) struct Draft {
    pub spec: Option<String>,
    pub per_account_max: Option<u32>,
    pub brokers: u32,
    pub bandwidth_mbps: Option<i64>,
    pub traffic: Option<Traffic>,
    pub topics_bought: Option<i64>,
    pub partitions_bought: Option<i64>,
    pub topics_usable: i64,
    pub partitions_usable: i64,
    /// Topics that the rule for groups counts.
    pub topics_for_groups: i64,
    pub disk_type: String,
    pub disk_gb: i64,
    pub public_mbit: i64,
    pub nodes: Vec<NodeGroup>,
    pub modules: Vec<Module>,
}

#[derive(Clone, Copy)]
pub(super) struct Traffic {
    pub write_mbps: i64,
    pub read_mbps: i64,
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
impl Catalog {
    /// The row that was asked for: by code, which wins, or by its bandwidth.
    fn spec_asked(&self, edition: &Edition, request: &PlanRequest) -> Result<&Spec, PlanFault> {
        if let Some(code) = request.spec.as_deref() {
            return self
                .spec_sold(&edition.code, code, request.site)
                .ok_or_else(|| {
                    let offered = self.specs_sold(edition, request.site);
                    not_one_of(Field::Spec, code, offered.map(|spec| &spec.code))
                });
        }
        let asked = request.bandwidth_mbps.or(self.defaults().bandwidth_mbps);
        let mbps = asked.ok_or(PlanFault::Missing { field: Field::Spec })?;
        self.specs_sold(edition, request.site)
            .find(|spec| spec.bandwidth_mbps == mbps)
            .ok_or_else(|| {
                let offered = self.specs_sold(edition, request.site);
                let offered = offered.map(|spec| spec.bandwidth_mbps);
                not_one_of(Field::Bandwidth, &mbps.to_string(), offered)
            })
    }

    /// The rows of an edition that a site sells.
    fn specs_sold(&self, edition: &Edition, site: Site) -> impl Iterator<Item = &Spec> {
        self.specs(&edition.code)
            .filter(move |spec| spec.site.is_none_or(|only| only == site))
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
            Err(not_one_of(Field::DiskType, code, &edition.disk_types))
        }
    }

    pub(super) fn draft_ladder(
        &self,
        edition: &Edition,
        request: &PlanRequest,
    ) -> Result<Draft, PlanFault> {
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

    /// The part of a ladder's plan that its topics or partitions are charged as: for a price inquiry that does not
    /// name a whole plan.
    ///
    /// # Errors
    /// [`PlanFault`], as [`Catalog::plan`] has it.
    pub fn counts_module(&self, request: &PlanRequest) -> Result<Module, PlanFault> {
        let edition = self.edition_asked(request)?;
        let spec = self.spec_asked(edition, request)?;
        Ok(counts_of(edition, spec, request)?.module)
    }

    pub(super) fn draft_package(
        &self,
        edition: &Edition,
        request: &PlanRequest,
    ) -> Result<Draft, PlanFault> {
        let spec = self.spec_asked(edition, request)?;
        // The loader refuses a package without figures.
        let fixed = spec
            .fixed
            .as_ref()
            .ok_or_else(|| not_offered(Field::Spec, &spec.code))?;
        for (field, asked, fixed) in [
            (
                Field::Bandwidth,
                request.bandwidth_mbps,
                spec.bandwidth_mbps,
            ),
            (Field::Partitions, request.partitions, fixed.partitions),
            (Field::Topics, request.topics, fixed.topics),
        ] {
            as_fixed(field, asked, fixed)?;
        }
        let disk_type = self.disk_type_asked(edition, request.disk_type.as_deref())?;
        let disk_gb = match request.disk_gb {
            Some(asked) if asked > fixed.disk_gb => {
                asked_in(Field::Disk, Some(asked), edition.disk_gb)?
            }
            Some(asked) if asked < fixed.disk_gb => {
                return Err(not_one_of(Field::Disk, &asked.to_string(), [fixed.disk_gb]));
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

    pub(super) fn draft_bands(
        &self,
        edition: &Edition,
        request: &PlanRequest,
    ) -> Result<Draft, PlanFault> {
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

    pub(super) fn draft_nodes(
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
            let class = self.node_class(&group.class).ok_or_else(|| {
                let offered = self.node_classes().iter().map(|class| &class.code);
                not_one_of(Field::NodeClass, &group.class, offered)
            })?;
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
            return Err(not_one_of(Field::NodeRole, role, &edition.roles));
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
/// The refusal of a value that is none of those that are offered.
pub(super) fn not_one_of<T: ToString>(
    field: Field,
    value: &str,
    offered: impl IntoIterator<Item = T>,
) -> PlanFault {
    /// Longest part of a buyer's text that is said back, characters.
    const SHOWN_MAX: usize = 128;
    let mut offered: Vec<String> = offered.into_iter().map(|one| one.to_string()).collect();
    offered.dedup();
    PlanFault::NotOffered {
        field,
        value: value.chars().take(SHOWN_MAX).collect(),
        offered,
    }
}

/// The same where what is offered is no list.
pub(super) fn not_offered(field: Field, value: &str) -> PlanFault {
    not_one_of::<String>(field, value, [])
}

/// A value that must be there and in its range; where there is no range nothing is sold.
pub(super) fn asked_in(
    field: Field,
    asked: Option<i64>,
    range: Option<Range>,
) -> Result<i64, PlanFault> {
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

/// A figure of a package, which comes with its row: to name another is to expect what nobody gets.
fn as_fixed(field: Field, asked: Option<i64>, fixed: i64) -> Result<(), PlanFault> {
    match asked.filter(|asked| *asked != fixed) {
        Some(other) => Err(not_one_of(field, &other.to_string(), [fixed])),
        None => Ok(()),
    }
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
