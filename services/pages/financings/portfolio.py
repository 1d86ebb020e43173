"""A page of a bank's financings: filtered and read on by name; each with its alerts, its coverage, and where the goods are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import psycopg

from schemas import railnet
from schemas.events.base import ObjectKind
from services.api.access.consignment import VisibleConsignment, visible
from services.domain.objects import object_id
from services.financing.domain.covenants import Alert
from services.financing.domain.money import Money
from services.financing.store.financings import acknowledged, cargo_of
from services.financing.store.identifiers import financing_id
from services.financing.store.status_reader import (
    StatusEvidence,
    Summary,
    crossings_of,
    looked_after,
    portfolio,
    read_status_evidence,
    summaries,
)
from services.pages.consignments import cached_forecast
from services.pages.page import PageRequest
from services.pages.tracking.forecast import ShownForecast, is_ahead
from services.pages.tracking.summary import Summary as Journey
from services.pages.tracking.summary import summary as journey_of
from services.query.views import consignments_of

log = logging.getLogger(__name__)
T = TypeVar("T")
SHOWN = 20
"""Financings on a page."""
CHUNK = 100
LOOKED_AT = 400
"""Financings that a filter looks at for one page; the next page goes on behind them."""
LOOKED_AT_WHOLE = 30
"""The same where each is looked at with its goods."""
DAY = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which financings of ``bank`` to show; "" and None do not limit. ``alerts``: only those with an alert that nobody has acknowledged."""

    bank: str
    stage: str = ""
    currency: str = ""
    product: str = ""
    matures_within: int | None = None
    prefix: str = ""
    crossing: str = ""
    ended: bool = False
    alerts: bool = False

    def fits(self, found: Summary, today: date) -> bool:
        """Whether a financing is among them, by its decisions and statements alone."""
        state = found.state
        if self.matures_within is not None:
            last = today + timedelta(days=self.matures_within)
            if state.matures_on is None or state.matures_on > last or not state.outstanding:
                return False
        return (
            self.stage in ("", str(state.stage))
            and self.currency in ("", state.currency)
            and self.product in ("", state.hold.terms.product)
            and state.hold.financing.partition("/")[2].startswith(self.prefix)
        )


@dataclass(frozen=True, slots=True)
class Goods:
    """The goods of a financing in one consignment, as the bank may see them."""

    shown: VisibleConsignment
    journey: Journey
    forecast: ShownForecast | None
    silent: bool


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """One financing; ``status`` is None before it is pledged, and where the platform fails to judge it (``fault``).

    ``alerts`` are those that nobody has acknowledged.
    """

    summary: Summary
    status: StatusEvidence | None = None
    goods: tuple[Goods, ...] = ()
    alerts: tuple[Alert, ...] = ()
    fault: bool = False

    @property
    def reference(self) -> str:
        """The bank's own reference."""
        return self.summary.financing.partition("/")[2]

    @property
    def owed(self) -> Money:
        """What is owed."""
        return Money(self.summary.state.outstanding, self.summary.state.currency)

    @property
    def value(self) -> Money | None:
        """The verified value without what was given back."""
        found = None if self.status is None else self.status.status.value.value
        if found is None or self.status is None:
            return None
        return Money(max(0, found.minor - self.status.status.value_given_back.minor), found.currency)

    @property
    def coverage(self) -> float | None:
        """The verified value by what is owed; None where nothing is owed or nothing is verified."""
        value = self.value
        return value.minor / self.owed.minor if value is not None and self.owed.minor else None


@dataclass(frozen=True, slots=True)
class PortfolioPage:
    """``after`` is the name to go on behind, None at the end; ``looked_at`` counts the financings that the filter was put to."""

    rows: tuple[PortfolioRow, ...]
    after: str | None
    looked_at: int


def read_page(request: PageRequest, wanted: Wanted, after: str) -> PortfolioPage:
    """The page of ``wanted`` behind the name ``after``; every financing that is shown is a line of the access log."""
    rows: list[PortfolioRow] = []
    place, looked_at, whole = after, 0, 0
    for found, fits in _summaries(request, wanted, after):
        looked_at += 1
        place = found.financing
        if fits:
            row, whole = read_row(request, found), whole + 1
            if row.alerts or not wanted.alerts:
                rows.append(row)
        if len(rows) == SHOWN or looked_at == LOOKED_AT or whole == LOOKED_AT_WHOLE:
            more = portfolio(request.session, wanted.bank, place, 1, not (wanted.ended or wanted.alerts))
            return PortfolioPage(tuple(rows), place if more else None, looked_at)
    return PortfolioPage(tuple(rows), None, looked_at)


def read_row(request: PageRequest, found: Summary) -> PortfolioRow:
    """A financing with its status and goods; without them where the platform fails to judge it."""
    bank, name = request.party.code, found.financing
    request.reads("financing", name, (found.state.hold.terms.applicant,))

    if not found.state.hold.pledged:
        return PortfolioRow(found)  # no goods to be seen, nothing owed, and no alert before there is a pledge

    def read() -> PortfolioRow:
        status = read_status_evidence(request.session, name, bank, request.now, request.now, request.registry)
        if status is None:
            return PortfolioRow(found, fault=True)
        goods = tuple(goods_of(request, name)) if found.state.hold.pledged else ()
        return PortfolioRow(found, status, goods, open_alerts(request, status))

    try:
        with request.session.transaction():
            return read()
    except (psycopg.Error, OSError, MemoryError):
        raise
    except Exception:
        log.exception(
            "financing %s cannot be judged", name, extra={"action": "financing_failed", "financing": name}
        )
        return PortfolioRow(found, fault=True)


def goods_of(request: PageRequest, name: str) -> Iterator[Goods]:
    """The consignments of a financing that the bank may see, each once; lines of the access log say that they are read."""
    things = cargo_of(request.session, [financing_id(name)])
    for group in sorted(consignments_of(request.session, things)) if things else ():
        shown = visible(request, group)
        if shown is None:
            continue
        request.reads("consignment", shown.body["consignment"], shown.shippers)
        route = shown.known.view.route
        places = route.places if route is not None and shown.body["route"] is not None else ()
        yield Goods(
            shown,
            journey_of(shown.body, places, request.now),
            cached_forecast(request, shown) if is_ahead(shown.body) else None,
            bool(shown.body["silent"]),
        )


def open_alerts(request: PageRequest, looked: StatusEvidence) -> tuple[Alert, ...]:
    """The alerts of a financing that nobody has acknowledged."""
    found = looked.status.alerts
    seen = acknowledged(request.session, looked.status.financing, request.now) if found else {}
    return tuple(each for each in found if each.acknowledged is None and each.id not in seen)


def _summaries(request: PageRequest, wanted: Wanted, after: str) -> Iterator[tuple[Summary, bool]]:
    """The bank's financings behind a name, in order, and whether each is wanted; chunks of a constant number of statements each."""
    today, place, size = day_of(request.now), after, SHOWN + 1
    while True:
        if wanted.alerts:
            names = [name for name, _ in looked_after(request.session, wanted.bank, place, size)]
        else:
            names = portfolio(request.session, wanted.bank, place, size, not wanted.ended)
        found = summaries(request.session, names, request.now, request.registry)
        fitting = [each.financing for each in found if wanted.fits(each, today)]
        if wanted.crossing:
            passed = crossings_of(request.session, fitting, crossing_ids())
            fitting = [name for name in fitting if wanted.crossing in passed.get(name, ())]
        chosen = frozenset(fitting)
        yield from ((each, each.financing in chosen) for each in found)
        if len(names) < size:
            return
        place, size = names[-1], CHUNK


def day_of(micros: int) -> date:
    """The day of a moment, UTC."""
    return date(1970, 1, 1) + timedelta(days=micros // DAY)


def crossing_ids() -> Mapping[bytes, str]:
    """The crossings at the border of China, which tell corridors apart, by the ids under which planned routes pass them."""
    stations = railnet.stations()
    found = {
        id_
        for id_, crossing in railnet.crossings().items()
        if "CN" in (stations[crossing.a.station].country, stations[crossing.b.station].country)
    }
    return {object_id(ObjectKind.PLACE, f"crossing:{id_}"): id_ for id_ in sorted(found)}
