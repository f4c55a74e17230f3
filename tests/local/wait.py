"""Waiting with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TimedOut(AssertionError):
    """Something awaited did not come about; the message names it."""


def wait_until(predicate: Callable[[], T], timeout: float, what: str, every: float = 0.2) -> T:
    """Polls until the predicate's answer is truthy and returns that answer.

    Raises TimedOut after `timeout` seconds. An exception of the predicate ends the wait at once: a predicate that
    expects one (a table that does not exist yet) has to catch it itself.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {timeout:g} s: {what} (last answer: {answer!r})")
        time.sleep(every)
