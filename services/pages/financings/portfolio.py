"""A page of a bank's financings: filtered and read on by name; each with its alerts, its coverage, and where the goods are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import psycopg

from schemas import railnet
from schemas.events.base import ObjectKind
from services.api.access.consignment import VisibleConsignment, visible_each
from services.domain.facts import Micros
from services.domain.objects import object_id
from services.financing.domain.covenants import Alert
from services.financing.domain.money import Money
from services.financing.store.financings import acknowledged_of_each, cargo_of_each
from services.financing.store.identifiers import financing_id
from services.financing.store.status_reader import (
    StatusEvidence,
    Summary,
    crossings_of,
    looked_after,
    portfolio,
    read_statuses,
    summaries,
)
from services.ledger.storage import event_reader
from services.pages.consignments import cached_forecasts
from services.pages.page import PageRequest
from services.pages.tracking.forecast import ShownForecast, is_ahead, places_of
from services.pages.tracking.summary import Summary as Journey
from services.pages.tracking.summary import summary as journey_of
from services.query.views import EVENTS

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
    fitting: list[Summary] = []
    place, looked_at, whole = after, 0, 0
    for found, fits in _summaries(request, wanted, after):
        looked_at += 1
        place = found.financing
        if fits:
            fitting.append(found)
            whole += 1
        full = len(rows) + len(fitting) == SHOWN
        last = looked_at == LOOKED_AT or whole == LOOKED_AT_WHOLE
        if full or last:  # else the row that fills the page is still to come
            rows += _shown(request, wanted, fitting)
            fitting = []
        if len(rows) == SHOWN or last:
            more = portfolio(request.session, wanted.bank, place, 1, not (wanted.ended or wanted.alerts))
            return PortfolioPage(tuple(rows), place if more else None, looked_at)
    rows += _shown(request, wanted, fitting)
    return PortfolioPage(tuple(rows), None, looked_at)


def _shown(request: PageRequest, wanted: Wanted, fitting: Sequence[Summary]) -> list[PortfolioRow]:
    rows = read_rows(request, fitting) if fitting else []
    return [row for row in rows if row.alerts or not wanted.alerts]


def read_rows(request: PageRequest, several: Sequence[Summary]) -> list[PortfolioRow]:
    """Financings with their status and goods, in order, read together; one without them where the platform fails to judge it."""
    noted = len(request.lines)
    try:
        with request.session.transaction():
            return _rows(request, several)
    except (psycopg.Error, OSError, MemoryError):
        raise
    except Exception:
        del request.lines[noted:]
        if len(several) > 1:
            return [row for each in several for row in read_rows(request, [each])]
        (found,) = several
        name = found.financing
        log.exception(
            "financing %s cannot be judged", name, extra={"action": "financing_failed", "financing": name}
        )
        _note(request, found)
        return [PortfolioRow(found, fault=True)]


def _rows(request: PageRequest, several: Sequence[Summary]) -> list[PortfolioRow]:
    # What is not pledged has no goods to be seen, nothing owed, and no alert.
    pledged = [each.financing for each in several if each.state.hold.pledged]
    bank, now = request.party.code, request.now
    statuses = read_statuses(request.session, pledged, bank, now, now, request.registry, read=EVENTS)
    judged = {name: status for name, status in statuses.items() if status is not None}
    goods = goods_of_each(request, list(judged))
    alerts = open_alerts(request, judged)
    rows = []
    for found in several:
        _note(request, found)
        name = found.financing
        if name in judged:
            _note_goods(request, goods[name])
            rows.append(PortfolioRow(found, judged[name], goods[name], alerts[name]))
        else:
            rows.append(PortfolioRow(found, fault=name in statuses))
    return rows


def _note(request: PageRequest, found: Summary) -> None:
    request.reads("financing", found.financing, (found.state.hold.terms.applicant,))


def _note_goods(request: PageRequest, goods: Sequence[Goods]) -> None:
    for each in goods:
        request.reads("consignment", each.shown.body["consignment"], each.shown.shippers)


def goods_of(request: PageRequest, name: str) -> tuple[Goods, ...]:
    """The consignments of a financing that the bank may see, each once; lines of the access log say that they are read."""
    goods = goods_of_each(request, [name])[name]
    _note_goods(request, goods)
    return goods


def goods_of_each(request: PageRequest, names: Sequence[str]) -> dict[str, tuple[Goods, ...]]:
    """The same of each financing, read together and not noted in the access log."""
    ids = {name: financing_id(name) for name in names}
    cargo = cargo_of_each(request.session, list(ids.values()))
    things = sorted({thing for own in cargo.values() for thing in own})
    of_each = event_reader.consignments_of_each(request.session, [(each.kind, each.key) for each in things])
    leading = dict(zip(things, of_each, strict=True))
    groups = {
        name: sorted({group for thing in cargo[id_] for group in leading[thing]}) for name, id_ in ids.items()
    }
    every = sorted({group for own in groups.values() for group in own})
    shown = {
        group: each
        for group, each in zip(every, visible_each(request, every), strict=True)
        if each is not None
    }
    ahead = [each for each in shown.values() if is_ahead(each.body)]
    forecasts = dict(zip(map(id, ahead), cached_forecasts(request, ahead), strict=True))
    goods = {group: _goods(each, forecasts.get(id(each)), request.now) for group, each in shown.items()}
    return {name: tuple(goods[group] for group in own if group in goods) for name, own in groups.items()}


def _goods(shown: VisibleConsignment, forecast: ShownForecast | None, now: Micros) -> Goods:
    return Goods(shown, journey_of(shown.body, places_of(shown), now), forecast, bool(shown.body["silent"]))


def open_alerts(request: PageRequest, judged: Mapping[str, StatusEvidence]) -> dict[str, tuple[Alert, ...]]:
    """The alerts of each financing that nobody has acknowledged."""
    raised = {name: looked.status.alerts for name, looked in judged.items()}
    alerting = [name for name, alerts in raised.items() if alerts]
    seen = acknowledged_of_each(request.session, alerting, request.now) if alerting else {}
    return {
        name: tuple(each for each in alerts if each.acknowledged is None and each.id not in seen[name])
        for name, alerts in raised.items()
    }


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
