"""Ten thousand records through librdkafka, with every acknowledgement awaited, read back and compared."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from suite import WAIT_SECONDS, equal, unique

RECORDS = 10_000


def topic_create(bootstrap: str, topic: str, partitions: int = 3) -> None:
    """Creates a topic through Kafka's own protocol, for clouds whose API has no call for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(WAIT_SECONDS)


def _record(index: int) -> tuple[bytes, bytes]:
    return f"key-{index}".encode(), f"value-{index}-".encode() + b"x" * (index % 200)


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
