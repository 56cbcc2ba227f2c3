"""kafka-python: what it asks of a Kafka cluster. See ../README.md."""

import logging
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

import suite
from conformance import (
    BOOTSTRAP,
    RECORDS,
    REPLICATION_FACTOR,
    SASL_MECHANISM,
    SASL_PASSWORD,
    SASL_USERNAME,
    SECURITY_PROTOCOL,
    SSL_CA,
    TRANSACTION_TIMEOUT_MS,
    key_of,
    name_of,
    server_restart,
    value_of,
)
from suite import WAIT_SECONDS, check, equal, wait_until

# The client logs every connection that a restart cuts.
logging.disable(logging.CRITICAL)


def settings(**more: Any) -> dict[str, Any]:
    """How to reach the cluster through its door, and more."""
    door: dict[str, Any] = {"bootstrap_servers": BOOTSTRAP.split(","), "security_protocol": SECURITY_PROTOCOL}
    if SASL_MECHANISM:
        door["sasl_mechanism"] = SASL_MECHANISM
        door |= {"sasl_plain_username": SASL_USERNAME, "sasl_plain_password": SASL_PASSWORD}
    if SSL_CA:
        door["ssl_cafile"] = SSL_CA
    return door | more


@contextmanager
def admin() -> Iterator[KafkaAdminClient]:
    """An admin client; a new one each time, because it does not come back from a restart of the server."""
    client = KafkaAdminClient(**settings())
    try:
        yield client
    finally:
        client.close()


def partitions_of(name: str) -> list[list[int]]:
    """Replicas of each partition, as metadata shows them; empty while there is no such topic."""
    with admin() as client:
        (found,) = client.describe_topics([name])
    return [partition["replicas"] if "replicas" in partition else partition["replica_nodes"] for partition in found["partitions"]]


def topic(short: str, partitions: int = 1, **config: str) -> str:
    """Creates a topic and waits until metadata shows it."""
    name = name_of(short)
    config = {word.replace("_", "."): value for word, value in config.items()}
    with admin() as client:
        client.create_topics([NewTopic(name, partitions, REPLICATION_FACTOR, topic_configs=config)])
    expected = [REPLICATION_FACTOR] * partitions
    wait_until(f"{name} in metadata", lambda: [len(replicas) for replicas in partitions_of(name)] == expected)
    return name


def produce(name: str, count: int, **more: Any) -> None:
    """Writes numbered records and waits for each acknowledgement."""
    producer = KafkaProducer(**settings(acks="all", linger_ms=20, **more))
    try:
        futures = [
            producer.send(name, key=key_of(index), value=value_of(index), headers=[("of", key_of(index))])
            for index in range(count)
        ]
        for future in futures:
            future.get(WAIT_SECONDS)
    finally:
        producer.close(timeout=5)


def collect(consumer: KafkaConsumer, count: int) -> list[Any]:
    """Polls until so many records came."""
    seen: list[Any] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(seen) < count and time.monotonic() < deadline:
        for batch in consumer.poll(timeout_ms=500, max_records=count - len(seen)).values():
            seen += batch
    equal("records that came", len(seen), count)
    return seen


def member(name: str, group: str | None, **more: Any) -> KafkaConsumer:
    """A reader from the committed offset of a group, else from the beginning."""
    return KafkaConsumer(
        name, **settings(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more)
    )


def consume(name: str, count: int, group: str | None = None, commit: bool = False, **more: Any) -> list[Any]:
    """Reads so many records, as the only member of a group if one is named."""
    consumer = member(name, group, **more)
    try:
        seen = collect(consumer, count)
        if commit:
            consumer.commit()
        return seen
    finally:
        consumer.close()


def setting_of(name: str, setting: str) -> str:
    """One setting of a topic."""
    with admin() as client:
        found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return found["topic"][name][setting]["value"]


@check
def a_topic_is_created() -> None:
    topic("created", 3)


@check
def a_topic_cannot_be_created_twice() -> None:
    topic("twice")
    try:
        topic("twice")
    except TopicAlreadyExistsError:
        return
    raise AssertionError("created twice")


def round_trip(codec: str) -> None:
    """Writes with a codec over three partitions; every record must come back whole."""
    name = topic(f"codec-{codec}", 3)
    produce(name, RECORDS, compression_type=None if codec == "none" else codec)
    seen = {record.key: record for record in consume(name, RECORDS)}
    equal("distinct keys", len(seen), RECORDS)
    for index in range(RECORDS):
        record = seen[key_of(index)]
        equal("value", record.value, value_of(index))
        equal("headers", [tuple(header) for header in record.headers], [("of", key_of(index))])


@check
def records_travel_uncompressed() -> None:
    round_trip("none")


@check
def records_travel_with_gzip() -> None:
    round_trip("gzip")


@check
def records_travel_with_snappy() -> None:
    round_trip("snappy")


@check
def records_travel_with_lz4() -> None:
    round_trip("lz4")


@check
def records_travel_with_zstd() -> None:
    round_trip("zstd")


@check
def a_group_goes_on_where_it_committed() -> None:
    name, group = topic("resume"), name_of("resume-group")
    produce(name, 100)
    consumer = member(name, group)
    collect(consumer, 100)
    consumer.commit({TopicPartition(name, 0): OffsetAndMetadata(60, "", -1)})
    consumer.close()
    equal("first offset", consume(name, 40, group)[0].offset, 60)


@check
def records_and_commits_outlive_a_restart() -> None:
    name, group = topic("restart", 2), name_of("restart-group")
    produce(name, 1_000)
    consume(name, 1_000, group, commit=True)
    server_restart()
    produce(name, 50)
    equal("read after the commit", sorted(record.key for record in consume(name, 50, group)), sorted(map(key_of, range(50))))
    equal("read from the beginning", len(consume(name, 1_050)), 1_050)


@check
def two_members_share_the_partitions() -> None:
    name, group = topic("share", 6), name_of("share-group")
    assigned: dict[int, list[int]] = {}
    stop = threading.Event()

    def live(number: int) -> None:
        consumer = member(name, group, session_timeout_ms=10_000, heartbeat_interval_ms=1_000)
        while not stop.is_set():
            consumer.poll(200)
            assigned[number] = sorted(place.partition for place in consumer.assignment())
        consumer.close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(2)]
    try:
        threads[0].start()
        wait_until("one member has all", lambda: assigned.get(0) == list(range(6)))
        threads[1].start()
        halves = lambda: [len(assigned.get(number, [])) for number in range(2)] == [3, 3]
        wait_until("two members have half each", lambda: halves() and sorted(assigned[0] + assigned[1]) == list(range(6)))
    except AssertionError as error:
        raise AssertionError(f"{error}; assigned {assigned}") from error
    finally:
        stop.set()
        for thread in threads:
            if thread.ident:
                thread.join(WAIT_SECONDS)


@check
def an_idempotent_producer_leaves_no_gap() -> None:
    name = topic("idempotent")
    produce(name, RECORDS, enable_idempotence=True)
    places = [(record.offset, record.key) for record in consume(name, RECORDS)]
    equal("offsets and keys", places, [(index, key_of(index)) for index in range(RECORDS)])


@check
def only_committed_transactions_are_seen() -> None:
    name = topic("transactions")
    identity = {"transactional_id": name_of("transactions-id"), "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS}
    producer = KafkaProducer(**settings(**identity))
    try:
        producer.init_transactions()
        for word, end in (
            ("first", producer.commit_transaction),
            ("second", producer.abort_transaction),
            ("third", producer.commit_transaction),
        ):
            producer.begin_transaction()
            for index in range(10):
                producer.send(name, f"{word}-{index}".encode())
            producer.flush(WAIT_SECONDS)
            end()
    finally:
        producer.close(timeout=5)
    expected = [f"{word}-{index}".encode() for word in ("first", "third") for index in range(10)]
    seen = consume(name, 20, isolation_level="read_committed")
    equal("values", [record.value for record in seen], expected)


@check
def offsets_are_listed() -> None:
    name = topic("listed")
    produce(name, 10)
    place = TopicPartition(name, 0)
    consumer = KafkaConsumer(**settings())
    try:
        found = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
    finally:
        consumer.close()
    equal("earliest and latest", found, (0, 10))


@check
def settings_of_a_topic_are_described() -> None:
    equal("retention.ms", setting_of(topic("described", retention_ms="123456"), "retention.ms"), "123456")


@check
def a_setting_of_a_topic_is_altered() -> None:
    name = topic("altered")
    with admin() as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "77777"})])
    wait_until("retention.ms is altered", lambda: setting_of(name, "retention.ms") == "77777")


@check
def a_topic_gets_more_partitions() -> None:
    name = topic("grows")
    with admin() as client:
        client.create_partitions({name: NewPartitions(4)})
    wait_until("four partitions", lambda: len(partitions_of(name)) == 4)


@check
def a_group_is_listed_with_its_offsets() -> None:
    name, group = topic("grouped"), name_of("grouped-group")
    produce(name, 10)
    consume(name, 10, group, commit=True)
    with admin() as client:
        listed = [one["group_id"] for one in client.list_groups()]
        offsets = client.list_group_offsets(group)
    equal("listed", group in listed, True)
    equal("offsets", offsets, {group: {TopicPartition(name, 0): offsets[group][TopicPartition(name, 0)]}})
    equal("offset", offsets[group][TopicPartition(name, 0)].offset, 10)


@check
def a_deleted_topic_is_gone() -> None:
    name = topic("deleted")

    def listed() -> bool:
        with admin() as client:
            return name in client.list_topics()

    equal("listed", listed(), True)
    with admin() as client:
        client.delete_topics([name])
    wait_until("it is gone", lambda: not listed())


if __name__ == "__main__":
    suite.run()
