//! Settings of a cluster: what its owner may choose, one field a setting.
//!
//! Which of them are in force is for the engine to say; what it does not honour is kept and shown again all the same,
//! and stands in the list of parameters without effect of the dialect that takes it.
//!
//! ```
//! use brokerage_domain::cluster_settings::ClusterSettings;
//! let row = r#"{"log.retention.ms":"259200000","num.partitions":"12"}"#;
//! let settings: ClusterSettings = serde_json::from_str(row).unwrap();
//! assert_eq!((settings.retention_ms, settings.partitions), (Some(259_200_000), Some(12)));
//! assert_eq!(serde_json::to_string(&settings).unwrap(), row);
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The fields, their types and Kafka's names for them.
macro_rules! cluster_settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:ident, $kafka:literal;)+) => {
        /// Settings of a cluster; `None` where its owner chose nothing. Kept as a map of texts by Kafka's names.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        pub struct ClusterSettings {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $kafka, skip_serializing_if = "Option::is_none", serialize_with = "text")]
                pub $field: Option<$type>,
            )+
            /// What a row says of settings and nobody can read: such a cluster is not run, and its row is kept.
            #[serde(flatten)]
            pub unreadable: BTreeMap<String, String>,
        }

        impl<'de> Deserialize<'de> for ClusterSettings {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut texts = BTreeMap::<String, String>::deserialize(deserializer)?;
                let mut settings = Self::default();
                $(
                    if let Some(text) = texts.remove($kafka) {
                        match text.parse() {
                            Ok(value) => settings.$field = Some(value),
                            Err(_) => drop(settings.unreadable.insert($kafka.to_owned(), text)),
                        }
                    }
                )+
                Ok(settings)
            }
        }

        /// A setting of a cluster.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SettingName {
            $($(#[doc = $doc])+ $name,)+
        }

        impl SettingName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Kafka's name of it (`KafkaConfig`).
            pub const fn kafka_name(self) -> &'static str {
                match self {
                    $(Self::$name => $kafka,)+
                }
            }
        }

        impl ClusterSettings {
            /// Sets what `over` says and leaves the rest.
            pub fn extend(&mut self, over: Self) {
                $(
                    if over.$field.is_some() {
                        self.$field = over.$field;
                        self.unreadable.remove($kafka);
                    }
                )+
            }

            /// Which settings were chosen.
            pub fn chosen(&self) -> Vec<SettingName> {
                let all = [$((SettingName::$name, self.$field.is_some())),+];
                all.into_iter().filter_map(|(name, is_chosen)| is_chosen.then_some(name)).collect()
            }
        }
    };
}

// In the order of Kafka's names, as the maps of rows are.
cluster_settings! {
    /// Whether everybody may do everything with what no ACL is about.
    allow_everyone_if_no_acl_found: bool = AllowEveryoneIfNoAclFound, "allow.everyone.if.no.acl.found";
    /// What decides by ACLs, by the name of Kafka's class; empty where nothing does.
    authorizer_class: String = AuthorizerClass, "authorizer.class.name";
    /// Whether asking for a topic makes it.
    auto_create_topics: bool = AutoCreateTopics, "auto.create.topics.enable";
    /// Replicas of a topic that says no number.
    replication_factor: i16 = ReplicationFactor, "default.replication.factor";
    /// Bytes of a partition that are kept where a topic says nothing; -1 without a limit.
    retention_bytes: i64 = RetentionBytes, "log.retention.bytes";
    /// How long records are kept where a topic says nothing, ms.
    retention_ms: i64 = RetentionMs, "log.retention.ms";
    /// The largest batch where a topic says nothing, bytes.
    message_bytes_max: u64 = MessageBytesMax, "message.max.bytes";
    /// How many replicas have to have a record where a topic says nothing.
    min_insync_replicas: i32 = MinInsyncReplicas, "min.insync.replicas";
    /// Partitions of a topic that says no number.
    partitions: i32 = Partitions, "num.partitions";
    /// Who may do everything, as principals between semicolons.
    super_users: String = SuperUsers, "super.users";
    /// How long a transactional id is remembered that nobody uses, ms.
    transactional_id_expiration_ms: i64 = TransactionalIdExpirationMs, "transactional.id.expiration.ms";
    /// Whether a replica that is behind may lead where a topic says nothing.
    unclean_leader_election: bool = UncleanLeaderElection, "unclean.leader.election.enable";
}

/// Every value is a text, as in Kafka's own configuration.
fn text<T: std::fmt::Display, S: serde::Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, as maps of texts had them before there were fields.
    fn row_of_before() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("allow.everyone.if.no.acl.found", "false"),
            ("authorizer.class.name", ""),
            ("auto.create.topics.enable", "true"),
            ("default.replication.factor", "2"),
            ("log.retention.bytes", "-1"),
            ("log.retention.ms", "86400000"),
            ("message.max.bytes", "1048588"),
            ("min.insync.replicas", "2"),
            ("num.partitions", "3"),
            ("super.users", "User:a;User:b"),
            ("transactional.id.expiration.ms", "3600000"),
            ("unclean.leader.election.enable", "true"),
        ])
    }

    #[test]
    fn rows_of_before_are_read_and_written_back_to_the_byte() {
        let row = serde_json::to_string(&row_of_before()).unwrap();
        let settings: ClusterSettings = serde_json::from_str(&row).unwrap();
        assert_eq!(settings.chosen(), SettingName::ALL);
        assert_eq!(serde_json::to_string(&settings).unwrap(), row);
        let names = SettingName::ALL.iter().map(|name| name.kafka_name());
        assert!(names.eq(row_of_before().into_keys()));
        let empty: ClusterSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(
            (empty.chosen(), empty),
            (vec![], ClusterSettings::default())
        );
    }

    #[test]
    fn what_cannot_be_read_is_kept_and_takes_nothing_else_with_it() {
        let row = r#"{"log.retention.ms":"1","num.partitions":"many"}"#;
        let mut settings: ClusterSettings = serde_json::from_str(row).unwrap();
        assert_eq!(
            (settings.retention_ms, settings.partitions),
            (Some(1), None)
        );
        assert_eq!(settings.unreadable["num.partitions"], "many");
        assert_eq!(serde_json::to_string(&settings).unwrap(), row);
        settings.extend(ClusterSettings {
            partitions: Some(3),
            ..ClusterSettings::default()
        });
        assert_eq!(settings.unreadable, BTreeMap::new());
    }

    #[test]
    fn what_is_said_goes_over_what_was() {
        let mut settings = ClusterSettings {
            partitions: Some(3),
            retention_ms: Some(1),
            ..ClusterSettings::default()
        };
        settings.extend(ClusterSettings {
            retention_ms: Some(2),
            auto_create_topics: Some(false),
            ..ClusterSettings::default()
        });
        let expected = ClusterSettings {
            partitions: Some(3),
            retention_ms: Some(2),
            auto_create_topics: Some(false),
            ..ClusterSettings::default()
        };
        assert_eq!(settings, expected);
    }
}
