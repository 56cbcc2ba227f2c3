//! What settings mean, for people (KIP-569).

use crate::metadata::topic_config;

/// By name, in order. A broker's default of a topic's setting is told with the topic's text.
const TEXTS: &[(&str, &str)] = &[
    ("advertised.listeners", "Where clients are told to connect."),
    (
        "auto.create.topics.enable",
        "Whether asking for a topic makes it.",
    ),
    (
        "auto.leader.rebalance.enable",
        "Whether leaders go back to the first replica by themselves.",
    ),
    ("broker.id", "The id of the broker."),
    ("broker.rack", "Where the broker stands."),
    (
        "cleanup.policy",
        "What becomes of old records: they are deleted, or all but the last of each key are.",
    ),
    ("compression.gzip.level", "How hard gzip compresses."),
    ("compression.lz4.level", "How hard lz4 compresses."),
    (
        "compression.type",
        "How batches are compressed, or that they stay as the producer sent them.",
    ),
    ("compression.zstd.level", "How hard zstd compresses."),
    (
        "consumer.assignment.interval.ms",
        "The least time between two assignments of a group.",
    ),
    (
        "consumer.heartbeat.interval.ms",
        "How often members of a group of the consumer protocol send heartbeats.",
    ),
    (
        "consumer.session.timeout.ms",
        "How long a member of a group of the consumer protocol may be silent.",
    ),
    (
        "default.replication.factor",
        "Replicas of a topic that says no number.",
    ),
    (
        "delete.retention.ms",
        "How long a record that deletes its key is kept, for consumers that are behind.",
    ),
    ("delete.topic.enable", "Whether topics can be deleted."),
    (
        "file.delete.delay.ms",
        "How long files stay that are not used any more.",
    ),
    (
        "flush.messages",
        "After how many records they are written through to the disk.",
    ),
    (
        "flush.ms",
        "After what time records are written through to the disk.",
    ),
    (
        "follower.replication.throttled.replicas",
        "Replicas whose copying is held back where they are written.",
    ),
    (
        "group.consumer.assignors",
        "How partitions are assigned in groups of the consumer protocol.",
    ),
    (
        "group.consumer.heartbeat.interval.ms",
        "How often members of a group of the consumer protocol send heartbeats, where the group says nothing.",
    ),
    (
        "group.consumer.max.heartbeat.interval.ms",
        "The longest time between heartbeats that a group may set.",
    ),
    (
        "group.consumer.max.session.timeout.ms",
        "The longest silence of members that a group may set.",
    ),
    (
        "group.consumer.min.heartbeat.interval.ms",
        "The shortest time between heartbeats that a group may set.",
    ),
    (
        "group.consumer.min.session.timeout.ms",
        "The shortest silence of members that a group may set.",
    ),
    (
        "group.consumer.session.timeout.ms",
        "How long a member of a group of the consumer protocol may be silent, where the group says nothing.",
    ),
    (
        "group.initial.rebalance.delay.ms",
        "How long an empty group waits for more members than the first.",
    ),
    (
        "group.max.session.timeout.ms",
        "The longest silence that a member of a classic group may ask for.",
    ),
    ("group.max.size", "The most members of a group."),
    (
        "group.min.session.timeout.ms",
        "The shortest silence that a member of a classic group may ask for.",
    ),
    (
        "index.interval.bytes",
        "After how many bytes the index has another entry.",
    ),
    (
        "inter.broker.protocol.version",
        "The version in which brokers speak to each other.",
    ),
    ("interval.ms", "How often clients send their metrics."),
    (
        "leader.replication.throttled.replicas",
        "Replicas whose copying is held back where they are read.",
    ),
    (
        "local.retention.bytes",
        "How many bytes stay here of what is stored elsewhere, too.",
    ),
    (
        "local.retention.ms",
        "How long records stay here that are stored elsewhere, too.",
    ),
    ("log.dir", "Where records are kept."),
    ("log.dirs", "Where records are kept."),
    (
        "log.retention.check.interval.ms",
        "How often it is looked which records are old.",
    ),
    ("match", "Which clients are meant."),
    (
        "max.compaction.lag.ms",
        "How long a record may stay before it is compacted.",
    ),
    ("max.connections", "The most connections of clients."),
    ("max.message.bytes", "The largest batch of records."),
    (
        "max.request.partition.size.limit",
        "The most partitions that one answer describes.",
    ),
    (
        "message.downconversion.enable",
        "Whether records are converted for clients that do not know their format.",
    ),
    (
        "message.format.version",
        "The format in which records are kept.",
    ),
    (
        "message.timestamp.after.max.ms",
        "How far in the future a record's time may be.",
    ),
    (
        "message.timestamp.before.max.ms",
        "How far in the past a record's time may be.",
    ),
    (
        "message.timestamp.difference.max.ms",
        "How far from the broker's clock a record's time may be.",
    ),
    (
        "message.timestamp.type",
        "Whether a record's time is that of its producer or of its append.",
    ),
    ("metrics", "Which metrics clients send."),
    (
        "min.cleanable.dirty.ratio",
        "From which share of records that were not compacted on a log is compacted.",
    ),
    (
        "min.compaction.lag.ms",
        "How long a record stays before it may be compacted.",
    ),
    (
        "min.insync.replicas",
        "How many replicas have to have a record that all are asked to acknowledge.",
    ),
    ("node.id", "The id of the broker."),
    (
        "num.partitions",
        "Partitions of a topic that says no number.",
    ),
    (
        "offset.metadata.max.bytes",
        "The longest text beside a committed offset.",
    ),
    (
        "offsets.retention.check.interval.ms",
        "How often it is looked which offsets are old.",
    ),
    (
        "offsets.retention.minutes",
        "How long offsets of a group without members are kept.",
    ),
    (
        "offsets.topic.num.partitions",
        "Partitions of the topic of offsets.",
    ),
    (
        "offsets.topic.replication.factor",
        "Replicas of the topic of offsets.",
    ),
    (
        "preallocate",
        "Whether files have their size from the beginning.",
    ),
    (
        "producer.id.expiration.ms",
        "How long a producer is remembered that writes nothing.",
    ),
    (
        "remote.log.copy.disable",
        "Whether nothing more is stored elsewhere.",
    ),
    (
        "remote.log.delete.on.disable",
        "Whether what is stored elsewhere goes when that is switched off.",
    ),
    (
        "remote.storage.enable",
        "Whether records are stored elsewhere, too.",
    ),
    (
        "replica.selector.class",
        "How a consumer finds the replica that it reads from.",
    ),
    ("retention.bytes", "How many bytes of a partition are kept."),
    ("retention.ms", "How long records are kept."),
    ("segment.bytes", "The size of a file of records."),
    ("segment.index.bytes", "The size of an index."),
    (
        "segment.jitter.ms",
        "By how much files are begun earlier than their time, so that not all are at once.",
    ),
    (
        "segment.ms",
        "After what time another file of records is begun.",
    ),
    (
        "transaction.max.timeout.ms",
        "The longest time that a transaction may ask for.",
    ),
    (
        "transaction.state.log.num.partitions",
        "Partitions of the topic of transactions.",
    ),
    (
        "transaction.state.log.replication.factor",
        "Replicas of the topic of transactions.",
    ),
    (
        "transactional.id.expiration.ms",
        "How long a transactional id is remembered that nobody uses.",
    ),
    (
        "unclean.leader.election.enable",
        "Whether a replica that is behind may lead.",
    ),
];

fn own(name: &str) -> Option<&'static str> {
    let at = TEXTS
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()?;
    Some(TEXTS[at].1)
}

/// What a setting of a topic, a broker, a group or a subscription means.
pub(super) fn documentation(name: &str) -> Option<&'static str> {
    let of_topic = || {
        let mut texts = TEXTS.iter();
        let found = texts.find(|(known, _)| topic_config::broker_name(known) == Some(name));
        found.map(|(_, text)| *text)
    };
    own(name).or_else(of_topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_name() {
        assert!(
            TEXTS.is_sorted_by(|(a, _), (b, _)| a < b),
            "in order, once each"
        );
        assert_eq!(
            documentation("log.retention.ms"),
            documentation("retention.ms")
        );
        assert_eq!(documentation("nonsense"), None);
    }
}
