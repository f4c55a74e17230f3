"""What the stand-in knows: for each account and region its vaults, recovery points, jobs, holds and settings."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.local.aws_backup.faults import Faults
from tests.local.aws_backup.wire import Refused

DAY_S = 86_400
# DescribeBackupJob and its like know a job for this long.
JOB_MEMORY_S = 30 * DAY_S
MINUTE_S = 60


class Place(NamedTuple):
    """An account in a region."""

    account: str
    region: str

    @property
    def arn(self) -> str:
        """How the service's own ARNs begin here."""
        return f"arn:aws:backup:{self.region}:{self.account}"


@dataclass
class Lock:
    """A vault lock: with a date immutable from then on (compliance mode), without one removable (governance mode)."""

    min_days: int | None
    max_days: int | None
    immutable_from: float | None

    def immutable(self, now: float) -> bool:
        return self.immutable_from is not None and now >= self.immutable_from


@dataclass
class Vault:
    """A backup vault."""

    name: str
    place: Place
    key_arn: str
    created_at: float
    creator_request_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    lock: Lock | None = None
    policy: str | None = None
    notifications: dict[str, Any] | None = None
    points: dict[str, Point] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"{self.place.arn}:backup-vault:{self.name}"


@dataclass
class Point:
    """A recovery point. `content` is what was read from the resource: only its kind knows what it holds."""

    arn: str
    vault: Vault
    resource_arn: str
    resource_type: str
    role_arn: str
    created_at: float
    initiated_at: float
    status: str
    content: dict[str, Any] = field(default_factory=dict)
    completed_at: float | None = None
    message: str | None = None
    size_bytes: int = 0
    lifecycle: dict[str, int] = field(default_factory=dict)
    key_arn: str | None = None
    advanced: bool = True
    continuous: bool = False
    made_by_plan: dict[str, str] | None = None
    source_vault_arn: str | None = None
    last_restored_at: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    deleting_describes: int = 0

    @property
    def place(self) -> Place:
        return self.vault.place

    @property
    def has_cold_tier(self) -> bool:
        """Only then is a transition to cold storage more than words."""
        return self.resource_type == "DynamoDB" and self.advanced

    @property
    def cold_at(self) -> float | None:
        days = self.lifecycle.get("MoveToColdStorageAfterDays", -1)
        return self.created_at + days * DAY_S if days > 0 and self.has_cold_tier else None

    @property
    def delete_at(self) -> float | None:
        days = self.lifecycle.get("DeleteAfterDays", -1)
        return self.created_at + days * DAY_S if days > 0 else None

    def storage_class(self, now: float) -> str:
        return "COLD" if self.cold_at is not None and now >= self.cold_at else "WARM"


@dataclass
class Job:
    """A backup, copy or restore job."""

    id: str
    kind: str
    place: Place
    request: dict[str, Any]
    resource_arn: str
    resource_type: str
    role_arn: str
    created_at: float
    state: str
    # When the state began, and how often it has been looked at since.
    since: float
    looks: int = 0
    message: str | None = None
    message_category: str | None = None
    completed_at: float | None = None
    size_bytes: int = 0
    # Of a backup or copy: the point that it makes. Of a restore: the point that it reads.
    point: Point | None = None
    point_arn: str | None = None
    vault: Vault | None = None
    destination: Vault | None = None
    destination_arn: str | None = None
    start_by: float | None = None
    complete_by: float | None = None
    made_by_plan: dict[str, str] | None = None
    continuous: bool = False
    created_resource_arn: str | None = None
    validation: tuple[str, str | None] | None = None
    # What of the outside was found when the job began, for its end.
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.state in ("COMPLETED", "PARTIAL", "FAILED", "ABORTED", "EXPIRED")


@dataclass
class Hold:
    """A legal hold."""

    id: str
    place: Place
    title: str
    description: str
    created_at: float
    selection: dict[str, Any]
    status: str = "ACTIVE"
    cancelled_at: float | None = None
    cancel_description: str | None = None

    @property
    def arn(self) -> str:
        return f"{self.place.arn}:legal-hold:{self.id}"


@dataclass
class Selection:
    """Resources that a backup plan covers."""

    id: str
    document: dict[str, Any]
    created_at: float
    creator_request_id: str | None
    # By resource: when its rule last ran.
    ran: dict[str, float] = field(default_factory=dict)


@dataclass
class Plan:
    """A backup plan."""

    id: str
    place: Place
    document: dict[str, Any]
    created_at: float
    version_id: str
    creator_request_id: str | None
    tags: dict[str, str] = field(default_factory=dict)
    selections: dict[str, Selection] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"{self.place.arn}:backup-plan:{self.id}"


@dataclass
class Scope:
    """All that there is in one place."""

    place: Place
    vaults: dict[str, Vault] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    # The ids of all plans that there ever were.
    plans_ever: set[str] = field(default_factory=set)
    opt_in: dict[str, bool] = field(default_factory=dict)
    management: dict[str, bool] = field(default_factory=dict)
    # Idempotency token by operation: the request that came with it and the id that it got.
    tokens: dict[tuple[str, str], tuple[dict[str, Any], str]] = field(default_factory=dict)

    def points(self) -> Iterator[Point]:
        for vault in self.vaults.values():
            yield from vault.points.values()


@dataclass
class Account:
    """What an account has in all regions: its clock and its faults."""

    ahead_s: float = 0.0
    faults: Faults = field(default_factory=Faults)
    # How often each operation was asked for, and with what outcome: for tests that count.
    calls: list[tuple[str, str]] = field(default_factory=list)


class World:
    """Everything, of all accounts and regions."""

    def __init__(self) -> None:
        self._scopes: dict[Place, Scope] = {}
        self._accounts: dict[str, Account] = {}

    def account(self, account: str) -> Account:
        return self._accounts.setdefault(account, Account())

    def faults(self, place: Place) -> Faults:
        return self.account(place.account).faults

    def now(self, place: Place) -> float:
        """The account's own clock: the machine's, and as far ahead as a test pushed it."""
        return time.time() + self.account(place.account).ahead_s

    def scope(self, place: Place) -> Scope:
        if place not in self._scopes:
            self._scopes[place] = Scope(place)
        return self._scopes[place]

    def scopes_of(self, account: str) -> list[Scope]:
        return [scope for place, scope in self._scopes.items() if place.account == account]

    def forget(self, account: str) -> None:
        """As if the account had never been used."""
        self._accounts.pop(account, None)
        for place in [place for place in self._scopes if place.account == account]:
            del self._scopes[place]

    def vault(self, place: Place, name: str) -> Vault:
        """A vault. One that is not there is answered as AWS answers: as if the caller had no right to ask."""
        found = self.scope(place).vaults.get(name)
        if found is None:
            raise Refused("AccessDeniedException", "Insufficient privileges to perform this action.", 403)
        return found

    def vault_by_arn(self, arn: str) -> Vault | None:
        """A vault anywhere, by its ARN."""
        parts = arn.split(":", 6)
        if len(parts) != 7 or parts[2] != "backup" or parts[5] != "backup-vault":
            return None
        return self.scope(Place(parts[4], parts[3])).vaults.get(parts[6])

    def point(self, place: Place, vault_name: str, arn: str) -> Point:
        """A recovery point in a vault."""
        found = self.vault(place, vault_name).points.get(arn)
        if found is None:
            raise Refused("ResourceNotFoundException", f"Cannot find recovery point {arn} in vault {vault_name}")
        return found

    def point_anywhere(self, place: Place, arn: str) -> Point | None:
        """A recovery point in any vault of the place."""
        return next((point for point in self.scope(place).points() if point.arn == arn), None)

    def jobs(self, place: Place, kind: str) -> list[Job]:
        """The jobs of a kind that the service still knows, the newest first."""
        oldest = self.now(place) - JOB_MEMORY_S
        known = [job for job in self.scope(place).jobs.values() if job.kind == kind and job.created_at >= oldest]
        return sorted(known, key=lambda job: -job.created_at)

    def job(self, place: Place, kind: str, job_id: str) -> Job:
        """A job that the service still knows."""
        for job in self.jobs(place, kind):
            if job.id == job_id:
                return job
        raise Refused("ResourceNotFoundException", f"Cannot find a {kind} job with ID {job_id}")


def new_id() -> str:
    """An id as the service makes them."""
    return str(uuid.uuid4()).upper()
