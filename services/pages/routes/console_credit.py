"""The credit signals of the person's own party: as computed, as a bank sees them by its consent, as banks were given them; and objections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from services.credit.domain.consent import ConsentState, ConsentStatus, Part, ReadPermission
from services.credit.domain.disputes import DisputeState, DisputeStatus
from services.credit.domain.presentation import events_of, plain
from services.credit.domain.signals import PPM, WHOLE, by_code, model
from services.credit.store import records
from services.credit.store.consents import consents_of
from services.credit.store.records import GivenRecord, PermittedRecord
from services.pages.consignments import party_names
from services.pages.console import N_, SHIPPERS, console_page, signed_in
from services.pages.errors import PageError
from services.pages.own_statements import OwnStatement, own_statement
from services.pages.page import Page, PageRequest
from services.pages.routes.console_consents import PURPOSES
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission

pages = PageRoutes()
GIVEN = 25
DAY = 86_400_000_000
MEASURES = (
    N_("bookings whose papers were complete after the cut-off"),
    N_("export declarations rejected or amended for a reason that lies with the shipper"),
    N_(
        "pairs of an export and an import declaration of one trade, or of the particulars stated of both, that differ"
    ),
    N_("inspections by customs with a finding that was not withdrawn"),
    N_("cargoes whose weighed mass differs from the verified one, or whose dangerous goods were undeclared"),
    N_("confirmed bookings cancelled after the cut-off, or without cargo"),
    N_("freight invoices paid after their term"),
    N_("financings repaid late or not at all, and cargo offered twice"),
    N_("delivered cargoes with a claim upheld against the shipper"),
    N_("dispersion of monthly consignments beyond chance, and months active"),
    N_("kinds of facts stated by the shipper that a second party contradicts"),
    N_("delivered or seized cargoes with an upheld detention for misdeclared or prohibited goods"),
)
"""What each signal of the published table measures, in its words."""
IMPROVED_BY = (
    N_("Have the papers complete before the cut-off of the booking."),
    N_(
        "Check declarations before they are lodged; have your declarant state the cause of an amendment that is not yours."
    ),
    N_("File export and import from one set of data."),
    N_("Pack and declare so that what is found is what was declared."),
    N_("Weigh before loading, and declare dangerous goods."),
    N_("Cancel before the cut-off, and bring the cargo that is booked."),
    N_("Pay freight within its term, or object to the invoice before it."),
    N_("Repay on time, and offer each cargo to one bank only."),
    N_("Pack, label, stow and describe the cargo so that it causes no claim."),
    N_("Ship in steady months; a longer history counts by itself."),
    N_("State what the terminal or carrier also sees, at the same time."),
    N_("Declare what is there, and ship nothing that is prohibited."),
)
STATES = {
    DisputeState.OPEN: N_("waits for an answer"),
    DisputeState.UNANSWERED: N_("not answered in time"),
    DisputeState.ACCEPTED: N_("accepted: it no longer counts"),
    DisputeState.REJECTED: N_("rejected: it counts"),
}
GROUNDS = {
    "NOT_MINE": N_("not mine"),
    "DID_NOT_HAPPEN": N_("did not happen"),
    "WRONG_VALUE": N_("wrong value"),
    "CAUSED_BY_ANOTHER": N_("caused by another"),
    "POLICY_MEASURE": N_("a measure of policy"),
    "OTHER": N_("other"),
}
SIGNAL_COLUMNS = (
    Column("signal", N_("Signal"), Kind.CODE),
    Column(
        "measures",
        N_("What it measures"),
        Kind.CODE,
        words={f"S{n}": text for n, text in enumerate(MEASURES, start=1)},
    ),
    Column("bad", N_("Went wrong"), Kind.NUMBER),
    Column("observed", N_("Observed"), Kind.NUMBER),
    Column("rate", N_("Share in %, drawn to the usual"), Kind.NUMBER, unit="%"),
    Column("points", N_("Points"), Kind.NUMBER),
    Column("of", N_("At most"), Kind.NUMBER),
    Column("next_rate", N_("More points from a share in % of"), Kind.NUMBER, unit="%"),
    Column("next_points", N_("Points then"), Kind.NUMBER),
    Column("half_life", N_("Counts half after"), Kind.DURATION),
)
GIVEN_COLUMNS = (
    Column("given", N_("When"), Kind.MOMENT, href="page"),
    Column("reader", N_("To whom")),
    Column("purpose", N_("Purpose"), Kind.CODE, words=PURPOSES),
    Column("score", N_("Score"), Kind.NUMBER),
    Column("low", N_("Band from"), Kind.NUMBER),
    Column("high", N_("Band to"), Kind.NUMBER),
    Column("as_of", N_("As of"), Kind.CODE),
    Column("model", N_("Model"), Kind.CODE),
)
OBJECTION_COLUMNS = (
    Column("signal", N_("Signal"), Kind.CODE),
    Column("event", N_("Event"), Kind.CODE),
    Column("ground", N_("Ground"), Kind.CODE, words=GROUNDS),
    Column("state", N_("State"), Kind.CODE, words=STATES),
    Column("owner", N_("Who must answer")),
    Column("due", N_("Answer due"), Kind.MOMENT),
)


@pages.get("/console/credit", signed_in=True)
def credit(request: PageRequest) -> Page:
    """The record of the person's own party as of a day; by ``view`` as far as one consent in force goes."""
    viewer = signed_in(request, Permission.CREDIT, SHIPPERS)
    shipper, at = request.party.code, _moment(request)
    consents = [
        each
        for each in consents_of(request.session, shipper, request.now, request.registry)
        if each.state is ConsentState.IN_FORCE
    ]
    chosen = _chosen(request, consents)
    found = records.read_as(request.session, shipper, "", shipper, request.now, at, request.registry)
    assert found is not None  # the shipper reads all of its own
    parts = found.permission.parts if chosen is None else frozenset(map(Part, chosen.consent.scope))
    permission = ReadPermission(parts)
    named = records.names(request.session, shipper, _events(found, permission))
    body = plain(permission, found.record, found.disputes, named)
    request.reads("credit", shipper)
    given = records.given_records(request.session, shipper, None, GIVEN + 1)
    tables = (
        Table("signals", SIGNAL_COLUMNS, _signals(body), N_("Signals")),
        Table(
            "given", GIVEN_COLUMNS, [_given(request, each) for each in given[:GIVEN]], N_("Given to others")
        ),
        Table("objections", OBJECTION_COLUMNS, _objections(request, found.disputes, named), N_("Objections")),
    )
    name = party_names(request)
    values = {
        "body": body,
        "signals": tables[0],
        "given": tables[1],
        "objections": tables[2],
        "more_given": len(given) > GIVEN,
        "reasons": _reasons(request, body) if chosen is None else body["assessment"].get("reasons", []),
        "measures": _by_code(MEASURES),
        "improved_by": _by_code(IMPROVED_BY),
        "grounds": GROUNDS,
        "consents": [(each.consent.event.hex(), name(each.consent.bank), each) for each in consents],
        "chosen": chosen,
        "chosen_bank": None if chosen is None else name(chosen.consent.bank),
        "day": _day(at),
        "today": _day(request.now),
        "sample": model().sample,
        "answer_days": model().answer_days,
        "purposes": PURPOSES,
        "whole": WHOLE,
    }
    return console_page(request, viewer, "console_credit.html", values, tables=tables)


@pages.get("/console/credit/given", signed_in=True)
def given_record(request: PageRequest) -> Page:
    """One record as somebody was given it, word for word."""
    viewer = signed_in(request, Permission.CREDIT, SHIPPERS)
    at, id_ = request.query.get("at", ""), request.query.get("id", "")
    if not (at.isascii() and at.isdecimal() and len(at) < 19 and len(id_) == 64):
        raise PageError(404)
    found = records.given_record(request.session, request.party.code, int(at), id_)
    if found is None:
        raise PageError(404)
    signals = Table("signals", SIGNAL_COLUMNS[:7], _signals(found.body), N_("Signals"))
    values = {
        "record": found,
        "body": found.body,
        "reader": party_names(request)(found.reader),
        "signals": signals,
        "reasons": found.body["assessment"].get("reasons", []),
        "measures": _by_code(MEASURES),
        "improved_by": _by_code(IMPROVED_BY),
        "purposes": PURPOSES,
        "whole": WHOLE,
    }
    return console_page(request, viewer, "console_credit_given.html", values, tables=(signals,))


def _by_code(texts: Iterable[str]) -> dict[str, str]:
    return {f"S{number}": text for number, text in enumerate(texts, start=1)}


def _moment(request: PageRequest) -> int:
    """The moment as of which the record is: the end of the day asked for, now by default; never later than now."""
    text = request.query.get("as_of", "")
    if not text:
        return request.now
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PageError(400) from None
    if not 2000 <= day.year < 2200:
        raise PageError(400)
    return min(request.now, (day - date(1970, 1, 1)).days * DAY + DAY - 1)


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).date().isoformat()


def _chosen(request: PageRequest, consents: Iterable[ConsentStatus]) -> ConsentStatus | None:
    """The consent by which is looked; PageError 404 for one that is none in force."""
    view = request.query.get("view", "")
    if not view:
        return None
    found = next((each for each in consents if each.consent.event.hex() == view), None)
    if found is None:
        raise PageError(404)
    return found


def _events(found: PermittedRecord, permission: ReadPermission) -> set[bytes]:
    return events_of(found.record, found.disputes, permission) | {
        each.dispute.concerns for each in found.disputes
    }


def _signals(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for each in body["assessment"].get("signals", ()):
        signal = by_code(each["signal"])
        table = model().of(signal)
        better = table.better(each["points"])
        spread = each["signal"] == "S10"  # of months, which is no share
        rows.append(
            {
                "signal": each["signal"],
                "measures": each["signal"],
                "bad": each["bad"] / WHOLE,
                "observed": each["observed"] / WHOLE,
                "rate": None if spread else _percent(each["rate_ppm"]),
                "points": each["points"],
                "of": each["of"],
                "next_rate": None if better is None or spread else _percent(better.up_to),
                "next_points": None if better is None or spread else better.points,
                "half_life": table.half_life_days * DAY,
            }
        )
    return rows


def _percent(millionths: int) -> float:
    return round(millionths * 100 / PPM, 1)


def _reasons(request: PageRequest, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Why points were lost, each event with the statement by which it is objected to."""
    return [
        {
            **reason,
            "events": [
                {**event, "object": _objection(request, reason["signal"], event)}
                for event in reason.get("events", ())
            ],
        }
        for reason in body["assessment"].get("reasons", ())
    ]


def _objection(request: PageRequest, signal: str, event: Mapping[str, str]) -> OwnStatement | None:
    if not event["source"]:
        return None
    concerns = {"source": event["source"], "id": event["id"]}
    data = {"signal": signal, "concerns": concerns, "ground": "OTHER"}
    name = f"objection-{event['digest'][:8]}"
    return own_statement(request.party.code, name, "cre.credit.dispute_opened.v1", data, request.now)


def _objections(
    request: PageRequest, disputes: Iterable[DisputeStatus], named: Mapping[bytes, tuple[str, str]]
) -> list[dict[str, Any]]:
    name = party_names(request)
    return [
        {
            "signal": each.dispute.signal.code,
            "event": " ".join(named.get(each.dispute.concerns, (each.dispute.concerns.hex(),))),
            "ground": each.dispute.ground,
            "state": each.state,
            "owner": None if each.owner is None else name(each.owner),
            "due": each.answer_due,
        }
        for each in disputes
    ]


def _given(request: PageRequest, each: GivenRecord) -> dict[str, Any]:
    assessment = each.body["assessment"]
    low, high = assessment.get("band") or (None, None)
    return {
        "given": each.given,
        "page": f"/console/credit/given?at={each.given}&id={each.id}",
        "reader": party_names(request)(each.reader),
        "purpose": each.purpose,
        "score": assessment.get("score"),
        "low": low,
        "high": high,
        "as_of": each.body["as_of_day"],
        "model": each.body["model"],
    }
