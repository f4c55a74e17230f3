"""What the stand-in needs to know of a resource type."""

from __future__ import annotations

from typing import Any, Protocol

from tests.local.aws_backup.state import Place, Point


class JobFailed(Exception):
    """A job cannot succeed; the message becomes its status message."""


class Kind(Protocol):
    """A resource type: how to read a resource, how to bring it back, and with which rights of the service role."""

    # Whether a point is encrypted with the key of its vault; otherwise it keeps the key of its resource.
    fully_managed: bool
    # StopBackupJob works on its jobs.
    stoppable: bool
    # The metadata that names what a restore makes.
    target: str

    def read(self, place: Place, resource_arn: str, options: dict[str, str]) -> dict[str, Any]:
        """The resource's content now. May hold `message`: what a complete backup has to say. Raises JobFailed."""

    def follow(self, place: Place, resource_arn: str, content: dict[str, Any], now: float) -> None:
        """Adds to the content of a continuous point what came since; seen now, it is of now."""

    def size_bytes(self, content: dict[str, Any]) -> int:
        """How large a backup of it is."""

    def point_arn(self, place: Place, job_id: str, resource_arn: str, made: str, *, advanced: bool) -> str:
        """The ARN of a point that a job makes; `made` is "job" or "copyjob"."""

    def store(self, point: Point) -> None:
        """Shows the point where the resource's own service would show it."""

    def remove(self, point: Point) -> None:
        """Takes it away from there again."""

    def restore_metadata(self, content: dict[str, Any]) -> dict[str, str]:
        """What GetRecoveryPointRestoreMetadata says."""

    def restore(self, place: Place, content: dict[str, Any], metadata: dict[str, str]) -> str:
        """Makes the resource anew and returns its ARN. Raises JobFailed."""

    def put_tags(self, place: Place, arn: str, tags: dict[str, str]) -> None:
        """Tags a restored resource."""

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        """What the service role must be allowed for a backup: action and resource."""

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        """What the service role must be allowed for a restore."""

    def own_key(self, content: dict[str, Any]) -> str | None:
        """The key that the resource itself is encrypted with."""
