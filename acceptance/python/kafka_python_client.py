"""kafka-python against a bought cluster. Reads BOOTSTRAP, RUN and PHASE; see ../README.md."""

import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

import suite
from restart import AFTER_RESTART, BOOTSTRAP, PHASE, RUN, Expected, restart_topic
from suite import WAIT_SECONDS, check, equal

RECORDS = 2_000


def topic(full: str, partitions: int = 1) -> str:
    """Creates a topic."""
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    try:
        admin.create_topics([NewTopic(full, partitions, 1)])
    finally:
        admin.close()
    return full


def name_of(short: str) -> str:
    """A topic name of this run."""
    return f"kafka-python-{RUN}-{short}"


def write(name: str, first: int, count: int, **settings: object) -> None:
    """Writes `count` numbered values and awaits each acknowledgement."""
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", linger_ms=5, **settings)
    try:
        futures = [
            producer.send(name, str(index).encode(), headers=[("index", str(index).encode())])
            for index in range(first, first + count)
        ]
        for future in futures:
            future.get(WAIT_SECONDS)
    finally:
        producer.close()


def read(name: str, group: str, count: int) -> list[tuple[int, int]]:
    """Reads `count` records as a member of a group and commits behind them; returns (offset, value)."""
    consumer = KafkaConsumer(
        name, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        seen: list[tuple[int, int]] = []
        deadline = time.monotonic() + WAIT_SECONDS
        while len(seen) < count and time.monotonic() < deadline:
            for batch in consumer.poll(500, max_records=count - len(seen)).values():
                for record in batch:
                    equal("header", dict(record.headers)["index"], record.value)
                    seen.append((record.offset, int(record.value)))
        equal("records read", len(seen), count)
        consumer.commit()
        return seen
    finally:
        consumer.close()


def codec_round_trip(codec: str | None, **settings: object) -> None:
    """Writes and reads back with one codec."""
    name = topic(name_of(f"codec-{codec}"), 1)
    write(name, 0, RECORDS, compression_type=codec, **settings)
    equal("records", read(name, name, RECORDS), [(index, index) for index in range(RECORDS)])


def a_topic_cannot_be_created_twice() -> None:
    topic(name_of("twice"))
    try:
        topic(name_of("twice"))
    except TopicAlreadyExistsError:
        return
    raise AssertionError("created twice")


def records_travel_uncompressed() -> None:
    codec_round_trip(None, enable_idempotence=False)


def records_travel_idempotent() -> None:
    name = topic(name_of("idempotent"))
    write(name, 0, RECORDS, enable_idempotence=True)
    equal("records", read(name, name, RECORDS), [(index, index) for index in range(RECORDS)])


def records_travel_with_gzip() -> None:
    codec_round_trip("gzip")


def records_travel_with_snappy() -> None:
    codec_round_trip("snappy")


def records_travel_with_lz4() -> None:
    codec_round_trip("lz4")


def records_travel_with_zstd() -> None:
    codec_round_trip("zstd")


def a_group_goes_on_where_it_committed() -> None:
    name = topic(name_of("group"))
    write(name, 0, 300)
    read(name, name, 120)
    equal("next", read(name, name, 10)[0], (120, 120))


def offsets_are_listed() -> None:
    name = topic(name_of("offsets"))
    write(name, 0, 70)
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP)
    try:
        place = TopicPartition(name, 0)
        equal("earliest", consumer.beginning_offsets([place])[place], 0)
        equal("latest", consumer.end_offsets([place])[place], 70)
    finally:
        consumer.close()


def records_and_commits_outlive_a_restart() -> None:
    name, group = restart_topic("kafka-python")
    expected = Expected(PHASE)
    if PHASE == 0:
        topic(name)
    else:
        everything = read(name, f"{group}-all-{PHASE}", expected.records_before)
        equal("all", everything, [(index, index) for index in range(expected.records_before)])
    write(name, expected.records_before, expected.written)
    start = expected.committed_before
    equal("from the committed offset", read(name, group, expected.read)[0], (start, start))


FIRST = [
    a_topic_cannot_be_created_twice,
    records_travel_uncompressed,
    records_travel_idempotent,
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
