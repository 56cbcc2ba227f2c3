"""librdkafka (confluent-kafka) against a bought cluster. Reads BOOTSTRAP, RUN and PHASE; see ../README.md."""

import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

import records
import suite
from restart import AFTER_RESTART, BOOTSTRAP, PHASE, RUN, Expected, restart_topic
from suite import WAIT_SECONDS, check, equal

ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})
RECORDS = 2_000


def topic(name: str, partitions: int = 1) -> str:
    """Creates a topic of this run."""
    full = f"confluent-{RUN}-{name}"
    ADMIN.create_topics([NewTopic(full, partitions, 1)])[full].result(WAIT_SECONDS)
    return full


def write(name: str, first: int, count: int) -> None:
    """Writes `count` numbered values and awaits each acknowledgement."""
    failures = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "linger.ms": 5})
    for index in range(first, first + count):
        producer.produce(name, str(index), on_delivery=lambda error, _: error and failures.append(error))
    equal("unacknowledged", (producer.flush(WAIT_SECONDS), failures[:1]), (0, []))


def read(name: str, group: str, count: int) -> list[tuple[int, int]]:
    """Reads `count` records as a member of a group and commits behind them; returns (offset, value)."""
    consumer = Consumer(
        {"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    try:
        consumer.subscribe([name])
        seen: list[tuple[int, int]] = []
        deadline = time.monotonic() + WAIT_SECONDS
        while len(seen) < count and time.monotonic() < deadline:
            for message in consumer.consume(count - len(seen), timeout=0.5):
                if message.error():
                    raise KafkaException(message.error())
                seen.append((message.offset(), int(message.value())))
        equal("records read", len(seen), count)
        consumer.commit(offsets=[TopicPartition(name, 0, seen[-1][0] + 1)], asynchronous=False)
        return seen
    finally:
        consumer.close()


def codec_round_trip(codec: str) -> None:
    """Writes and reads back with one codec; librdkafka spreads the records over three partitions."""
    name = topic(f"codec-{codec}", 3)
    written = records.produce(
        BOOTSTRAP, name, RECORDS, **{"compression.type": codec, "enable.idempotence": codec == "none"}
    )
    records.expect_records(BOOTSTRAP, name, written)


def a_topic_cannot_be_created_twice() -> None:
    name = topic("twice")
    try:
        topic("twice")
    except KafkaException as error:
        equal("code", error.args[0].name(), "TOPIC_ALREADY_EXISTS")
    else:
        raise AssertionError(f"{name} was created twice")


def records_travel_uncompressed_and_idempotent() -> None:
    codec_round_trip("none")


def records_travel_with_gzip() -> None:
    codec_round_trip("gzip")


def records_travel_with_snappy() -> None:
    codec_round_trip("snappy")


def records_travel_with_lz4() -> None:
    codec_round_trip("lz4")


def records_travel_with_zstd() -> None:
    codec_round_trip("zstd")


def a_group_goes_on_where_it_committed() -> None:
    name = topic("group")
    write(name, 0, 300)
    read(name, f"group-{RUN}", 120)
    equal("next", read(name, f"group-{RUN}", 10)[0], (120, 120))


def offsets_are_listed() -> None:
    name = topic("offsets")
    write(name, 0, 70)
    place = TopicPartition(name, 0)
    for spec, wanted in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 70)):
        found = ADMIN.list_offsets({place: spec})[place].result(WAIT_SECONDS)
        equal("offset", found.offset, wanted)


def records_and_commits_outlive_a_restart() -> None:
    name, group = restart_topic("confluent")
    expected = Expected(PHASE)
    if PHASE == 0:
        ADMIN.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_SECONDS)
    else:
        all_records = read(name, f"{group}-all-{PHASE}", expected.records_before)
        equal("all", all_records, [(index, index) for index in range(expected.records_before)])
    write(name, expected.records_before, expected.written)
    start = expected.committed_before
    equal("from the committed offset", read(name, group, expected.read)[0], (start, start))


FIRST = [
    a_topic_cannot_be_created_twice,
    records_travel_uncompressed_and_idempotent,
    records_travel_with_gzip,
    records_travel_with_snappy,
    records_travel_with_lz4,
    records_travel_with_zstd,
    a_group_goes_on_where_it_committed,
    offsets_are_listed,
]

if __name__ == "__main__":
    for function in [] if AFTER_RESTART else FIRST:
        check(function)
    check(records_and_commits_outlive_a_restart)
    suite.run()
