//! Properties of an order: the codes and values of `Parameter.N` in a purchase and of `Config` in a price inquiry.
//!
//! The vendor publishes no list of them for Kafka. Two spellings are in use: the names of AliKafka's own parameters
//! (price tools and buy forms), and those that its order details show (`topic_quata` is spelt so there). Both are
//! understood, in any case of letters; [`Property::code`] is the first.

use std::collections::BTreeMap;

use brokerage_domain::catalog::{Field, PlanFault, PlanRequest};

/// Most properties of one order ("Value of N: 1 to 100").
pub const PROPERTIES_MAX: usize = 100;
/// Minutes in an hour of `msg_retain`.
pub const MINUTES_PER_HOUR: i64 = 60;
/// `DeployType` of a cluster that is reachable from the internet.
const DEPLOY_PUBLIC: i64 = 4;
/// `DeployType` of a cluster inside its private network only.
const DEPLOY_PRIVATE: i64 = 5;

/// A property, whichever spelling named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// Region.
    Region,
    /// Edition.
    SpecType,
    /// Row of the ladder; wins over [`Property::IoMax`].
    IoMaxSpec,
    /// Row of the ladder by its bandwidth, MB/s.
    IoMax,
    /// Disk type.
    DiskType,
    /// Disk, GB.
    DiskSize,
    /// Topics.
    TopicQuota,
    /// Partitions on top of the included ones.
    PartitionNum,
    /// Public bandwidth, Mbit/s.
    EipMax,
    /// 4 with public bandwidth, 5 without.
    DeployType,
    /// The same as a boolean: `true` without public bandwidth.
    VpcDeploy,
    /// Retention, hours.
    MsgRetain,
}

/// Every property with its spellings; the first is the one that we say.
const SPELLINGS: &[(Property, &[&str])] = &[
    (Property::Region, &["RegionId", "region"]),
    (Property::SpecType, &["SpecType", "spec_type"]),
    (Property::IoMaxSpec, &["IoMaxSpec", "IO_max_spec"]),
    (Property::IoMax, &["IoMax", "IO_max"]),
    (Property::DiskType, &["DiskType", "disk_type"]),
    (Property::DiskSize, &["DiskSize", "disk_size"]),
    (
        Property::TopicQuota,
        &["TopicQuota", "topic_quata", "topic_quota"],
    ),
    (Property::PartitionNum, &["PartitionNum", "partition_num"]),
    (Property::EipMax, &["EipMax", "eip_max", "eip"]),
    (Property::DeployType, &["DeployType", "deploy_type"]),
    (Property::VpcDeploy, &["VpcDeploy", "vpc_deploy"]),
    (Property::MsgRetain, &["MsgRetain", "msg_retain"]),
];

impl Property {
    /// The property that a code names.
    pub fn named(code: &str) -> Option<Self> {
        let spelt = |spellings: &[&str]| {
            spellings
                .iter()
                .any(|spelling| spelling.eq_ignore_ascii_case(code))
        };
        SPELLINGS
            .iter()
            .find(|(_, spellings)| spelt(spellings))
            .map(|(property, _)| *property)
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        SPELLINGS
            .iter()
            .find(|(property, _)| *property == self)
            .map_or("", |(_, spellings)| spellings[0])
    }

    /// The property that a field of a plan comes from.
    pub const fn of_field(field: Field) -> Self {
        match field {
            // A zone is named at the start of an instance, a version as well; nodes are not sold here.
            Field::Region | Field::Zone => Self::Region,
            Field::Edition
            | Field::Version
            | Field::Payment
            | Field::Nodes
            | Field::NodeRole
            | Field::NodeClass
            | Field::NodeCount => Self::SpecType,
            Field::Spec => Self::IoMaxSpec,
            Field::Bandwidth => Self::IoMax,
            Field::Topics => Self::TopicQuota,
            Field::Partitions => Self::PartitionNum,
            Field::Disk => Self::DiskSize,
            Field::DiskType => Self::DiskType,
            Field::PublicBandwidth | Field::ElasticBandwidth => Self::EipMax,
            Field::Retention => Self::MsgRetain,
        }
    }
}

/// What is wrong with properties. Values are not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertyFault {
    /// A code that names nothing.
    #[error("the property {code:?} is not known")]
    Unknown {
        /// The code, shortened.
        code: String,
    },
    /// One property named twice, perhaps in two spellings.
    #[error("the property {} is given twice", property.code())]
    Twice {
        /// Which.
        property: Property,
    },
    /// A value of the wrong form.
    #[error("the property {} must be {expected}", property.code())]
    Value {
        /// Which.
        property: Property,
        /// What it must be.
        expected: &'static str,
    },
    /// Two properties that cannot both hold.
    #[error("the properties {} and {} contradict each other", a.code(), b.code())]
    Conflict {
        /// One.
        a: Property,
        /// The other.
        b: Property,
    },
    /// More than one order may have.
    #[error("more than {PROPERTIES_MAX} properties")]
    TooMany,
    /// A configuration that is not a list of `code:value`.
    #[error("a configuration is a list of code:value, separated by commas")]
    Form,
    /// The catalog sells no such thing.
    #[error("{}: {fault}", Property::of_field(fault.field()).code())]
    Plan {
        /// Why.
        fault: PlanFault,
    },
}

impl From<PlanFault> for PropertyFault {
    /// In the unit of the property: retention is said in hours.
    fn from(fault: PlanFault) -> Self {
        let size = match fault.field() {
            Field::Retention => MINUTES_PER_HOUR,
            _ => 1,
        };
        let fault = fault.counted(size, 0);
        Self::Plan { fault }
    }
}

/// The properties of one order or inquiry. Empty values are as good as none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<Property, String>);

impl Properties {
    /// From codes and their values.
    ///
    /// # Errors
    /// [`PropertyFault`] for unknown and repeated codes, and too many of them.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<Self, PropertyFault> {
        if pairs.len() > PROPERTIES_MAX {
            return Err(PropertyFault::TooMany);
        }
        let mut properties = Self::default();
        for (code, value) in pairs {
            let property = Property::named(code.trim()).ok_or_else(|| unknown(code))?;
            if properties
                .0
                .insert(property, value.trim().to_owned())
                .is_some()
            {
                return Err(PropertyFault::Twice { property });
            }
        }
        properties.0.retain(|_, value| !value.is_empty());
        Ok(properties)
    }

    /// From the configuration of a price module: `DiskType:1,DiskSize:500,RegionId:cn-hangzhou`.
    ///
    /// # Errors
    /// As [`Self::from_pairs`], and for other forms.
    pub fn from_config(config: &str) -> Result<Self, PropertyFault> {
        let parts = config
            .split([',', ';'])
            .filter(|part| !part.trim().is_empty());
        let pairs = parts.map(|part| part.split_once(':').ok_or(PropertyFault::Form));
        Self::from_pairs(&pairs.collect::<Result<Vec<_>, _>>()?)
    }

    /// Adds those of another module of the same inquiry, which must not say otherwise.
    ///
    /// # Errors
    /// [`PropertyFault::Twice`] where two values differ.
    pub fn join(&mut self, other: Self) -> Result<(), PropertyFault> {
        for (property, value) in other.0 {
            match self.0.get(&property) {
                Some(before) if *before != value => return Err(PropertyFault::Twice { property }),
                _ => self.0.insert(property, value),
            };
        }
        Ok(())
    }

    /// The text of a property.
    pub fn text(&self, property: Property) -> Option<&str> {
        self.0.get(&property).map(String::as_str)
    }

    /// The number of a property.
    ///
    /// # Errors
    /// [`PropertyFault::Value`] where it is none.
    pub fn int(&self, property: Property) -> Result<Option<i64>, PropertyFault> {
        let expected = || PropertyFault::Value {
            property,
            expected: "a whole number",
        };
        let parse = |text: &str| text.parse().map_err(|_| expected());
        self.text(property).map(parse).transpose()
    }

    /// Whether the cluster gets public bandwidth: as it is said, or else whether any is ordered.
    fn deploy_public(&self) -> Result<bool, PropertyFault> {
        match self.public_said()? {
            Some(public) => Ok(public),
            None => Ok(self.int(Property::EipMax)?.is_some_and(|mbit| mbit > 0)),
        }
    }

    /// Whether it is said to have public bandwidth, or to have none.
    ///
    /// # Errors
    /// [`PropertyFault`] for other values, and where two properties contradict each other.
    pub fn public_said(&self) -> Result<Option<bool>, PropertyFault> {
        let said = match self.int(Property::DeployType)? {
            None => None,
            Some(DEPLOY_PUBLIC) => Some(true),
            Some(DEPLOY_PRIVATE) => Some(false),
            Some(_) => {
                return Err(PropertyFault::Value {
                    property: Property::DeployType,
                    expected: "4 or 5",
                });
            }
        };
        let private = match self.text(Property::VpcDeploy) {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
            Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
            Some(_) => {
                return Err(PropertyFault::Value {
                    property: Property::VpcDeploy,
                    expected: "true or false",
                });
            }
        };
        match (said, private) {
            (Some(public), Some(private)) if public == private => Err(PropertyFault::Conflict {
                a: Property::DeployType,
                b: Property::VpcDeploy,
            }),
            (said, private) => Ok(said.or(private.map(|private| !private))),
        }
    }

    /// What is asked for, in our words. `region` is where the caller is at home, for an order that names none.
    ///
    /// # Errors
    /// [`PropertyFault`] for values of the wrong form.
    pub fn plan_request(&self, prepaid: bool, region: &str) -> Result<PlanRequest, PropertyFault> {
        let text = |property| self.text(property).map(str::to_owned);
        let deploy_public = self.deploy_public()?;
        let public_mbit = self.int(Property::EipMax)?;
        let too_long = || PropertyFault::Value {
            property: Property::MsgRetain,
            expected: "a number of hours",
        };
        let minutes = |hours: i64| hours.checked_mul(MINUTES_PER_HOUR).ok_or_else(too_long);
        Ok(PlanRequest {
            region: text(Property::Region).unwrap_or_else(|| region.to_owned()),
            edition: text(Property::SpecType),
            spec: text(Property::IoMaxSpec),
            bandwidth_mbps: self.int(Property::IoMax)?,
            topics: self.int(Property::TopicQuota)?,
            partitions: self.int(Property::PartitionNum)?,
            disk_gb: self.int(Property::DiskSize)?,
            // "01" and "1" are one disk.
            disk_type: self.int(Property::DiskType)?.map(|code| code.to_string()),
            public_mbit: public_mbit.filter(|_| deploy_public),
            retention_minutes: self.int(Property::MsgRetain)?.map(minutes).transpose()?,
            deploy_public,
            prepaid,
            ..PlanRequest::default()
        })
    }
}

fn unknown(code: &str) -> PropertyFault {
    /// Longest part of a caller's code that is said back, characters.
    const SHOWN_MAX: usize = 64;
    PropertyFault::Unknown {
        code: code.chars().take(SHOWN_MAX).collect(),
    }
}

#[cfg(test)]
mod tests;
