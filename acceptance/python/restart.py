"""What the Kafka client suites agree on about restarts.

The harness runs each suite three times against one bought cluster: PHASE 0, then the server is stopped and
started, PHASE 1, then it is killed and started, PHASE 2. Every phase adds to one topic and moves one commit,
so each finds what all phases before it left.
"""

import os
from dataclasses import dataclass

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
RUN = os.environ.get("RUN", "run")
PHASE = int(os.environ.get("PHASE", "0"))
AFTER_RESTART = PHASE > 0


def restart_topic(client: str) -> tuple[str, str]:
    """The topic and the group that live through the phases."""
    return f"{client}-{RUN}-restart", f"{client}-{RUN}-restart-group"


@dataclass(frozen=True)
class Expected:
    """How much each phase finds and leaves."""

    phase: int
    written: int = 1_000
    read: int = 600

    @property
    def records_before(self) -> int:
        """Records that the phases before this one wrote."""
        return self.phase * self.written

    @property
    def committed_before(self) -> int:
        """The offset that the phases before this one committed."""
        return self.phase * self.read
