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
            Field::PublicBandwidth => Self::EipMax,
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
    fn from(fault: PlanFault) -> Self {
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
            (Some(public), _) => Ok(public),
            (None, Some(private)) => Ok(!private),
            (None, None) => Ok(self.int(Property::EipMax)?.is_some_and(|mbit| mbit > 0)),
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_spellings_in_any_case_name_the_same_property() {
        for (property, spellings) in SPELLINGS {
            for spelling in *spellings {
                for code in [
                    (*spelling).to_owned(),
                    spelling.to_uppercase(),
                    spelling.to_lowercase(),
                ] {
                    assert_eq!(Property::named(&code), Some(*property), "{code}");
                }
            }
            assert_eq!(Property::named(property.code()), Some(*property));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let check = |config: &str, expected: &str| {
            let fault = Properties::from_config(config)
                .and_then(|properties| properties.plan_request(false, ""));
            assert_eq!(
                fault.err().map(|fault| fault.to_string()).as_deref(),
                Some(expected),
                "{config}"
            );
        };
        check("Size:1", "the property \"Size\" is not known");
        check(
            "DiskSize:500,disk_size:500",
            "the property DiskSize is given twice",
        );
        check(
            "DiskSize:half",
            "the property DiskSize must be a whole number",
        );
        check("DeployType:3", "the property DeployType must be 4 or 5");
        check(
            "vpc_deploy:maybe",
            "the property VpcDeploy must be true or false",
        );
        check(
            "DeployType:4,vpc_deploy:true",
            "the properties DeployType and VpcDeploy contradict each other",
        );
        check(
            "MsgRetain:9223372036854775807",
            "the property MsgRetain must be a number of hours",
        );
        check(
            "DiskSize",
            "a configuration is a list of code:value, separated by commas",
        );
        check(
            &"DiskSize:,".repeat(PROPERTIES_MAX + 1),
            "more than 100 properties",
        );
    }

    #[test]
    fn public_bandwidth_follows_the_deployment() {
        let check = |config: &str, expected: (bool, Option<i64>)| {
            let request = Properties::from_config(config)
                .unwrap()
                .plan_request(false, "")
                .unwrap();
            assert_eq!(
                (request.deploy_public, request.public_mbit),
                expected,
                "{config}"
            );
        };
        check("", (false, None));
        check("EipMax:0", (false, None));
        check("EipMax:10", (true, Some(10)));
        check("eip:10,DeployType:4", (true, Some(10)));
        check("eip:10,DeployType:5", (false, None));
        check("eip:10,vpc_deploy:TRUE", (false, None));
        check("eip:10,vpc_deploy:false,DeployType:4", (true, Some(10)));
        check("DeployType:4", (true, None));
    }

    type Pairs = Vec<(String, String)>;

    /// An order's properties, each with a spelling and a case, in some order.
    fn spelt() -> impl Strategy<Value = (Pairs, Pairs)> {
        const VALUES: [(Property, &str); 8] = [
            (Property::Region, "cn-hangzhou"),
            (Property::SpecType, "professional"),
            (Property::IoMaxSpec, "alikafka.hw.2xlarge"),
            (Property::DiskType, "1"),
            (Property::DiskSize, "500"),
            (Property::PartitionNum, "7"),
            (Property::EipMax, "3"),
            (Property::MsgRetain, "24"),
        ];
        let plain = VALUES.map(|(property, value)| (property.code().to_owned(), value.to_owned()));
        let spellings = |property: Property| {
            let row = SPELLINGS.iter().find(|(known, _)| *known == property);
            row.map_or(&[] as &[&str], |(_, spellings)| spellings)
        };
        let one = move |(property, value): (Property, &'static str)| {
            (prop::sample::select(spellings(property)), any::<u32>()).prop_map(
                move |(spelling, case)| {
                    let letter = |(at, letter): (usize, char)| match case >> (at % 32) & 1 {
                        0 => letter.to_ascii_lowercase(),
                        _ => letter.to_ascii_uppercase(),
                    };
                    (
                        spelling.chars().enumerate().map(letter).collect::<String>(),
                        value.to_owned(),
                    )
                },
            )
        };
        let all: Vec<_> = VALUES.into_iter().map(one).collect();
        all.prop_shuffle()
            .prop_map(move |other| (plain.to_vec(), other))
    }

    fn request(pairs: &[(String, String)]) -> PlanRequest {
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(code, value)| (code.as_str(), value.as_str()))
            .collect();
        Properties::from_pairs(&pairs)
            .unwrap()
            .plan_request(true, "elsewhere")
            .unwrap()
    }

    proptest! {
        #[test]
        fn spelling_case_and_order_mean_nothing((plain, other) in spelt()) {
            prop_assert_eq!(request(&plain), request(&other));
        }

        #[test]
        fn any_configuration_is_read_or_refused(config in "[A-Za-z_:,; 0-9]{0,80}") {
            if let Ok(properties) = Properties::from_config(&config) {
                // A configuration that says the same again adds nothing.
                let mut twice = properties.clone();
                prop_assert_eq!(twice.join(properties.clone()), Ok(()));
                prop_assert_eq!(twice, properties);
            }
        }
    }
}
