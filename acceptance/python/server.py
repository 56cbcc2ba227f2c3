"""A server that a suite starts, crashes and starts again by itself."""

import json
import os
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue

import suite

BINARY = os.environ.get("BROKERAGE", "brokerage")
BROKER_PORTS = os.environ.get("BROKER_PORTS", "20000-20999")
# How long a server may take to become ready, to crash and to stop, seconds.
WAIT_SECONDS = 30


class Server:
    """A server on a data directory; each start makes it the one that suite.ENDPOINT and DATA name."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.flags = flags
        # What its ready line says.
        self.ready: dict = {}
        self._process: subprocess.Popen | None = None

    def start(self, **environment: str) -> None:
        """Starts it and waits for its ready line."""
        self.data.mkdir(parents=True, exist_ok=True)
        command = [BINARY, "serve", "--sandbox", "--json", "--listen", "127.0.0.1:0", "--broker-host", "127.0.0.1"]
        command += ["--broker-ports", BROKER_PORTS, "--data", str(self.data)]
        # Its groups have one member each.
        command += ["--broker-group-initial-rebalance-delay-ms", "0", *self.flags]
        with open(self.data.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **environment}
            )
        lines: Queue[bytes] = Queue()

        def read() -> None:
            for line in self._process.stdout:
                lines.put(line)
            lines.put(b"")

        threading.Thread(target=read, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=WAIT_SECONDS)
            except Empty:
                raise AssertionError(f"the server was not ready within {WAIT_SECONDS} s") from None
            if not line:
                raise AssertionError(f"the server ended with {self._process.wait()} before it was ready")
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") == "ready":
                self.ready = event
                suite.ENDPOINT = event["api"][0]
                os.environ["DATA"] = str(self.data)
                return

    def ended(self) -> int:
        """Waits for it to end by itself; returns its status, negative for a signal."""
        try:
            return self._process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end within {WAIT_SECONDS} s") from None

    def stop(self) -> int:
        """Asks it to stop and returns its status."""
        self._process.terminate()
        return self.ended()

    def kill(self) -> None:
        """Ends it whatever it does; for the end of a check."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def ledger_check(self) -> None:
        """`ledger check` must find nothing."""
        command = [BINARY, "ledger", "check", "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        if done.returncode or "0 findings" not in done.stdout:
            raise AssertionError(f"ledger check ended with {done.returncode}: {done.stdout}{done.stderr}")
