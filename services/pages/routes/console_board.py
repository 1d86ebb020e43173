"""The border board: what waits longest first, what blocks each box, three clocks; and the same for a screen on a wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from schemas import railnet
from schemas.events import catalogue
from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.access.cases import SEEN, shows
from services.cases.domain.visibility import scope_of
from services.pages.console import N_, console_of, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest
from services.pages.routes.line import BOUND
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import MILESTONES, RESTRICTIONS
from services.people.domain.person import Permission
from services.query.board.approach import Phase
from services.query.board.values import Blocker, BoardCrossing, BoardTrain, by_waiting, milestone_name

pages = PageRoutes()
MOSCOW, BEIJING = "Europe/Moscow", "Asia/Shanghai"
PHASES = {Phase.QUEUED: N_("waiting"), Phase.DUE: N_("due"), Phase.HANDED_OVER: N_("handed over")}
_DIRECTIONS = {"去程": "WEST", "回程": "EAST"}
BOUNDS = {bound: BOUND[direction] for bound, direction in _DIRECTIONS.items()}
"""The direction of a train as the board has it, in words that are translated."""
BLOCKERS = {
    Blocker.RELEASE: N_("release of the export"),
    Blocker.PRIOR_INFORMATION: N_("prior information"),
    Blocker.ENS: N_("ENS"),
    Blocker.TRANSLATION: N_("translation"),
    Blocker.SEAL: N_("seal"),
    Blocker.HELD: N_("held by customs"),
}


@pages.get("/console/board", signed_in=True)
def boards(request: PageRequest) -> Page:
    """The crossings in the territory of the person's party."""
    viewer = signed_in(request, Permission.BOARD)
    scope = scope_of(request.party.publisher)
    found = [each for id_, each in sorted(railnet.crossings().items()) if scope.has_crossing(id_)]
    return console_page(request, viewer, "console_boards.html", {"crossings": found})


@pages.get("/console/board/{crossing}", signed_in=True)
def board(request: PageRequest) -> Page:
    """The board of one crossing: with ``?wall`` for a screen, with ``?at=`` as of a moment of a simulated world."""
    viewer = signed_in(request, Permission.BOARD)
    crossing = railnet.crossings().get(request.path["crossing"])
    if crossing is None or not scope_of(request.party.publisher).has_crossing(crossing.id):
        raise PageError(404)
    found = console_of(request.context).boards.board(request.session, crossing.id, _moment(request))
    (shown,) = found.crossings
    trains = [_visible(request, train) for train in by_waiting(shown.trains)]
    tables = _trains(trains, found.at), _boxes(trains)
    values = {
        "tables": tables,
        "crossing": crossing,
        "board": shown,
        "at": found.at,
        "pipeline": found.pipeline,
        "last_event": None if found.pipeline.last_event is None else _micros(found.pipeline.last_event),
        "rows": [_row(train, found.at) for train in trains],
        "counts": {phase: shown.count(phase) for phase in PHASES},
        "clocks": _clocks(shown),
        "times": partial(_times, [zone for _, zone in _zones(shown)]),
        "hours": {name: _at(found.at, zone).strftime("%H:%M") for name, zone in _zones(shown)},
        "phases": PHASES,
        "blockers": BLOCKERS,
        "bounds": BOUNDS,
        "directions": BOUND,
        "restrictions": RESTRICTIONS,
        "see_cases": viewer.may(Permission.CASES),
    }
    template = "console_wall.html" if "wall" in request.query else "console_board.html"
    return console_page(request, viewer, template, values, tables=tables)


def _moment(request: PageRequest) -> int | None:
    text = request.query.get("at", "")
    if not text:
        return None
    try:
        return parse_micros(text)
    except Refusal:
        raise PageError(400) from None


def _row(train: BoardTrain, at: int) -> dict[str, Any]:
    since = train.waiting_since
    return {
        "train": train,
        "names": [_number(key) for key in train.numbers],
        "since": since,
        "waits": None if since is None else at - since,
        "moment": train.expected if train.expected is not None else train.last.at,
        "last": milestone_name(train.last.milestone),
        "blocked": [box for box in train.boxes if box.blockers],
    }


def _visible(request: PageRequest, train: BoardTrain) -> BoardTrain:
    """The train with the cases that the party sees."""
    cases = tuple(each for each in train.cases if shows(request.party, each.kind, each.what) in SEEN)
    return replace(train, cases=cases)


def _trains(trains: Sequence[BoardTrain], at: int) -> Table:
    columns = (
        Column("train", N_("Train"), Kind.CODE),
        Column("direction", N_("Direction"), Kind.CODE, words=BOUND),
        Column("state", N_("State"), Kind.CODE, words=PHASES),
        Column("waiting_since", N_("Since"), Kind.MOMENT, place="place"),
        Column("waits", N_("Waits"), Kind.DURATION),
        Column("expected", N_("Expected"), Kind.MOMENT, place="place"),
        Column("announced", N_("announced"), Kind.BOOLEAN),
        Column("last", N_("Last known"), Kind.CODE, words=MILESTONES),
        Column("last_at", N_("When"), Kind.MOMENT, place="place"),
        Column("place", N_("Where"), Kind.PLACE),
        Column("beside_route", N_("beside its route"), Kind.BOOLEAN),
        Column("ready", N_("Ready"), Kind.NUMBER),
        Column("boxes", N_("Boxes"), Kind.NUMBER),
        *(Column(_key(each), BLOCKERS[each], Kind.NUMBER) for each in Blocker),
        Column("cases", N_("Case"), Kind.CODE),
    )
    rows = [
        {
            "train": train.numbers,
            "direction": _DIRECTIONS.get(train.bound, train.bound) or None,
            "state": train.phase,
            "waiting_since": train.waiting_since,
            "waits": None if train.waiting_since is None else at - train.waiting_since,
            "expected": train.expected,
            "announced": train.announced,
            "last": catalogue.by_number(train.last.milestone).name,
            "last_at": train.last.at,
            "place": train.last.place,
            "beside_route": train.beside_route,
            "ready": train.ready,
            "boxes": len(train.boxes),
            **{_key(each): number for each, number in train.waits_for.items()},
            "cases": [each.id.hex() for each in train.cases],
        }
        for train in trains
    ]
    return Table("trains", columns, rows, N_("Trains"))


def _boxes(trains: Sequence[BoardTrain]) -> Table:
    """The boxes that may not be handed over yet; as on the page, no others."""
    columns = (
        Column("container", N_("Container"), Kind.CODE),
        Column("train", N_("Train"), Kind.CODE),
        Column("blocked_by", N_("What blocks"), Kind.CODE, words=BLOCKERS),
    )
    rows = [
        {
            "container": box.container,
            "train": train.numbers,
            "blocked_by": [str(each) for each in box.blockers],
        }
        for train in trains
        for box in train.boxes
        if box.blockers
    ]
    return Table("blocked", columns, rows, N_("Boxes that are blocked"))


def _key(blocker: Blocker) -> str:
    return f"blocked_{blocker.name.lower()}"


def _number(key: str) -> str:
    """Company, number and day of ``company/number/date/origin``."""
    company, *rest = key.split("/")
    return key if len(rest) < 2 else f"{company.upper()} {rest[0]} {rest[1][5:]}"


def _zones(shown: BoardCrossing) -> list[tuple[str, ZoneInfo]]:
    """The three clocks: Beijing's, that of the far side, Moscow's; each once."""
    local = railnet.stations()[shown.crossing.b.station].tz
    return [(name, railnet.zone(name)) for name in dict.fromkeys((BEIJING, local, MOSCOW))]


def _times(zones: list[ZoneInfo], micros: int) -> list[str]:
    """A moment by each clock, the first with its day."""
    first, *others = (_at(micros, zone) for zone in zones)
    return [first.strftime("%m-%d %H:%M"), *(each.strftime("%H:%M") for each in others)]


def _at(micros: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, zone)


def _clocks(shown: BoardCrossing) -> dict[str, str]:
    names = {BEIJING: N_("Beijing"), MOSCOW: N_("Moscow")}
    return {zone: names.get(zone, N_("on the spot")) for zone, _ in _zones(shown)}


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
