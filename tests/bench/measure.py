"""Runs a command and writes what it used: a program of its own, `measure.py RESULT COMMAND...`.

Linux takes a process's peak memory over from the process that started it. So that is this small one and not the benchmark;
only peaks below its own 10 MB or so cannot be seen.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main(result: str, command: list[str]) -> None:
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    # A function never ends by itself: who started us ends it through us.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    _, status, usage = os.wait4(child, 0)
    used = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w") as file:
        json.dump(used, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
