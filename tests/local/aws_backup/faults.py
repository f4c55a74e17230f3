"""The knobs: what a test can make the service do that it does on its bad days. Each account has its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class Faults:
    """All knobs, at rest. A test sets them by name, as JSON."""

    # --- Pace -----------------------------------------------------------------------------------------------------
    # How many looks (describes and lists) a job spends in a state before it goes on to the next one.
    looks_per_state: int = 1
    # How long it stays in a state that nobody looks at, by the account's clock.
    seconds_per_state: float = 30.0
    # Job kind ("backup", "copy", "restore") to the state in which its jobs stay until the knob is taken back.
    stay: dict[str, str] = field(default_factory=dict)
    # How often a deleted point is still described, as DELETING, before it is gone.
    deleting_describes: int = 0
    # The most that a page of a listing holds, whatever was asked for.
    page_size: int = 1000

    # --- How jobs end ---------------------------------------------------------------------------------------------
    # The outcomes of the next jobs: {"kind", "state", "message"?, "resource"?, "times"?}. The first that fits is used,
    # `times` times (once when not said). COMPLETED with a message is the console's "Completed with issues".
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    # Who made the next backup jobs: a customer's plan, as CreatedBy says it.
    made_by_plan: dict[str, str] | None = None
    # The next backup jobs, by plan, make continuous points.
    continuous: bool = False

    # --- What is refused ------------------------------------------------------------------------------------------
    # Calls refused before anything is done: {"operation" or "*", "error", "times"?}.
    refuse: list[dict[str, Any]] = field(default_factory=list)
    # Calls that are carried out and then answered with an error: the answer was lost. Same form.
    lose_answer: list[dict[str, Any]] = field(default_factory=list)
    # DeleteRecoveryPoint answers 200 and deletes nothing: the point is EXPIRED.
    delete_is_not_done: bool = False
    # Points whose time has come are not removed but left EXPIRED.
    expiry_is_not_done: bool = False
    # Concurrent copies from this account to one region; the service's own quota is 100.
    outbound_copies: int = 100
    # Whether the accounts that copy to each other are in one organisation.
    same_organization: bool = True
    # Whether the organisation allows copies into other accounts (isCrossAccountBackupEnabled).
    cross_account_copies: bool = True

    # --- Events ---------------------------------------------------------------------------------------------------
    # Delivery is best effort, and nothing arrives.
    drop_events: bool = False

    def set(self, values: dict[str, Any]) -> None:
        """Sets knobs by name; None puts one back to rest. Raises KeyError for a name that is no knob."""
        at_rest = Faults()
        names = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in names:
                raise KeyError(f"there is no knob {name}; there are {', '.join(sorted(names))}")
            setattr(self, name, getattr(at_rest, name) if value is None else value)

    def as_dict(self) -> dict[str, Any]:
        """All knobs by name."""
        return asdict(self)

    def outcome_for(self, kind: str, resource_arn: str) -> dict[str, Any] | None:
        """The outcome that a test wants for this job, if any; used up by asking."""
        return _take(
            self.outcomes, lambda each: each["kind"] == kind and each.get("resource", resource_arn) == resource_arn
        )

    def refusal_of(self, operation: str) -> str | None:
        """The error with which a test wants this call refused, if any; used up by asking."""
        found = _take(self.refuse, lambda each: each["operation"] in (operation, "*"))
        return found and found["error"]

    def lost_answer_of(self, operation: str) -> str | None:
        """The error in place of this call's answer, if any; used up by asking."""
        found = _take(self.lose_answer, lambda each: each["operation"] in (operation, "*"))
        return found and found["error"]


def _take(wanted: list[dict[str, Any]], fits) -> dict[str, Any] | None:
    for each in wanted:
        if fits(each):
            each["times"] = each.get("times", 1) - 1
            if each["times"] <= 0:
                wanted.remove(each)
            return each
    return None
