"""An account with something to protect: a table, a bucket and databases, a service role, and vaults with their keys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.local.aws_backup import Control
from tests.local.cloud import HOME_REGION, Cloud

SERVICE_ROLE = "backup-service"
# All that the service asks its role for.
POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup",
    "AWSBackupServiceRolePolicyForS3Restore",
)
# More than any job needs.
MOST_LOOKS = 10


@dataclass
class BackupAccount:
    """An account that uses AWS Backup."""

    cloud: Cloud
    account: str
    region: str = HOME_REGION
    control: Control = field(init=False)
    role: str = field(init=False)

    def __post_init__(self) -> None:
        self._session, self._clients = self.cloud.session(self.account, self.region), {}
        self.control = Control(self.cloud, self.account)
        trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
        self.role = self.make_role(SERVICE_ROLE, trust, POLICIES)

    def make_role(self, name: str, trust: dict[str, Any], policies: tuple[str, ...] = ()) -> str:
        """A role with AWS's own policies."""
        iam = self.client("iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        for policy in policies:
            iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        return arn

    def client(self, service: str, region: str | None = None):
        """A client of the account's root user."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.cloud.client(service, self.account, key[1], self._session)
        return self._clients[key]

    def close(self) -> None:
        """Ends its connections: a server that is told to stop waits for open ones."""
        for client in self._clients.values():
            client.close()

    def backup(self, region: str | None = None):
        """A client of AWS Backup."""
        return self.client("backup", region)

    def vault(self, name: str = "main", region: str | None = None, key: str | None = None) -> str:
        """Makes a vault with a key of its own, or the one given; returns its ARN."""
        key = key or self.key(region)
        return self.backup(region).create_backup_vault(BackupVaultName=name, EncryptionKeyArn=key)["BackupVaultArn"]

    def key(self, region: str | None = None) -> str:
        """Makes a key; returns its ARN."""
        return self.client("kms", region).create_key()["KeyMetadata"]["Arn"]

    def table(self, name: str = "orders", items: int = 60) -> str:
        """Makes a table with items, a time to live, a stream and a tag; returns its ARN."""
        dynamodb = self.client("dynamodb")
        made = dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "day", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-day",
                    "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            Tags=[{"Key": "team", "Value": "orders"}],
        )["TableDescription"]
        dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
        for start in range(0, items, 25):
            batch = [{"PutRequest": {"Item": item(number)}} for number in range(start, min(start + 25, items))]
            dynamodb.batch_write_item(RequestItems={name: batch})
        return made["TableArn"]

    def bucket(self, name: str, *, versioned: bool = True) -> str:
        """Makes a bucket; returns its ARN."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return f"arn:aws:s3:::{name}"

    def instance(self, name: str = "orders-db", **more: Any) -> str:
        """Makes an RDS instance; returns its ARN."""
        made = self.client("rds").create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="orders",
            MasterUserPassword="not-a-secret-here",
            Tags=[{"Key": "team", "Value": "orders"}],
            **more,
        )
        return made["DBInstance"]["DBInstanceArn"]

    def start_backup(self, resource_arn: str, vault: str = "main", **more: Any) -> str:
        """Starts a backup job; returns its id."""
        started = self.backup().start_backup_job(
            BackupVaultName=vault, ResourceArn=resource_arn, IamRoleArn=self.role, **more
        )
        return started["BackupJobId"]

    def backup_of(self, resource_arn: str, vault: str = "main", **more: Any) -> str:
        """Makes a recovery point; returns its ARN."""
        job = self.follow_backup(self.start_backup(resource_arn, vault, **more))
        assert job["State"] == "COMPLETED", job
        return job["RecoveryPointArn"]

    def start_copy(self, point_arn: str, destination_arn: str, source: str = "main", **more: Any) -> str:
        """Starts a copy job; returns its id."""
        started = self.backup().start_copy_job(
            RecoveryPointArn=point_arn,
            SourceBackupVaultName=source,
            DestinationBackupVaultArn=destination_arn,
            IamRoleArn=self.role,
            **more,
        )
        return started["CopyJobId"]

    def start_restore(self, point_arn: str, metadata: dict[str, str], region: str | None = None, **more: Any) -> str:
        """Starts a restore job; returns its id."""
        started = self.backup(region).start_restore_job(
            RecoveryPointArn=point_arn, Metadata=metadata, IamRoleArn=self.role, **more
        )
        return started["RestoreJobId"]

    def follow_backup(self, job_id: str) -> dict[str, Any]:
        """Describes the job until it has ended."""
        return _follow(lambda: self.backup().describe_backup_job(BackupJobId=job_id), "State")

    def follow_copy(self, job_id: str) -> dict[str, Any]:
        """Describes the job until it has ended."""
        return _follow(lambda: self.backup().describe_copy_job(CopyJobId=job_id)["CopyJob"], "State")

    def follow_restore(self, job_id: str, region: str | None = None) -> dict[str, Any]:
        """Describes the job until it has ended."""
        return _follow(lambda: self.backup(region).describe_restore_job(RestoreJobId=job_id), "Status")


def item(number: int) -> dict[str, Any]:
    """An item with what JSON would spoil: a long number, a set, bytes."""
    return {
        "id": {"S": f"order-{number:05}"},
        "day": {"S": f"2026-11-{number % 28 + 1:02}"},
        "total": {"N": "12345678901234567890123456789012345678"},
        "labels": {"SS": ["paid", f"n{number}"]},
        "seal": {"B": bytes([number % 256, 0, 255])},
    }


def _follow(describe, member: str) -> dict[str, Any]:
    for _ in range(MOST_LOOKS):
        job = describe()
        if job[member] not in ("CREATED", "PENDING", "RUNNING", "ABORTING"):
            return job
    raise AssertionError(f"the job did not end: {job}")
