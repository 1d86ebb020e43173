"""The table of what can be forced, read once; pure but for the file that ships with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.api.cloudevents.outcomes import Fate, Outcome
from services.arrival.domain.forecast import Unbounded
from services.credit.domain.consent import Part
from services.credit.domain.disputes import DisputeState
from services.financing.domain.lifecycle import Stage

PARTY = "sandbox"
NETWORKS = frozenset({"demo", "sandbox"})
PREFIX = "sandbox-"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventRow(_Row):
    """What becomes of an event."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    pointer: str = ""
    remedy: str = ""

    @property
    def fate(self) -> Fate:
        """The same as the gateway tells it."""
        return Fate(self.outcome, self.reason, self.detail, self.pointer, self.remedy)


class DecisionRow(_Row):
    """What a decision says."""

    outcome: str
    guard: str = ""
    satisfied_by: str = ""
    match: str = ""


class StageRow(_Row):
    """Where a financing stands; amounts in minor units."""

    stage: Stage
    pledged: bool
    drawn: int
    outstanding: int


class AlertRow(_Row):
    """An alert of a financing."""

    covenant: str
    about: str


class CargoRow(_Row):
    """What a request about cargo is answered; ``shares`` are things in common, as ``kind:key``."""

    allowed: bool
    guard: str = ""
    satisfied_by: str = ""
    shares: tuple[str, ...] = ()


class CreditRow(_Row):
    """What is read of a shipper: how many cargoes, every how many-th bad, by which consent, with an objection or none."""

    cargoes: int
    bad: int
    scope: frozenset[Part] = frozenset(Part)
    dispute: DisputeState | None = None


class CorroborationRow(_Row):
    """What others say of an invoice that was presented, and of its goods."""

    stated: int
    differs: frozenset[Literal["amount", "currency", "seller", "buyer", "issued_on"]] = frozenset()
    engaged: bool = True
    assurance: Literal["SIGNED_BY_AUTHORITY", "RELAYED", "ASSERTED"] = "SIGNED_BY_AUTHORITY"
    disputed: bool = False
    known: bool = True


class StatusRow(_Row):
    """The tenant's own financings of a thing, by the names of their stages, and whether an applicant's interest is taken."""

    stages: tuple[str, ...]
    taken: bool | None = None


class ShareRow(_Row):
    """A share link: its state, and how often it was opened."""

    state: Literal["OPEN", "ENDED", "EXPIRED"] = "OPEN"
    opened: int = 0


class ArrivalRow(_Row):
    """A forecast: hours from now of P10, P50 and P90, as far as there are any."""

    status: str
    hours: tuple[int, ...] = ()
    no_bound: Unbounded | None = None


class BordersRow(_Row):
    """The record of a border, each way."""

    crossings: int
    below: int = 0
    above: int = 0


class Table(_Row):
    """Rows by their names, the last part of the forcing id."""

    problems: Mapping[str, Mapping[str, str]]
    events: Mapping[str, EventRow]
    decisions: Mapping[str, DecisionRow]
    stages: Mapping[str, StageRow]
    alerts: Mapping[str, AlertRow]
    cargo: Mapping[str, CargoRow]
    credit: Mapping[str, CreditRow]
    corroboration: Mapping[str, CorroborationRow]
    status: Mapping[str, StatusRow]
    share: Mapping[str, ShareRow]
    arrival: Mapping[str, ArrivalRow]
    borders: Mapping[str, BordersRow]


@cache
def table() -> Table:
    """The table as shipped."""
    path = Path(__file__).with_name("table.toml")
    return Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def named(kind: str, text: object) -> str | None:
    """The name in a forcing id of ``kind`` (problem, event, decision, stage, alert, cargo, credit, corroboration, status, arrival,
    borders, share).

    The id may stand behind the tenant's own code and a slash. None where ``text`` is no such id.
    """
    prefix = f"{PREFIX}{kind}-"
    own = text.removeprefix(f"{PARTY}/") if isinstance(text, str) else ""
    return own[len(prefix) :] if own.startswith(prefix) else None
