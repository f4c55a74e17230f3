"""Each tool, run once on the table as it is being served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.data import Table
from tests.bench.runtime import INVOCATION_S, Runtime
from tests.bench.server import serving
from tests.bench.services import TABLE
from tests.bench.storage import Storage

ACCOUNT = "111122223333"

_MEASURE = Path(__file__).with_name("measure.py")
_PLAIN_SCAN = Path(__file__).with_name("plain_scan.py")


@dataclass
class Used:
    """What one run of a tool took, and what it left behind."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stored_bytes: int


class Measured:
    """A command that is being measured."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str], log: str) -> None:
        self._result = folder / "used.json"
        self._result.unlink(missing_ok=True)
        self._log = folder / log
        with open(self._log, "ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_MEASURE), str(self._result), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def used(self, stored_bytes: int = 0) -> Used:
        """Waits for the end. Raises RuntimeError if the command failed by itself."""
        self.process.wait()
        used = json.loads(self._result.read_text())
        if used["exit_code"] > 0:
            raise self.failed(f"exit code {used['exit_code']}")
        return Used(used["seconds"], used["cpu_seconds"], used["peak_bytes"], stored_bytes)

    def failed(self, why: str) -> RuntimeError:
        """An error that shows the log's end."""
        return RuntimeError(f"{why}; {self._log} ends:\n{self._log.read_text(errors='replace')[-2000:]}")


@dataclass
class Bench:
    """Where things are."""

    folder: Path
    environment: dict[str, str]
    services: str
    storage: Storage
    # As `sam build` leaves them.
    functions: Path

    def snapshot(self, bucket: str, resource: str, items: int, new_items: int) -> Used:
        """One point. Its counts are checked."""
        before = sum(self.storage.stored(bucket).values())
        used, outcome = self._invoke("Snapshot", bucket, {"resource": self._id(resource), "plan": "bench"})
        details = outcome.get("details", {})
        if outcome["status"] != "Done" or (details["items"], details["new_items"]) != (items, new_items):
            raise RuntimeError(f"not the point that was asked for: {json.dumps(outcome)}")
        used.stored_bytes = sum(self.storage.stored(bucket).values()) - before
        return used

    def scrub(self, bucket: str) -> Used:
        """Every byte of every point is read and checked."""
        used, outcome = self._invoke("Verify", bucket, {"scrub": "all"})
        if outcome["status"] != "Done":
            raise RuntimeError(f"the vault was not proved: {json.dumps(outcome)}")
        used.stored_bytes = sum(self.storage.stored(bucket).values())
        return used

    def restore(self, bucket: str, resource: str, name: str, items: int) -> Used:
        """The newest point into a new table. Whether that has every item is for whoever serves it to say."""
        event = {"resource": self._id(resource), "target": {"name": name}}
        used, outcome = self._invoke("Restore", bucket, event)
        if outcome["status"] != "Done" or outcome["details"]["items"] != items:
            raise RuntimeError(f"not what was to be restored: {json.dumps(outcome)}")
        return used

    def _id(self, resource: str) -> str:
        kind, name = resource.split("/")
        return f"{kind}/{self.environment['AWS_REGION']}/{name}"

    def _invoke(self, function: str, bucket: str, event: dict) -> tuple[Used, dict]:
        """One cold start of a function, one event, one outcome."""
        region, name = self.environment["AWS_REGION"], function.lower()
        runtime = Runtime(event, f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}")
        with serving(runtime.respond) as runtime_api:
            environment = {
                **self.environment,
                "AWS_LAMBDA_RUNTIME_API": runtime_api,
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                "AWS_ENDPOINT_URL": f"http://{self.services}",
                "AWS_ENDPOINT_URL_S3": self.storage.endpoint,
                "HOLDFAST_ACCOUNT": ACCOUNT,
                "HOLDFAST_VAULT_BUCKET": bucket,
                "HOLDFAST_WORK_QUEUE_URL": f"http://{self.services}/{ACCOUNT}/work",
            }
            running = Measured(self.folder, [str(self.functions / function / "bootstrap")], environment, f"{name}.log")
            started = time.monotonic()
            report = None
            while report is None and running.process.poll() is None and time.monotonic() - started < INVOCATION_S:
                report = runtime.outcome(timeout_s=1)
            seconds = time.monotonic() - started
            running.process.terminate()
            used = running.used()
        if report is None:
            raise running.failed(f"{name} gave no answer")
        if len(report["outcomes"]) != 1:
            raise running.failed(f"not one outcome: {json.dumps(report)}")
        return Used(seconds, used.cpu_seconds, used.peak_bytes, 0), report["outcomes"][0]

    def plain_scan(self) -> Used:
        """boto3's paginator into a file."""
        file = self.folder / "plain.json"
        endpoint, region = f"http://{self.services}", self.environment["AWS_REGION"]
        command = [sys.executable, str(_PLAIN_SCAN), endpoint, region, TABLE, str(file)]
        used = Measured(self.folder, command, self.environment, "plain.log").used()
        used.stored_bytes = file.stat().st_size
        file.unlink()
        return used

    def dynamodump(self, table: Table, restored: str) -> tuple[Used, Used]:
        """A full dump into a folder, and that into a new table."""
        folder = self.folder / "dynamodump"
        folder.mkdir()
        used = self._dynamodump(folder, "-m", "backup")
        used.stored_bytes = _bytes_in(folder)
        pages = sorted((folder / TABLE / "data").glob("*.json"))
        items = sum(json.loads(page.read_text())["Count"] for page in pages)
        if items != table.items:
            raise RuntimeError(f"dynamodump wrote {items} of {table.items} items")
        back = self._dynamodump(folder, "-m", "restore", "-d", restored, "--noConfirm")
        shutil.rmtree(folder)
        return used, back

    def _dynamodump(self, folder: Path, *mode: str) -> Used:
        host, port = self.services.split(":")
        command = [
            str(Path(sys.executable).with_name("dynamodump")),
            *mode, "-s", TABLE, "-r", self.environment["AWS_REGION"], "--dumpPath", str(folder),
            "--host", host, "--port", port, "--accessKey", "test", "--secretKey", "test",
        ]
        return Measured(self.folder, command, self.environment, "dynamodump.log").used()

    def restic(self, repository: Path, table: Table) -> Used:
        """A snapshot of the table's lines. What made the lines is not in it."""
        environment = {**self.environment, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(repository)}
        if not repository.exists():
            command = ["restic", "init"]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        before = _bytes_in(repository)
        # The same path each time, as a table that is exported anew would have.
        lines = self.folder / "table.json"
        shutil.copyfile(table.lines, lines)
        command = ["restic", "backup", "--no-cache", "--quiet", str(lines)]
        used = Measured(self.folder, command, environment, "restic.log").used()
        used.stored_bytes = _bytes_in(repository) - before
        return used


    def restic_check(self, repository: Path) -> Used:
        """Every byte of the repository is read and checked."""
        environment = {**self.environment, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(repository)}
        command = ["restic", "check", "--read-data", "--no-cache", "--quiet"]
        used = Measured(self.folder, command, environment, "restic.log").used()
        used.stored_bytes = _bytes_in(repository)
        return used


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
