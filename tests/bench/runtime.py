"""The Lambda Runtime API, for one event to one process."""

from __future__ import annotations

import json
import queue
import threading
import time

from tests.bench.server import Answer

# As long as a function may run.
INVOCATION_S = 900


class Runtime:
    """Hands one event to whoever asks first, and keeps what it answers."""

    def __init__(self, event: dict, function_arn: str) -> None:
        self._event = json.dumps(event).encode()
        self._arn = function_arn
        self._asked = threading.Lock()
        self._outcome: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def respond(self, path: str, _headers: dict[str, str], body: bytes) -> Answer:
        """Answers a call of the runtime API."""
        if not path.endswith("/invocation/next"):
            self._outcome.put((path.rpartition("/")[2], body))
            return 202, {}, []
        if not self._asked.acquire(blocking=False):
            # There is no second event; the process is ended while it waits here.
            time.sleep(INVOCATION_S)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "00000000-0000-0000-0000-000000000001",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + INVOCATION_S) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Content-Type": "application/json",
        }
        return 200, headers, [self._event]

    def outcome(self, timeout_s: float) -> dict | None:
        """The function's answer; `None` if there is none within the time.

        Raises RuntimeError when the function answered with an error.
        """
        try:
            kind, body = self._outcome.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if kind != "response":
            raise RuntimeError(f"the function failed: {body.decode(errors='replace')}")
        return json.loads(body)
