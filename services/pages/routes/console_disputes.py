"""What is stated differently about the consignments of the person's party: both sides, since when, what ends it, and one's own statements."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from schemas.envelope import event_id
from schemas.rfc3339 import parse_micros
from services.api.access.consignment import VisibleConsignment
from services.pages.consignments import find, party_names
from services.pages.console import ENGAGED, N_, console_page, signed_in
from services.pages.own_statements import OwnStatement, own_statement
from services.pages.page import Page, PageRequest
from services.pages.routes.console_consignments import place_of, written
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking import words
from services.pages.tracking.summary import Claim, claim
from services.people.domain.person import Permission
from services.query.listing.store import Part, Wanted

pages = PageRoutes()
ON_A_PAGE = 10
ASSIGNMENT = "assignment"
COLUMNS = (
    Column("consignment", N_("Consignment"), Kind.CODE, href="page"),
    Column(
        "what",
        N_("What"),
        Kind.CODE,
        words={**words.MILESTONES, ASSIGNMENT: N_("Assigned to different cargo")},
    ),
    Column("object", N_("About"), Kind.CODE),
    Column("place", N_("Where"), Kind.PLACE),
    Column("says", N_("Who says it")),
    Column("stated", N_("What it says"), Kind.MOMENT, place="place"),
    Column("other", N_("To what"), Kind.CODE),
    Column("since", N_("Disputed since"), Kind.MOMENT),
)
_CORRECTED, _RETRACTED = "cre.correction.corrected.v1", "cre.correction.retracted.v1"
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Side:
    """One side's statement: a time (``claim``) or an assignment (``other``: to what, "" where that may not be seen).

    ``correct`` and ``retract`` are there for the party's own.
    """

    by: str
    claim: Claim | None
    other: str
    since: int | None
    correct: OwnStatement | None = None
    retract: OwnStatement | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is stated differently; ``milestone`` is "" for an assignment, ``spread`` and ``tolerance`` are those of times."""

    milestone: str
    object: str
    place: str
    spread: int
    tolerance: int
    since: int | None
    sides: tuple[Side, ...]

    @property
    def own(self) -> bool:
        """Whether the party itself is a side."""
        return any(side.retract is not None for side in self.sides)


@pages.get("/console/disputes", signed_in=True)
def disputes(request: PageRequest) -> Page:
    """The disputes that the person's party may see, by consignment, the newest consignment first."""
    viewer = signed_in(request, Permission.CONSIGNMENTS, ENGAGED)
    wanted = Wanted(Part.ATTENTION, disputed=True)
    found, place = find(request, wanted, place_of(request.query.get("after", "")), ON_A_PAGE)
    questions = [(shown.body["consignment"], tuple(_questions(request, shown))) for shown in found]
    table = Table("disputes", COLUMNS, list(_rows(request, questions)), N_("Disputes"))
    values = {
        "disputes": questions,
        "table": table,
        "words": words,
        "party_name": party_names(request),
        "first": not request.query.get("after"),
        "next": None if place is None else f"?after={written(place)}",
    }
    return console_page(request, viewer, "console_disputes.html", values, tables=(table,))


def _questions(request: PageRequest, shown: VisibleConsignment) -> Iterator[Question]:
    recorded = {
        _named(item["event"]): parse_micros(item["recorded"])
        for item in shown.body["timeline"]
        if item["event"] is not None
    }
    for each in shown.body["disputes"]:
        sides = [_time(request, shown, answer, recorded) for answer in each["answers"]]
        tolerance = each["tolerance_seconds"] * _SECOND
        yield Question(
            each["milestone"],
            each["object"] or "",
            each["place"] or "",
            each["spread_seconds"] * _SECOND,
            tolerance,
            _since(sides, tolerance),
            tuple(sorted(sides, key=lambda side: (side.claim.happened if side.claim else 0, side.by))),
        )
    for each in shown.body["disputed_links"]:
        sides = [_assignment(request, shown, side) for side in each["sides"]]
        stated = [side.since for side in sides if side.since is not None]
        since = max(stated) if len(stated) == len(sides) else None
        yield Question("", each["object"] or "", "", 0, 0, since, tuple(sides))


def _time(
    request: PageRequest,
    shown: VisibleConsignment,
    answer: Mapping[str, Any],
    recorded: Mapping[tuple[str, str], int],
) -> Side:
    event = answer["event"]
    since = None if event is None else recorded.get(_named(event))
    correct, retract = _own(request, shown, answer["by"], event, "WRONG_TIME")
    return Side(answer["by"] or "", claim(answer), "", since, correct, retract)


def _assignment(request: PageRequest, shown: VisibleConsignment, side: Mapping[str, Any]) -> Side:
    published = side.get("published")
    correct, retract = _own(request, shown, side.get("by"), side.get("event"), "WRONG_OBJECT")
    since = None if published is None else parse_micros(published)
    return Side(side.get("by") or "", None, side.get("right") or "", since, correct, retract)


def _own(
    request: PageRequest,
    shown: VisibleConsignment,
    by: str | None,
    event: Mapping[str, str] | None,
    reason: str,
) -> tuple[OwnStatement | None, OwnStatement | None]:
    """The statements by which the party corrects (the same again, with a salt of its own) or takes back what it said itself."""
    party = request.party.code
    if by != party or event is None or not event["source"]:
        return None, None
    id_ = event_id(event["source"], event["id"])
    if id_ not in shown.known.sources.ids:
        return None, None
    stored = shown.known.sources[id_]
    payload = orjson.loads(stored.stored.payload)
    stated = {"type": stored.envelope.type, "data": payload}
    if stated["type"] == _CORRECTED:
        stated = payload["replacement"]
    data = {**stated["data"], "salt": secrets.token_hex(16)}
    replaced = {
        "target": event["id"],
        "reason": reason,
        "replacement": {"type": stated["type"], "data": data},
    }
    taken_back = {"target": event["id"], "reason": reason}
    return (
        own_statement(party, f"correct-{id_.hex()[:8]}", _CORRECTED, replaced, request.now),
        own_statement(party, f"retract-{id_.hex()[:8]}", _RETRACTED, taken_back, request.now),
    )


def _since(sides: list[Side], tolerance: int) -> int | None:
    """When the first two statements were recorded that lie further apart than is tolerated; None where that may not be seen."""
    known = sorted(
        (side.since, side.claim.happened) for side in sides if side.since is not None and side.claim
    )
    if len(known) < len(sides):
        return None
    low = high = known[0][1] if known else 0
    for at, happened in known:
        low, high = min(low, happened), max(high, happened)
        if high - low > tolerance:
            return at
    return None


def _named(event: Mapping[str, str]) -> tuple[str, str]:
    return event["source"], event["id"]


def _rows(
    request: PageRequest, questions: list[tuple[str, tuple[Question, ...]]]
) -> Iterator[dict[str, Any]]:
    name = party_names(request)
    for reference, found in questions:
        for each in found:
            for side in each.sides:
                yield {
                    "consignment": reference,
                    "page": f"/track/{quote(reference)}",
                    "what": each.milestone or ASSIGNMENT,
                    "object": words.thing(each.object) or None,
                    "place": each.place or None,
                    "says": name(side.by) if side.by else None,
                    "stated": None if side.claim is None else side.claim.happened,
                    "other": words.thing(side.other) or None,
                    "since": each.since,
                }
