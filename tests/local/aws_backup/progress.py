"""How time passes for jobs and points: by looks at a job, and by the account's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from botocore.exceptions import ClientError

from tests.local.aws_backup.events import Outbox
from tests.local.aws_backup.kinds import KINDS
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Hold, Job, Place, Point, World

_WAITING = ("CREATED", "PENDING")


class NotYet(Exception):
    """The job cannot begin now and stays as it is."""


class Steps(NamedTuple):
    """What a kind of job does at its two steps. Both raise JobFailed; only the first raises NotYet."""

    begin: Callable[[World, Job], None]
    # Is told the state that the job is to end with, and answers what the job has to say, if anything.
    end: Callable[[World, Job, str], str | None]
    # Takes back what `begin` made, for a job that ends without result.
    undo: Callable[[Job], None]


class Progress:
    """Moves jobs on."""

    def __init__(self, world: World, outbox: Outbox, steps: dict[str, Steps]) -> None:
        self._world, self._outbox, self._steps = world, outbox, steps

    def look(self, jobs: Iterable[Job]) -> None:
        """A describe or a list sees these jobs. It sees a state before the look moves the job on to the next."""
        for job in jobs:
            if job.looks >= self._world.faults(job.place).looks_per_state:
                self._step(job, self._world.now(job.place))
            job.looks += 1

    def settle(self, account: str) -> None:
        """Does what the account's clock says is due: steps of jobs, closed windows, points whose time has come."""
        for scope in self._world.scopes_of(account):
            now = self._world.now(scope.place)
            for job in list(scope.jobs.values()):
                self._settle_job(job, now)
            for point in list(scope.points()):
                self._settle_point(point, now)

    def _settle_job(self, job: Job, now: float) -> None:
        seconds = self._world.faults(job.place).seconds_per_state
        while not job.ended and now >= job.since + seconds:
            before = job.state
            # Two steps that are both overdue happen one after the other, not at once.
            self._step(job, job.since + seconds)
            if job.state == before:
                break
        if job.state in _WAITING and job.start_by is not None and now >= job.start_by:
            self._close(job, "EXPIRED", job.start_by, "The job did not start within its start window.")
        if not job.ended and job.complete_by is not None and now >= job.complete_by:
            self._close(job, "EXPIRED", job.complete_by, "The job did not complete within its completion window.")

    def _step(self, job: Job, at: float) -> None:
        faults = self._world.faults(job.place)
        if job.ended or faults.stay.get(job.kind) == job.state:
            return
        if job.state == "ABORTING":
            self._close(job, "ABORTED", at, "The job was stopped by a user.")
        elif job.state in _WAITING:
            self._begin(job, at)
        else:
            self._end(job, at)

    def _begin(self, job: Job, at: float) -> None:
        if "outcome" not in job.found:
            job.found["outcome"] = self._world.faults(job.place).outcome_for(job.kind, job.resource_arn) or {}
        outcome = job.found["outcome"]
        if outcome.get("state") == "EXPIRED":
            self._close(job, "EXPIRED", at, outcome.get("message"))
            return
        try:
            self._steps[job.kind].begin(self._world, job)
        except NotYet:
            return
        except (JobFailed, ClientError) as reason:
            self._close(job, "FAILED", at, str(reason))
            return
        self._move(job, "RUNNING", at)

    def _end(self, job: Job, at: float) -> None:
        outcome = job.found["outcome"]
        state, message = outcome.get("state", "COMPLETED"), outcome.get("message")
        if state not in ("COMPLETED", "PARTIAL"):
            self._close(job, state, at, message)
            return
        # A result carries the time of its job's end, so it is set first.
        job.completed_at = at
        try:
            own = self._steps[job.kind].end(self._world, job, state)
        except (JobFailed, ClientError) as reason:
            self._close(job, "FAILED", at, str(reason))
            return
        job.message = message or own
        self._move(job, state, at)

    def _close(self, job: Job, state: str, at: float, message: str | None) -> None:
        self._steps[job.kind].undo(job)
        job.message, job.completed_at = message, at
        self._move(job, state, at)

    def _move(self, job: Job, state: str, at: float) -> None:
        job.state, job.since, job.looks = state, at, 0
        if job.ended:
            job.message_category = _category(job)
        self._outbox.job_changed(job)

    def _settle_point(self, point: Point, now: float) -> None:
        due = point.delete_at is not None and now >= point.delete_at
        # What is continuous moves on with its days, until it is stopped.
        ends = ("STOPPED",) if point.continuous else ("COMPLETED", "PARTIAL")
        if not due or point.status not in ends or held(self._world, point):
            return
        if self._world.faults(point.place).expiry_is_not_done:
            point.status = "EXPIRED"
            point.message = "The recovery point could not be deleted: the role is missing or lacks a permission."
            self._outbox.point_changed(point, "EXPIRED")
        else:
            remove(point)
            self._outbox.point_changed(point, "DELETED")


def remove(point: Point) -> None:
    """The point is gone, here and where its resource's own service shows it."""
    point.vault.points.pop(point.arn, None)
    KINDS[point.resource_type].remove(point)


def held(world: World, point: Point) -> bool:
    """Whether an active legal hold covers the point."""
    return any(hold.status == "ACTIVE" and covers(hold, point) for hold in world.scope(point.place).holds.values())


def covers(hold: Hold, point: Point) -> bool:
    """Whether the hold's selection names the point, its vault or its resource, and its date is in range."""
    names = hold.selection.get("VaultNames", [])
    resources = hold.selection.get("ResourceIdentifiers", [])
    dates = hold.selection.get("DateRange")
    chosen = point.vault.name in names or point.arn in resources or point.resource_arn in resources
    return chosen and (dates is None or dates["FromDate"] <= point.created_at <= dates["ToDate"])


def busy(world: World, place: Place, resource_arn: str, other_than: Job) -> bool:
    """Whether another backup or copy job of the resource runs: the service allows one at a time."""
    return any(
        job.kind in ("backup", "copy")
        and job.resource_arn == resource_arn
        and job.state in ("RUNNING", "ABORTING")
        and job is not other_than
        for job in world.scope(place).jobs.values()
    )


def in_use(world: World, point: Point) -> bool:
    """Whether a job reads or writes the point now."""
    return point.status == "CREATING" or any(
        job.point is point and job.kind in ("copy", "restore") and not job.ended
        for job in world.scope(point.place).jobs.values()
    )


def _category(job: Job) -> str:
    if job.state == "COMPLETED":
        return "SUCCESS"
    if job.message and ("permission" in job.message or "Access Denied" in job.message):
        return "AccessDenied"
    return job.state
