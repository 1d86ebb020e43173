"""One financing of a bank for its people: everything of it as of a moment, the signed answer for filing, alerts that are acknowledged."""

from __future__ import annotations

import secrets
from urllib.parse import quote, urlencode

import orjson
from pydantic import ValidationError

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.auth.permissions import BANKS
from services.api.financing import representation
from services.api.financing.signed import MEDIA_TYPE, compact
from services.api.requests.financing import Acknowledgement
from services.financing.domain.decisions import Decision
from services.financing.domain.lifecycle import end_of
from services.financing.store.financings import acknowledge, acknowledged, entries_of
from services.financing.store.identifiers import financing_id
from services.financing.store.status_reader import StatusEvidence, read_status_evidence, summaries
from services.pages.auth.sign_in import SignedIn
from services.pages.console import console_of, console_page, person_name, signed_in
from services.pages.errors import PageError
from services.pages.financings import words
from services.pages.financings.portfolio import (
    PortfolioRow,
    goods_of,
)
from services.pages.page import Document, Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.tracking import words as tracking_words
from services.people.domain.person import Permission
from services.people.store import people

pages = PageRoutes()
ENDED = frozenset({"RELEASED", "CANCELLED_BEFORE_DRAW", "SUPERSEDED"})
"""States in which nothing more is decided."""


@pages.get("/console/financings/{reference}", signed_in=True)
def financing(request: PageRequest) -> Page:
    """Everything of one financing: as of now, or of an earlier moment as it was known at another."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    return financing_page(request, viewer)


@pages.get("/console/financings/{reference}/signed", signed_in=True)
def signed(request: PageRequest) -> Document:
    """The same for filing: the API's answer as a JWS under the platform's key. Decisions are counted within the financing."""
    signed_in(request, Permission.FINANCING, BANKS)
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
    viewer = signed_in(request, Permission.FINANCING, BANKS)
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
        "goods": goods_of(request, status.financing) if now and status.pledged else [],
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
    return console_page(
        request, viewer, "financings_one.html", values, 400 if wrong else 409 if refused else 200
    )


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
