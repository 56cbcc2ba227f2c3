"""Ten thousand records through librdkafka, with every acknowledgement awaited, read back and compared."""

import json
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from suite import WAIT_SECONDS, equal, unique, wait_until

RECORDS = 10_000


def topic_create(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Creates a topic through Kafka's own protocol, for clouds whose API has no call for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(WAIT_SECONDS)


def broker_settings(bootstrap: str) -> dict[int, dict[str, str]]:
    """What each broker tells of its settings, by id and Kafka's names."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    told = {}
    for broker in sorted(admin.list_topics(timeout=WAIT_SECONDS).brokers):
        resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
        settings = admin.describe_configs([resource])[resource].result(WAIT_SECONDS)
        told[broker] = {name: entry.value for name, entry in settings.items()}
    return told


def racks(bootstrap: str) -> dict[int, str]:
    """The rack of each broker (`broker.rack`), by id."""
    return {broker: settings["broker.rack"] for broker, settings in broker_settings(bootstrap).items()}


def expect_settings(bootstrap: str, wanted: dict[str, str]) -> None:
    """Waits until every broker tells these settings."""

    def told() -> list[dict[str, str]]:
        brokers = broker_settings(bootstrap).values()
        return [{name: settings.get(name) for name in wanted} for settings in brokers]

    try:
        wait_until("in force", lambda: all(settings == wanted for settings in told()), 10)
    except AssertionError as error:
        raise AssertionError(f"{told()}, wanted {wanted}") from error


def replicas(bootstrap: str, topic: str) -> list[list[int]]:
    """The replicas of each partition, the leader first."""
    partitions = AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, WAIT_SECONDS).topics[topic].partitions
    return [sorted(p.replicas, key=lambda replica: replica != p.leader) for _, p in sorted(partitions.items())]


def fetches(bootstrap: str, topic: str, rack: str, count: int) -> dict[int, int]:
    """Reads `count` records of partition 0 as a consumer in a rack; how many fetches each broker was sent, by id."""
    sent: dict[int, int] = {}

    def on_statistics(text: str) -> None:
        for broker in json.loads(text)["brokers"].values():
            sent[broker["nodeid"]] = broker["req"].get("Fetch", 0)

    settings = {"group.id": unique("rack"), "enable.auto.commit": False, "client.rack": rack}
    settings |= {"statistics.interval.ms": 100, "stats_cb": on_statistics}
    consumer = Consumer({"bootstrap.servers": bootstrap, **settings})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        read, deadline = 0, time.monotonic() + WAIT_SECONDS
        while read < count and time.monotonic() < deadline:
            read += sum(not message.error() for message in consumer.consume(count - read, timeout=0.5))
        equal("records read", read, count)
        # Until the last of them is told.
        until = time.monotonic() + 1
        while time.monotonic() < until:
            consumer.poll(0.1)
        return {node: number for node, number in sent.items() if node >= 0}
    finally:
        consumer.close()


def bytes_per_second(bootstrap: str, topic: str, warm_up_s: float = 2, seconds: float = 6) -> float:
    """How many bytes of values a producer that never rests gets acknowledged a second, once it is warm."""
    value, acknowledged = b"x" * 50_000, [0]
    begin = time.monotonic() + warm_up_s
    end = begin + seconds

    def on_delivery(error: KafkaError | None, _) -> None:
        if not error and begin <= time.monotonic() < end:
            acknowledged[0] += len(value)

    settings = {"linger.ms": 5, "queue.buffering.max.kbytes": 8_192, "message.timeout.ms": 600_000}
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    while time.monotonic() < end:
        try:
            producer.produce(topic, value, on_delivery=on_delivery)
        except BufferError:
            producer.poll(0.05)
        producer.poll(0)
    producer.purge()
    producer.flush(WAIT_SECONDS)
    return acknowledged[0] / seconds


def _record(index: int) -> tuple[bytes, bytes]:
    return f"key-{index}".encode(), f"value-{index}-".encode() + b"x" * (index % 200)


def delivery(bootstrap: str, topic: str, value: bytes = b"one", **settings: object) -> str:
    """Writes one record with acks=all; `done`, or Kafka's name of the error."""
    told: list[str] = []

    def on_delivery(error: KafkaError | None, _) -> None:
        told.append(error.name() if error else "done")

    # Its own bound is not what is asked.
    settings = {"message.max.bytes": 100_000_000, "message.timeout.ms": int(WAIT_SECONDS * 1_000), **settings}
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", **settings})
    producer.produce(topic, value, on_delivery=on_delivery)
    producer.flush(WAIT_SECONDS)
    equal("records that were answered", len(told), 1)
    return told[0]


def produce(bootstrap: str, topic: str, count: int = RECORDS, **settings: object) -> dict[tuple[int, int], int]:
    """Writes records 0 to count with acks=all; returns (partition, offset) → record, as acknowledged."""
    acknowledged: dict[tuple[int, int], int] = {}
    failures: list[str] = []

    def report(index: int):
        def on_delivery(error: KafkaError | None, message) -> None:
            if error:
                failures.append(str(error))
            else:
                acknowledged[message.partition(), message.offset()] = index

        return on_delivery

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5, **settings})
    for index in range(count):
        key, value = _record(index)
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=report(index))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(WAIT_SECONDS)
    equal("records without acknowledgement", (left, failures[:3]), (0, []))
    equal("acknowledged records", len(acknowledged), count)
    return acknowledged


def expect_records(bootstrap: str, topic: str, acknowledged: dict[tuple[int, int], int]) -> None:
    """Reads the topic from its beginning; each acknowledged record must stand at its partition and offset."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader"), "enable.auto.commit": False})
    try:
        partitions = sorted({partition for partition, _ in acknowledged})
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        left = dict(acknowledged)
        deadline = time.monotonic() + WAIT_SECONDS
        while left and time.monotonic() < deadline:
            for message in consumer.consume(1_000, timeout=1.0):
                if message.error():
                    raise AssertionError(f"consuming: {message.error()}")
                place = message.partition(), message.offset()
                index = left.pop(place, None)
                if index is None:
                    raise AssertionError(f"a record that nobody was told of at {place}")
                equal(f"record at {place}", (message.key(), message.value()), _record(index))
        equal("records that did not come back", len(left), 0)
    finally:
        consumer.close()


def round_trip(bootstrap: str, topic: str) -> None:
    """Ten thousand records there and back."""
    expect_records(bootstrap, topic, produce(bootstrap, topic))
