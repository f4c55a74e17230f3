"""`make demo`: the main job on the local cloud, from deploy to disaster and back.

Prints what it does and what it found, fails with a clear message when anything differs, and leaves nothing running unless
KEEP=1 asks for it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.local import observe, vault
from tests.local.build import build
from tests.local.cloud import REPLICA_REGION, Cloud, start
from tests.local.deploy import Stack, deploy
from tests.local.functions import follow, invoke, snapshot
from tests.local.sample import FUNCTION, TABLE, Sample, order
from tests.local.wait import wait_until

ORDERS = 5000
# One per cent, spread over the whole table.
CHANGED = range(0, ORDERS, 100)

POLICY = """\
version: 1
plans:
  - name: standard
    schedule: {every: 1m}
    retention: {keep_last: 1, hourly: 2, daily: 7, minimum_good: 1}
    objectives: {rpo: 15m}
    verification: {restore_test_every: 7d}
  - name: managed
    engine: aws-backup
    schedule: {every: 1d}
    retention: {daily: 7}
"""
DATABASE = "ledger"
# Its tag selects the second plan.
DATABASE_TAGS = {"backup": "managed", "team": "shop"}
TICK = {"tick": "2026-11-21T03:00:00Z"}


class Demo:
    """The steps, each of which prints itself and fails when what it sees is not what it should be."""

    def __init__(self, cloud: Cloud, stack: Stack):
        self.cloud = cloud
        self.stack = stack
        self.sample = Sample(cloud, stack.account, stack.region)
        self.rows: list[tuple[str, str]] = []
        self.before: dict[str, Any] = {}

    def run(self) -> None:
        """All of it, in order."""
        self.step("a sample application", self.make_application)
        self.step("first points, by the schedule", self.first_points)
        self.step("second points, after 1 % of the items changed", self.second_points)
        self.step(f"copies in {REPLICA_REGION}, by the event of each commit", self.replicated)
        self.step("a database's point by AWS Backup, and its copy", self.managed)
        self.step("every byte read and proved; restore test", self.verified)
        self.step("what prune would do, and why", self.pruned)
        self.step("disaster: table, function, database and home vault are gone", self.destroyed)
        self.step("restore from the replica alone", self.restored)
        self.step("every item and setting compared", self.compared)
        self.step(f"the database from its copy in {REPLICA_REGION}", self.restored_database)

    def step(self, what: str, act: Callable[[], str]) -> None:
        """Runs one step and notes how long it took."""
        print(f"\n── {what}", flush=True)
        began = time.monotonic()
        found = act()
        self.rows.append((what, found))
        print(f"   {found}  [{time.monotonic() - began:.1f} s]", flush=True)

    def make_application(self) -> str:
        """The table, the function, the policy."""
        vault.write_policy(self.stack, POLICY)
        self.sample.create(ORDERS)
        return f"table {TABLE} with {ORDERS} orders, function {FUNCTION} with an alias and a queue"

    def first_points(self) -> str:
        """Waits for the schedule; nobody calls anything."""
        both = (self.sample.table_id, self.sample.function_id)
        wait_until(lambda: all(vault.points(self.stack, one) for one in both), 150, "the first points", every=1)
        manifest = vault.points(self.stack, self.sample.table_id)[0]
        data = manifest["data"]
        expect(data["items"] == ORDERS, f"the point holds {data['items']} items, the table {ORDERS}")
        expect(manifest["not_protected"] == [], f"not protected: {manifest['not_protected']}")
        return f"{data['items']} items, {data['bytes']} bytes, stored in {data['stored_bytes']}"

    def second_points(self) -> str:
        """Changes one item in a hundred and takes a point of each by hand."""
        first = vault.points(self.stack, self.sample.table_id)[0]["data"]
        self.sample.put_orders([order(number, "shipped") for number in CHANGED])
        point = self.snapshot(self.sample.table_id)
        self.snapshot(self.sample.function_id)
        data = next(one for one in vault.points(self.stack, self.sample.table_id) if point_id(one) == point)["data"]
        expect(data["new_items"] <= len(CHANGED), f"{data['new_items']} items stored anew for {len(CHANGED)} changes")
        share = 100 * data["stored_bytes"] / first["stored_bytes"]
        return f"{data['new_items']} items stored anew, {data['stored_bytes']} bytes: {share:.1f} % of the first point"

    def snapshot(self, resource: str) -> str:
        """A point of a resource by hand; returns its id."""
        outcome = snapshot(self.stack, resource)
        expect(outcome["status"] == "Done", f"snapshot: {outcome}")
        return outcome["subject"]

    def replicated(self) -> str:
        """Waits until the newest points are in the replica."""
        bucket = self.stack.outputs["ReplicaBucket"]

        def newest_is_there(resource: str) -> bool:
            here = vault.points(self.stack, resource)
            there = vault.points(self.stack, resource, bucket, REPLICA_REGION)
            return point_id(here[-1]) in map(point_id, there)

        both = (self.sample.table_id, self.sample.function_id)
        wait_until(lambda: all(newest_is_there(one) for one in both), 150, "the copies", every=1)
        copies = sum(len(vault.points(self.stack, one, bucket, REPLICA_REGION)) for one in both)
        return f"{copies} points in bucket {bucket}"

    @property
    def database_id(self) -> str:
        """How Holdfast names the database."""
        return f"rds-instance/{self.stack.region}/{DATABASE}"

    def managed(self) -> str:
        """Makes a database, and follows AWS Backup's jobs to their end as ticks do."""
        self.stack.client("rds").create_db_instance(
            DBInstanceIdentifier=DATABASE,
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            StorageEncrypted=True,
            MasterUsername="holdfast",
            MasterUserPassword="only-for-the-demo",
            Tags=[{"Key": key, "Value": value} for key, value in DATABASE_TAGS.items()],
        )

        def is_made() -> bool:
            invoke(self.stack, "Snapshot", TICK)
            return bool(vault.points(self.stack, self.database_id))

        wait_until(is_made, 150, "the database's point", every=2)
        manifest = vault.points(self.stack, self.database_id)[-1]
        copied = follow(self.stack, "Replicate", {"point": point_id(manifest)}, self.database_id)
        expect(copied["status"] in ("Done", "Unchanged"), f"its copy: {copied}")
        return f"recovery point {manifest['managed']['recovery_point_arn'].rsplit(':', 1)[-1]} and its copy"

    def restored_database(self) -> str:
        """AWS Backup restores where a copy lies; the replica's manifest names it."""
        target = {"name": DATABASE, "region": REPLICA_REGION}
        done = follow(self.stack, "Restore", {"resource": self.database_id, "target": target}, "rds-instance")
        expect(done["status"] in ("Done", "Partial"), f"restore of {self.database_id}: {done}")
        rds = self.stack.client("rds", REPLICA_REGION)
        (back,) = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"]
        tags = {tag["Key"]: tag["Value"] for tag in back["TagList"]}
        expect(tags.items() >= DATABASE_TAGS.items(), f"its tags: {tags}")
        return f"{DATABASE} with its tags"

    def verified(self) -> str:
        """Scrubs everything and restores one point into a scratch table."""
        scrubbed = invoke(self.stack, "Verify", {"scrub": "all"})
        expect(scrubbed["status"] == "Completed", f"scrub: {scrubbed}")
        tested = invoke(self.stack, "Verify", {"restore_test": self.sample.table_id})
        expect(tested["status"] == "Completed", f"restore test: {tested}")
        left = [name for name in self.sample.client("dynamodb").list_tables()["TableNames"] if "scratch" in name]
        expect(left == [], f"scratch tables left: {left}")
        took = tested["outcomes"][0]["details"]["restore_ms"]
        return f"{len(scrubbed['outcomes'])} points proved; {ORDERS} items restored in {took} ms and compared"

    def pruned(self) -> str:
        """A dry run: everything is explained, nothing is done."""
        report = invoke(self.stack, "Prune", {"dry_run": True})
        expect(report["dry_run"] and report["status"] == "Completed", f"prune: {report}")
        for outcome in report["outcomes"]:
            print(f"   {outcome['subject']}: {outcome.get('message') or outcome.get('details')}")
        kept = sum(outcome.get("message", "").startswith("kept") for outcome in report["outcomes"])
        gone = sum("would be tombstoned" in outcome.get("message", "") for outcome in report["outcomes"])
        return f"{kept} points kept, {gone} would be tombstoned"

    def destroyed(self) -> str:
        """Looks at everything once more, takes the last points, and loses it all."""
        self.snapshot(self.sample.table_id)
        self.snapshot(self.sample.function_id)
        self.replicated()
        self.before = self.observe()
        self.sample.destroy()
        self.stack.client("rds").delete_db_instance(DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True)
        vault.destroy(self.stack)
        return f"{len(self.before['items'])} items, 3 resources, 1 vault"

    def restored(self) -> str:
        """Brings both back under their own names."""
        for resource, name in ((self.sample.table_id, TABLE), (self.sample.function_id, FUNCTION)):
            request = {"resource": resource, "point": "latest", "target": {"name": name}, "triggers": "as-before"}
            report = invoke(self.stack, "Restore", request)
            expect(report["status"] == "Completed", f"restore of {resource}: {report}")
            print(f"   {name}: {'; '.join(report['notes'])}")
        return f"{TABLE} and {FUNCTION}"

    def compared(self) -> str:
        """Item by item and setting by setting, with a client that knows nothing of Holdfast."""
        after = self.observe()
        told = []
        for what in ("items", "table", "function"):
            told += [f"{what}: {one}" for one in observe.differences(self.before[what], after[what])]
        expect(not told, "\n".join(["differences:", *told[:20]]))
        settings = len(self.before["table"]) + len(self.before["function"])
        return f"{len(after['items'])} items and {settings} settings, all equal"

    def observe(self) -> dict[str, Any]:
        """The whole application."""
        return {
            "items": observe.items(self.sample),
            "table": observe.table_settings(self.sample),
            "function": observe.function_settings(self.sample),
        }


class DemoFailed(Exception):
    """The demo saw something that should not be."""


def expect(holds: bool, message: str) -> None:
    """Fails the demo unless something holds."""
    if not holds:
        raise DemoFailed(message)


def point_id(manifest: dict[str, Any]) -> str:
    """A manifest's point."""
    return manifest["point"]


def table_of(rows: list[tuple[str, str]]) -> str:
    """The rows as a table that a person can read."""
    width = max(len(what) for what, _ in rows)
    line = "─" * (width + 2 + max(len(found) for _, found in rows))
    return "\n".join([line, *(f"{what:<{width}}  {found}" for what, found in rows), line])


def main() -> int:
    """Runs the demo; returns the exit code."""
    keep = os.environ.get("KEEP") == "1"
    template = build()
    cloud = start(keep=keep)
    try:
        began = time.monotonic()
        print("\n── deploy with IAM enforced", flush=True)
        stack = deploy(cloud, template, cloud.new_account())
        print(f"   stack {stack.name}, vault {stack.vault}  [{time.monotonic() - began:.1f} s]", flush=True)
        demo = Demo(cloud, stack)
        demo.run()
        print(f"\n{table_of(demo.rows)}\nall of it held, in {time.monotonic() - began:.0f} s")
        return 0
    except Exception as reason:  # noqa: BLE001 - whatever it is, a person reads it
        print(f"\nthe demo failed: {reason}", file=sys.stderr, flush=True)
        return 1
    finally:
        if keep:
            print(
                f"\nthe local cloud is still up at {cloud.endpoint}; look around in it with\n"
                f"  export AWS_ENDPOINT_URL={cloud.endpoint} AWS_CA_BUNDLE={cloud.certificate}"
                f" AWS_ACCESS_KEY_ID=100000000001 AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-central-1\n"
                f"  aws s3 ls --recursive s3://holdfast-100000000001-{REPLICA_REGION}\n"
                f"and end it with\n  kill -- -{cloud.process.pid}"
            )
        else:
            cloud.stop()


if __name__ == "__main__":
    sys.exit(main())
