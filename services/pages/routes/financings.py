"""A bank's financings for its people: the portfolio with the goods and alerts, totals, everything of one, the check of documents."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from pydantic import ValidationError

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.auth.permissions import BANKS
from services.api.calls import Read
from services.api.financing import representation
from services.api.financing.signed import MEDIA_TYPE, compact
from services.api.requests.financing import Acknowledgement
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.fingerprints import fingerprints
from services.financing.domain.lifecycle import end_of
from services.financing.domain.requests import UNKNOWN, Reply, reply
from services.financing.store import fingerprint_versions
from services.financing.store.financings import acknowledge, acknowledged, entries_of
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.identifiers import financing_id
from services.financing.store.proposals import ProposalService
from services.financing.store.status_reader import StatusEvidence, own_under, read_status_evidence, summaries
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_of, console_page, signed_in
from services.pages.errors import PageError
from services.pages.financings import words
from services.pages.financings.portfolio import (
    LOOKED_AT,
    PortfolioRow,
    Wanted,
    crossing_ids,
    goods_of,
    read_page,
)
from services.pages.financings.requests import (
    SCHEMES,
    WrongForm,
    asked_by,
    content_of,
    reservation_body,
)
from services.pages.page import Document, Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.pages.tracking import words as tracking_words
from services.people.domain.person import Permission
from services.people.store import people

pages = PageRoutes()
MATURITIES = (7, 30, 90)
ENDED = frozenset({"RELEASED", "CANCELLED_BEFORE_DRAW", "SUPERSEDED"})
"""States in which nothing more is decided."""
CHECKED = "~check"
"""The reference under which documents are checked; nothing is ever reserved under it."""
FIELDS = {
    "application": N_("Application"),
    "product": N_("Product"),
    "interest": N_("Interest"),
    "reference": N_("Your reference"),
    "consignments": N_("Consignments"),
    "invoice": N_("Invoice number"),
    "seller": N_("Seller"),
    "buyer": N_("Buyer"),
    "amount": N_("Amount"),
    "currency": N_("Currency"),
    "issued": N_("Issued on"),
    "boxes": N_("Containers"),
    "notes": N_("Consignment notes"),
    "declarations": N_("Customs declarations"),
    "document": N_("Transport document"),
    "issuer": N_("Issuer"),
    "document_issued": N_("Document issued on"),
    "goods": N_("Goods given back"),
    "replaces": N_("Reference of the one that is replaced"),
}
"""Fields of forms, as people read them."""
_OF_BODY = {
    "invoices.0.number": "invoice",
    "invoices.0.issued_on": "issued",
    "invoices.0.seller": "seller",
    "invoices.0.buyer": "buyer",
    "documents.0.number": "document",
    "documents.0.issued_on": "document_issued",
    "documents.0.issuer": "issuer",
}


def lender(request: PageRequest, permission: Permission) -> SignedIn:
    """The person of a bank or insurer who looks; PageError 404 for everybody else, as for somebody without the permission."""
    viewer = signed_in(request, permission)
    if not request.party.roles & BANKS:
        raise PageError(404)
    return viewer


def proposals_of(request: PageRequest) -> ProposalService:
    """What prepares and decides; PageError 503 where the platform's keys of financing are not there."""
    service = console_of(request.context).proposals
    if service is None:
        raise PageError(503)
    return service


@pages.get("/console/financings", signed_in=True)
def financings(request: PageRequest) -> Page:
    """The portfolio of the person's bank: each financing with what is owed, its goods and its alerts."""
    viewer = lender(request, Permission.FINANCING)
    wanted = _wanted(request)
    after = request.query.get("after", "")
    found = read_page(request, wanted, f"{wanted.bank}/{after}" if after else "")
    kept = {
        name: value
        for name, value in request.query.items()
        if name not in ("after", "lang", "table", "format")
    }
    following = None
    if found.after is not None:
        following = "?" + urlencode({**kept, "after": found.after.partition("/")[2]})
    table = Table(
        "financings",
        (
            Column("reference", N_("Reference"), Kind.CODE, href="href"),
            Column("stage", N_("State"), Kind.CODE, words=words.STAGES),
            Column("product", N_("Product"), Kind.CODE, words=words.PRODUCTS),
            Column("owed", N_("Owed"), Kind.AMOUNT),
            Column("approved", N_("Approved"), Kind.AMOUNT),
            Column("value", N_("Verified value"), Kind.AMOUNT),
            Column("coverage", N_("Value by what is owed"), Kind.SHARE),
            Column("matures", N_("Matures on"), Kind.TEXT),
            Column("alerts", N_("Open alerts"), Kind.CODE, words=words.ALERTS),
            Column("consignments", N_("Consignments"), Kind.CODE),
            Column("milestone", N_("Last known"), Kind.CODE, words=tracking_words.MILESTONES),
            Column("place", N_("Where"), Kind.PLACE),
            Column("seen", N_("When"), Kind.MOMENT, place="place"),
            Column("earliest", N_("Arrival from"), Kind.MOMENT),
            Column("latest", N_("Arrival to"), Kind.MOMENT),
            Column("silent", N_("Silent for"), Kind.DURATION),
        ),
        [_row(each, request.now) for each in found.rows],
        N_("Financings"),
        more=found.after is not None,
    )
    values = {
        "table_": table,
        "wanted": wanted,
        "rows": found.rows,
        "following": following,
        "looked_at": found.looked_at if found.looked_at >= LOOKED_AT else 0,
        "maturities": MATURITIES,
        "words": words,
        "twords": tracking_words,
        "now": request.now,
        "crossings": _crossings(),
    }
    return console_page(request, viewer, "financings.html", values, tables=(table,))


@pages.get("/console/financing-totals", signed_in=True)
def totals(request: PageRequest) -> Page:
    """What the open financings of the person's bank add up to: by state, by corridor, and by when it falls due."""
    viewer = lender(request, Permission.FINANCING)
    bank = request.party.code
    counted = console_of(request.context).totals.of(request.context.pool, bank, request.now, request.registry)
    found = counted.totals
    request.reads("financing", f"{bank}/*")
    sums = (
        Column("count", N_("Financings"), Kind.NUMBER),
        Column("approved", N_("Approved"), Kind.AMOUNT),
        Column("drawn", N_("Paid out"), Kind.AMOUNT),
        Column("owed", N_("Owed"), Kind.AMOUNT),
    )

    def row(currency: str, each: Any) -> dict[str, Any]:
        amounts = {name: getattr(each, name) for name in ("approved", "drawn", "owed")}
        return {
            "count": each.financings,
            **{name: (minor, currency) if currency else None for name, minor in amounts.items()},
        }

    by_state = Table(
        "states",
        (
            Column("stage", N_("State"), Kind.CODE, words=words.STAGES),
            Column("currency", N_("Currency"), Kind.CODE),
            *sums,
        ),
        [
            {"stage": stage, "currency": currency, **row(currency, each)}
            for (stage, currency), each in found.by("stage", "currency").items()
        ],
        N_("By state"),
    )
    by_corridor = Table(
        "corridors",
        (
            Column("corridor", N_("Corridor"), Kind.PLACE),
            Column("currency", N_("Currency"), Kind.CODE),
            *sums,
        ),
        [
            {
                "corridor": [f"crossing:{name}" for name in corridor.split(" + ")] if corridor else None,
                "currency": currency,
                **row(currency, each),
            }
            for (corridor, currency), each in found.by("corridor", "currency").items()
        ],
        N_("By corridor"),
    )
    due = Table(
        "maturities",
        (
            Column("week", N_("Week from"), Kind.TEXT),
            Column("currency", N_("Currency"), Kind.CODE),
            Column("count", N_("Financings"), Kind.NUMBER),
            Column("owed", N_("Owed"), Kind.AMOUNT),
        ),
        [
            {
                "week": _week(request, when.week),
                "currency": when.currency,
                "count": count,
                "owed": (owed, when.currency),
            }
            for when, (count, owed) in sorted(
                found.due.items(), key=lambda each: (each[0].week or date.min, each[0].currency)
            )
        ],
        N_("What falls due"),
    )
    tables = (by_state, by_corridor, due)
    return console_page(
        request, viewer, "financings_totals.html", {"counted": counted, "tables_": tables}, tables=tables
    )


@pages.get("/console/financings/{reference}", signed_in=True)
def financing(request: PageRequest) -> Page:
    """Everything of one financing: as of now, or of an earlier moment as it was known at another."""
    viewer = lender(request, Permission.FINANCING)
    return financing_page(request, viewer)


@pages.get("/console/financings/{reference}/signed", signed_in=True)
def signed(request: PageRequest) -> Document:
    """The same for filing: the API's answer as a JWS under the platform's key. Decisions are counted within the financing."""
    lender(request, Permission.FINANCING)
    keys = console_of(request.context).keys
    if keys is None:
        raise PageError(503)
    looked = _looked(request)
    status = looked.status
    place = {decision.number: number for number, decision in enumerate(_decisions(looked), start=1)}
    names = representation.names_of(request.session, representation.events_of(status))
    seen = acknowledged(request.session, status.financing, status.known_at)
    body = representation.status(status, seen, names, lambda number: place.get(number, 0))
    name = f"{request.path['reference']}-{status.as_of}.jws"
    return Document(
        compact(keys, orjson.dumps(body)),
        MEDIA_TYPE,
        {"cache-control": "no-store", "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


@pages.post("/console/financings/{reference}/alerts/{alert}", signed_in=True)
def acknowledge_alert(request: PageRequest) -> Redirect:
    """The person has seen an alert; the first acknowledgement stays, as through the API."""
    viewer = lender(request, Permission.FINANCING)
    if not (viewer.may(Permission.FINANCING_MAKE) or viewer.may(Permission.FINANCING_CHECK)):
        raise PageError(404)
    looked = _looked(request, now=True)
    alert = request.path["alert"]
    if all(each.id != alert for each in looked.status.alerts):
        raise PageError(404)
    try:
        remark = Acknowledgement(remark=request.form.get("remark", "")).remark
    except ValidationError:
        raise PageError(400) from None
    people.hold_shared(request.session, viewer.who.id)
    acknowledge(
        request.session,
        looked.status.financing,
        alert,
        request.now,
        f"person:{viewer.who.id.hex()} {viewer.who.issuer}",
        remark,
    )
    return Redirect(f"/console/financings/{quote(request.path['reference'], safe='')}#alerts")


@pages.get("/console/financing-check", signed_in=True)
def check_form(request: PageRequest) -> Page:
    """The form of the documents of a deal, to be checked or reserved."""
    viewer = lender(request, Permission.FINANCING)
    return check_page(request, viewer, request.query)


@pages.post("/console/financing-check", signed_in=True)
def check(request: PageRequest) -> Page:
    """Whether the interest is free, and what is alike: what a reservation would be told now, and nothing beyond that.

    Needs the applicant's signed application, as the reservation does; each check is a line of the access log, of the applicant too.
    """
    viewer = lender(request, Permission.FINANCING)
    service = proposals_of(request)
    console_of(request.context).checks.require(request.party.code)
    try:
        body = reservation_body(request.form)
        ask, on = asked_by(
            request.party.code, content_of(Action.RESERVE, CHECKED, {**body, "reference": CHECKED})
        )
    except WrongForm as wrong:
        return check_page(request, viewer, request.form, wrong=fields_of(wrong))
    try:
        found = service.foresee(request.session, ask, on).decision
        own = _own_under(request, service, ask)
    except KeyMissing as problem:
        raise PageError(503) from problem
    answer = reply(found)
    note_check(request, ask.terms.applicant if ask.terms else "", body["application"], answer)
    held = summaries(request.session, own, request.now, request.registry)
    for each in held:
        request.reads("financing", each.financing, (each.state.hold.terms.applicant,))
    return check_page(
        request, viewer, request.form, answer=answer, own=[each.financing.partition("/")[2] for each in held]
    )


def note_check(request: PageRequest, applicant: str, application: str, answer: Reply) -> None:
    """The line of the access log of a check, as of a reservation through the API: of what may not be asked about it names nothing."""
    if answer == UNKNOWN:
        request.lines.append(Read("", ()))
    else:
        request.reads("application", application, (applicant,))


def _own_under(request: PageRequest, service: ProposalService, ask: Any) -> list[str]:
    """The bank's own financings that hold what these documents stand for."""
    counting = fingerprint_versions.hold(request.session, service.decisions.ring)
    digests = {
        print_.digest
        for version in counting
        for print_ in fingerprints(ask.papers, "", version)
        if print_.kind.exact
    }
    return own_under(request.session, request.party.code, digests) if digests else []


def check_page(
    request: PageRequest,
    viewer: SignedIn,
    form: Mapping[str, str],
    answer: Reply | None = None,
    own: list[str] | None = None,
    wrong: tuple[str, ...] = (),
    refused: str = "",
) -> Page:
    """The page with its form filled, and what was answered, or why nothing was prepared."""
    values = {
        "form": form,
        "answer_": answer,
        "unknown": answer == UNKNOWN,
        "own": own or [],
        "wrong": [request.l10n.gettext(each) for each in wrong],
        "refused": refused,
        "schemes": SCHEMES,
        "fields": FIELDS,
        "words": words,
        "key": secrets.token_urlsafe(16),
        "may_make": viewer.may(Permission.FINANCING_MAKE),
    }
    page = console_page(request, viewer, "financings_check.html", values, _status(wrong, refused))
    page.nothing = answer == UNKNOWN
    return page


def fields_of(wrong: WrongForm) -> tuple[str, ...]:
    """The fields of the form that are wrong, by their titles; others by their names."""
    found = []
    for name in wrong.fields:
        inner = name.removeprefix("papers.")
        field = next(
            (field for path, field in _OF_BODY.items() if inner.startswith(path)), inner.partition(".")[0]
        )
        found.append(FIELDS.get(field, field))
    return tuple(dict.fromkeys(found))


def _status(wrong: tuple[str, ...], refused: str) -> int:
    return 400 if wrong else 409 if refused else 200


def financing_page(
    request: PageRequest, viewer: SignedIn, wrong: tuple[str, ...] = (), refused: str = ""
) -> Page:
    """The page of the financing of the path; with what could not be read of a form, or why nothing was prepared."""
    looked = _looked(request)
    status = looked.status
    now = status.as_of == request.now
    decisions = _decisions(looked)
    known = people.by_ids(
        request.session, [each.person for decision in decisions for each in decision.signatories]
    )
    names = representation.names_of(request.session, representation.events_of(status))
    seen = acknowledged(request.session, status.financing, status.known_at)
    held = [
        print_
        for name, print_ in entries_of(request.session, [financing_id(status.financing)])
        if name == status.financing
    ]
    kinds: dict[str, int] = {}
    for print_ in held:
        if print_.kind.exact:
            kinds[str(print_.kind)] = kinds.get(str(print_.kind), 0) + 1
    service = console_of(request.context).proposals
    row = summaries(request.session, [status.financing], request.now, request.registry)
    values = {
        "reference": request.path["reference"],
        "status": status,
        "now": request.now,
        "is_now": now,
        "at": request.query.get("at", ""),
        "query": urlencode({"at": request.query["at"]}) if request.query.get("at") else "",
        "decisions": [
            {
                "decision": each,
                "number": number,
                "people": [
                    person_name(known.get(who.person), viewer, who.person) for who in each.signatories
                ],
            }
            for number, each in enumerate(decisions, start=1)
        ],
        "facts": [step for step in status.history if step.number is None],
        "names": names,
        "events": sorted((name["source"], name["id"]) for name in names.values()),
        "alerts": [
            {
                "alert": each,
                "seen": seen.get(each.id),
                "by_event": names.get(each.acknowledged) if each.acknowledged else None,
                "events": [names[event] for event in each.events if event in names],
            }
            for each in status.alerts
        ],
        "kinds": kinds,
        "goods": list(goods_of(request, status.financing)) if now and status.pledged else [],
        "coverage": PortfolioRow(row[0], looked).coverage if row else None,
        "matures": None if status.matures_on is None else end_of(status.matures_on) - 1,
        "said_by": ", ".join(_party_name(request, code) for code in sorted(status.value.publishers)),
        "seen_by": lambda client: _seen_by(request, viewer, client),
        "ended": str(status.stage) in ENDED,
        "words": words,
        "twords": tracking_words,
        "party_name": lambda code: _party_name(request, code),
        "proposals": service.listed(request.session, request.party.code, financing=status.financing, limit=20)
        if service
        else [],
        "may_make": viewer.may(Permission.FINANCING_MAKE) and service is not None,
        "may_acknowledge": viewer.may(Permission.FINANCING_MAKE) or viewer.may(Permission.FINANCING_CHECK),
        "reviews": {
            each.action: number for number, each in enumerate(decisions, start=1) if each.outcome == "REVIEW"
        },
        "steps": _steps(status.pledged, bool(status.drawn.minor)),
        "wrong": [request.l10n.gettext(each) for each in wrong],
        "refused": refused,
        "key": secrets.token_urlsafe(16),
    }
    return console_page(request, viewer, "financings_one.html", values, _status(wrong, refused))


def _steps(pledged: bool, drawn: bool) -> tuple[str, ...]:
    """The steps that may be next; the guards decide."""
    if not pledged:
        return ("PLEDGE", "SUBSTITUTE", "CANCEL")
    return ("DRAW", "RELEASE", "RELEASE_PART", *(() if drawn else ("CANCEL",)))


def _looked(request: PageRequest, now: bool = False) -> StatusEvidence:
    """The financing of the path as of ``?at=`` as it was known at ``?known=``; PageError 404 where the bank has none of that name."""
    at = request.now if now else _moment(request, "at")
    known = min(request.now, request.now if now else _moment(request, "known"))
    bank = request.party.code
    name = f"{bank}/{request.path['reference']}"
    found = read_status_evidence(request.session, name, bank, at, known, request.registry)
    if found is None:
        raise PageError(404)
    request.reads("financing", name, (found.status.terms.applicant,))
    return found


def _moment(request: PageRequest, parameter: str) -> int:
    """A moment of the query: RFC 3339, or a day, or a local time of a form (UTC)."""
    text = request.query.get(parameter, "")
    if not text:
        return request.now
    if len(text) == len("2026-03-01"):
        text += "T23:59:59"
    for form in (text, f"{text}Z", f"{text}:00Z"):
        try:
            return parse_micros(form)
        except Refusal:
            continue
    raise PageError(400)


def _decisions(looked: StatusEvidence) -> list[Decision]:
    """The decisions on the financing that were known, in order; those of others that freed it are none of them."""
    status = looked.status
    last = min(status.as_of, status.known_at)
    return sorted(
        (each for each in looked.decisions if each.financing == status.financing and each.at <= last),
        key=lambda each: each.number,
    )


def _wanted(request: PageRequest) -> Wanted:
    query = request.query
    within = query.get("matures", "")
    if within and (not within.isdecimal() or int(within) not in MATURITIES):
        raise PageError(400)
    known = {"stage": words.STAGES, "product": words.PRODUCTS, "crossing": _crossings()}
    for name, values in known.items():
        if query.get(name, "") and query[name] not in values:
            raise PageError(400)
    currency = query.get("currency", "").strip().upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise PageError(400)
    return Wanted(
        request.party.code,
        query.get("stage", ""),
        currency,
        query.get("product", ""),
        int(within) if within else None,
        query.get("reference", "").strip()[:80],
        query.get("crossing", ""),
        query.get("show", "") == "ended",
        query.get("show", "") == "alerts",
    )


def _row(row: PortfolioRow, now: int) -> dict[str, Any]:
    state = row.summary.state
    goods = min(row.goods, key=lambda each: each.journey.phase, default=None)
    position = None if goods is None else goods.journey.position
    forecast = None if goods is None else goods.forecast
    silent = position is not None and goods is not None and goods.silent
    return {
        "reference": row.reference,
        "href": f"/console/financings/{quote(row.reference, safe='')}",
        "stage": str(state.stage),
        "product": state.hold.terms.product,
        "owed": row.owed if row.owed.currency else None,
        "approved": state.approved,
        "value": row.value,
        "coverage": row.coverage,
        "matures": None if state.matures_on is None else state.matures_on.isoformat(),
        "alerts": [each.covenant for each in row.alerts] or None,
        "consignments": [each.shown.body["consignment"] for each in row.goods] or None,
        "milestone": None if position is None else position.milestone,
        "place": None if position is None else position.place or None,
        "seen": None if position is None else position.happened,
        "earliest": None if forecast is None else forecast.arrival.p10,
        "latest": None if forecast is None else forecast.arrival.p90,
        "silent": now - position.happened if silent and position is not None else None,
    }


def _crossings() -> dict[str, str]:
    return {name: f"crossing:{name}" for name in crossing_ids().values()}


def _week(request: PageRequest, week: date | None) -> str:
    if week is None:
        return request.l10n.gettext(N_("overdue"))
    return request.l10n.gettext(N_("later")) if week == date.max else week.isoformat()


def person_name(person: Any, viewer: SignedIn, id_: bytes) -> str:
    """A person by name, where it is of the viewer's party and not erased, with the first digits of its pseudonym."""
    name = person.name if person is not None and person.party == viewer.party and person.name else ""
    return f"{name} ({id_.hex()[:8]})" if name else id_.hex()[:8]


def _seen_by(request: PageRequest, viewer: SignedIn, client: str) -> str:
    """Who acknowledged an alert: a client of the API by its id, a person by name where it is of the viewer's party."""
    kind, _, rest = client.partition(":")
    if kind != "person":
        return client
    person = bytes.fromhex(rest.partition(" ")[0])
    return person_name(people.by_id(request.session, person), viewer, person)


def _party_name(request: PageRequest, code: str) -> str:
    party = request.registry.party(code)
    return code if party is None else party.name
