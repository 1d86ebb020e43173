"""The cases of a run as values: the table, and the events that a party is given of it; pure but for the file that ships with the package."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from schemas.events.catalogue import CATALOGUE
from schemas.events.vocabulary import ObjectKind, Role
from schemas.identifiers.iso6346 import check_digit
from schemas.publishing.examples import IDS, REISSUED, example
from schemas.publishing.trade_examples import CONTAINERS

RUN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""The name of a run."""
_ID = re.compile(rf"conformance/({RUN.pattern})/.+", re.DOTALL)
_TIME = "2026-03-05T09:30:00Z"
_SALTS, _IDS = "salts", "ids"


class How(StrEnum):
    """How an event is sent, where not as it stands."""

    AS_GIVEN = "as_given"
    EXACT_PAYLOAD = "exact_payload"
    PADDED = "padded"
    SIGNED_BATCH = "signed_batch"
    UNSIGNED = "unsigned"
    ALTERED = "altered"
    OTHER_NETWORK = "other_network"
    UNREGISTERED_KEY = "unregistered_key"
    OTHER_WINDOW = "other_window"
    FOREIGN_SOURCE = "foreign_source"
    WITHOUT_TIME = "without_time"


INSTRUCTIONS: Final[Mapping[How, str]] = MappingProxyType(
    {
        How.AS_GIVEN: "Add your salt to data, sign, send.",
        How.EXACT_PAYLOAD: "The payload is the text in payload, byte for byte, signed as it stands.",
        How.PADDED: "Append blanks to the payload until it has 70,000 bytes; sign it as sent.",
        How.SIGNED_BATCH: "Sign all events of the case together by one signature (signing.md, 5).",
        How.UNSIGNED: "Leave the signature out.",
        How.ALTERED: "Sign, then append one blank to the payload.",
        How.OTHER_NETWORK: "Sign for the network `elsewhere`.",
        How.UNREGISTERED_KEY: "Sign with a key that is not registered.",
        How.OTHER_WINDOW: "Sign with a key of yours whose window has ended or has not begun.",
        How.FOREIGN_SOURCE: "Send and sign it with the source `urn:cre:nobody`.",
        How.WITHOUT_TIME: "Leave the time out, and sign it as absent.",
    }
)
ECHO: Final = (
    "Send this one when you have read what became of the others of the case, with remark: the reason of the refusal, "
    "the code of the remark, or the outcome."
)
ORDINARY: Final[Mapping[Role, str]] = MappingProxyType(
    {
        Role.OPERATOR: "cre.movement.departed.v1",
        Role.RAILWAY: "cre.movement.departed.v1",
        Role.TERMINAL: "cre.movement.departed.v1",
        Role.FORWARDER: "cre.movement.departed.v1",
        Role.SHIPPER: "cre.movement.booked.v1",
        Role.CONSIGNEE: "cre.movement.delivered.v1",
        Role.CONTAINER_OWNER: "cre.movement.empty_returned.v1",
        Role.CUSTOMS: "cre.customs.released.v1",
        Role.BANK: "cre.finance.registration_made.v1",
        Role.INSURER: "cre.document.insurance_bound.v1",
        Role.AUTHORITY: "cre.document.certificate_of_origin_issued.v1",
    }
)
"""The type by which a role tries what is the same of all types; the first of a party's roles counts."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventRow(_Row):
    """One event of the table, or ``number`` alike."""

    step: str = ""
    type: str = ""
    named: str = ""  # the type that is written instead
    whole: bool = False
    data: dict[str, Any] = {}
    objects: int = 0
    payload: str | None = None
    time: str = _TIME
    subject: str = ""
    how: How = How.AS_GIVEN
    times: int = 1
    number: int = 1
    together: bool = False
    corrects: str | None = None
    retracts: str | None = None
    expect: Literal["accepted", "refused", "equivocation"] = "accepted"
    remark: str = ""


class CaseRow(_Row):
    """One case of the table."""

    id: str
    group: str
    title: str
    do: str = ""
    needs: str = ""
    optional: bool = False
    notice: str = ""
    events: tuple[EventRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a party is to send; ``data`` is without salt, ``payload`` the whole text where that is given.

    ``echo`` holds what the remark of the event has to be, where the publisher has to find it out.
    """

    id: str
    type: str
    time: str
    subject: str | None
    data: Mapping[str, Any]
    payload: str | None = None
    how: How = How.AS_GIVEN
    times: int = 1
    together: int = 1
    expect: str = "accepted"
    remark: str = ""
    echo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case of one party's run, with the events that are to be sent, in the order given."""

    id: str
    group: str
    title: str
    do: str
    needs: str
    optional: bool
    reasons: tuple[str, ...]  # what may be answered to the event that is refused
    events: tuple[Event, ...] = field(default_factory=tuple)


@cache
def table() -> tuple[CaseRow, ...]:
    """Every case that there is."""
    with Path(__file__).with_name("cases.toml").open("rb") as file:
        return tuple(CaseRow(**row) for row in tomllib.load(file)["cases"])


def run_of(id_: str) -> str | None:
    """The run that an event of this id is of, None where it is of none."""
    found = _ID.fullmatch(id_)
    return None if found is None else found.group(1)


def cases_of(party: str, roles: frozenset[Role], source: str, run: str) -> list[Case]:
    """The cases of ``run`` for a party of ``roles`` that publishes under ``source``; the same at every call.

    Left out are those of types that none of its roles publishes.
    """
    usual = next((type_ for role, type_ in ORDINARY.items() if role in roles), "")
    return [_case(row, party, source, run, usual) for row in table() if usual and _applies(row, roles, usual)]


def _applies(row: CaseRow, roles: frozenset[Role], usual: str) -> bool:
    """Whether the party may publish what is to be accepted; what is refused for its role is refused for that only."""
    for each in row.events:
        may = not roles.isdisjoint(CATALOGUE[each.type or usual].spec.publishers)
        if may is (row.notice == "ROLE_NOT_ALLOWED"):
            return False
    return True


def _case(row: CaseRow, party: str, source: str, run: str, usual: str) -> Case:
    events: dict[str, Event] = {}
    together = sum(each.number for each in row.events) if any(each.together for each in row.events) else 1
    for each in row.events:
        for n in range(1, each.number + 1):
            step = each.step or (str(n) if each.number > 1 else "")
            made = _event(_Place(party, source, run, row.id, step), each, usual, together, events)
            events[f"{step}?" if step in events else step] = made
    answers = tuple(filter(None, row.notice.split("|")))
    if answers:
        place = _Place(party, source, run, row.id, "noticed")
        events["noticed"] = Event(place.id, usual, _TIME, None, _data(place, EventRow(), usual), echo=answers)
    do = row.do or ("Send the event." if len(events) == 1 else "Send the events.")
    return Case(row.id, row.group, row.title, do, row.needs, row.optional, answers, tuple(events.values()))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an event stands: whose, of which run and case; what is derived of it is nobody else's."""

    party: str
    source: str
    run: str
    case: str
    step: str

    @property
    def id(self) -> str:
        return f"conformance/{self.run}/{self.case}{'/' if self.step else ''}{self.step}"

    def sibling(self, step: str) -> str:
        return _Place(self.party, self.source, self.run, self.case, step).id

    def digits(self, about: str, number: int) -> str:
        digest = hashlib.sha256(f"{self.party}/{self.run}/{self.case}/{about}".encode()).digest()
        return str(int.from_bytes(digest) % 10**number).zfill(number)

    def container(self, n: int) -> str:
        """A number of an owner that there is none, with its check digit."""
        first = f"ZZZU{self.digits(f'container {n}', 6)}"
        return first + check_digit(first)

    def names(self) -> dict[str, str]:
        """What stands in the table and in the published examples, and what it is in this event."""
        run = f"conformance-{self.run}"
        train = f"{self.party}/{self.digits('train', 5)}/2026-03-01"
        return {
            "{party}": self.party,
            "{run}": self.run,
            "{source}": self.source,
            "{container}": self.container(0),
            **{box: self.container(n) for n, box in enumerate(CONTAINERS)},
            **dict.fromkeys(
                (IDS[ObjectKind.CONSIGNMENT], IDS[ObjectKind.BOOKING], "silk-forwarding/SF-55120"),
                f"{self.party}/{run}",
            ),
            IDS[ObjectKind.NOTE]: f"CIMSMGS/CN/33100/{self.digits('note', 7)}/2026",
            REISSUED: f"SMGS/CN/33100/{self.digits('note', 8)}/2026",
            IDS[ObjectKind.DECLARATION]: f"CN/900120260{self.digits('declaration', 9)}",
            IDS[ObjectKind.WAGON]: f"CN/{self.digits('wagon', 7)}",
            IDS[ObjectKind.TRAIN]: f"{train}/locode:CNXIA",
            "ktz/1403/2026-03-05/locode:KZDOS": f"{train}/locode:KZDOS",
            "CRE-2026-000417": run,
            "xian-optics": self.party,
        }


def _event(place: _Place, row: EventRow, usual: str, together: int, before: Mapping[str, Event]) -> Event:
    type_, data = row.type or usual, _data(place, row, row.type or usual)
    if row.corrects is not None:
        data = {
            "target": place.sibling(row.corrects),
            "reason": "OTHER",
            "replacement": {"type": type_, "data": {"salt": place.digits("salt", 32), **data}},
        }
        type_ = "cre.correction.corrected.v1"
    elif row.retracts is not None:
        data, type_ = (
            {"target": place.sibling(row.retracts), "reason": "OTHER"},
            "cre.correction.retracted.v1",
        )
    id_ = before[""].id if row.expect == "equivocation" else place.id
    subject = _named(row.subject, place.names()) or None
    return Event(
        id_, row.named or type_, row.time, subject, data, row.payload, row.how, row.times, together, row.expect, row.remark
    )  # fmt: skip


def _data(place: _Place, row: EventRow, type_: str) -> dict[str, Any]:
    names = place.names()
    data = {name: value for name, value in example(type_, whole=row.whole).items() if name != "salt"}
    made: dict[str, Any] = _named({**data, **row.data}, names)
    if row.objects:
        made["objects"] = [{"kind": "container", "id": place.container(n)} for n in range(row.objects)]
    return made


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with every name of the table and of the examples as it is in this event."""
    if isinstance(value, str):
        if value in names:
            return names[value]
        for name in ("{party}", "{run}", "{source}"):
            value = value.replace(name, names[name])
        return value
    if isinstance(value, dict):
        return {name: _named(member, names) for name, member in value.items()}
    return [_named(member, names) for member in value] if isinstance(value, list | tuple) else value


def plain(cases: list[Case]) -> Iterator[dict[str, Any]]:
    """The cases as their publisher is given them: without the reasons that it has to read for itself."""
    for case in cases:
        yield {
            "id": case.id,
            "group": case.group,
            "title": case.title,
            "do": case.do,
            "needs": case.needs,
            "optional": case.optional,
            "events": [_plain(each) for each in case.events],
        }


def _plain(event: Event) -> dict[str, Any]:
    content = {"data": event.data} if event.payload is None else {"payload": event.payload}
    return {
        "id": event.id,
        "type": event.type,
        "time": event.time,
        "subject": event.subject,
        **content,
        "how": str(event.how),
        "instruction": ECHO if event.echo else INSTRUCTIONS[event.how],
        "times": event.times,
        "together": event.together,
        "echo": bool(event.echo),
        "expect": event.expect,
    }
