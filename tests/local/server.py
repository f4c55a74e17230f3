"""The local cloud's process. Run by cloud.py as a program of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import ministack.app

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.local import mends
    from tests.local.aws_backup import mount

    mends.apply()
    mount.mount()
    ministack.app.main()
