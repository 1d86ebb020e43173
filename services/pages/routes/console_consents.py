"""The consents of the person's party: given, ended, and used by whom, when and for what; and how to give or end one.

A consent is an event that its shipper signs with its own key, so nobody gives or ends one here: the page writes out the line to be
published, and the commands that do it where the key is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from schemas.events.credit import Purpose, Readable
from schemas.rfc3339 import format_micros
from services.api import access_log
from services.api.access_log import LoggedRead
from services.credit.domain.consent import ConsentState, ConsentStatus
from services.credit.store import records
from services.credit.store.consents import consents_of
from services.domain.facts import Micros
from services.pages.auth.sign_in import SignedIn
from services.pages.consignments import party_names
from services.pages.console import N_, SHIPPERS, Notice, console_page, signed_in
from services.pages.own_statements import OwnStatement, own_statement
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission

pages = PageRoutes()
MOST = 100
"""Consents on the page."""
USES = 20
"""Reads that are shown with each."""
DAY: Micros = 86_400_000_000
SOON = 14 * DAY
DAYS = (30, 90, 180, 365)
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
STATES = {
    ConsentState.COMING: (N_("begins later"), "warn"),
    ConsentState.IN_FORCE: (N_("in force"), "good"),
    ConsentState.ENDED: (N_("its time is over"), "done"),
    ConsentState.REVOKED: (N_("ended by you"), "done"),
    ConsentState.WITHDRAWN: (N_("taken back"), "done"),
}
PURPOSES = {
    "CREDIT_ASSESSMENT": N_("to assess your credit"),
    "FINANCING_APPLICATION": N_("for an application for financing"),
    "PORTFOLIO_MONITORING": N_("to watch what it has financed"),
}
READABLE = {
    "SCORE": N_("the score and its band"),
    "SIGNALS": N_("each signal with its reasons"),
    "EVIDENCE": N_("the events behind them"),
}
COLUMNS = (
    Column("bank", N_("Bank")),
    Column("purpose", N_("Purpose"), Kind.CODE, words=PURPOSES),
    Column("scope", N_("What it may read"), Kind.CODE, words=READABLE),
    Column("state", N_("State"), Kind.CODE, words={state: text for state, (text, _) in STATES.items()}),
    Column("from", N_("From"), Kind.MOMENT),
    Column("until", N_("Until"), Kind.MOMENT),
    Column("used", N_("Times read"), Kind.NUMBER),
    Column("last", N_("Read last"), Kind.MOMENT),
)


@dataclass(frozen=True, slots=True)
class UsedConsent:
    """A consent with what its bank read while it held; ``end`` is the statement that would end it."""

    status: ConsentStatus
    bank: str
    used: int
    reads: list[LoggedRead]
    end: OwnStatement | None


@pages.get("/console/consents", signed_in=True)
def consents(request: PageRequest) -> Page:
    """The consents of the person's party, those in force first."""
    viewer = signed_in(request, Permission.CONSENTS, SHIPPERS)
    found = _used(request)
    table = Table("consents", COLUMNS, [_row(each) for each in found], N_("Consents"))
    values = {
        "table": table,
        "consents": found,
        "states": STATES,
        "purposes": PURPOSES,
        "readable": READABLE,
        "order": get_args(Readable),
        "days": DAYS,
        "given": _given(request),
        "asked": {**request.query},
        "most": MOST,
        "uses": USES,
    }
    return console_page(request, viewer, "console_consents.html", values, tables=(table,))


def notices(request: PageRequest, viewer: SignedIn) -> Iterator[Notice]:
    """The consents that end soon."""
    if not (viewer.may(Permission.CONSENTS) and request.party.roles & SHIPPERS):
        return
    say = request.l10n
    for each in consents_of(request.session, request.party.code, request.now, request.registry):
        if each.state is ConsentState.IN_FORCE and each.until < request.now + SOON:
            title = say.gettext(N_("A consent ends on %(day)s")) % {"day": say.day(each.until)}
            text = (
                f"{party_names(request)(each.consent.bank)} · {say.gettext(PURPOSES[each.consent.purpose])}"
            )
            yield Notice("warn", title, text, "/console/consents")


def _used(request: PageRequest) -> list[UsedConsent]:
    shipper, now = request.party.code, request.now
    statuses = consents_of(request.session, shipper, now, request.registry)[:MOST]
    named = records.names(request.session, shipper, [each.consent.event for each in statuses])
    times = [
        (each.consent.bank, each.consent.start, min(each.until, now) if _held(each) else each.consent.start)
        for each in statuses
    ]
    used = access_log.uses(request.session, shipper, times, USES)
    name = party_names(request)
    return [
        UsedConsent(
            each, name(each.consent.bank), count, reads, _end(request, each, named.get(each.consent.event))
        )
        for each, (count, reads) in zip(statuses, used, strict=True)
    ]


def _held(each: ConsentStatus) -> bool:
    return each.state is not ConsentState.WITHDRAWN


def _end(request: PageRequest, each: ConsentStatus, named: tuple[str, str] | None) -> OwnStatement | None:
    if named is None or each.state not in (ConsentState.IN_FORCE, ConsentState.COMING):
        return None
    data = {"consent": {"source": named[0], "id": named[1]}}
    return own_statement(
        request.party.code, "consent-end", "cre.credit.consent_revoked.v1", data, request.now
    )


def _given(request: PageRequest) -> OwnStatement | None:
    """The statement that gives the consent of the form; None where the form is empty or not complete."""
    bank, purpose, days = (request.query.get(name, "") for name in ("bank", "purpose", "days"))
    scope = [each for each in get_args(Readable) if request.query.get(each)]
    if (
        not _CODE.fullmatch(bank)
        or purpose not in get_args(Purpose)
        or not scope
        or days not in map(str, DAYS)
    ):
        return None
    start = request.now // 1_000_000 * 1_000_000
    data = {
        "bank": bank,
        "purpose": purpose,
        "scope": scope,
        "from": format_micros(start),
        "to": format_micros(start + int(days) * DAY),
    }
    return own_statement(request.party.code, "consent", "cre.credit.consent_granted.v1", data, request.now)


def _row(each: UsedConsent) -> dict[str, Any]:
    consent = each.status.consent
    return {
        "bank": each.bank,
        "purpose": consent.purpose,
        "scope": [part for part in get_args(Readable) if part in consent.scope],
        "state": each.status.state,
        "from": consent.start,
        "until": each.status.until,
        "used": each.used,
        "last": each.reads[0].at if each.reads else None,
    }
