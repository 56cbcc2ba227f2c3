//! Every advertised version of every request gets an answer that they can read, whether it is a success or a
//! refusal.

use crate::support::{Administration, Client, batch, host_at, spec, topic};
use brokerage_broker::{Durability, Host};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Request, StrBytes};
use uuid::Uuid;

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

fn group(text: &str) -> GroupId {
    GroupId(StrBytes::from_string(text.to_owned()))
}

struct Bench {
    host: Host,
    client: Client,
    topic_id: Uuid,
    /// The advertised versions.
    told: Vec<(i16, i16, i16)>,
    covered: Vec<i16>,
}

impl Bench {
    async fn new(dir: &std::path::Path) -> Self {
        let host = host_at(dir, Durability::Process);
        host.ensure_cluster(spec("c", 1)).await.unwrap();
        host.create_topic("c", topic("t", 2)).await.unwrap();
        let mut client = Client::connect(&host, "c", 0).await;
        let told = client.call(ApiVersionsRequest::default(), 0).await;
        let told = told
            .api_keys
            .iter()
            .map(|key| (key.api_key, key.min_version, key.max_version))
            .collect();
        let topic_id = host.list_topics("c").await[0].id;
        Self {
            host,
            client,
            topic_id,
            told,
            covered: Vec::new(),
        }
    }

    /// Sends the request in all versions.
    async fn all<R: Request>(
        &mut self,
        from: i16,
        make: impl Fn(i16, Uuid) -> R,
    ) -> Vec<R::Response> {
        let (_, min, max) = *self
            .told
            .iter()
            .find(|(key, ..)| *key == R::KEY)
            .expect("the request is served");
        let mut answers = Vec::new();
        for version in min.max(from)..=max {
            answers.push(
                self.client
                    .call(make(version, self.topic_id), version)
                    .await,
            );
        }
        self.covered.push(R::KEY);
        answers
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_of_every_request_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(dir.path()).await;
    records(&mut bench).await;
    groups(&mut bench).await;
    consumer_groups(&mut bench).await;
    administration(&mut bench).await;
    transactions(&mut bench).await;
    quotas(&mut bench).await;
    operation(&mut bench).await;
    authentication(&mut bench).await;
    acls(&mut bench).await;
    bench.all(0, |_, _| ApiVersionsRequest::default()).await;
    let missing: Vec<i16> = bench
        .told
        .iter()
        .map(|(key, ..)| *key)
        .filter(|key| !bench.covered.contains(key))
        .collect();
    assert!(
        missing.is_empty(),
        "requests without a test here: {missing:?}"
    );
    let seen = bench.host.observe("c").unwrap();
    assert_eq!(seen.counters.connections_malformed, 0);
    bench.host.shutdown().await;
}

async fn records(bench: &mut Bench) {
    for (topic, partition, expected) in [("t", 0, 0), ("t", 9, 3), ("nowhere", 0, 3)] {
        let produced = bench
            .all(3, |version, id| {
                let data = PartitionProduceData::default()
                    .with_index(partition)
                    .with_records(Some(batch(&["a", "b"])));
                let data = TopicProduceData::default().with_partition_data(vec![data]);
                let data = match version {
                    ..=12 => data.with_name(name(topic)),
                    _ if topic == "t" => data.with_topic_id(id),
                    _ => data.with_topic_id(Uuid::from_u128(9)),
                };
                ProduceRequest::default()
                    .with_acks(-1)
                    .with_topic_data(vec![data])
            })
            .await;
        for (at, answer) in produced.iter().enumerate() {
            let code = answer.responses[0].partition_responses[0].error_code;
            let by_id = at + 3 >= 13 && topic != "t";
            assert_eq!(
                code,
                if by_id { 100 } else { expected },
                "version {}",
                at + 3
            );
        }
        let fetched = bench
            .all(0, |version, id| {
                let wanted = fetch_request::FetchPartition::default()
                    .with_partition(partition)
                    .with_partition_max_bytes(1 << 20);
                let wanted = fetch_request::FetchTopic::default().with_partitions(vec![wanted]);
                let wanted = match version {
                    ..=12 => wanted.with_topic(name(topic)),
                    _ if topic == "t" => wanted.with_topic_id(id),
                    _ => wanted.with_topic_id(Uuid::from_u128(9)),
                };
                FetchRequest::default()
                    .with_max_bytes(1 << 20)
                    .with_min_bytes(1)
                    .with_topics(vec![wanted])
            })
            .await;
        let got = fetched.iter().map(|answer| {
            answer.responses[0].partitions[0]
                .records
                .as_ref()
                .map_or(0, |r| r.len())
        });
        assert!(got.into_iter().all(|bytes| (bytes > 0) == (expected == 0)));
        for timestamp in [-1, -2, -3, 0] {
            bench
                .all(0, |_, _| {
                    let wanted = list_offsets_request::ListOffsetsPartition::default()
                        .with_partition_index(partition)
                        .with_timestamp(timestamp);
                    let wanted = list_offsets_request::ListOffsetsTopic::default()
                        .with_name(name(topic))
                        .with_partitions(vec![wanted]);
                    ListOffsetsRequest::default()
                        .with_replica_id(BrokerId(-1))
                        .with_topics(vec![wanted])
                })
                .await;
        }
        bench
            .all(0, |_, _| {
                let wanted = offset_for_leader_epoch_request::OffsetForLeaderPartition::default()
                    .with_partition(partition);
                let wanted = offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
                    .with_topic(name(topic))
                    .with_partitions(vec![wanted]);
                OffsetForLeaderEpochRequest::default().with_topics(vec![wanted])
            })
            .await;
        bench
            .all(0, |_, _| {
                let wanted = delete_records_request::DeleteRecordsPartition::default()
                    .with_partition_index(partition)
                    .with_offset(0);
                let wanted = delete_records_request::DeleteRecordsTopic::default()
                    .with_name(name(topic))
                    .with_partitions(vec![wanted]);
                DeleteRecordsRequest::default().with_topics(vec![wanted])
            })
            .await;
        bench
            .all(0, |_, _| {
                let wanted = describe_producers_request::TopicRequest::default()
                    .with_name(name(topic))
                    .with_partition_indexes(vec![partition]);
                DescribeProducersRequest::default().with_topics(vec![wanted])
            })
            .await;
        bench
            .all(0, |_, _| {
                let wanted =
                    metadata_request::MetadataRequestTopic::default().with_name(Some(name(topic)));
                MetadataRequest::default().with_topics(Some(vec![wanted]))
            })
            .await;
        bench
            .all(0, |_, _| {
                let wanted = describe_topic_partitions_request::TopicRequest::default()
                    .with_name(name(topic));
                DescribeTopicPartitionsRequest::default()
                    .with_topics(vec![wanted])
                    .with_response_partition_limit(1)
            })
            .await;
    }
    bench
        .all(1, |_, _| MetadataRequest::default().with_topics(None))
        .await;
    bench
        .all(0, |_, _| {
            DescribeLogDirsRequest::default().with_topics(None)
        })
        .await;
}

async fn groups(bench: &mut Bench) {
    bench
        .all(0, |version, _| match version {
            ..=3 => FindCoordinatorRequest::default().with_key("g".into()),
            _ => FindCoordinatorRequest::default().with_coordinator_keys(vec!["g".into()]),
        })
        .await;
    bench
        .all(0, |version, _| match version {
            ..=3 => FindCoordinatorRequest::default()
                .with_key("g".into())
                .with_key_type(i8::from(version > 0) * 2),
            _ => FindCoordinatorRequest::default()
                .with_coordinator_keys(vec!["g".into()])
                .with_key_type(2),
        })
        .await;
    let joined = bench
        .all(0, |version, _| {
            let protocol =
                join_group_request::JoinGroupRequestProtocol::default().with_name("range".into());
            let request = JoinGroupRequest::default()
                .with_group_id(group(&format!("g{version}")))
                .with_session_timeout_ms(10_000)
                .with_protocol_type("consumer".into())
                .with_protocols(vec![protocol]);
            let request = if version >= 1 {
                request.with_rebalance_timeout_ms(1_000)
            } else {
                request
            };
            // A static member is taken at once; others have to come back with an id.
            if version >= 5 {
                request.with_group_instance_id(Some("i".into()))
            } else {
                request
            }
        })
        .await;
    for (version, answer) in joined.iter().enumerate() {
        assert_eq!(
            answer.error_code,
            if version == 4 { 79 } else { 0 },
            "version {version}"
        );
    }
    let member = |version: i16| joined[version as usize].member_id.clone();
    let generation = |version: i16| joined[version as usize].generation_id;
    let synced = bench
        .all(0, |version, _| {
            let version = if version == 4 { 5 } else { version };
            let assignment = sync_group_request::SyncGroupRequestAssignment::default()
                .with_member_id(member(version))
                .with_assignment("x".into());
            SyncGroupRequest::default()
                .with_group_id(group(&format!("g{version}")))
                .with_generation_id(generation(version))
                .with_member_id(member(version))
                .with_assignments(vec![assignment])
        })
        .await;
    for (version, answer) in synced
        .iter()
        .enumerate()
        .filter(|(version, _)| *version < 5)
    {
        assert_eq!(
            (answer.error_code, &answer.assignment[..]),
            (0, &b"x"[..]),
            "version {version}"
        );
    }
    bench
        .all(0, |version, _| {
            HeartbeatRequest::default()
                .with_group_id(group("g3"))
                .with_member_id(member(3))
                .with_generation_id(i32::from(version))
        })
        .await;
    offsets(bench).await;
    bench
        .all(0, |version, _| match version {
            ..=2 => LeaveGroupRequest::default()
                .with_group_id(group("g0"))
                .with_member_id(member(0)),
            _ => {
                let leaving =
                    leave_group_request::MemberIdentity::default().with_member_id(member(1));
                LeaveGroupRequest::default()
                    .with_group_id(group("g1"))
                    .with_members(vec![leaving])
            }
        })
        .await;
    bench
        .all(0, |_, _| {
            DescribeGroupsRequest::default().with_groups(vec![
                group("g2"),
                group("nobody"),
                group("o"),
            ])
        })
        .await;
    bench.all(0, |_, _| ListGroupsRequest::default()).await;
    bench
        .all(0, |_, _| {
            DeleteGroupsRequest::default().with_groups_names(vec![group("g2"), group("nobody")])
        })
        .await;
}

async fn offsets(bench: &mut Bench) {
    for (topic, expected) in [("t", 0), ("nowhere", 3)] {
        let committed = bench
            .all(0, |_, _| {
                let at = offset_commit_request::OffsetCommitRequestPartition::default()
                    .with_committed_offset(5)
                    .with_committed_metadata(Some("note".into()));
                let at = offset_commit_request::OffsetCommitRequestTopic::default()
                    .with_name(name(topic))
                    .with_partitions(vec![at]);
                OffsetCommitRequest::default()
                    .with_group_id(group("o"))
                    .with_generation_id_or_member_epoch(-1)
                    .with_topics(vec![at])
            })
            .await;
        assert!(
            committed
                .iter()
                .all(|answer| answer.topics[0].partitions[0].error_code == expected)
        );
        let fetched = bench
            .all(0, |version, _| match version {
                ..=7 => {
                    let wanted = offset_fetch_request::OffsetFetchRequestTopic::default()
                        .with_name(name(topic))
                        .with_partition_indexes(vec![0]);
                    OffsetFetchRequest::default()
                        .with_group_id(group("o"))
                        .with_topics(Some(vec![wanted]))
                }
                _ => {
                    let wanted = offset_fetch_request::OffsetFetchRequestTopics::default()
                        .with_name(name(topic))
                        .with_partition_indexes(vec![0]);
                    let wanted = offset_fetch_request::OffsetFetchRequestGroup::default()
                        .with_group_id(group("o"))
                        .with_topics(Some(vec![wanted]));
                    OffsetFetchRequest::default().with_groups(vec![wanted])
                }
            })
            .await;
        let offset = |answer: &OffsetFetchResponse| match answer.groups.first() {
            Some(group) => group.topics[0].partitions[0].committed_offset,
            None => answer.topics[0].partitions[0].committed_offset,
        };
        assert!(
            fetched
                .iter()
                .all(|answer| offset(answer) == if expected == 0 { 5 } else { -1 })
        );
    }
    bench
        .all(0, |_, _| {
            let gone = offset_delete_request::OffsetDeleteRequestPartition::default();
            let gone = offset_delete_request::OffsetDeleteRequestTopic::default()
                .with_name(name("t"))
                .with_partitions(vec![gone]);
            OffsetDeleteRequest::default()
                .with_group_id(group("o"))
                .with_topics(vec![gone])
        })
        .await;
}

async fn consumer_groups(bench: &mut Bench) {
    let beaten = bench
        .all(0, |version, _| {
            ConsumerGroupHeartbeatRequest::default()
                .with_group_id(group(&format!("k{version}")))
                .with_member_id("m".into())
                .with_rebalance_timeout_ms(1_000)
                .with_subscribed_topic_names(Some(vec![name("t")]))
                .with_topic_partitions(Some(Vec::new()))
        })
        .await;
    for answer in &beaten {
        let assigned = answer.assignment.as_ref().unwrap();
        assert_eq!(
            (
                answer.error_code,
                &assigned.topic_partitions[0].partitions[..]
            ),
            (0, &[0, 1][..])
        );
    }
    bench
        .all(0, |_, _| {
            ConsumerGroupHeartbeatRequest::default()
                .with_group_id(group("k0"))
                .with_member_id("x".into())
                .with_member_epoch(7)
        })
        .await;
    let described = bench
        .all(0, |_, _| {
            ConsumerGroupDescribeRequest::default().with_group_ids(vec![
                group("k0"),
                group("nobody"),
                group("g3"),
            ])
        })
        .await;
    for answer in &described {
        let codes: Vec<i16> = answer.groups.iter().map(|group| group.error_code).collect();
        assert_eq!(codes, [0, 69, 69]);
        assert_eq!(answer.groups[0].group_state.as_str(), "Stable");
    }
    bench.all(0, |_, _| ListGroupsRequest::default()).await;
    bench
        .all(0, |_, _| {
            DescribeGroupsRequest::default().with_groups(vec![group("k0")])
        })
        .await;
}

async fn administration(bench: &mut Bench) {
    for topics in [None, Some("t"), Some("nowhere")] {
        bench
            .all(0, |_, _| {
                let wanted = |topic: &str| {
                    vec![
                        elect_leaders_request::TopicPartitions::default()
                            .with_topic(name(topic))
                            .with_partitions(vec![0, 9]),
                    ]
                };
                ElectLeadersRequest::default().with_topic_partitions(topics.map(wanted))
            })
            .await;
    }
    for _ in 0..2 {
        // The second round is refused: the topics are there.
        bench
            .all(0, |version, _| {
                let wanted = create_topics_request::CreatableTopic::default()
                    .with_name(name(&format!("new{version}")))
                    .with_num_partitions(1)
                    .with_replication_factor(1);
                CreateTopicsRequest::default()
                    .with_topics(vec![wanted])
                    .with_timeout_ms(1_000)
            })
            .await;
    }
    for count in [3, 1] {
        bench
            .all(0, |version, _| {
                let wanted = create_partitions_request::CreatePartitionsTopic::default()
                    .with_name(name(&format!("new{}", version + 2)))
                    .with_count(count)
                    .with_assignments(None);
                CreatePartitionsRequest::default().with_topics(vec![wanted])
            })
            .await;
    }
    for (kind, resource) in [(2, "t"), (2, "nowhere"), (4, "0"), (4, "77"), (9, "t")] {
        bench
            .all(0, |_, _| {
                let wanted = describe_configs_request::DescribeConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(resource.into())
                    .with_configuration_keys(None);
                DescribeConfigsRequest::default()
                    .with_resources(vec![wanted])
                    .with_include_synonyms(true)
            })
            .await;
        bench
            .all(0, |_, _| {
                let value = alter_configs_request::AlterableConfig::default()
                    .with_name("retention.ms".into())
                    .with_value(Some("5".into()));
                let wanted = alter_configs_request::AlterConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(resource.into())
                    .with_configs(vec![value]);
                AlterConfigsRequest::default().with_resources(vec![wanted])
            })
            .await;
        bench
            .all(0, |_, _| {
                let value = incremental_alter_configs_request::AlterableConfig::default()
                    .with_name("cleanup.policy".into())
                    .with_config_operation(2)
                    .with_value(Some("compact".into()));
                let wanted = incremental_alter_configs_request::AlterConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(resource.into())
                    .with_configs(vec![value]);
                IncrementalAlterConfigsRequest::default().with_resources(vec![wanted])
            })
            .await;
    }
    bench.all(0, |_, _| DescribeClusterRequest::default()).await;
    for _ in 0..2 {
        bench
            .all(0, |version, _| match version {
                ..=5 => DeleteTopicsRequest::default()
                    .with_topic_names(vec![name(&format!("new{}", version + 1))]),
                _ => {
                    let wanted = delete_topics_request::DeleteTopicState::default()
                        .with_name(Some(name("new7")));
                    DeleteTopicsRequest::default().with_topics(vec![wanted])
                }
            })
            .await;
    }
}

async fn transactions(bench: &mut Bench) {
    let id = |text: &str| TransactionalId(StrBytes::from_string(text.to_owned()));
    bench
        .all(0, |_, _| {
            InitProducerIdRequest::default()
                .with_transactional_id(None)
                .with_transaction_timeout_ms(-1)
        })
        .await;
    let given = bench
        .all(0, |version, _| {
            InitProducerIdRequest::default()
                .with_transactional_id(Some(id(&format!("x{version}"))))
                .with_transaction_timeout_ms(1_000)
        })
        .await;
    assert!(given.iter().all(|answer| answer.error_code == 0));
    let producer = given[0].producer_id;
    for (transactional_id, expected) in [("x0", 0), ("unknown", 49)] {
        let added = bench
            .all(0, |_, _| {
                let wanted = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
                    .with_name(name("t"))
                    .with_partitions(vec![0]);
                AddPartitionsToTxnRequest::default()
                    .with_v3_and_below_transactional_id(id(transactional_id))
                    .with_v3_and_below_producer_id(producer)
                    .with_v3_and_below_topics(vec![wanted])
            })
            .await;
        let code = |answer: &AddPartitionsToTxnResponse| {
            answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
        };
        assert!(added.iter().all(|answer| code(answer) == expected));
        bench
            .all(0, |_, _| {
                AddOffsetsToTxnRequest::default()
                    .with_transactional_id(id(transactional_id))
                    .with_producer_id(producer)
                    .with_group_id(group("o"))
            })
            .await;
        bench
            .all(0, |_, _| {
                let at = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
                    .with_committed_offset(8);
                let at = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
                    .with_name(name("t"))
                    .with_partitions(vec![at]);
                TxnOffsetCommitRequest::default()
                    .with_transactional_id(id(transactional_id))
                    .with_group_id(group("o"))
                    .with_producer_id(producer)
                    .with_generation_id(-1)
                    .with_topics(vec![at])
            })
            .await;
        bench
            .all(0, |_, _| {
                DescribeTransactionsRequest::default()
                    .with_transactional_ids(vec![id(transactional_id)])
            })
            .await;
        bench
            .all(0, |_, _| ListTransactionsRequest::default())
            .await;
        bench
            .all(0, |_, _| {
                EndTxnRequest::default()
                    .with_transactional_id(id(transactional_id))
                    .with_producer_id(producer)
                    .with_committed(true)
            })
            .await;
    }
}

async fn quotas(bench: &mut Bench) {
    for (kind, rate) in [("client-id", 5_000.0), ("ip", 5_000.0), ("user", -1.0)] {
        let altered = bench
            .all(0, |_, _| {
                let entity = alter_client_quotas_request::EntityData::default()
                    .with_entity_type(kind.into())
                    .with_entity_name(Some("somebody".into()));
                let op = alter_client_quotas_request::OpData::default()
                    .with_key("producer_byte_rate".into())
                    .with_value(rate);
                let entry = alter_client_quotas_request::EntryData::default()
                    .with_entity(vec![entity])
                    .with_ops(vec![op]);
                AlterClientQuotasRequest::default().with_entries(vec![entry])
            })
            .await;
        let expected = if kind == "client-id" { 0 } else { 42 };
        assert!(
            altered
                .iter()
                .all(|answer| answer.entries[0].error_code == expected)
        );
        let described = bench
            .all(0, |_, _| {
                let component = describe_client_quotas_request::ComponentData::default()
                    .with_entity_type(kind.into())
                    .with_match(Some("somebody".into()));
                DescribeClientQuotasRequest::default()
                    .with_components(vec![component])
                    .with_strict(true)
            })
            .await;
        for answer in &described {
            let found = answer.entries.as_ref().map_or(0, |entries| entries.len());
            assert_eq!(found, usize::from(kind == "client-id"));
        }
    }
}

async fn operation(bench: &mut Bench) {
    bench
        .all(0, |_, _| ListConfigResourcesRequest::default())
        .await;
    bench
        .all(0, |_, _| ListPartitionReassignmentsRequest::default())
        .await;
    bench
        .all(0, |_, _| {
            let wanted = alter_partition_reassignments_request::ReassignableTopic::default()
                .with_name(name("t"))
                .with_partitions(vec![Default::default()]);
            AlterPartitionReassignmentsRequest::default().with_topics(vec![wanted])
        })
        .await;
    bench
        .all(0, |_, _| {
            let wanted = alter_replica_log_dirs_request::AlterReplicaLogDirTopic::default()
                .with_name(name("t"))
                .with_partitions(vec![0]);
            let dir = alter_replica_log_dirs_request::AlterReplicaLogDir::default()
                .with_topics(vec![wanted]);
            AlterReplicaLogDirsRequest::default().with_dirs(vec![dir])
        })
        .await;
    let quorums = bench
        .all(0, |_, _| {
            let wanted = describe_quorum_request::TopicData::default()
                .with_topic_name(name("__cluster_metadata"))
                .with_partitions(vec![Default::default()]);
            DescribeQuorumRequest::default().with_topics(vec![wanted])
        })
        .await;
    let voters = |answer: &DescribeQuorumResponse| {
        let partition = &answer.topics[0].partitions[0];
        partition.current_voters.len()
    };
    assert!(quorums.iter().all(|answer| voters(answer) == 1));
    bench
        .all(0, |_, _| CreateDelegationTokenRequest::default())
        .await;
    bench
        .all(0, |_, _| RenewDelegationTokenRequest::default())
        .await;
    bench
        .all(0, |_, _| ExpireDelegationTokenRequest::default())
        .await;
    bench
        .all(0, |_, _| DescribeDelegationTokenRequest::default())
        .await;
}

/// On a listener that asks nobody who he is.
async fn authentication(bench: &mut Bench) {
    const ILLEGAL_SASL_STATE: i16 = 34;
    let handshakes = bench
        .all(0, |_, _| {
            SaslHandshakeRequest::default().with_mechanism("PLAIN".into())
        })
        .await;
    let codes = handshakes.iter().map(|answer| answer.error_code);
    assert!(codes.clone().all(|code| code == ILLEGAL_SASL_STATE) && codes.len() == 2);
    let tokens = bench
        .all(0, |_, _| SaslAuthenticateRequest::default())
        .await;
    let codes = tokens.iter().map(|answer| answer.error_code);
    assert!(codes.clone().all(|code| code == ILLEGAL_SASL_STATE) && codes.len() == 3);
    let deletion = alter_user_scram_credentials_request::ScramCredentialDeletion::default()
        .with_name("nobody".into())
        .with_mechanism(1);
    let request = AlterUserScramCredentialsRequest::default().with_deletions(vec![deletion]);
    let altered = bench.all(0, |_, _| request.clone()).await;
    assert_eq!(altered[0].results[0].error_code, 91);
    let described = bench
        .all(0, |_, _| DescribeUserScramCredentialsRequest::default())
        .await;
    assert_eq!(
        (described[0].error_code, described[0].results.len()),
        (0, 0)
    );
}

async fn acls(bench: &mut Bench) {
    let created = bench
        .all(0, |_, _| {
            let creation = create_acls_request::AclCreation::default()
                .with_resource_type(3)
                .with_resource_name("g".into())
                .with_resource_pattern_type(3)
                .with_principal("User:x".into())
                .with_host("*".into())
                .with_operation(3)
                .with_permission_type(3);
            CreateAclsRequest::default().with_creations(vec![creation])
        })
        .await;
    assert!(created.iter().all(|one| one.results[0].error_code == 0));
    let described = bench
        .all(0, |_, _| {
            DescribeAclsRequest::default()
                .with_resource_type_filter(3)
                .with_resource_name_filter(Some("g".into()))
                .with_pattern_type_filter(3)
                .with_principal_filter(None)
                .with_host_filter(None)
                .with_operation(1)
                .with_permission_type(1)
        })
        .await;
    assert!(described.iter().all(|one| one.resources[0].acls.len() == 1));
    let deleted = bench
        .all(0, |_, _| {
            let filter = delete_acls_request::DeleteAclsFilter::default()
                .with_resource_type_filter(3)
                .with_resource_name_filter(None)
                .with_pattern_type_filter(3)
                .with_principal_filter(None)
                .with_host_filter(None)
                .with_operation(1)
                .with_permission_type(1);
            DeleteAclsRequest::default().with_filters(vec![filter])
        })
        .await;
    let counts = deleted
        .iter()
        .map(|one| one.filter_results[0].matching_acls.len());
    assert_eq!(counts.sum::<usize>(), 1, "the first version deletes it");
}
