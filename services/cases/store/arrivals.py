"""Judges the forecasts of consignments against the dates that somebody counts on, and records what has changed.

A judgment is a decision: it is taken once, on what is known then, and replayed. So a forecast that moves a little raises and lifts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.arrival.domain.forecast import Forecast, Inputs, NoForecast, computed
from services.arrival.domain.lateness import Due, Judgment, Lateness, lateness, promise, until_now
from services.arrival.domain.tables import tables
from services.arrival.store import judgments
from services.arrival.store.projector import model_version
from services.arrival.store.reader import read_inputs
from services.domain.facts import Facts, Micros
from services.domain.view import View
from services.financing.domain.covenants import ON_FORECAST
from services.financing.domain.lifecycle import end_of
from services.financing.domain.products import products
from services.financing.domain.status import Status
from services.ledger.platform_signature import Signer


def dues_of(view: View, statuses: Iterable[Status]) -> tuple[Due, ...]:
    """The dates that somebody counts on: the carriers' plan, and the maturity of each pledge whose product watches the arrival."""
    planned = promise(view)
    maturities = (
        Due(each.financing, end_of(each.matures_on))
        for each in statuses
        if each.pledged
        and each.matures_on is not None
        and not ON_FORECAST.isdisjoint(products()[each.terms.product].covenants)
    )
    return (*(() if planned is None else (planned,)), *maturities)


@dataclass(frozen=True, slots=True)
class ArrivalJudge:
    """Judges and records in the caller's transaction, as of the ``position`` below which everything accepted was seen."""

    signer: Signer
    position: int

    def judge(
        self,
        session: Connection[Any],
        view: View,
        facts: Facts,
        dues: Iterable[Due],
        known: Mapping[str, Judgment],
        as_of: Micros,
        *,
        arrived: bool,
    ) -> dict[str, Judgment]:
        """The latest judgments by subject, after recording those that differ from ``known``.

        Where no train was seen on any leg ahead there is nothing to judge by. Three statements for a consignment with a date.
        """
        open_ = {due.subject: due for due in dues}
        inputs: Inputs | None = None
        result: Forecast | NoForecast = NoForecast.ARRIVED
        if open_ and not arrived:
            inputs = read_inputs(session, view, facts, as_of)
            result = computed(inputs, tables())
        found = dict(known)
        for subject in sorted(open_.keys() | known.keys()):
            last, due = known.get(subject), open_.get(subject)
            now = _judged(last, due, result)
            if now is None:
                continue
            right = (
                due
                if due is not None
                else Due(subject, last.due if last else 0, last.due_event if last else b"")
            )
            made = result if isinstance(result, Forecast) and due is not None else None
            new = Judgment(
                number=0,
                consignment=view.consignment.key,
                subject=subject,
                before=None if last is None else last.number,
                at=as_of,
                position=self.position,
                due=right.moment,
                due_event=right.event,
                lateness=now,
                p10=None if made is None else made.arrival.p10,
                p50=None if made is None else made.arrival.p50,
                p90=None if made is None else made.arrival.p90,
                model=model_version(),
                evidence=() if made is None else made.events[: judgments.MOST_EVIDENCE],
            )
            kept = None if made is None else inputs
            found[subject] = judgments.record(session, self.signer, view.consignment.id, new, kept)
        return found


def _judged(last: Judgment | None, due: Due | None, result: Forecast | NoForecast) -> Lateness | None:
    """What is to be recorded; None where nothing has changed, or nothing can be said."""
    raised = last is not None and last.lateness.raised
    if due is None or result is NoForecast.ARRIVED:
        return Lateness.OVER if raised else None
    if not isinstance(result, Forecast) or not any(each.own or each.pooled for each in result.legs):
        return None
    now = lateness(until_now(last, due), result, due.moment, tables())
    if not now.raised and not raised:
        return None
    same = last is not None and (last.due, last.due_event, last.lateness) == (due.moment, due.event, now)
    return None if same else now
