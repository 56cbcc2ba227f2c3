//! The fields of each request, as Apache Kafka 4.1 defines them in its message definitions. Made by
//! `cargo xtask shapes`.

use kafka_protocol::messages::ApiKey;

use super::{LAST, Shape, array, bytes, fixed, list, nullable, text};

/// One row for each request that is served.
pub(super) const SHAPES: &[Shape] = &[
    Shape {
        key: ApiKey::Produce,
        flexible_from: 9,
        fields: &[
            text("transactional_id"),
            fixed("acks", 2),
            fixed("timeout_ms", 4),
            array(
                "topic_data",
                &[
                    text("name").only(0, 12),
                    fixed("topic_id", 16).only(13, LAST),
                    array("partition_data", &[fixed("index", 4), bytes("records")]),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::Fetch,
        flexible_from: 12,
        fields: &[
            fixed("replica_id", 4).only(0, 14),
            fixed("max_wait_ms", 4),
            fixed("min_bytes", 4),
            fixed("max_bytes", 4),
            fixed("isolation_level", 1),
            fixed("session_id", 4).only(7, LAST),
            fixed("session_epoch", 4).only(7, LAST),
            array(
                "topics",
                &[
                    text("topic").only(0, 12),
                    fixed("topic_id", 16).only(13, LAST),
                    array(
                        "partitions",
                        &[
                            fixed("partition", 4),
                            fixed("current_leader_epoch", 4).only(9, LAST),
                            fixed("fetch_offset", 8),
                            fixed("last_fetched_epoch", 4).only(12, LAST),
                            fixed("log_start_offset", 8).only(5, LAST),
                            fixed("partition_max_bytes", 4),
                        ],
                    ),
                ],
            ),
            array(
                "forgotten_topics_data",
                &[
                    text("topic").only(7, 12),
                    fixed("topic_id", 16).only(13, LAST),
                    list("partitions", &[fixed("", 4)]).only(7, LAST),
                ],
            )
            .only(7, LAST),
            text("rack_id").only(11, LAST),
        ],
    },
    Shape {
        key: ApiKey::ApiVersions,
        flexible_from: 3,
        fields: &[
            text("client_software_name").only(3, LAST),
            text("client_software_version").only(3, LAST),
        ],
    },
    Shape {
        key: ApiKey::ListOffsets,
        flexible_from: 6,
        fields: &[
            fixed("replica_id", 4),
            fixed("isolation_level", 1).only(2, LAST),
            array(
                "topics",
                &[
                    text("name"),
                    array(
                        "partitions",
                        &[
                            fixed("partition_index", 4),
                            fixed("current_leader_epoch", 4).only(4, LAST),
                            fixed("timestamp", 8),
                        ],
                    ),
                ],
            ),
            fixed("timeout_ms", 4).only(10, LAST),
        ],
    },
    Shape {
        key: ApiKey::Metadata,
        flexible_from: 9,
        fields: &[
            array(
                "topics",
                &[fixed("topic_id", 16).only(10, LAST), text("name")],
            ),
            fixed("allow_auto_topic_creation", 1).only(4, LAST),
            fixed("include_cluster_authorized_operations", 1).only(8, 10),
            fixed("include_topic_authorized_operations", 1).only(8, LAST),
        ],
    },
    Shape {
        key: ApiKey::OffsetCommit,
        flexible_from: 8,
        fields: &[
            text("group_id"),
            fixed("generation_id_or_member_epoch", 4),
            text("member_id"),
            text("group_instance_id").only(7, LAST),
            fixed("retention_time_ms", 8).only(2, 4),
            array(
                "topics",
                &[
                    text("name").only(0, 9),
                    fixed("topic_id", 16).only(10, LAST),
                    array(
                        "partitions",
                        &[
                            fixed("partition_index", 4),
                            fixed("committed_offset", 8),
                            fixed("committed_leader_epoch", 4).only(6, LAST),
                            text("committed_metadata"),
                        ],
                    ),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::OffsetFetch,
        flexible_from: 6,
        fields: &[
            text("group_id").only(0, 7),
            array(
                "topics",
                &[
                    text("name").only(0, 7),
                    list("partition_indexes", &[fixed("", 4)]).only(0, 7),
                ],
            )
            .only(0, 7),
            array(
                "groups",
                &[
                    text("group_id").only(8, LAST),
                    text("member_id").only(9, LAST),
                    fixed("member_epoch", 4).only(9, LAST),
                    array(
                        "topics",
                        &[
                            text("name").only(8, 9),
                            fixed("topic_id", 16).only(10, LAST),
                            list("partition_indexes", &[fixed("", 4)]).only(8, LAST),
                        ],
                    )
                    .only(8, LAST),
                ],
            )
            .only(8, LAST),
            fixed("require_stable", 1).only(7, LAST),
        ],
    },
    Shape {
        key: ApiKey::FindCoordinator,
        flexible_from: 3,
        fields: &[
            text("key").only(0, 3),
            fixed("key_type", 1).only(1, LAST),
            list("coordinator_keys", &[text("")]).only(4, LAST),
        ],
    },
    Shape {
        key: ApiKey::JoinGroup,
        flexible_from: 6,
        fields: &[
            text("group_id"),
            fixed("session_timeout_ms", 4),
            fixed("rebalance_timeout_ms", 4).only(1, LAST),
            text("member_id"),
            text("group_instance_id").only(5, LAST),
            text("protocol_type"),
            array("protocols", &[text("name"), bytes("metadata")]),
            text("reason").only(8, LAST),
        ],
    },
    Shape {
        key: ApiKey::Heartbeat,
        flexible_from: 4,
        fields: &[
            text("group_id"),
            fixed("generation_id", 4),
            text("member_id"),
            text("group_instance_id").only(3, LAST),
        ],
    },
    Shape {
        key: ApiKey::LeaveGroup,
        flexible_from: 4,
        fields: &[
            text("group_id"),
            text("member_id").only(0, 2),
            array(
                "members",
                &[
                    text("member_id").only(3, LAST),
                    text("group_instance_id").only(3, LAST),
                    text("reason").only(5, LAST),
                ],
            )
            .only(3, LAST),
        ],
    },
    Shape {
        key: ApiKey::SyncGroup,
        flexible_from: 4,
        fields: &[
            text("group_id"),
            fixed("generation_id", 4),
            text("member_id"),
            text("group_instance_id").only(3, LAST),
            text("protocol_type").only(5, LAST),
            text("protocol_name").only(5, LAST),
            array("assignments", &[text("member_id"), bytes("assignment")]),
        ],
    },
    Shape {
        key: ApiKey::DescribeGroups,
        flexible_from: 5,
        fields: &[
            list("groups", &[text("")]),
            fixed("include_authorized_operations", 1).only(3, LAST),
        ],
    },
    Shape {
        key: ApiKey::ListGroups,
        flexible_from: 3,
        fields: &[
            list("states_filter", &[text("")]).only(4, LAST),
            list("types_filter", &[text("")]).only(5, LAST),
        ],
    },
    Shape {
        key: ApiKey::SaslHandshake,
        flexible_from: LAST,
        fields: &[text("mechanism")],
    },
    Shape {
        key: ApiKey::CreateTopics,
        flexible_from: 5,
        fields: &[
            array(
                "topics",
                &[
                    text("name"),
                    fixed("num_partitions", 4),
                    fixed("replication_factor", 2),
                    array(
                        "assignments",
                        &[
                            fixed("partition_index", 4),
                            list("broker_ids", &[fixed("", 4)]),
                        ],
                    ),
                    array("configs", &[text("name"), text("value")]),
                ],
            ),
            fixed("timeout_ms", 4),
            fixed("validate_only", 1),
        ],
    },
    Shape {
        key: ApiKey::DeleteTopics,
        flexible_from: 4,
        fields: &[
            array(
                "topics",
                &[
                    text("name").only(6, LAST),
                    fixed("topic_id", 16).only(6, LAST),
                ],
            )
            .only(6, LAST),
            list("topic_names", &[text("")]).only(0, 5),
            fixed("timeout_ms", 4),
        ],
    },
    Shape {
        key: ApiKey::DeleteRecords,
        flexible_from: 2,
        fields: &[
            array(
                "topics",
                &[
                    text("name"),
                    array(
                        "partitions",
                        &[fixed("partition_index", 4), fixed("offset", 8)],
                    ),
                ],
            ),
            fixed("timeout_ms", 4),
        ],
    },
    Shape {
        key: ApiKey::InitProducerId,
        flexible_from: 2,
        fields: &[
            text("transactional_id"),
            fixed("transaction_timeout_ms", 4),
            fixed("producer_id", 8).only(3, LAST),
            fixed("producer_epoch", 2).only(3, LAST),
            fixed("enable2_pc", 1).only(6, LAST),
            fixed("keep_prepared_txn", 1).only(6, LAST),
        ],
    },
    Shape {
        key: ApiKey::OffsetForLeaderEpoch,
        flexible_from: 4,
        fields: &[
            fixed("replica_id", 4).only(3, LAST),
            array(
                "topics",
                &[
                    text("topic"),
                    array(
                        "partitions",
                        &[
                            fixed("partition", 4),
                            fixed("current_leader_epoch", 4),
                            fixed("leader_epoch", 4),
                        ],
                    ),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::DescribeConfigs,
        flexible_from: 4,
        fields: &[
            array(
                "resources",
                &[
                    fixed("resource_type", 1),
                    text("resource_name"),
                    list("configuration_keys", &[text("")]),
                ],
            ),
            fixed("include_synonyms", 1),
            fixed("include_documentation", 1).only(3, LAST),
        ],
    },
    Shape {
        key: ApiKey::AlterConfigs,
        flexible_from: 2,
        fields: &[
            array(
                "resources",
                &[
                    fixed("resource_type", 1),
                    text("resource_name"),
                    array("configs", &[text("name"), text("value")]),
                ],
            ),
            fixed("validate_only", 1),
        ],
    },
    Shape {
        key: ApiKey::AlterReplicaLogDirs,
        flexible_from: 2,
        fields: &[array(
            "dirs",
            &[
                text("path"),
                array(
                    "topics",
                    &[text("name"), list("partitions", &[fixed("", 4)])],
                ),
            ],
        )],
    },
    Shape {
        key: ApiKey::DescribeLogDirs,
        flexible_from: 2,
        fields: &[array(
            "topics",
            &[text("topic"), list("partitions", &[fixed("", 4)])],
        )],
    },
    Shape {
        key: ApiKey::SaslAuthenticate,
        flexible_from: 2,
        fields: &[bytes("auth_bytes")],
    },
    Shape {
        key: ApiKey::CreateDelegationToken,
        flexible_from: 2,
        fields: &[
            text("owner_principal_type").only(3, LAST),
            text("owner_principal_name").only(3, LAST),
            array(
                "renewers",
                &[text("principal_type"), text("principal_name")],
            ),
            fixed("max_lifetime_ms", 8),
        ],
    },
    Shape {
        key: ApiKey::RenewDelegationToken,
        flexible_from: 2,
        fields: &[bytes("hmac"), fixed("renew_period_ms", 8)],
    },
    Shape {
        key: ApiKey::ExpireDelegationToken,
        flexible_from: 2,
        fields: &[bytes("hmac"), fixed("expiry_time_period_ms", 8)],
    },
    Shape {
        key: ApiKey::DescribeDelegationToken,
        flexible_from: 2,
        fields: &[array(
            "owners",
            &[text("principal_type"), text("principal_name")],
        )],
    },
    Shape {
        key: ApiKey::CreatePartitions,
        flexible_from: 2,
        fields: &[
            array(
                "topics",
                &[
                    text("name"),
                    fixed("count", 4),
                    array("assignments", &[list("broker_ids", &[fixed("", 4)])]),
                ],
            ),
            fixed("timeout_ms", 4),
            fixed("validate_only", 1),
        ],
    },
    Shape {
        key: ApiKey::DeleteGroups,
        flexible_from: 2,
        fields: &[list("groups_names", &[text("")])],
    },
    Shape {
        key: ApiKey::ElectLeaders,
        flexible_from: 2,
        fields: &[
            fixed("election_type", 1).only(1, LAST),
            array(
                "topic_partitions",
                &[text("topic"), list("partitions", &[fixed("", 4)])],
            ),
            fixed("timeout_ms", 4),
        ],
    },
    Shape {
        key: ApiKey::IncrementalAlterConfigs,
        flexible_from: 1,
        fields: &[
            array(
                "resources",
                &[
                    fixed("resource_type", 1),
                    text("resource_name"),
                    array(
                        "configs",
                        &[text("name"), fixed("config_operation", 1), text("value")],
                    ),
                ],
            ),
            fixed("validate_only", 1),
        ],
    },
    Shape {
        key: ApiKey::ListConfigResources,
        flexible_from: 0,
        fields: &[list("resource_types", &[fixed("", 1)]).only(1, LAST)],
    },
    Shape {
        key: ApiKey::AlterPartitionReassignments,
        flexible_from: 0,
        fields: &[
            fixed("timeout_ms", 4),
            fixed("allow_replication_factor_change", 1).only(1, LAST),
            array(
                "topics",
                &[
                    text("name"),
                    array(
                        "partitions",
                        &[
                            fixed("partition_index", 4),
                            list("replicas", &[fixed("", 4)]),
                        ],
                    ),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::ListPartitionReassignments,
        flexible_from: 0,
        fields: &[
            fixed("timeout_ms", 4),
            array(
                "topics",
                &[text("name"), list("partition_indexes", &[fixed("", 4)])],
            ),
        ],
    },
    Shape {
        key: ApiKey::OffsetDelete,
        flexible_from: LAST,
        fields: &[
            text("group_id"),
            array(
                "topics",
                &[
                    text("name"),
                    array("partitions", &[fixed("partition_index", 4)]),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::DescribeCluster,
        flexible_from: 0,
        fields: &[
            fixed("include_cluster_authorized_operations", 1),
            fixed("endpoint_type", 1).only(1, LAST),
            fixed("include_fenced_brokers", 1).only(2, LAST),
        ],
    },
    Shape {
        key: ApiKey::DescribeQuorum,
        flexible_from: 0,
        fields: &[array(
            "topics",
            &[
                text("topic_name"),
                array("partitions", &[fixed("partition_index", 4)]),
            ],
        )],
    },
    Shape {
        key: ApiKey::DescribeTopicPartitions,
        flexible_from: 0,
        fields: &[
            array("topics", &[text("name")]),
            fixed("response_partition_limit", 4),
            nullable("cursor", &[text("topic_name"), fixed("partition_index", 4)]),
        ],
    },
    Shape {
        key: ApiKey::DescribeProducers,
        flexible_from: 0,
        fields: &[array(
            "topics",
            &[text("name"), list("partition_indexes", &[fixed("", 4)])],
        )],
    },
    Shape {
        key: ApiKey::AddPartitionsToTxn,
        flexible_from: 3,
        fields: &[
            array(
                "transactions",
                &[
                    text("transactional_id").only(4, LAST),
                    fixed("producer_id", 8).only(4, LAST),
                    fixed("producer_epoch", 2).only(4, LAST),
                    fixed("verify_only", 1).only(4, LAST),
                    array(
                        "topics",
                        &[text("name"), list("partitions", &[fixed("", 4)])],
                    )
                    .only(4, LAST),
                ],
            )
            .only(4, LAST),
            text("v3_and_below_transactional_id").only(0, 3),
            fixed("v3_and_below_producer_id", 8).only(0, 3),
            fixed("v3_and_below_producer_epoch", 2).only(0, 3),
            array(
                "v3_and_below_topics",
                &[text("name"), list("partitions", &[fixed("", 4)])],
            )
            .only(0, 3),
        ],
    },
    Shape {
        key: ApiKey::AddOffsetsToTxn,
        flexible_from: 3,
        fields: &[
            text("transactional_id"),
            fixed("producer_id", 8),
            fixed("producer_epoch", 2),
            text("group_id"),
        ],
    },
    Shape {
        key: ApiKey::EndTxn,
        flexible_from: 3,
        fields: &[
            text("transactional_id"),
            fixed("producer_id", 8),
            fixed("producer_epoch", 2),
            fixed("committed", 1),
        ],
    },
    Shape {
        key: ApiKey::TxnOffsetCommit,
        flexible_from: 3,
        fields: &[
            text("transactional_id"),
            text("group_id"),
            fixed("producer_id", 8),
            fixed("producer_epoch", 2),
            fixed("generation_id", 4).only(3, LAST),
            text("member_id").only(3, LAST),
            text("group_instance_id").only(3, LAST),
            array(
                "topics",
                &[
                    text("name"),
                    array(
                        "partitions",
                        &[
                            fixed("partition_index", 4),
                            fixed("committed_offset", 8),
                            fixed("committed_leader_epoch", 4).only(2, LAST),
                            text("committed_metadata"),
                        ],
                    ),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::DescribeTransactions,
        flexible_from: 0,
        fields: &[list("transactional_ids", &[text("")])],
    },
    Shape {
        key: ApiKey::ListTransactions,
        flexible_from: 0,
        fields: &[
            list("state_filters", &[text("")]),
            list("producer_id_filters", &[fixed("", 8)]),
            fixed("duration_filter", 8).only(1, LAST),
            text("transactional_id_pattern").only(2, LAST),
        ],
    },
    Shape {
        key: ApiKey::DescribeClientQuotas,
        flexible_from: 1,
        fields: &[
            array(
                "components",
                &[text("entity_type"), fixed("match_type", 1), text("match")],
            ),
            fixed("strict", 1),
        ],
    },
    Shape {
        key: ApiKey::AlterClientQuotas,
        flexible_from: 1,
        fields: &[
            array(
                "entries",
                &[
                    array("entity", &[text("entity_type"), text("entity_name")]),
                    array("ops", &[text("key"), fixed("value", 8), fixed("remove", 1)]),
                ],
            ),
            fixed("validate_only", 1),
        ],
    },
    Shape {
        key: ApiKey::DescribeUserScramCredentials,
        flexible_from: 0,
        fields: &[array("users", &[text("name")])],
    },
    Shape {
        key: ApiKey::AlterUserScramCredentials,
        flexible_from: 0,
        fields: &[
            array("deletions", &[text("name"), fixed("mechanism", 1)]),
            array(
                "upsertions",
                &[
                    text("name"),
                    fixed("mechanism", 1),
                    fixed("iterations", 4),
                    bytes("salt"),
                    bytes("salted_password"),
                ],
            ),
        ],
    },
    Shape {
        key: ApiKey::ConsumerGroupHeartbeat,
        flexible_from: 0,
        fields: &[
            text("group_id"),
            text("member_id"),
            fixed("member_epoch", 4),
            text("instance_id"),
            text("rack_id"),
            fixed("rebalance_timeout_ms", 4),
            list("subscribed_topic_names", &[text("")]),
            text("subscribed_topic_regex").only(1, LAST),
            text("server_assignor"),
            array(
                "topic_partitions",
                &[fixed("topic_id", 16), list("partitions", &[fixed("", 4)])],
            ),
        ],
    },
    Shape {
        key: ApiKey::ConsumerGroupDescribe,
        flexible_from: 0,
        fields: &[
            list("group_ids", &[text("")]),
            fixed("include_authorized_operations", 1),
        ],
    },
    Shape {
        key: ApiKey::DescribeAcls,
        flexible_from: 2,
        fields: &[
            fixed("resource_type_filter", 1),
            text("resource_name_filter"),
            fixed("pattern_type_filter", 1),
            text("principal_filter"),
            text("host_filter"),
            fixed("operation", 1),
            fixed("permission_type", 1),
        ],
    },
    Shape {
        key: ApiKey::CreateAcls,
        flexible_from: 2,
        fields: &[array(
            "creations",
            &[
                fixed("resource_type", 1),
                text("resource_name"),
                fixed("resource_pattern_type", 1),
                text("principal"),
                text("host"),
                fixed("operation", 1),
                fixed("permission_type", 1),
            ],
        )],
    },
    Shape {
        key: ApiKey::DeleteAcls,
        flexible_from: 2,
        fields: &[array(
            "filters",
            &[
                fixed("resource_type_filter", 1),
                text("resource_name_filter"),
                fixed("pattern_type_filter", 1),
                text("principal_filter"),
                text("host_filter"),
                fixed("operation", 1),
                fixed("permission_type", 1),
            ],
        )],
    },
];
