"""What `buy` says to type next works as it is printed: for librdkafka, which kcat and confluent-kafka are made of.

Each check starts a server of its own, buys with the command line and follows its lines: the topic, the user where a
listener asks for one, and the two lines of kcat, whose options are given to confluent-kafka. Where kcat is installed, it
runs its lines, too.
"""

import json
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Callable

from confluent_kafka import Consumer, KafkaException, Producer

import suite
from server import BINARY, Server
from suite import WAIT_SECONDS, check, equal, operator, wait_until

RECORDS = [f"record {number}".encode() for number in range(100)]


def run(line: str) -> str:
    """Runs a line in a shell in which `brokerage` is the binary under test."""
    path = f"{Path(BINARY).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=WAIT_SECONDS, env={**os.environ, "PATH": path}, check=False
    )
    if ended.returncode:
        raise AssertionError(f"{line} ended with {ended.returncode}: {ended.stderr}")
    return ended.stdout


def options(line: str) -> tuple[dict[str, str], str]:
    """The settings of a line of kcat, in librdkafka's names, and its topic."""
    words = shlex.split(line.split("|")[-1])
    settings, topic = {}, ""
    for option, value in zip(words, words[1:]):
        if option == "-b":
            settings["bootstrap.servers"] = value
        elif option == "-t":
            topic = value
        elif option == "-X":
            name, _, setting = value.partition("=")
            settings[name] = setting
    return settings, topic


def exchange(produce: str, consume: str) -> None:
    """Writes with one line's options and reads with the other's."""
    settings, topic = options(produce)
    producer = Producer(settings)
    failures = []
    for record in RECORDS:
        producer.produce(topic, record, on_delivery=lambda error, _: error and failures.append(error))
    equal("records under way", producer.flush(WAIT_SECONDS), 0)
    equal("failures", failures, [])
    settings, topic = options(consume)
    consumer = Consumer({**settings, "group.id": "first-hour", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read = []
    try:
        while len(read) < len(RECORDS):
            message = consumer.poll(WAIT_SECONDS)
            if message is None:
                raise AssertionError(f"{len(read)} of {len(RECORDS)} records were read")
            if message.error():
                raise KafkaException(message.error())
            read.append(message.value())
    finally:
        consumer.close()
    equal("records", sorted(read), sorted(RECORDS))
    if shutil.which("kcat"):
        run(produce)
        equal("kcat reads what it wrote", "hello" in run(consume), True)


def follow_lines(bought: dict, is_wanted: Callable[[str], bool]) -> None:
    """Types what a purchase said, and of the lines for Kafka clients the wanted two."""
    lines = bought["next"]
    password = ""
    for line in lines:
        if line.startswith("brokerage user put"):
            password = json.loads(run(f"{line} --json"))["password"]
        elif line.startswith("brokerage"):
            run(line)
    produce, consume = (line.replace("PASSWORD", password) for line in lines if "kcat" in line and is_wanted(line))
    exchange(produce, consume)


def follow(data: Path, *flags: str) -> None:
    """Buys with the command line beside a server with these flags, and follows what is said."""
    server = Server(data, *flags)
    server.start()
    try:
        bought = operator("buy", "--dialect", "ckafka", "--wait")
        follow_lines(bought, lambda line: "kcat" in line)
        listed = operator("group", "show", bought["instance_id"], "first-hour")
        # kcat reads in no group.
        beyond = 1 if shutil.which("kcat") else 0
        equal("what the group has not read", sum(at["lag"] or 0 for at in listed["positions"]), beyond)
    finally:
        server.kill()


FOLDER = Path(os.environ["DATA"])


@check
def the_lines_for_a_plain_listener_write_and_read() -> None:
    follow(FOLDER / "plain")


@check
def the_lines_for_a_listener_with_tls_and_users_write_and_read() -> None:
    follow(FOLDER / "sasl-ssl", "--broker-security", "SASL_SSL")


@check
def producing_makes_a_topic_where_the_operator_says_so() -> None:
    server = Server(FOLDER / "auto", "--broker-auto-create-topics", "on")
    server.start()
    try:
        bought = operator("buy", "--dialect", "jdkafka", "--wait")
        produce, consume = (line for line in bought["next"] if "kcat" in line)
        exchange(produce, consume)
    finally:
        server.kill()


def on_a_terminal(*words: str, **environment: str) -> str:
    """What a command writes to a terminal, which it takes for its input and outputs."""
    child, terminal = pty.fork()
    if not child:
        os.execve(BINARY, [BINARY, *words], {**os.environ, "TERM": "xterm", **environment})
    written = b""
    while select.select([terminal], [], [], WAIT_SECONDS)[0]:
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            # The other end is closed.
            break
        if not part:
            break
        written += part
    os.close(terminal)
    equal("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
    return written.decode()


# Colours and other styles, and the line that is written again.
STYLE, AGAIN = re.compile(r"\x1b\[[0-9;]*m"), "\r\x1b[K"


@check
def colours_are_for_terminals_whose_users_want_them_and_waiting_shows_progress() -> None:
    server = Server(FOLDER / "terminal", "--listen-tls", "127.0.0.1:0")
    server.start()
    try:
        data = ("--data", os.environ["DATA"])
        # Some run already when they are first looked at, and are not waited for.
        buy = lambda: on_a_terminal("buy", "--dialect", "alikafka", "--name", "orders", "--wait", *data)
        bought = wait_until("progress", lambda: AGAIN in (text := buy()) and text)
        if not re.search(r"\r\x1b\[K\S+ is \w+, \d+ s", bought):
            raise AssertionError(f"no progress in {bought!r}")
        equal("the line of progress is taken away", bought.rindex(AGAIN) < bought.index("order "), True)
        listed = on_a_terminal("instances", *data)
        equal("a colour", "\x1b[32mrunning\x1b[0m" in listed, True)
        for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            plain = on_a_terminal("instances", *data, **quiet)
            equal(f"colours with {quiet}", STYLE.findall(plain), [])
        equal("the same text", STYLE.sub("", listed).split()[:6], plain.split()[:6])
        as_json = on_a_terminal("instances", "--json", *data)
        equal("colours of JSON", STYLE.findall(as_json), [])
        piped = run(f"brokerage instances --data {data[1]}")
        equal("colours in a pipe", STYLE.findall(piped), [])
    finally:
        server.kill()


if __name__ == "__main__":
    suite.run()
