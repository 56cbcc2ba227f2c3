"""What every Python suite shares: its settings, its checks, its closing line.

A suite is a script. It reads ENDPOINT (host:port of a running server), ACCESS_KEY_ID, ACCESS_KEY_SECRET,
BROKERAGE (the binary) and DATA (the server's data directory), prints `PASS name` or `FAIL name: why` for each
check, and closes with `N passed, N failed, N skipped`.
"""

import json
import os
import subprocess
import sys
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import Any, Callable

ENDPOINT = os.environ.get("ENDPOINT", "127.0.0.1:8080")
ACCESS_KEY_ID = os.environ.get("ACCESS_KEY_ID", "BROKERAGESANDBOX")
ACCESS_KEY_SECRET = os.environ.get("ACCESS_KEY_SECRET", "brokerage-sandbox-secret")
# How long a cluster may take to run, and a Kafka client to finish; both are far above what is needed.
WAIT_SECONDS = float(os.environ.get("WAIT_SECONDS", "60"))
# The longest reason printed for a failed check, in characters.
REASON_CHARS_MAX = 600

_checks: list[Callable[[], None]] = []


class Skip(Exception):
    """A check that cannot be made here; its text is the reason."""



def check(function: Callable[[], None]) -> Callable[[], None]:
    """Registers a check of the suite that runs; its name is the sentence that it proves.

    A suite may use another's functions; the other's checks are not run with it.
    """
    if function.__module__ == "__main__":
        _checks.append(function)
    return function


def _names(variable: str) -> set[str]:
    return {name for name in os.environ.get(variable, "").split(",") if name}


def run() -> None:
    """Runs every check in order of definition and leaves with 1 if any failed. ONLY=a,b chooses some, SKIP=c leaves out."""
    only, left_out = _names("ONLY"), _names("SKIP")
    passed = failed = skipped = 0
    for function in _checks:
        name = function.__name__
        if (only and name not in only) or name in left_out:
            continue
        started = time.monotonic()
        try:
            function()
        except Skip as reason:
            skipped += 1
            print(f"SKIP {name}: {reason}", flush=True)
        except Exception as error:  # every failure of a check is a result, not an end
            failed += 1
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:REASON_CHARS_MAX]
            print(f"FAIL {name}: {reason}", flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()
        else:
            passed += 1
            print(f"PASS {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed else 0)


def unique(prefix: str) -> str:
    """A name that no other check uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def wait_until(what: str, probe: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Asks again until the probe answers something true; fails with `what` when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def equal(what: str, got: Any, wanted: Any) -> None:
    """Fails with both values when they differ."""
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


@dataclass(frozen=True)
class Maybe:
    """A key that the vendor documents and may leave out or send as null."""

    shape: Any


def expect_tree(tree: Any, shape: Any, path: str = "answer") -> None:
    """Compares an answer with its documented tree: every key present, none besides, each of its type.

    A shape is a type, a dict of shapes, a list of one shape (at least one element), a tuple of types, or Maybe.
    """
    if isinstance(shape, Maybe):
        if tree is not None:
            expect_tree(tree, shape.shape, path)
    elif isinstance(shape, dict):
        if not isinstance(tree, dict):
            raise AssertionError(f"{path} is {type(tree).__name__}, wanted an object")
        missing = [k for k, s in shape.items() if k not in tree and not isinstance(s, Maybe)]
        unknown = [k for k in tree if k not in shape]
        if missing or unknown:
            raise AssertionError(f"{path}: missing {missing}, not documented {unknown}")
        for key, value in tree.items():
            expect_tree(value, shape[key], f"{path}.{key}")
    elif isinstance(shape, list):
        if not isinstance(tree, list) or not tree:
            raise AssertionError(f"{path} is {tree!r:.80}, wanted a list with elements")
        for index, value in enumerate(tree):
            expect_tree(value, shape[0], f"{path}[{index}]")
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        if type(tree) not in kinds:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise AssertionError(f"{path} is {tree!r:.80} ({type(tree).__name__}), wanted {names}")


def refused(call: Callable[[], Any], exception: type[Exception], code_of: Callable[[Any], str], *codes: str) -> Any:
    """Makes a call that must raise the SDK's own exception with one of the codes; returns the exception."""
    try:
        answer = call()
    except exception as error:
        if code_of(error) not in codes:
            raise AssertionError(f"refused with {code_of(error)!r} ({error}), wanted {' or '.join(codes)}") from error
        return error
    raise AssertionError(f"accepted with {answer!r:.200}, wanted {' or '.join(codes)}")


def operator(*words: str) -> dict[str, Any]:
    """Runs a command of the operator against the running server and returns its JSON object."""
    command = [os.environ["BROKERAGE"], *words, "--data", os.environ["DATA"], "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Credentials:
    """An access key with its secret."""

    key_id: str
    secret: str


SANDBOX = Credentials(ACCESS_KEY_ID, ACCESS_KEY_SECRET)


def account_with(balance: str) -> Credentials:
    """Opens an account of its own with so much money (currency units) and returns its key."""
    account = operator("account", "create", unique("acceptance"), "--balance", balance)
    account_id = account.get("account_id") or account["id"]
    key = operator("key", "create", "--account", str(account_id))
    return Credentials(key["access_key_id"], key["secret"])
