"""librdkafka (confluent-kafka): what it asks of a Kafka cluster, from codecs to compaction. See ../README.md."""

import threading
import time
from typing import Any, Iterable

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

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


def settings(**more: Any) -> dict[str, Any]:
    """How to reach the cluster through its door, and more; underscores stand for dots."""
    door: dict[str, Any] = {
        "bootstrap.servers": BOOTSTRAP,
        "security.protocol": SECURITY_PROTOCOL,
        "log_level": 2,
    }
    if SASL_MECHANISM:
        door |= {"sasl.mechanism": SASL_MECHANISM, "sasl.username": SASL_USERNAME, "sasl.password": SASL_PASSWORD}
    if SSL_CA:
        door["ssl.ca.location"] = SSL_CA
    return door | {word.replace("_", "."): value for word, value in more.items()}


ADMIN = AdminClient(settings())


def answers(futures: dict[Any, Any]) -> dict[Any, Any]:
    """Waits for every part of an admin call."""
    return {what: future.result(WAIT_SECONDS) for what, future in futures.items()}


def topic(short: str, partitions: int = 1, **config: str) -> str:
    """Creates a topic and waits until every broker's metadata would show it."""
    name = name_of(short)
    config = {word.replace("_", "."): value for word, value in config.items()}
    answers(ADMIN.create_topics([NewTopic(name, partitions, REPLICATION_FACTOR, config=config)]))

    def replicas() -> list[int]:
        seen = ADMIN.list_topics(name, timeout=WAIT_SECONDS).topics[name]
        return [] if seen.error else [len(partition.replicas) for partition in seen.partitions.values()]

    wait_until(f"{name} in metadata", lambda: replicas() == [REPLICATION_FACTOR] * partitions)
    return name


def records(count: int) -> list[tuple[bytes, bytes]]:
    """Numbered keys and values."""
    return [(key_of(index), value_of(index)) for index in range(count)]


def headers_of(key: bytes) -> list[tuple[str, bytes | None]]:
    """Headers of a record: one with a value, one without."""
    return [("of", key), ("nothing", None)]


def produce(name: str, pairs: Iterable[tuple[bytes, bytes]], partition: int = -1, **more: Any) -> list[Message]:
    """Writes the pairs and waits for each acknowledgement; fails with the first error."""
    delivered: list[Message] = []
    errors: list[KafkaError] = []
    producer = Producer(settings(linger_ms=20, message_timeout_ms=int(WAIT_SECONDS * 1000), **more))

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        if error:
            errors.append(error)
        else:
            delivered.append(message)

    written = 0
    for key, value in pairs:
        arguments = {"partition": partition, "headers": headers_of(key), "on_delivery": on_delivery}
        while True:
            try:
                producer.produce(name, value, key, **arguments)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        written += 1
    left = producer.flush(WAIT_SECONDS)
    if errors:
        raise KafkaException(errors[0])
    equal("records without acknowledgement", (left, written - len(delivered)), (0, 0))
    return delivered


def collect(consumer: Consumer, count: int, seconds: float = WAIT_SECONDS) -> list[Message]:
    """Polls until so many records came."""
    seen: list[Message] = []
    deadline = time.monotonic() + seconds
    last_error = None
    while len(seen) < count and time.monotonic() < deadline:
        for message in consumer.consume(min(count - len(seen), 500), 0.5):
            if message.error():
                last_error = message.error()
            else:
                seen.append(message)
    if len(seen) < count:
        raise AssertionError(f"{len(seen)} of {count} records came, last error: {last_error}")
    return seen


def member(name: str, group: str, **more: Any) -> Consumer:
    """A member of a group that reads from the committed offset, else from the beginning."""
    consumer = Consumer(settings(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more))
    consumer.subscribe([name])
    return consumer


def consume(name: str, count: int, group: str | None = None, commit: bool = False, **more: Any) -> list[Message]:
    """Reads so many records as the only member of a group."""
    consumer = member(name, group or suite.unique("reader"), **more)
    try:
        seen = collect(consumer, count)
        if commit:
            consumer.commit(asynchronous=False)
        return seen
    finally:
        consumer.close()


def watermarks(name: str) -> tuple[int, int]:
    """First and next offset of partition 0."""
    consumer = Consumer(settings(group_id="watermarks"))
    try:
        return consumer.get_watermark_offsets(TopicPartition(name, 0), WAIT_SECONDS)
    finally:
        consumer.close()


def refused(call: Any, *codes: int) -> KafkaError:
    """The call must fail with one of the codes."""
    try:
        answer = call()
    except KafkaException as refusal:
        error = refusal.args[0]
        if error.code() not in codes:
            raise AssertionError(f"refused with {error}") from refusal
        return error
    raise AssertionError(f"accepted with {answer!r:.200}")


def topic_config(name: str) -> dict[str, ConfigEntry]:
    """All settings of a topic."""
    (found,) = answers(ADMIN.describe_configs([ConfigResource(ResourceType.TOPIC, name)])).values()
    return found


@check
def metadata_names_the_cluster_and_its_brokers() -> None:
    metadata = ADMIN.list_topics(timeout=WAIT_SECONDS)
    if not metadata.cluster_id or len(metadata.brokers) < REPLICATION_FACTOR:
        raise AssertionError(f"cluster id {metadata.cluster_id!r}, brokers {metadata.brokers}")


@check
def a_topic_is_created() -> None:
    topic("created", 3)


@check
def a_topic_cannot_be_created_twice() -> None:
    name = topic("twice")
    again = [NewTopic(name, 1, REPLICATION_FACTOR)]
    refused(lambda: answers(ADMIN.create_topics(again)), KafkaError.TOPIC_ALREADY_EXISTS)


@check
def a_topic_needs_a_valid_name() -> None:
    invalid = [NewTopic(name_of("with space/and slash"), 1, REPLICATION_FACTOR)]
    refused(lambda: answers(ADMIN.create_topics(invalid)), KafkaError.TOPIC_EXCEPTION)


@check
def a_topic_does_not_come_from_writing_to_it() -> None:
    producer = Producer(settings(message_timeout_ms=8_000, topic_metadata_propagation_max_ms=2_000))
    outcomes: list[KafkaError | None] = []
    producer.produce(name_of("absent"), b"lost", on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(WAIT_SECONDS)
    codes = [error and error.code() for error in outcomes]
    if codes not in ([KafkaError.UNKNOWN_TOPIC_OR_PART], [KafkaError._UNKNOWN_TOPIC]):
        raise AssertionError(f"outcomes: {outcomes}")


def round_trip(codec: str) -> None:
    """Writes with a codec over three partitions; every record must come back whole, offsets without a gap."""
    name = topic(f"codec-{codec}", 3)
    expected = dict(records(RECORDS))
    produce(name, expected.items(), compression_type=codec)
    seen = consume(name, RECORDS)
    equal("distinct keys", len({message.key() for message in seen}), RECORDS)
    offsets: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for message in seen:
        equal("value", message.value(), expected[message.key()])
        equal("headers", message.headers(), headers_of(message.key()))
        offsets[message.partition()].append(message.offset())
    for partition, found in offsets.items():
        equal(f"offsets of partition {partition}", found, list(range(len(found))))


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
def a_record_keeps_its_timestamp_and_may_have_no_value() -> None:
    name = topic("tombstone")
    producer = Producer(settings())
    producer.produce(name, None, b"key", timestamp=1_700_000_000_123)
    equal("left", producer.flush(WAIT_SECONDS), 0)
    (message,) = consume(name, 1)
    equal("value", message.value(), None)
    equal("timestamp", message.timestamp(), (TIMESTAMP_CREATE_TIME, 1_700_000_000_123))


@check
def a_group_goes_on_where_it_committed() -> None:
    name, group = topic("resume"), name_of("resume-group")
    produce(name, records(100))
    consumer = member(name, group)
    collect(consumer, 100)
    consumer.commit(offsets=[TopicPartition(name, 0, 60)], asynchronous=False)
    consumer.close()
    equal("first offset", consume(name, 40, group)[0].offset(), 60)


@check
def records_and_commits_outlive_a_restart() -> None:
    name, group = topic("restart", 2), name_of("restart-group")
    produce(name, records(1_000))
    consume(name, 1_000, group, commit=True)
    server_restart()
    produce(name, records(50))
    equal("read after the commit", sorted(message.key() for message in consume(name, 50, group)), sorted(map(key_of, range(50))))
    equal("read from the beginning", len(consume(name, 1_050)), 1_050)


def two_members_share(short: str, **more: Any) -> None:
    """A second member takes half of the partitions over; together they read every record."""
    name, group = topic(f"share-{short}", 6), name_of(f"share-{short}-group")
    produce(name, records(600))
    assigned: dict[int, list[int]] = {}
    keys: set[bytes] = set()
    stop = threading.Event()

    def live(number: int) -> None:
        consumer = member(name, group, **more)
        try:
            while not stop.is_set():
                message = consumer.poll(0.2)
                if message and not message.error():
                    keys.add(message.key())
                assigned[number] = sorted(place.partition for place in consumer.assignment())
        finally:
            consumer.close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(2)]
    try:
        threads[0].start()
        wait_until("one member has all", lambda: assigned.get(0) == list(range(6)))
        threads[1].start()
        halves = lambda: [len(assigned.get(number, [])) for number in range(2)] == [3, 3]
        wait_until("two members have half each", lambda: halves() and sorted(assigned[0] + assigned[1]) == list(range(6)))
        wait_until("every record was seen", lambda: len(keys) == 600)
    except AssertionError as error:
        raise AssertionError(f"{error}; assigned {assigned}, {len(keys)} keys seen") from error
    finally:
        stop.set()
        for thread in threads:
            if thread.ident:
                thread.join(WAIT_SECONDS)


CLASSIC = {"session_timeout_ms": 10_000, "heartbeat_interval_ms": 1_000}


@check
def two_members_share_by_range() -> None:
    two_members_share("range", partition_assignment_strategy="range", **CLASSIC)


@check
def two_members_share_cooperatively() -> None:
    two_members_share("cooperative", partition_assignment_strategy="cooperative-sticky", **CLASSIC)


@check
def two_members_share_by_the_consumer_protocol() -> None:
    two_members_share("kip-848", group_protocol="consumer")


@check
def an_idempotent_producer_leaves_no_gap() -> None:
    name = topic("idempotent")
    produce(name, records(RECORDS), enable_idempotence=True)
    places = [(message.offset(), message.key()) for message in consume(name, RECORDS)]
    equal("offsets and keys", places, [(index, key_of(index)) for index in range(RECORDS)])


def transactional(short: str) -> Producer:
    """A producer with a transactional id, ready to begin."""
    producer = Producer(settings(transactional_id=name_of(short), transaction_timeout_ms=TRANSACTION_TIMEOUT_MS))
    producer.init_transactions(WAIT_SECONDS)
    return producer


@check
def only_committed_transactions_are_seen() -> None:
    name = topic("transactions")
    producer = transactional("transactions-id")
    for word, commit in (("first", True), ("second", False), ("third", True)):
        producer.begin_transaction()
        for index in range(10):
            producer.produce(name, f"{word}-{index}")
        equal("left", producer.flush(WAIT_SECONDS), 0)
        if commit:
            producer.commit_transaction(WAIT_SECONDS)
        else:
            producer.abort_transaction(WAIT_SECONDS)
    expected = [f"{word}-{index}".encode() for word in ("first", "third") for index in range(10)]
    seen = consume(name, 20, isolation_level="read_committed")
    equal("values", [message.value() for message in seen], expected)


@check
def an_open_transaction_is_not_seen() -> None:
    name = topic("open")
    producer = transactional("open-id")
    producer.begin_transaction()
    producer.produce(name, b"pending")
    equal("left", producer.flush(WAIT_SECONDS), 0)
    for level, expected in (("read_uncommitted", 1), ("read_committed", 0)):
        consumer = Consumer(
            settings(group_id=name_of("open-group"), isolation_level=level, enable_partition_eof=True)
        )
        consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
        seen = 0
        while (message := consumer.poll(WAIT_SECONDS)) and not message.error():
            seen += 1
        end = message and message.error() and message.error().code()
        consumer.close()
        equal(f"{level} up to the end", (seen, end), (expected, KafkaError._PARTITION_EOF))
    producer.abort_transaction(WAIT_SECONDS)


@check
def a_second_producer_fences_the_first() -> None:
    name = topic("fenced")
    first = transactional("fenced-id")
    first.begin_transaction()
    first.produce(name, b"of the first")
    first.flush(WAIT_SECONDS)
    transactional("fenced-id")

    def go_on() -> None:
        first.produce(name, b"of the fenced")
        first.commit_transaction(WAIT_SECONDS)

    refused(go_on, KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


@check
def a_transaction_commits_offsets_of_a_group() -> None:
    source, target, group = topic("source"), topic("target"), name_of("pipe-group")
    produce(source, records(20))
    consumer = member(source, group)
    seen = collect(consumer, 20)
    producer = transactional("pipe-id")
    producer.begin_transaction()
    for message in seen:
        producer.produce(target, message.value())
    offsets = [TopicPartition(source, 0, 20)]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), WAIT_SECONDS)
    producer.commit_transaction(WAIT_SECONDS)
    (committed,) = consumer.committed([TopicPartition(source, 0)], WAIT_SECONDS)
    consumer.close()
    equal("committed", committed.offset, 20)
    piped = consume(target, 20, isolation_level="read_committed")
    equal("piped", [message.value() for message in piped], [message.value() for message in seen])


@check
def offsets_are_listed_by_time() -> None:
    name = topic("listed")
    producer = Producer(settings())
    for second in range(10):
        producer.produce(name, b"tick", timestamp=1_700_000_000_000 + second * 1_000)
    equal("left", producer.flush(WAIT_SECONDS), 0)
    place = TopicPartition(name, 0)
    for what, spec, expected in (
        ("earliest", OffsetSpec.earliest(), 0),
        ("latest", OffsetSpec.latest(), 10),
        ("at 4.5 s", OffsetSpec.for_timestamp(1_700_000_004_500), 5),
        ("of the greatest timestamp", OffsetSpec.max_timestamp(), 9),
    ):
        equal(what, answers(ADMIN.list_offsets({place: spec}))[place].offset, expected)


@check
def a_topic_gets_more_partitions() -> None:
    name = topic("grows")
    answers(ADMIN.create_partitions([NewPartitions(name, 4)]))
    wait_until("four partitions", lambda: len(ADMIN.list_topics(name, timeout=WAIT_SECONDS).topics[name].partitions) == 4)
    (written,) = produce(name, records(1), partition=3)
    equal("place", (written.partition(), written.offset()), (3, 0))


@check
def settings_of_a_topic_are_described_with_defaults() -> None:
    found = topic_config(topic("described", retention_ms="123456"))
    equal("retention.ms", (found["retention.ms"].value, found["retention.ms"].is_default), ("123456", False))
    equal("cleanup.policy", (found["cleanup.policy"].value, found["cleanup.policy"].is_default), ("delete", True))


@check
def settings_of_a_broker_are_described() -> None:
    broker = min(ADMIN.list_topics(timeout=WAIT_SECONDS).brokers)
    (found,) = answers(ADMIN.describe_configs([ConfigResource(ResourceType.BROKER, str(broker))])).values()
    if "log.retention.ms" not in found and "log.retention.hours" not in found:
        raise AssertionError(f"no retention among {len(found)} settings")


@check
def one_setting_of_a_topic_is_altered() -> None:
    name = topic("altered", max_message_bytes="5000")
    change = ConfigEntry("retention.ms", "77777", incremental_operation=AlterConfigOpType.SET)
    answers(
        ADMIN.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])])
    )
    wait_until("retention.ms is altered", lambda: topic_config(name)["retention.ms"].value == "77777")
    equal("the other setting", topic_config(name)["max.message.bytes"].value, "5000")


@check
def records_are_deleted_up_to_an_offset() -> None:
    name = topic("shortened")
    produce(name, records(100))
    (deleted,) = answers(ADMIN.delete_records([TopicPartition(name, 0, 30)])).values()
    equal("low watermark", deleted.low_watermark, 30)
    equal("first offset", consume(name, 70)[0].offset(), 30)


@check
def a_group_is_listed_described_altered_and_deleted() -> None:
    name, group = topic("grouped"), name_of("grouped-group")
    produce(name, records(10))
    consume(name, 10, group, commit=True)
    listed = [one.group_id for one in ADMIN.list_consumer_groups().result(WAIT_SECONDS).valid]
    equal("listed", group in listed, True)
    described = ADMIN.describe_consumer_groups([group])[group].result(WAIT_SECONDS)
    equal("state and members", (described.state.name, described.members), ("EMPTY", []))
    asked = [ConsumerGroupTopicPartitions(group)]
    found = ADMIN.list_consumer_group_offsets(asked)[group].result(WAIT_SECONDS).topic_partitions
    equal("offsets", [(place.topic, place.partition, place.offset) for place in found], [(name, 0, 10)])
    wanted = [ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 3)])]
    ADMIN.alter_consumer_group_offsets(wanted)[group].result(WAIT_SECONDS)
    equal("first offset after the change", consume(name, 7, group)[0].offset(), 3)
    ADMIN.delete_consumer_groups([group])[group].result(WAIT_SECONDS)
    listed = [one.group_id for one in ADMIN.list_consumer_groups().result(WAIT_SECONDS).valid]
    equal("listed after deletion", group in listed, False)


@check
def a_scram_user_is_made_described_and_deleted() -> None:
    user, mechanism = name_of("scram-user"), ScramMechanism.SCRAM_SHA_256
    credential = UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), b"example-secret")
    answers(ADMIN.alter_user_scram_credentials([credential]))

    def described() -> list[tuple[ScramMechanism, int]]:
        found = answers(ADMIN.describe_user_scram_credentials([user]))[user]
        return [(info.mechanism, info.iterations) for info in found.scram_credential_infos]

    wait_until("the user is described", lambda: described() == [(mechanism, 4096)])
    answers(ADMIN.alter_user_scram_credentials([UserScramCredentialDeletion(user, mechanism)]))

    def gone() -> bool:
        try:
            described()
        except KafkaException as refusal:
            return refusal.args[0].code() == KafkaError.RESOURCE_NOT_FOUND
        return False

    wait_until("the user is gone", gone)


def a_wrong_password_is_refused() -> None:
    errors: list[KafkaError] = []
    stranger = AdminClient(settings(sasl_password=SASL_PASSWORD + "-wrong") | {"error_cb": errors.append})
    refused(lambda: stranger.list_topics(timeout=6), KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._AUTHENTICATION)
    stranger.poll(1)
    if KafkaError._AUTHENTICATION not in [error.code() for error in errors]:
        raise AssertionError(f"the client was told {[str(error) for error in errors][:3]}")


if SASL_MECHANISM:
    check(a_wrong_password_is_refused)


@check
def an_access_rule_is_made_described_and_deleted() -> None:
    name, principal = name_of("ruled"), f"User:{name_of('somebody')}"
    literal, read = ResourcePatternType.LITERAL, AclOperation.READ
    rule = AclBinding(ResourceType.TOPIC, name, literal, principal, "*", read, AclPermissionType.ALLOW)
    answers(ADMIN.create_acls([rule]))
    any_rule = AclBindingFilter(
        ResourceType.TOPIC, name, literal, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    described = lambda: ADMIN.describe_acls(any_rule).result(WAIT_SECONDS)
    wait_until("the rule is described", lambda: described() == [rule])
    answers(ADMIN.delete_acls([any_rule]))
    wait_until("the rule is gone", lambda: not described())


@check
def a_record_larger_than_its_topic_allows_is_refused() -> None:
    name = topic("narrow", max_message_bytes="2000")
    refused(lambda: produce(name, [(b"key", b"x" * 5_000)]), KafkaError.MSG_SIZE_TOO_LARGE)
    produce(name, [(b"key", b"x" * 500)])


@check
def a_deleted_topic_comes_back_empty() -> None:
    name = topic("deleted")
    produce(name, records(10))
    answers(ADMIN.delete_topics([name]))
    wait_until("it is gone", lambda: name not in ADMIN.list_topics(timeout=WAIT_SECONDS).topics)
    topic("deleted")
    equal("offsets", watermarks(name), (0, 0))


@check
def old_records_are_deleted() -> None:
    short = {"retention_ms": "3000", "segment_ms": "1000", "file_delete_delay_ms": "100", "segment_bytes": "1048576"}
    name = topic("aged", **short)
    produce(name, records(50))
    time.sleep(2)  # The record after them stands in a segment of its own.
    produce(name, records(1))
    wait_until("fifty records are gone", lambda: watermarks(name)[0] >= 50)


@check
def only_the_newest_record_of_a_key_is_kept() -> None:
    name = topic(
        "compacted",
        cleanup_policy="compact",
        segment_ms="1000",
        min_cleanable_dirty_ratio="0.01",
        min_compaction_lag_ms="0",
        max_compaction_lag_ms="1500",
        segment_bytes="1048576",
    )
    for generation in range(3):
        produce(name, ((key_of(index), f"{index}-{generation}".encode()) for index in range(20)))
        time.sleep(1.2)  # Each generation stands in a segment of its own.
    produce(name, [(b"newest", b"newest")])
    expected = {key_of(index): f"{index}-2".encode() for index in range(20)} | {b"newest": b"newest"}

    def left() -> list[tuple[bytes, bytes]]:
        consumer = Consumer(settings(group_id=name_of("compacted-group"), enable_partition_eof=True))
        consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
        seen = []
        while (message := consumer.poll(WAIT_SECONDS)) and not message.error():
            seen.append((message.key(), message.value()))
        consumer.close()
        return seen

    wait_until("one record a key", lambda: sorted(left()) == sorted(expected.items()))


if __name__ == "__main__":
    suite.run()
