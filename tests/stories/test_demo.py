"""The whole demo, as a story: what `make demo` shows is what is tested."""

from __future__ import annotations

from tests.local.demo import Demo
from tests.local.deploy import Stack


def test_the_whole_demo_holds(stack: Stack):
    Demo(stack.cloud, stack).run()
