"""Apache Kafka's own command-line tools against a cluster, each in a virtual machine of its own. See ../README.md.

Reads, besides the variables of the conformance scripts, KAFKA_TOOLS (a class path) and LOG_DIRS (a folder below
which the brokers keep their segments, for the tool that reads those).
"""

import csv
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import suite
from conformance import (
    BOOTSTRAP,
    REPLICATION_FACTOR,
    SASL_MECHANISM,
    SASL_PASSWORD,
    SASL_USERNAME,
    SECURITY_PROTOCOL,
    SSL_CA,
    name_of,
)
from suite import Skip, check, equal, wait_until

CLASS_PATH = os.environ.get("KAFKA_TOOLS", "")
LOG_DIRS = os.environ.get("LOG_DIRS", "")
# How long one tool may take.
TOOL_SECONDS = 90
# A tool lives for a second: only the first compiler pays.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", CLASS_PATH]
# Records of the tools that verify and measure.
RECORDS = 5_000

TOPICS = "org.apache.kafka.tools.TopicCommand"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
ACLS = "org.apache.kafka.tools.AclCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand"
API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
DUMP = [*JAVA, "kafka.tools.DumpLogSegments"]
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"

FOLDER = Path(tempfile.mkdtemp(prefix="kafka-tools-"))


def client_properties() -> str:
    """A file that says how to come in through the door."""
    lines = [f"security.protocol={SECURITY_PROTOCOL}"]
    if SASL_MECHANISM:
        module = "plain.PlainLoginModule" if SASL_MECHANISM == "PLAIN" else "scram.ScramLoginModule"
        credentials = f'username="{SASL_USERNAME}" password="{SASL_PASSWORD}"'
        lines += [
            f"sasl.mechanism={SASL_MECHANISM}",
            f"sasl.jaas.config=org.apache.kafka.common.security.{module} required {credentials};",
        ]
    if SSL_CA:
        lines += ["ssl.truststore.type=PEM", f"ssl.truststore.location={SSL_CA}"]
    path = FOLDER / "client.properties"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


DOOR = client_properties()


def run(main: str, *words: str, config: str = "--command-config", stdin: str = "", refused: bool = False) -> str:
    """Runs a tool against the cluster; `config` is its name for the file with the door. Returns what it printed."""
    command = [*JAVA, main, "--bootstrap-server", BOOTSTRAP, config, DOOR, *words]
    return finish(command, stdin, refused)


def finish(command: list[str], stdin: str = "", refused: bool = False) -> str:
    """Runs a command to its end; it must leave with 0, or with something else if it is to be refused."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False)
    told = done.stdout + done.stderr
    if (done.returncode != 0) != refused:
        words = " ".join(command[len(JAVA) :])
        raise AssertionError(f"{words} ended with {done.returncode}: {told[-400:]}")
    return told if refused else done.stdout


def topic(short: str, partitions: int = 1, *words: str) -> str:
    """Creates a topic."""
    name = name_of(short)
    shape = ["--partitions", str(partitions), "--replication-factor", str(REPLICATION_FACTOR)]
    run(TOPICS, "--create", "--topic", name, *shape, *words)
    return name


def expect(text: str, *patterns: str) -> None:
    """Each pattern must be found in what a tool printed."""
    for pattern in patterns:
        if not re.search(pattern, text, re.MULTILINE):
            raise AssertionError(f"no {pattern!r} in {text[:400]!r}")


def expect_absent(text: str, word: str) -> None:
    """A word must not be in what a tool printed."""
    if word in text:
        raise AssertionError(f"{word!r} in {text[:400]!r}")


def fill(name: str, count: int) -> None:
    """Writes numbered records with keys from the console."""
    lines = "".join(f"key-{index}:value-{index}\n" for index in range(count))
    properties = ["--property", "parse.key=true", "--property", "key.separator=:"]
    run(CONSOLE_PRODUCER, "--topic", name, *properties, config="--producer.config", stdin=lines)


def drain(name: str, count: int, *words: str) -> list[str]:
    """Reads so many records to the console."""
    bounds = ["--max-messages", str(count), "--timeout-ms", str(TOOL_SECONDS * 500)]
    shown = [word for one in ("print.key=true", "print.offset=true") for word in ("--property", one)]
    text = run(CONSOLE_CONSUMER, "--topic", name, *bounds, *shown, *words, config="--consumer.config")
    return text.splitlines()


def write_performance(name: str, count: int, setting: str, *words: str) -> None:
    """Writes so many records of 100 bytes with the tool that measures it."""
    shape = ["--topic", name, "--num-records", str(count), "--record-size", "100", "--throughput", "-1"]
    through = ["--producer.config", DOOR, "--producer-props", f"bootstrap.servers={BOOTSTRAP}", setting]
    text = finish([*JAVA, PRODUCER_PERFORMANCE, *shape, *words, *through])
    expect(text, rf"^{count} records sent, [\d.]+ records/sec")


def table(text: str, first_column: str) -> list[dict[str, str]]:
    """The rows below a heading that begins with that column."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    heading = next(index for index, words in enumerate(lines) if words[0] == first_column)
    return [dict(zip(lines[heading], words)) for words in lines[heading + 1 :]]


@check
def versions_of_every_broker_are_told() -> None:
    text = run(API_VERSIONS)
    equal("brokers", len(re.findall(r"\(id: \d+ rack: .*\) -> \(", text)), REPLICATION_FACTOR)
    expect(text, r"Produce\(0\): \d+ to \d+", r"Fetch\(1\)", r"ConsumerGroupHeartbeat\(68\)")


@check
def a_topic_is_created_described_grown_and_deleted() -> None:
    name = topic("topics", 3, "--config", "retention.ms=123456")
    expect(run(TOPICS, "--create", "--topic", name, refused=True), "already exists")
    text = run(TOPICS, "--describe", "--topic", name)
    expect(text, f"PartitionCount: 3\tReplicationFactor: {REPLICATION_FACTOR}\t", r"Configs:.*retention\.ms=123456")
    equal("partitions", len(re.findall(r"^\tTopic: .*Partition: \d+\tLeader: \d+\t", text, re.MULTILINE)), 3)
    run(TOPICS, "--alter", "--topic", name, "--partitions", "4")
    expect(run(TOPICS, "--describe", "--topic", name), "PartitionCount: 4")
    run(TOPICS, "--delete", "--topic", name)
    wait_until("it is gone", lambda: name not in run(TOPICS, "--list").split())


@check
def the_console_reads_what_the_console_wrote() -> None:
    name = topic("console")
    fill(name, 20)
    expected = [f"Offset:{index}\tkey-{index}\tvalue-{index}" for index in range(20)]
    equal("lines", drain(name, 20, "--from-beginning"), expected)
    equal("from an offset", drain(name, 3, "--partition", "0", "--offset", "17"), expected[17:])


@check
def a_group_is_listed_described_reset_and_deleted() -> None:
    name, group = topic("groups"), name_of("groups-group")
    fill(name, 10)
    drain(name, 10, "--from-beginning", "--group", group)

    def described() -> dict[str, str]:
        (row,) = table(run(GROUPS, "--describe", "--group", group), "GROUP")
        return {column: row[column] for column in ("TOPIC", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG")}

    expected = {"TOPIC": name, "CURRENT-OFFSET": "10", "LOG-END-OFFSET": "10", "LAG": "0"}
    equal("described", described(), expected)
    expect(run(GROUPS, "--describe", "--group", group, "--state"), rf"{group}.*Empty")
    to_three = ["--reset-offsets", "--group", group, "--topic", f"{name}:0", "--to-offset", "3", "--execute"]
    (row,) = table(run(GROUPS, *to_three), "GROUP")
    equal("new offset", (row["TOPIC"], row["NEW-OFFSET"]), (name, "3"))
    equal("described", described(), expected | {"CURRENT-OFFSET": "3", "LAG": "7"})
    expect(run(GROUPS, "--delete", "--group", group), "successful")
    expect_absent(run(GROUPS, "--list"), group)


@check
def a_group_of_the_consumer_protocol_is_described() -> None:
    name, group = topic("kip-848"), name_of("kip-848-group")
    fill(name, 5)
    protocol = ["--consumer-property", "group.protocol=consumer", "--group", group]
    drain(name, 5, "--from-beginning", *protocol)
    expect(run("org.apache.kafka.tools.GroupsCommand", "--list"), rf"{group}\s+Consumer\s+consumer")
    (row,) = table(run(GROUPS, "--describe", "--group", group), "GROUP")
    equal("offset and lag", (row["CURRENT-OFFSET"], row["LAG"]), ("5", "0"))


@check
def settings_of_topics_and_brokers_are_altered_and_described() -> None:
    name = topic("configs")
    about = ["--entity-type", "topics", "--entity-name", name]
    run(CONFIGS, "--alter", *about, "--add-config", "retention.ms=77777,cleanup.policy=[compact,delete]")
    expect(run(CONFIGS, "--describe", *about), r"retention\.ms=77777 ", r"cleanup\.policy=compact,delete ")
    run(CONFIGS, "--alter", *about, "--delete-config", "retention.ms")
    text = run(CONFIGS, "--describe", *about)
    expect_absent(text, "retention.ms=")
    expect(run(CONFIGS, "--alter", *about, "--add-config", "retention.ms=soon", refused=True), "Invalid value soon")
    broker = re.search(r"\(id: (\d+) ", run(API_VERSIONS)).group(1)
    expect(
        run(CONFIGS, "--describe", "--entity-type", "brokers", "--entity-name", broker, "--all"),
        r"auto\.create\.topics\.enable=false ",
        r"message\.max\.bytes=\d+ ",
    )


@check
def a_quota_and_a_scram_user_are_set_and_described() -> None:
    about = ["--entity-type", "users", "--entity-name", name_of("user")]
    run(CONFIGS, "--alter", *about, "--add-config", "producer_byte_rate=1024,consumer_byte_rate=2048")
    run(CONFIGS, "--alter", *about, "--add-config", "SCRAM-SHA-512=[iterations=4096,password=example-secret]")
    described = lambda: run(CONFIGS, "--describe", *about)
    wait_until("both are described", lambda: "SCRAM-SHA-512" in (text := described()) and "byte_rate" in text)
    expect(described(), r"producer_byte_rate=1024", r"consumer_byte_rate=2048", r"SCRAM-SHA-512=iterations=4096")
    run(CONFIGS, "--alter", *about, "--delete-config", "producer_byte_rate,consumer_byte_rate")
    run(CONFIGS, "--alter", *about, "--delete-config", "SCRAM-SHA-512")
    wait_until("both are gone", lambda: not re.search(r"byte_rate|SCRAM", described()))


@check
def access_rules_are_added_listed_and_removed() -> None:
    name, principal = name_of("acls"), f"User:{name_of('somebody')}"
    rule = ["--allow-principal", principal, "--producer", "--topic", name, "--resource-pattern-type", "prefixed"]
    run(ACLS, "--add", *rule)
    listed = lambda: run(ACLS, "--list", "--principal", principal)
    wait_until("it is listed", lambda: name in listed())
    text = listed()
    expect(text, f"resourceType=TOPIC, name={name}, patternType=PREFIXED")
    for operation in ("WRITE", "DESCRIBE", "CREATE"):
        expect(text, rf"principal={principal}, host=\*, operation={operation}, permissionType=ALLOW")
    run(ACLS, "--remove", "--force", *rule)
    wait_until("it is gone", lambda: name not in listed())


def events(text: str) -> list[dict[str, Any]]:
    """The JSON objects that the verifiable tools print, one a line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@check
def the_verifiable_consumer_sees_what_the_verifiable_producer_sent() -> None:
    name = topic("verifiable", 3)
    words = ["--topic", name, "--max-messages", str(RECORDS), "--acks", "-1"]
    text = run("org.apache.kafka.tools.VerifiableProducer", *words, config="--producer.config")
    sent = {(one["partition"], one["offset"]) for one in events(text) if one["name"] == "producer_send_success"}
    (summary,) = [one for one in events(text) if one["name"] == "tool_data"]
    equal("acknowledged", (len(sent), summary["sent"], summary["acked"]), (RECORDS, RECORDS, RECORDS))
    words = ["--topic", name, "--group-id", name_of("verifiable-group"), "--max-messages", str(RECORDS), "--verbose"]
    words += ["--reset-policy", "earliest"]
    text = run("org.apache.kafka.tools.VerifiableConsumer", *words, config="--consumer.config")
    seen = [(one["partition"], one["offset"]) for one in events(text) if one["name"] == "record_data"]
    equal("seen", (len(seen), set(seen) == sent), (RECORDS, True))
    commits = [one["success"] for one in events(text) if one["name"] == "offsets_committed"]
    equal("commits", set(commits), {True})


@check
def the_performance_tools_write_and_read_as_many_records() -> None:
    name = topic("performance", 2)
    write_performance(name, 4 * RECORDS, "compression.type=lz4")
    words = ["--topic", name, "--messages", str(4 * RECORDS)]
    text = run("org.apache.kafka.tools.ConsumerPerformance", *words, config="--consumer.config")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if len(row) > 4]
    result = dict(zip(rows[0], rows[1]))
    equal("records read", int(result["data.consumed.in.nMsg"]), 4 * RECORDS)


@check
def offsets_are_told_and_records_before_one_deleted() -> None:
    name = topic("deleted")
    fill(name, 30)
    of = lambda time: run(OFFSETS, "--topic", name, "--time", time).split()
    equal("latest", of("latest"), [f"{name}:0:30"])
    wanted = FOLDER / "delete-records.json"
    wanted.write_text(json.dumps({"partitions": [{"topic": name, "partition": 0, "offset": 12}], "version": 1}))
    text = run("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", str(wanted))
    expect(text, rf"partition: {name}-0\tlow_watermark: 12")
    equal("earliest", of("earliest"), [f"{name}:0:12"])
    equal("first record", drain(name, 1, "--from-beginning"), ["Offset:12\tkey-12\tvalue-12"])


@check
def sizes_of_logs_are_told() -> None:
    name = topic("sizes")
    fill(name, 100)
    text = run("org.apache.kafka.tools.LogDirsCommand", "--describe", "--topic-list", name)
    told = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    sizes = [
        partition["size"]
        for broker in told["brokers"]
        for log_dir in broker["logDirs"]
        for partition in log_dir["partitions"]
        if partition["partition"] == f"{name}-0"
    ]
    equal("replicas", len(sizes), REPLICATION_FACTOR)
    equal("each has the records", [size > 1_000 for size in sizes], [True] * REPLICATION_FACTOR)


@check
def transactions_are_listed_and_described() -> None:
    name, transactional_id = topic("transactions"), name_of("transactional-id")
    transactional = ["--transactional-id", transactional_id, "--transaction-duration-ms", "100"]
    write_performance(name, 500, "acks=all", *transactional)
    # The coordinator still writes the end of a transaction when its producer has been told of it.
    state = lambda: [row["TransactionState"] for row in rows() if row["TransactionalId"] == transactional_id]
    rows = lambda: table(run(TRANSACTIONS, "list"), "TransactionalId")
    wait_until("it is committed", lambda: state() == ["CompleteCommit"])
    (row,) = table(run(TRANSACTIONS, "describe", "--transactional-id", transactional_id), "CoordinatorId")
    equal("described", (row["TransactionalId"], row["TransactionState"]), (transactional_id, "CompleteCommit"))
    (row,) = table(run(TRANSACTIONS, "describe-producers", "--topic", name, "--partition", "0"), "ProducerId")
    equal("open transaction", row["CurrentTransactionStartOffset"], "None")
    committed = ["--from-beginning", "--isolation-level", "read_committed"]
    equal("committed", len(drain(name, 500, *committed)), 500)


@check
def segments_are_read_from_the_disk() -> None:
    if not LOG_DIRS:
        raise Skip("LOG_DIRS is not set")
    name = topic("segments")
    fill(name, 50)
    found = sorted(path for path in Path(LOG_DIRS).rglob("*.log") if name in str(path.parent))
    if not found:
        raise AssertionError(f"no segment of {name} below {LOG_DIRS}")
    text = finish([*DUMP, "--deep-iteration", "--print-data-log", "--files", str(found[0])])
    payloads = re.findall(r"^\| offset: (\d+) .* key: (\S+) payload: (\S+)$", text, re.MULTILINE)
    equal("records", payloads, [(str(index), f"key-{index}", f"value-{index}") for index in range(50)])
    expect(text, r"isvalid: true")
    expect_absent(text, "isvalid: false")
    write_performance(name, 2_000, "batch.size=2000")
    index = found[0].with_suffix(".index")
    wait_until("the index has entries", lambda: index.exists() and index.stat().st_size > 0)
    expect(finish([*DUMP, "--index-sanity-check", "--files", str(index)]), "passed sanity check")


@check
def leaders_are_elected_where_they_should_be() -> None:
    name = topic("elections", 2)
    main = [*JAVA, "org.apache.kafka.tools.LeaderElectionCommand", "--bootstrap-server", BOOTSTRAP]
    words = ["--admin.config", DOOR, "--election-type", "preferred", "--topic", name, "--partition", "1"]
    expect(finish([*main, *words]), rf"Valid replica already elected for partitions.*{name}-1")


@check
def a_stream_application_is_reset() -> None:
    name, application = topic("streams"), name_of("application")
    fill(name, 10)
    drain(name, 10, "--from-beginning", "--group", application)
    words = ["--application-id", application, "--input-topics", name]
    text = run("org.apache.kafka.tools.StreamsResetter", *words, config="--config-file")
    expect(text, rf"Topic: {name} Partition: 0 Offset: 0")
    (row,) = table(run(GROUPS, "--describe", "--group", application), "GROUP")
    equal("offset and lag", (row["CURRENT-OFFSET"], row["LAG"]), ("0", "10"))


@check
def features_of_the_cluster_are_told() -> None:
    text = run("org.apache.kafka.tools.FeatureCommand", "describe")
    expect(text, r"Feature: group\.version\s.*FinalizedVersionLevel: 1", r"Feature: transaction\.version\s.*FinalizedVersionLevel: 2")


if __name__ == "__main__":
    suite.run()
