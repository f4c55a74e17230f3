"""One call of the service: who asks, where, and with what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.local.aws_backup.events import Outbox
from tests.local.aws_backup.faults import Faults
from tests.local.aws_backup.progress import Progress
from tests.local.aws_backup.state import Place, Scope, World
from tests.local.aws_backup.wire import Refused, page

Parameters = dict[str, Any]
Operation = Callable[["Call", Parameters], dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """What an operation works with."""

    world: World
    outbox: Outbox
    progress: Progress
    place: Place
    headers: dict[str, str]

    @property
    def now(self) -> float:
        """The account's time."""
        return self.world.now(self.place)

    @property
    def scope(self) -> Scope:
        """All that the caller's account has in this region."""
        return self.world.scope(self.place)

    @property
    def faults(self) -> Faults:
        """The account's knobs."""
        return self.world.faults(self.place)

    def once(self, operation: str, parameters: Parameters, token: str | None, make: Callable[[], str]) -> str:
        """The id that `make` gives, or the one that the same request with the same token got before."""
        if token is None:
            return make()
        asked = {
            name: value for name, value in parameters.items() if name not in ("IdempotencyToken", "CreatorRequestId")
        }
        known = self.scope.tokens.get((operation, token))
        if known is None:
            made = make()
            self.scope.tokens[operation, token] = (asked, made)
            return made
        before, made = known
        if before != asked:
            raise Refused(
                "InvalidParameterValueException", "The idempotency token was used before with other parameters"
            )
        return made

    def listing(self, parameters: Parameters, member: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        """A page of a listing."""
        on_page, token = page(parameters, items, self.faults.page_size)
        return {member: on_page, "NextToken": token}


def fits(record: dict[str, Any], parameters: Parameters, equal: dict[str, str]) -> bool:
    """Whether a record is what a listing asked for: equal members, and created or completed before or after."""
    for asked, member in equal.items():
        if asked in parameters and record.get(member) != parameters[asked]:
            return False
    for stem, member in (("Created", "CreationDate"), ("Complete", "CompletionDate")):
        when = record.get(member)
        before, after = parameters.get(f"By{stem}Before"), parameters.get(f"By{stem}After")
        if before is not None and (when is None or when > before):
            return False
        if after is not None and (when is None or when < after):
            return False
    return True
