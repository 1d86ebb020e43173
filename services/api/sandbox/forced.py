"""The answers that an id of the sandbox forces, and where in a request such an id is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from services.api.calls import Answer, Call, moment
from services.api.cloudevents.outcomes import Fate
from services.api.financing import representation
from services.api.problems import MEDIA_TYPE, Problem
from services.api.requests.financing import Corroboration
from services.api.sandbox import arrivals, corroborations, credit, financings, share_links
from services.api.sandbox.table import NETWORKS, PARTY, DecisionRow, named, table
from services.domain.facts import Micros
from services.financing.domain.requests import LIMITS, UNKNOWN, Reply
from services.financing.store.financings import thing_of

HEADER = "lianyun-sandbox"
"""Carries the id of a problem, or of the records of borders, on routes that take no id."""
_NUMBER = 9_000_001
_FINANCING = "/v1/financings/{reference}"
_STATUS = "/v1/financing-status"
_STEPS = ("pledge", "draw", "release", "cancel", "substitute")


def active(call: Call) -> bool:
    """Whether the caller is the sandbox tenant in a network that has one."""
    return call.party.code == PARTY and call.context.settings.network in NETWORKS


def forced(call: Call, method: str, path: str, parameters: Mapping[str, Any]) -> Answer | None:
    """The answer that an id in the request forces, None where it forces none; raises the Problem that it forces.

    ``path`` is the route's as declared. Ids of problems are taken from path and query parameters, from strings at the top of
    a JSON body, and from the header ``Lianyun-Sandbox``; unknown ones are not-found.
    """
    if not active(call):
        return None
    body = _body(call)
    for text in _texts(call, parameters, body):
        name = named("problem", text)
        if name is not None:
            raise _problem(name)
    if method == "GET" and path.startswith(_FINANCING):
        return _financing(call, parameters.get("reference"), path.removeprefix(_FINANCING))
    if path == "/v1/shippers/{shipper}/credit":
        return _credit(call, parameters)
    if path == "/v1/consignments/{ref:path}/arrival":
        return _arrival(parameters.get("ref"), call.now)
    if path == "/v1/border-forecasts":
        return _borders(call.request.headers.get(HEADER))
    if path == _STATUS:
        return _status(parameters, body, method)
    if path.startswith("/v1/share-links"):
        return _share(call, method, path, parameters, body)
    if method != "POST":
        return None
    if path == "/v1/corroborations":
        return _corroborated(parameters.get("body"))
    if path == "/v1/reservations":
        return _decided(named("decision", body.get("reference")), body.get("reference"))
    if path.startswith(_FINANCING) and path.rpartition("/")[2] in _STEPS:
        return _decided(named("decision", parameters.get("reference")), parameters.get("reference"))
    if path == "/v1/cargo-requests":
        return _cargo(body)
    return None


def event_fate(call: Call, id_: str) -> Fate | None:
    """What becomes of an event of the tenant with a forcing id; None for all others."""
    name = named("event", id_) if active(call) else None
    row = None if name is None else table().events.get(name)
    return None if row is None else row.fate


def _problem(name: str) -> Problem:
    headers = table().problems.get(name)
    if headers is None:
        return Problem("not-found", "The sandbox has no such problem.")
    return Problem(name, "Forced in the sandbox.", headers=headers)


def _financing(call: Call, reference: Any, part: str) -> Answer | None:
    if part not in ("", "/alerts"):
        return None
    stage = table().stages.get(named("stage", reference) or "")
    alert = table().alerts.get(named("alert", reference) or "")
    if stage is not None:
        body = financings.at_stage(reference, stage, call.now)
    elif alert is not None:
        body = financings.with_alert(reference, alert, call.now)
    else:
        return None
    return Answer({"items": body["alerts"], "next": None} if part else body, etag=reference)


def _credit(call: Call, parameters: Mapping[str, Any]) -> Answer | None:
    shipper = parameters.get("shipper")
    row = table().credit.get(named("credit", shipper) or "")
    if row is None:
        return None
    at = moment(parameters.get("as_of"), "as_of", call.now)
    return _there(credit.given(str(shipper), row, at))


def _arrival(reference: Any, now: Micros) -> Answer | None:
    row = table().arrival.get(named("arrival", reference) or "")
    return None if row is None else Answer(arrivals.forecast_of(str(reference), row, now))


def _borders(header: str | None) -> Answer | None:
    row = table().borders.get(named("borders", header) or "")
    return None if row is None else Answer(arrivals.records_of(row))


def _status(parameters: Mapping[str, Any], body: Mapping[str, Any], method: str) -> Answer | None:
    """Of a thing by its id, or of papers by the number of the first invoice."""
    if method == "GET":
        shown: dict[str, Any] = {"kind": parameters.get("kind"), "id": parameters.get("id")}
    else:
        invoices = body.get("invoices")
        first = invoices[0] if isinstance(invoices, list) and invoices else None
        shown = {"id": first.get("number") if isinstance(first, dict) else None}
    row = table().status.get(named("status", shown["id"]) or "")
    if row is None:
        return None
    stages = table().stages
    found = [
        financings.summarised(name, stages[name], _NUMBER + n) for n, name in enumerate(row.stages, start=1)
    ]
    if method != "GET":
        return _there({"financings": found, "limits": LIMITS} if found else None)
    taken = row.taken if parameters.get("application") else None
    known = found or taken is not None
    return _there(
        {**shown, "financings": found, "interest_taken": taken, "limits": LIMITS} if known else None
    )


def _share(
    call: Call, method: str, path: str, parameters: Mapping[str, Any], body: Mapping[str, Any]
) -> Answer | None:
    asked = (
        body.get("consignment") if method == "POST" else parameters.get("id", parameters.get("consignment"))
    )
    name = named("share", asked)
    row = None if name is None else table().share.get(name)
    return (
        None if name is None or row is None else share_links.answer(method, path, name, row, body, call.now)
    )


def _corroborated(asked: Any) -> Answer | None:
    if not isinstance(asked, Corroboration):
        return None
    row = table().corroboration.get(named("corroboration", asked.application) or "")
    return None if row is None else _there(corroborations.stated(asked, row))


def _there(body: Mapping[str, Any] | None) -> Answer:
    """The answer ``body``; as of what is absent where there is none."""
    if body is None:
        raise Problem("not-found")
    return Answer(body)


def _decided(name: str | None, reference: Any) -> Answer | None:
    if name is None:
        return None
    row = table().decisions.get(name)
    if row is None or row.outcome == UNKNOWN.outcome:
        return Answer(Problem("not-found").document(), 404, {"content-type": MEDIA_TYPE})
    return Answer(representation.reply(_reply(row), int, f"{PARTY}/{reference}"))


def _reply(row: DecisionRow) -> Reply:
    until = financings.RESERVED_UNTIL if row.outcome == "DONE" else None
    return Reply(row.outcome, row.guard, row.satisfied_by, row.match, until, None, (), _NUMBER)


def _cargo(body: Mapping[str, Any]) -> Answer | None:
    asked = body.get("consignments")
    if not isinstance(asked, list) or len(asked) != 1 or not isinstance(asked[0], str):
        return None
    name = named("cargo", asked[0])
    row = None if name is None else table().cargo.get(name)
    if row is None:
        return None
    shown = {
        "guard": row.guard or None,
        "satisfied_by": row.satisfied_by or None,
        "shares": representation.shared(map(thing_of, row.shares)),
        "goods": [],
    }
    return Answer({"action": body.get("action"), "allowed": row.allowed, **shown, "number": _NUMBER})


def _texts(call: Call, parameters: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Any]:
    yield call.request.headers.get(HEADER)
    yield from parameters.values()
    yield from body.values()


def _body(call: Call) -> Mapping[str, Any]:
    try:
        found = orjson.loads(call.body) if call.body else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
