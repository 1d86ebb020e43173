"""How a model becomes an event type: one decorator that fixes its spec and takes the summary from its docstring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from schemas.events.base import Payload
from schemas.events.spec import EventSpec
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory

P = TypeVar("P", bound=Payload)

DOCUMENTED = frozenset({ObjectKind.CONSIGNMENT, ObjectKind.BOOKING, ObjectKind.NOTE})
"""What papers are about."""
CARGO = DOCUMENTED | {ObjectKind.CONTAINER}
"""What a terminal, a shipper or a consignee speaks of."""
RUNNING = CARGO | {ObjectKind.WAGON, ObjectKind.TRAIN}
"""What a railway speaks of."""


def event(
    name: str,
    number: int,
    *,
    region: Region,
    by: Iterable[Role],
    about: Iterable[ObjectKind],
    authority: Iterable[Role] = (),
    territory: Territory = Territory.NONE,
    also: Iterable[Role] = (),
    tolerance: int | None = None,
    opens: Episode | None = None,
    closes: Episode | None = None,
    moves: bool = False,
    document: str = "",
    answers: Iterable[str] = (),
    owner: Role | None = None,
    due: int | None = None,
) -> Callable[[type[P]], type[P]]:
    """Declare the decorated model as type ``cre.<name>``; ``also`` are the corroborators; times are seconds."""
    if opens is not None and closes is not None:
        raise ValueError(f"{name}: a type opens or closes one exception, not both")

    def fix(model: type[P]) -> type[P]:
        model.spec = EventSpec(
            type=f"cre.{name}",
            number=number,
            region=region,
            summary=" ".join((model.__doc__ or "").split("\n\n")[0].replace("``", "").split()),
            publishers=frozenset(by),
            objects=frozenset(about),
            authority=frozenset(authority),
            territory=territory,
            corroborators=frozenset(also),
            tolerance_seconds=tolerance,
            episode=opens if opens is not None else -closes if closes is not None else 0,
            moves=moves,
            document=document,
            answers=tuple(f"cre.{answered}" for answered in answers),
            owner=owner,
            due_seconds=due,
        )
        return model

    return fix
