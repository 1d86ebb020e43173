"""The line, live and as a film: where the trains are, what waits at which border, what is closed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from schemas import railnet
from schemas.events.base import Role
from schemas.reasons import Refusal
from schemas.rfc3339 import format_micros, parse_micros
from services.api.access.line import VisibleFilm, sees_every_train, visible_film
from services.domain.facts import FOREVER, Micros, Restriction
from services.domain.rules import HOUR
from services.pages.errors import PageError
from services.pages.line.diagram import CITIES, TRUNKS, drawings, near_side, tall, wide
from services.pages.page import Data, Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking.words import N_
from services.query.line.film import Sighting, picture
from services.query.line.film_json import STEP, value_at
from services.query.line.reading import LONGEST, TooWide, last_sign
from services.query.line.run import QUIET, State

pages = PageRoutes()
DAY: Micros = 24 * HOUR
_TICK: Micros = STEP * 1_000_000
LIVE: Micros = 7 * DAY
"""What is shown of the past where nobody asks for a period."""
MOST_ROWS = 300
"""Trains in the table behind the picture: those that wait come first."""
CHART = (1_000, 80)
KINDS = {
    "BORDER_CLOSED": N_("Border closed"),
    "EMBARGO": N_("Embargo"),
    "ACCEPTANCE_BAN": N_("No trains are accepted"),
}
STATES = {
    State.STANDS: N_("stands"),
    State.WAITS: N_("waits at the border"),
    State.HELD: N_("held on the way"),
    State.PASSES: N_("running"),
}
BOUND = {"WEST": N_("towards Europe"), "EAST": N_("towards China"), "": N_("both directions")}


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked for: a period, the moment in it that is shown without JavaScript, and whether it is the present one."""

    since: Micros
    until: Micros
    at: Micros | None
    live: bool

    @property
    def query(self) -> str:
        """The period as parameters of an address; the present one has none."""
        if self.live:
            return ""
        return urlencode({"from": format_micros(self.since), "to": format_micros(self.until)})


@pages.get("/line")
def line(request: PageRequest) -> Page:
    """The line over a period: for railways, terminals and customs all trains, for others theirs, for the public counts."""
    period = _period(request)
    values = page_values(_visible(request, period), period, request.now)
    return Page("line.html", values, tables=values["tables"])


@pages.get("/line/film")
def film(request: PageRequest) -> Data:
    """The film as data for the page that plays it, with where its stations are drawn."""
    return Data(placed(_visible(request, _period(request)).body))


def page_values(visible: VisibleFilm, period: Period, now: Micros) -> dict[str, Any]:
    """What the template shows of a film. The last step may end after ``now``: no moment after it is shown. Pure."""
    at = _shown_at(period, visible.body)
    tick = (at - period.since) // _TICK
    at = min(at, now)
    waiting = {
        (each["crossing"], each["bound"]): count
        for each in visible.body["waiting"]
        if (count := value_at(each["counts"], tick)) is not None
    }
    seen = sorted(picture(visible.film, at), key=_order)
    crossings = _crossings(visible, waiting, at)
    tables = _borders_table(crossings), _trains_table(seen)
    return {
        "tables": tables,
        "period": period,
        "at": at,
        "shown": visible.body["shown"],
        "drawings": drawings(visible.film, waiting, at),
        "crossings": crossings,
        "waiting": sum(waiting.values()),
        "held": _held(visible.body, tick),
        "trains": seen[:MOST_ROWS],
        "more_trains": max(0, len(seen) - MOST_ROWS),
        "chart": _chart(visible.body, visible.film.restrictions, period),
        "restrictions": _once(visible.film.restrictions),
        "cities": CITIES,
        "kinds": KINDS,
        "states": STATES,
        "bounds": BOUND,
        "film": f"/line/film?{period.query}" if period.query else "/line/film",
        "rfc3339": format_micros,
    }


def placed(body: dict[str, Any]) -> dict[str, Any]:
    """The film with where its stations, queues and legs are drawn on both forms. Pure."""
    for name, places in (("wide", wide()), ("tall", tall())):
        body[name] = [places[station] for station in body["stations"]]
        for each in body["waiting"]:
            each[name] = places[near_side(each["crossing"], each["bound"])]
        for each in body["others"]:
            each[name] = [*places[each["from"]], *places[each["to"]]]
    return body


def _visible(request: PageRequest, period: Period) -> VisibleFilm:
    # A share link is to one consignment: whoever came by it is the public here.
    party = None if request.viewer is None or request.viewer.shared is not None else request.party
    operator = request.context.settings.pages_open_line or (
        party is not None and Role.PLATFORM in party.roles
    )

    def made() -> VisibleFilm:
        return visible_film(
            request.session, party, period.since, period.until, request.now, operator=operator
        )

    # Of what is over, news alone change the film; most see the same of it.
    alike = party is None or operator or sees_every_train(party)
    state = request.begun.state if alike and period.until + QUIET <= request.now else None
    key = "public" if party is None and not operator else "all", period.since, period.until
    try:
        found: VisibleFilm = request.context.films.of(key, state, made)
    except TooWide:
        raise PageError(400) from None
    if party is not None:
        request.reads("line", f"{format_micros(period.since)}/{format_micros(period.until)}")
    return found


def _period(request: PageRequest) -> Period:
    """The period of the query: from and to, around ``at``, else the present one; where nothing is new, what was last."""
    now = -(-request.now // _TICK) * _TICK
    since, until, at = (_moment(request, name) for name in ("from", "to", "at"))
    if at is not None:
        at = min(at, now)
    if since is not None:
        until = min(now, until if until is not None else now)
        since = min(since, until)
        if until - since > LONGEST:
            raise PageError(400)
        return Period(since, until, None if at is None else min(max(at, since), until), False)
    if at is not None:
        return Period(at - LIVE, min(now, at + LIVE), at, False)
    last = last_sign(request.session, request.now)
    if last and last < now - LIVE:
        return Period(last - 2 * LIVE, last, None, False)
    return Period(now - LIVE, now, None, True)


def _moment(request: PageRequest, name: str) -> Micros | None:
    """A moment of the query as written by a program (RFC 3339), a date, or by a form (UTC); PageError 400 where it is none."""
    text = request.query.get(name, "").strip()
    if not text:
        return None
    if len(text) == 10:
        text += "T00:00"
    if len(text) == 16:
        text += ":00Z"
    try:
        return parse_micros(text)
    except Refusal:
        raise PageError(400) from None


def _shown_at(period: Period, body: Mapping[str, Any]) -> Micros:
    """The moment of the still picture: the one asked for, now, or when most trains waited."""
    if period.at is not None or period.live:
        return period.until if period.at is None else period.at
    most = max(_totals(body), key=lambda step: step[1])
    return period.since + most[0] * _TICK


def _totals(body: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The trains before all crossings together over time: from each tick on so many."""
    changes: Counter[int] = Counter({0: 0})
    for each in body["waiting"]:
        tick = before = 0
        for ticks, count in zip(each["counts"][::2], each["counts"][1::2], strict=True):
            tick += ticks
            changes[tick] += (count or 0) - before
            before = count or 0
    total, found = 0, []
    for tick, change in sorted(changes.items()):
        total += change
        found.append((tick, total))
    return found


def _held(body: Mapping[str, Any], tick: int) -> int | None:
    """How many trains are set aside on the way; None where that is not shown."""
    if body["shown"] == "PUBLIC":
        return None
    return sum(value_at(each["counts"], tick) or 0 for each in body["held"])


def _order(seen: Sighting) -> tuple[int, str, Micros]:
    first = {State.WAITS: 0, State.HELD: 1}.get(seen.state, 2)
    return first, seen.crossing or seen.station, seen.since


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """A crossing in the table: how many wait in each direction, None where that is not shown, and what is in force."""

    place: str
    west: int | None
    east: int | None
    both: int | None
    restrictions: tuple[Restriction, ...]


def _crossings(visible: VisibleFilm, waiting: Mapping[tuple[str, str], int], at: Micros) -> list[CrossingRow]:
    in_force: dict[str, list[Restriction]] = defaultdict(list)
    for each in _once(visible.film.restrictions):
        if each.start <= at < (FOREVER if each.end is None else each.end):
            in_force[each.place].append(each)
    trunk = {
        f"crossing:{id_}"
        for name in TRUNKS
        for id_ in railnet.crossings_on([f"railnet:{s}" for s in railnet.corridors()[name].stations])
        if railnet.crossings()[id_].gauge_change
    }
    places = {*(f"crossing:{id_}" for id_, _ in waiting), *in_force, *trunk}
    exact = visible.body["shown"] != "PUBLIC"
    rows = []
    for place in places:
        west, east, both = (
            waiting.get((place.removeprefix("crossing:"), side)) for side in ("WEST", "EAST", "")
        )
        total = (west or 0) + (east or 0) if exact else both
        rows.append(
            CrossingRow(
                place,
                (west or 0) if exact else None,
                (east or 0) if exact else None,
                total,
                tuple(in_force[place]),
            )
        )
    return sorted(rows, key=lambda row: (-(row.both or 0), not row.restrictions, row.place))


def _borders_table(crossings: Sequence[CrossingRow]) -> Table:
    """As on the page: without a number where that is not shown."""
    columns = (
        Column("crossing", N_("Border"), Kind.PLACE),
        Column("towards_europe", N_("towards Europe"), Kind.NUMBER),
        Column("towards_china", N_("towards China"), Kind.NUMBER),
        Column("waiting", N_("Waiting"), Kind.NUMBER),
        Column("restrictions", N_("In force"), Kind.CODE, words=KINDS),
    )
    rows = [
        {
            "crossing": each.place,
            "towards_europe": each.west,
            "towards_china": each.east,
            "waiting": each.both,
            "restrictions": [restriction.kind for restriction in each.restrictions],
        }
        for each in crossings
    ]
    return Table("borders", columns, rows, N_("At the borders"))


def _trains_table(seen: Sequence[Sighting]) -> Table:
    columns = (
        Column("train", N_("Train"), Kind.CODE),
        Column("direction", N_("Direction"), Kind.CODE, words=BOUND),
        Column("boxes", N_("Boxes"), Kind.NUMBER),
        Column("station", N_("Where"), Kind.PLACE),
        Column("towards", N_("Towards"), Kind.PLACE),
        Column("state", N_("State"), Kind.CODE, words={state.name: STATES[state] for state in State}),
        Column("since", N_("Since"), Kind.MOMENT, place="station"),
    )
    rows = [
        {
            "train": [name.key for name in each.run.names],
            "direction": each.run.bound or None,
            "boxes": each.run.boxes,
            "station": f"railnet:{each.station}",
            "towards": f"railnet:{each.towards}" if each.towards else None,
            "state": each.state.name,
            "since": each.since,
        }
        for each in seen
    ]
    return Table("trains", columns, rows, N_("Every train at this moment"))


def _once(restrictions: Sequence[Restriction]) -> tuple[Restriction, ...]:
    """Each restriction once, whoever repeats it: the earliest publication stands."""
    found: dict[tuple[Any, ...], Restriction] = {}
    for each in sorted(restrictions, key=lambda r: (r.published, r.event)):
        found.setdefault((each.place, each.kind, each.start), each)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """Waiting trains over the period as path data, and when crossings were closed as (x, width)."""

    path: str
    bands: tuple[tuple[float, float], ...]
    most: int


def _chart(body: Mapping[str, Any], restrictions: Sequence[Restriction], period: Period) -> Chart:
    width, height = CHART
    length = max(1, (period.until - period.since) // _TICK)
    totals = _totals(body)
    most = max(total for _, total in totals)
    high = (height - 6) / max(1, most)
    drawn = {round(tick / length * width): round(height - total * high) for tick, total in totals}
    path = f"M0 {height}" + "".join(f"H{x}V{y}" for x, y in drawn.items()) + f"H{width}"
    bands = []
    for each in _once(restrictions):
        if each.kind != "BORDER_CLOSED":
            continue
        first = max(0.0, (each.start - period.since) / (period.until - period.since or 1))
        end = period.until if each.end is None else each.end
        last = min(1.0, (end - period.since) / (period.until - period.since or 1))
        bands.append((round(first * width, 1), round((last - first) * width, 1)))
    return Chart(f"{path}V{height}Z", tuple(dict.fromkeys(bands)), most)
