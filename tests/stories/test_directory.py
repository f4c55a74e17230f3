"""A vault on somebody's own disk: mirrored from the bucket, proved and restored from by the programs, as ON-PREMISES.md says.

The programs are the ones that the functions are. They run here as a person's, with the account's own credentials.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local import observe, vault
from tests.local.build import ROOT
from tests.local.deploy import Stack
from tests.local.functions import invoke
from tests.local.sample import Sample
from tests.stories.test_verbs import QUIET_POLICY

REST = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}
# Of 500 small items; a debug build of the programs would take longer.
PROGRAM_TIMEOUT_S = 120


@dataclass(frozen=True)
class Mirror:
    """The mirrored vault and the programs over it."""

    stack: Stack
    sample: Sample
    template: Path
    folder: Path

    def copy(self) -> None:
        """What `aws s3 sync` does with the page's arguments, in the order that it names: points last."""
        keys = [key for key in vault.keys(self.stack, "") if not key.startswith(("runs/", "sweeps/"))]
        for key in sorted(keys, key=lambda key: key.startswith("points/")):
            file = self.folder / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(vault.read(self.stack, key))

    def run(self, function: str, event: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
        """Runs a program with an event on its standard input: its exit code and its reports."""
        done = subprocess.run(
            [self.program(function)],
            input=json.dumps(event),
            env={
                **self.stack.cloud.environment(self.stack.account, self.stack.region),
                "SSL_CERT_FILE": str(self.stack.cloud.certificate),
                "HOLDFAST_VAULT_DIRECTORY": str(self.folder),
                "HOLDFAST_ACCOUNT": self.stack.account,
            },
            stdout=subprocess.PIPE,
            text=True,
            timeout=PROGRAM_TIMEOUT_S,
        )
        return done.returncode, reports(done.stdout)

    def program(self, function: str) -> Path:
        """The function's own binary."""
        (code,) = self.template.parent.glob(f"{function.capitalize()}/bootstrap")
        return code


def reports(text: str) -> list[dict[str, Any]]:
    """The reports that a program has written, one JSON document after another."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while (text := text[at:].lstrip()):
        report, at = decoder.raw_decode(text)
        found.append(report)
    return found


@pytest.fixture(scope="module")
def mirror(deploy_stack: Callable[..., Stack], template: Path, tmp_path_factory) -> Mirror:
    """A table's point in a folder."""
    stack = deploy_stack(ReplicaRegion="", **REST)
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, QUIET_POLICY)
    sample.create_table(500)
    assert invoke(stack, "Snapshot", {"resource": sample.table_id})["status"] == "Completed"
    mirrored = Mirror(stack, sample, template, tmp_path_factory.mktemp("vault"))
    mirrored.copy()
    return mirrored


def test_the_pages_own_proof_without_our_code_holds(mirror: Mirror):
    page = (ROOT / "shared" / "vault" / "ON-PREMISES.md").read_text()
    script = page.split("Without our code:")[1].split("With it,")[0]
    done = subprocess.run(["bash", "-c", script], cwd=mirror.folder, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_scrub_reads_every_byte(mirror: Mirror):
    code, (report,) = mirror.run("verify", {"scrub": "all"})
    assert (code, report["status"]) == (0, "Completed"), report
    (outcome,) = report["outcomes"]
    assert outcome["details"]["bytes"] > 0 and "every byte" in outcome["message"]


def test_a_table_is_restored_equal(mirror: Mirror):
    request = {"resource": mirror.sample.table_id, "target": {"name": "orders-mirrored", "region": mirror.stack.region}}
    code, found = mirror.run("restore", request)
    assert (code, found[-1]["status"]) == (0, "Completed"), found
    assert observe.items(mirror.sample, "orders-mirrored") == observe.items(mirror.sample)
    before, after = observe.table_settings(mirror.sample), observe.table_settings(mirror.sample, "orders-mirrored")
    assert observe.differences(before, after) == []


def test_a_folder_without_a_vault_is_refused(mirror: Mirror, tmp_path: Path):
    nowhere = Mirror(mirror.stack, mirror.sample, mirror.template, tmp_path)
    code, found = nowhere.run("verify", {"scrub": "all"})
    assert code != 0 and found == []
    assert os.listdir(tmp_path) == []


def test_a_damaged_pack_is_found_and_named_and_not_restored_from(mirror: Mirror):
    # Last in this module: it damages the mirror.
    pack = next(mirror.folder.glob("packs/*/*.jsonl.zst"))
    damaged = bytearray(pack.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    pack.write_bytes(damaged)
    code, (report,) = mirror.run("verify", {"scrub": "all"})
    assert (code != 0, report["status"]) == (True, "Failed"), report
    assert str(pack.relative_to(mirror.folder)) in report["outcomes"][0]["message"]
    request = {"resource": mirror.sample.table_id, "target": {"name": "orders-damaged", "region": mirror.stack.region}}
    code, _ = mirror.run("restore", request)
    assert code != 0
    assert "orders-damaged" not in mirror.sample.client("dynamodb").list_tables()["TableNames"]
