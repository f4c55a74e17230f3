"""The pipeline alone, without network, start-up and SDK: `python -m tests.bench.pipeline`, from the checkout's root."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.bench import data

ROOT = Path(__file__).resolve().parents[2]
ITEMS = 60_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        pages = Path(folder) / "table"
        data.make(pages, ITEMS)
        command = ["cargo", "bench", "--locked", "-p", "holdfast-sources", "--bench", "pipeline", "--", str(pages)]
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
