"""Runs the benchmark: `python -m tests.bench`, from the checkout's root."""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from tests.bench import data
from tests.bench.server import serving
from tests.bench.services import TABLE, Services
from tests.bench.storage import Storage, clean_environment, storage
from tests.bench.stream import SHARDS, STREAM, Stream
from tests.bench.tools import ACCOUNT, Bench, Used

ROOT = Path(__file__).resolve().parents[2]
CHANGED = 0.01
# One shard: the stub's segments end where pages do, so with more of them a change of sizes would move items between shards.
MOST_ITEMS = 250_000
# At most what is in the smallest table; a stream is read at its pace.
STREAM_RECORDS, STREAM_MORE = 18_000, 900
STREAM_POLICY = b"""
version: 1
plans:
  - name: bench
    records: true
    schedule: {every: 1h}
    retention: {daily: 7}
"""
MB = 1_000_000
MIB = 1 << 20

TABLE_ID, STREAM_ID = f"dynamodb-table/{TABLE}", f"kinesis-stream/{STREAM}"
FIRST, SECOND = "snapshot, first point", "snapshot, second point"
SCRUB, RESTORE = "verify, scrub of the first point", "restore of the first point"
PLAIN, DUMP, DUMP_RESTORE = "boto3 scan to JSON lines", "dynamodump", "dynamodump, restore"
RESTIC_FIRST, RESTIC_SECOND, CHECK = "restic on the lines, first", "restic on the lines, second", "restic check of the first"
# The table that is restored.
BACK = "bench-back"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--items", type=int, default=200_000, help="in the table (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="medians are over these (default: %(default)s)")
    parser.add_argument("--functions", type=Path, help="as `sam build` leaves them (default: built as for the local cloud)")
    options = parser.parse_args()
    if not 20_000 <= options.items <= MOST_ITEMS or options.rounds < 1:
        parser.error(f"from 20000 to {MOST_ITEMS} items, and at least one round")
    functions = options.functions.resolve() if options.functions else _build()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        _run(Path(folder), functions, options.items, options.rounds)


def _build() -> Path:
    # The build's tools are in the tests' environment, not in this one.
    subprocess.run([str(ROOT / ".venv/bin/python"), "-m", "tests.local.build"], cwd=ROOT, check=True)
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    return ROOT / ".aws-sam" / f"build-{architecture}"


def _run(folder: Path, functions: Path, items: int, rounds: int) -> None:
    print(f"making {items} items", flush=True)
    changes = data.some(items, CHANGED, 1)
    first = data.make(folder / "first", items)
    second = data.make(folder / "second", items, changes)
    environment = clean_environment()
    services = Services(environment["AWS_REGION"], ACCOUNT)
    runs: dict[str, list[Used]] = {}

    def note(name: str, used: Used) -> None:
        runs.setdefault(name, []).append(used)
        print(f"  {name}: {used.cpu_seconds:.2f} s CPU, {used.seconds:.2f} s", flush=True)

    has_restic = shutil.which("restic") is not None
    with serving(services.respond) as address, storage(folder / "s3", environment) as s3:
        bench = Bench(folder, environment, address, s3, functions)

        def note_back(name: str, used: Used) -> None:
            if (back := services.filled(BACK)) != items:
                raise RuntimeError(f"{name}: {back} of {items} items came back")
            note(name, used)

        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}", flush=True)
            bucket, repository = f"vault-{number}", folder / f"restic-{number}"
            s3.new_bucket(bucket)
            services.serve(first)
            note(FIRST, bench.snapshot(bucket, TABLE_ID, items, items))
            scans = services.scans
            if has_restic:
                note(RESTIC_FIRST, bench.restic(repository, first))
                note(CHECK, bench.restic_check(repository))
            note(SCRUB, bench.scrub(bucket))
            note_back(RESTORE, bench.restore(bucket, TABLE_ID, BACK, items))
            note(PLAIN, bench.plain_scan())
            if number == 1:
                dumped, back = bench.dynamodump(first, BACK)
                note(DUMP, dumped)
                note_back(DUMP_RESTORE, back)
            services.serve(second)
            note(SECOND, bench.snapshot(bucket, TABLE_ID, items, len(changes)))
            if has_restic:
                note(RESTIC_SECOND, bench.restic(repository, second))
                shutil.rmtree(repository)
        parts = s3.stored(bucket)
        _run_stream(bench, services.stream, first.lines, s3)
    sizes = (f"{binary.parent.name.lower()} {binary.stat().st_size / MB:.1f} MB" for binary in sorted(functions.glob("*/bootstrap")))
    print(f"\nBinaries: {', '.join(sizes)}")
    _tell(first, runs, parts, scans, has_restic)
    if services.unknown:
        names = ", ".join(sorted(services.unknown))
        print(f"calls that the stub does not know, so that the figures are worth less: {names}")


def _run_stream(bench: Bench, stream: Stream, lines: Path, s3: Storage) -> None:
    """Two points of a stream's records: of as many as a table's lines, and of some more."""
    bucket = "vault-stream"
    s3.new_bucket(bucket)
    s3.put(bucket, "config/policy.yaml", STREAM_POLICY)
    with open(lines, "rb") as table:
        stream.put(list(itertools.islice(table, STREAM_RECORDS)))
        first_bytes = stream.data_bytes
        first = bench.snapshot(bucket, STREAM_ID, stream.records, stream.records)
        stream.put(list(itertools.islice(table, STREAM_MORE)))
        second = bench.snapshot(bucket, STREAM_ID, stream.records, STREAM_MORE)
    print(
        f"\nA stream of {SHARDS} shards with {STREAM_RECORDS} records ({first_bytes / MB:.1f} MB), and {STREAM_MORE} more at the second point, "
        "read at its pace of 1.5 MB a second and shard:"
    )
    print("\n| point | MB of records / CPU s | CPU s | wall s | peak MiB | stored MB |")
    print("|---|---|---|---|---|---|")
    for name, used, size in (("first", first, first_bytes), ("second", second, stream.data_bytes - first_bytes)):
        print(
            f"| {name} | {size / MB / used.cpu_seconds:.0f} | {used.cpu_seconds:.2f} | {used.seconds:.1f} "
            f"| {used.peak_bytes / MIB:.1f} | {used.stored_bytes / MB:.2f} |"
        )
    print(f"\nOf the records' bytes, the first point stores {first.stored_bytes / first_bytes:.2f}.")


def _tell(table: data.Table, runs: dict[str, list[Used]], parts: dict[str, int], scans: int, has_restic: bool) -> None:
    machine = f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, {platform.system()}"
    print(f"\n{datetime.date.today()}, {machine}")
    print(
        f"{table.items} items, {table.dynamodb_bytes / MB:.1f} MB as DynamoDB counts, {table.json_bytes / MB:.1f} MB as JSON, "
        f"{len(table.pages)} Scan pages; {CHANGED:.0%} of the items changed before the second point"
    )
    print("\n| tool | runs | items / CPU s | MB of JSON / CPU s | CPU s (least to most) | wall s | peak MiB | stored MB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, used in sorted(runs.items(), key=lambda run: _ORDER.index(run[0])):
        cpu = sorted(run.cpu_seconds for run in used)
        print(
            f"| {name} | {len(used)} | {table.items / median(cpu):,.0f} | {table.json_bytes / MB / median(cpu):.0f} "
            f"| {median(cpu):.2f} ({cpu[0]:.2f} to {cpu[-1]:.2f}) | {median(run.seconds for run in used):.1f} "
            f"| {max(run.peak_bytes for run in used) / MIB:.1f} | {median(run.stored_bytes for run in used) / MB:.2f} |"
        )
    if not has_restic:
        print("\nrestic is not installed (Debian's package `restic`), so it was not measured.")
    _judge(table, runs, scans)
    if has_restic:
        first, second = (_median(runs, name, "stored_bytes") for name in (FIRST, SECOND))
        restic_first, restic_second = (_median(runs, name, "stored_bytes") for name in (RESTIC_FIRST, RESTIC_SECOND))
        print(
            f"Of what restic stores, snapshot's first point stores {first / restic_first:.2f} and its second "
            f"{second / restic_second:.3f}; restic's second adds {restic_second / restic_first:.1%} of its first."
        )
    keys = ", ".join(f"{first} {size:,}" for first, size in sorted(parts.items()))
    print(f"In the vault after both points, bytes by first part of the key: {keys}")


def _judge(table: data.Table, runs: dict[str, list[Used]], scans: int) -> None:
    """Holds the figures against the aims."""
    peak = max(run.peak_bytes for name in (FIRST, SECOND) for run in runs[name])
    stored = _median(runs, FIRST, "stored_bytes")
    share, growth = stored / table.dynamodb_bytes, _median(runs, SECOND, "stored_bytes") / stored
    cpu, wall = _median(runs, FIRST, "cpu_seconds"), _median(runs, FIRST, "seconds")
    pace = table.json_bytes / MB / cpu
    faster = _median(runs, DUMP, "seconds") / wall
    read = scans / len(table.pages)
    print("\n| aim | measured | met |")
    print("|---|---|---|")
    _aim("first point stores at most 0.40 of the table's bytes", f"{share:.3f}", share <= 0.40)
    _aim("second point stores at most 2 % of the first", f"{growth:.2%}", growth <= 0.02)
    _aim("peak memory at most 64 MB", f"{peak / MIB:.1f} MiB", peak <= 64 * MB)
    _aim("at least 120 MB of JSON per CPU second", f"{pace:.0f} MB", pace >= 120)
    _aim("at least 20 times as fast as dynamodump (wall clock)", f"{faster:.1f}", faster >= 20)
    _aim("Scan calls at most 1.02 of the table's pages", f"{read:.3f}", read <= 1.02)
    of_dump, of_plain = (cpu / _median(runs, name, "cpu_seconds") for name in (DUMP, PLAIN))
    print(f"\nOf dynamodump's CPU, snapshot's first point takes {of_dump:.2f}; of boto3's plain scan, {of_plain:.2f}.")


def _median(runs: dict[str, list[Used]], name: str, figure: str) -> float:
    return median(getattr(run, figure) for run in runs[name])


_ORDER = (FIRST, SECOND, SCRUB, RESTORE, PLAIN, DUMP, DUMP_RESTORE, RESTIC_FIRST, RESTIC_SECOND, CHECK)


def _aim(what: str, measured: str, is_met: bool) -> None:
    print(f"| {what} | {measured} | {'yes' if is_met else 'NO'} |")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


if __name__ == "__main__":
    main()
