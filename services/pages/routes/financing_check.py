"""The check of documents before a reservation: the form, what a reservation would be told now, and its line of the access log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from services.api.auth.permissions import BANKS
from services.api.calls import Read
from services.financing.domain.decisions import Action
from services.financing.domain.fingerprints import fingerprints
from services.financing.domain.requests import UNKNOWN, Reply, reply
from services.financing.store import fingerprint_versions
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.proposals import ProposalService
from services.financing.store.status_reader import own_under, summaries
from services.pages.auth.sign_in import SignedIn
from services.pages.console import console_of, console_page, proposals_of, signed_in
from services.pages.errors import PageError
from services.pages.financings import words
from services.pages.financings.requests import (
    FIELDS,
    SCHEMES,
    WrongForm,
    asked_by,
    content_of,
    fields_of,
    reservation_body,
)
from services.pages.page import Page, PageRequest
from services.pages.routing import PageRoutes
from services.people.domain.person import Permission

pages = PageRoutes()
CHECKED = "~check"
"""The reference under which documents are checked; nothing is ever reserved under it."""


@pages.get("/console/financing-check", signed_in=True)
def check_form(request: PageRequest) -> Page:
    """The form of the documents of a deal, to be checked or reserved."""
    viewer = signed_in(request, Permission.FINANCING, BANKS)
    return check_page(request, viewer, request.query)


@pages.post("/console/financing-check", signed_in=True)
def check(request: PageRequest) -> Page:
    """Whether the interest is free, and what is alike: what a reservation would be told now, and nothing beyond that.

    Needs the applicant's signed application, as the reservation does; each check is a line of the access log, of the applicant too.
    """
    viewer = signed_in(request, Permission.FINANCING, BANKS)
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
    page = console_page(
        request, viewer, "financings_check.html", values, 400 if wrong else 409 if refused else 200
    )
    page.nothing = answer == UNKNOWN
    return page
