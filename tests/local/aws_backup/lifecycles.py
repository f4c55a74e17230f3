"""Lifecycles: what the service accepts, and what a locked vault accepts."""

from __future__ import annotations

from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Point, Vault
from tests.local.aws_backup.wire import Refused

# What is in cold storage stays there at least so long.
COLD_DAYS = 90
# A hundred years.
MOST_DAYS = 36_500

Lifecycle = dict[str, int]


def check(lifecycle: Lifecycle) -> Lifecycle:
    """A lifecycle as it came; refused where it contradicts itself. -1 stands for never."""
    cold = lifecycle.get("MoveToColdStorageAfterDays", -1)
    delete = lifecycle.get("DeleteAfterDays", -1)
    if "DeleteAfterEvent" in lifecycle:
        raise Refused("InvalidParameterValueException", "Invalid lifecycle. DeleteAfterEvent is not valid as an input")
    for name, days in (("MoveToColdStorageAfterDays", cold), ("DeleteAfterDays", delete)):
        if days != -1 and not 1 <= days <= MOST_DAYS:
            raise Refused(
                "InvalidParameterValueException", f"Invalid lifecycle. {name} must be between 1 and {MOST_DAYS}: {days}"
            )
    if cold != -1 and delete != -1 and delete < cold + COLD_DAYS:
        raise Refused(
            "InvalidParameterValueException",
            f"Invalid lifecycle. DeleteAfterDays must be at least {COLD_DAYS} days after MoveToColdStorageAfterDays",
        )
    return lifecycle


def check_lock(vault: Vault, lifecycle: Lifecycle) -> None:
    """Fails the job whose retention is outside the bounds of the vault's lock."""
    if vault.lock is None:
        return
    days = lifecycle.get("DeleteAfterDays", -1)
    least, most = vault.lock.min_days, vault.lock.max_days
    too_short = least is not None and days != -1 and days < least
    too_long = most is not None and (days == -1 or days > most)
    if too_short or too_long:
        kept = "without end" if days == -1 else f"for {days} days"
        raise JobFailed(
            f"The retention of the job does not comply with the lock of vault {vault.name}: kept {kept}, "
            f"where {least or 1} to {most or MOST_DAYS} days are allowed"
        )


def calculated(point: Point) -> dict[str, float | None]:
    """When the point goes to cold storage, and when it is deleted."""
    return {"MoveToColdStorageAt": point.cold_at, "DeleteAt": point.delete_at}
