"""When a consignment arrives, and how good forecasts of borders have been."""

from __future__ import annotations

from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.responses.arrival import ArrivalShown, BorderRecords
from services.api.router import Routes
from services.api.routes.consignments import visible_by_reference
from services.arrival.domain.history import week_of
from services.arrival.domain.record import records
from services.arrival.domain.tables import tables
from services.arrival.store.presentation import arrival_json, records_json
from services.arrival.store.projector import model_version
from services.arrival.store.reader import read_border_cells, read_forecast

routes = Routes("consignments")
_READ = Needs(Scope.EVENTS_READ)
WEEKS = 52


@routes.get("/v1/consignments/{ref:path}/arrival", _READ, answers=ArrivalShown, problems=("not-found",))
def arrival(call: Call, ref: str) -> Answer:
    """When a consignment will reach its destination, as an interval that holds it four times in five, leg by leg.

    `LOWER_BOUND` means that there is no upper bound: a border ahead is closed and nobody has named an end (then only `p10` is given), or it
    may take longer than 120 days. `silence` says until when no news is normal. `model` changes with the rules and with the published table behind them.
    """
    found = visible_by_reference(call, ref)
    forecast = read_forecast(call.session, found.known, call.now)
    body = arrival_json(found.body["consignment"], forecast, call.now, found.known.sources.named)
    return Answer(body)


@routes.get("/v1/border-forecasts", _READ, answers=BorderRecords)
def border_forecasts(call: Call) -> Answer:
    """How good the forecasts of each border have been: every week of the last year against what was known before it."""
    since = week_of(call.now) - WEEKS
    found = records(read_border_cells(call.session), since, tables())
    return Answer({"borders": records_json(found), "weeks": WEEKS, "model": model_version()})
