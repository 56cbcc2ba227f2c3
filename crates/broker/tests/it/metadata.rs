//! Metadata of topics that do not exist yet.

use crate::cluster::name;
use crate::support::{Client, host_at, spec};
use brokerage_broker::{ClusterSpec, Durability};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_because_it_was_asked_for_is_told_of_from_the_next_answer_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = host_at(dir.path(), Durability::Process);
    let spec = ClusterSpec {
        auto_create_topics: true,
        ..spec("c", 1)
    };
    host.ensure_cluster(spec).await.unwrap();
    let mut client = Client::connect(&host, "c", 0).await;
    // (whether it may be created, code and partitions of the answer)
    let cases = [(false, 3, 0), (false, 3, 0), (true, 3, 0), (true, 0, 1)];
    for (allowed, code, partitions) in cases {
        let wanted = MetadataRequestTopic::default().with_name(Some(name("new")));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![wanted]))
            .with_allow_auto_topic_creation(allowed);
        let told = client.call(request, 9).await;
        let topic = &told.topics[0];
        assert_eq!(
            (topic.error_code, topic.partitions.len()),
            (code, partitions)
        );
    }
}
