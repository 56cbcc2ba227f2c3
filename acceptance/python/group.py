"""Groups, users and their rights through librdkafka, for suites that look at the same through a vendor's API."""

from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from suite import WAIT_SECONDS, equal, wait_until


def write(bootstrap: str, topic: str, partition: int, count: int) -> None:
    """Writes `value 0`, `value 1` … to one partition and awaits each acknowledgement."""
    failures: list[str] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for index in range(count):
        producer.produce(
            topic,
            f"value {index}",
            f"key {index}",
            partition=partition,
            on_delivery=lambda error, _: error and failures.append(str(error)),
        )
    equal("unacknowledged", (producer.flush(WAIT_SECONDS), failures[:1]), (0, []))


def commit(bootstrap: str, group: str, topic: str, offsets: dict[int, int]) -> None:
    """Commits offsets for a group, as a consumer that takes its partitions by itself."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


def committed(bootstrap: str, group: str, topic: str, partitions: list[int]) -> dict[int, int]:
    """Where a group goes on, by partition; -1001 where it has no offset."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, partition) for partition in partitions]
        return {place.partition: place.offset for place in consumer.committed(places, WAIT_SECONDS)}
    finally:
        consumer.close()


def joined(bootstrap: str, group: str, topic: str, client_id: str) -> Consumer:
    """A member of a group that has all partitions of a topic; its caller closes it."""
    own = {"group.id": group, "client.id": client_id, "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", **own})
    consumer.subscribe([topic])

    def has_partitions() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    wait_until("partitions assigned", has_partitions)
    return consumer


def group_names(bootstrap: str) -> list[str]:
    """The groups that Kafka has."""
    listed = AdminClient({"bootstrap.servers": bootstrap}).list_consumer_groups().result(WAIT_SECONDS)
    return sorted(group.group_id for group in listed.valid)


class Writer:
    """A producer that stays connected while its rights change."""

    def __init__(self, settings: dict[str, Any]) -> None:
        own = {"acks": "all", "message.timeout.ms": 20_000, "topic.metadata.refresh.interval.ms": 200}
        self._producer = Producer({**own, **settings})

    def may_write(self, topic: str) -> bool:
        """Whether a record is taken now, or refused for want of the right to write."""
        told: list[KafkaError | None] = []
        try:
            self._producer.produce(topic, b"v", on_delivery=lambda error, _: told.append(error))
        except KafkaException as error:
            # It knows already, until it asks again.
            self._producer.poll(0.1)
            told.append(error.args[0])
        equal("records without an answer", self._producer.flush(WAIT_SECONDS), 0)
        if told[0] is None:
            return True
        if told[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise AssertionError(f"producing: {told[0]}")
        return False

    def wait(self, what: str, topic: str, may: bool) -> None:
        """Waits until it may, or may no more."""
        wait_until(what, lambda: self.may_write(topic) == may, 20)
