"""What the Python conformance scripts agree on: the door, the names, the records, the restart. See ../README.md."""

import os
import subprocess

from suite import REASON_CHARS_MAX, Skip, unique

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
SASL_MECHANISM = os.environ.get("SASL_MECHANISM", "")
SASL_USERNAME = os.environ.get("SASL_USERNAME", "")
SASL_PASSWORD = os.environ.get("SASL_PASSWORD", "")
SSL_CA = os.environ.get("SSL_CA", "")
SECURITY_PROTOCOL = ("SASL_" if SASL_MECHANISM else "") + ("SSL" if SSL_CA else "PLAINTEXT")
RECORDS = int(os.environ.get("RECORDS", "10000"))
REPLICATION_FACTOR = int(os.environ.get("REPLICATION_FACTOR", "1"))
# How long the server may take to stop and to be ready again.
RESTART_SECONDS = 120
# A transaction that nobody ends is aborted by the server after this.
TRANSACTION_TIMEOUT_MS = 20_000

_RUN = unique("conformance")


def name_of(short: str) -> str:
    """A topic, group, user or transactional id of this run."""
    return f"{_RUN}-{short}"


def key_of(index: int) -> bytes:
    """The key of a numbered record."""
    return f"key-{index}".encode()


def value_of(index: int) -> bytes:
    """The value of a numbered record: no two have the same bytes, and lengths differ."""
    return f"value-{index}-".encode() + b"." * (80 + index % 40)


def server_restart() -> None:
    """Stops the server and starts it on the same data; RESTART_CMD returns when it is ready."""
    command = os.environ.get("RESTART_CMD", "")
    if not command:
        raise Skip("RESTART_CMD is not set")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=RESTART_SECONDS, check=False)
    if done.returncode:
        raise AssertionError(f"RESTART_CMD ended with {done.returncode}: {done.stderr[-REASON_CHARS_MAX:]}")
