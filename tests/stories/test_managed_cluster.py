"""An Aurora cluster under a plan with engine aws-backup, on a deployed stack with IAM enforced: a snapshot with its settings, a copy, and
the cluster back with the instances that AWS Backup leaves out, at home and where the copy lies.

The local cloud's databases hold no data: what comes back here is the cluster and what is set of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import follow

POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1d}
    retention: {keep_last: 1, minimum_good: 1}
    objectives: {rpo: 2d, rto: 1h}
    verification: {restore_test_every: 7d}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}
CLUSTER = "ledger"
TAGS = {"backup": "standard", "team": "books"}


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def cluster_id(stack: Stack) -> str:
    return f"rds-cluster/{stack.region}/{CLUSTER}"


def described(stack: Stack, name: str, region: str | None = None) -> dict[str, Any]:
    (cluster,) = stack.client("rds", region).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    return cluster


def instances(stack: Stack, cluster: str, region: str | None = None) -> list[dict[str, Any]]:
    found = stack.client("rds", region).describe_db_instances()["DBInstances"]
    return [one for one in found if one.get("DBClusterIdentifier") == cluster]


def make_subnet_group(stack: Stack, region: str | None) -> None:
    ec2 = stack.client("ec2", region)
    network = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    blocks = ("10.9.1.0/24", "10.9.2.0/24")
    subnets = [ec2.create_subnet(VpcId=network, CidrBlock=block)["Subnet"]["SubnetId"] for block in blocks]
    stack.client("rds", region).create_db_subnet_group(
        DBSubnetGroupName=CLUSTER, DBSubnetGroupDescription="of the books", SubnetIds=subnets
    )


@pytest.fixture(scope="module")
def stack(deploy_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack whose schedules rest, and a cluster with a writer and a reader."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    Control(stack.cloud, stack.account).faults(drop_events=True)
    vault.write_policy(stack, POLICY)
    for region in (None, REPLICA_REGION):
        make_subnet_group(stack, region)
    rds = stack.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier=CLUSTER,
        Engine="aurora-postgresql",
        MasterUsername="books",
        MasterUserPassword="not-a-secret-here",
        DBSubnetGroupName=CLUSTER,
        BackupRetentionPeriod=7,
        Tags=pairs(TAGS),
    )
    for name in ("ledger-writer", "ledger-reader"):
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=CLUSTER,
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
        )
    yield stack
    destroy(stack)


def test_its_snapshot_is_a_point_with_the_settings_in_our_vault(stack):
    done = follow(stack, "Snapshot", TICK, cluster_id(stack))
    assert done["status"] == "Done", done
    (manifest,) = vault.points(stack, cluster_id(stack))
    assert (manifest["engine"], manifest["managed"]["resource_type"]) == ("aws-backup", "Aurora")
    assert ":cluster-snapshot:awsbackup:" in manifest["managed"]["recovery_point_arn"]


def test_it_is_copied_to_the_replicas_region(stack):
    (manifest,) = vault.points(stack, cluster_id(stack))
    done = follow(stack, "Replicate", {"point": manifest["point"]}, cluster_id(stack))
    assert done["status"] in ("Done", "Unchanged"), done
    backup = stack.client("backup", REPLICA_REGION)
    (copy,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=stack.name)["RecoveryPoints"]
    assert copy["ResourceArn"].endswith(f":cluster:{CLUSTER}")


def test_it_comes_back_with_the_instances_and_settings_that_aws_backup_leaves_out(stack):
    event = {"resource": cluster_id(stack), "target": {"name": "back-of-ledger"}}
    done = follow(stack, "Restore", event, "rds-cluster")
    assert done["status"] in ("Done", "Partial"), done
    back = described(stack, "back-of-ledger")
    assert back["BackupRetentionPeriod"] == 7, done
    assert {tag["Key"]: tag["Value"] for tag in back["TagList"]}.items() >= TAGS.items(), done
    classes = [one["DBInstanceClass"] for one in instances(stack, "back-of-ledger")]
    assert classes == ["db.r6g.large"] * 2, done
    again = follow(stack, "Restore", event, "rds-cluster")
    assert again["status"] in ("Unchanged", done["status"]), again
    assert len(instances(stack, "back-of-ledger")) == 2


def test_where_the_copy_lies_it_comes_back_from_it(stack):
    event = {"resource": cluster_id(stack), "target": {"name": "far-ledger", "region": REPLICA_REGION}}
    done = follow(stack, "Restore", event, "rds-cluster")
    assert done["status"] in ("Done", "Partial"), done
    assert described(stack, "far-ledger", REPLICA_REGION)["Engine"] == "aurora-postgresql"
    assert len(instances(stack, "far-ledger", REPLICA_REGION)) == 2


def test_a_restore_test_makes_one_and_leaves_nothing(stack):
    done = follow(stack, "Verify", {"restore_test": cluster_id(stack)}, "rds-cluster")
    assert done["status"] == "Done", done
    names = {one["DBClusterIdentifier"] for one in stack.client("rds").describe_db_clusters()["DBClusters"]}
    assert names == {CLUSTER, "back-of-ledger"}
