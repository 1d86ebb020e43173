"""Cases for those who work on them: lists, and one case with its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from schemas import railnet
from services.api.access.cases import shows_event, visible_case
from services.cases.domain.lifecycle import Closing, Refused, StepKind, StepRequest, Team
from services.cases.store import overview
from services.cases.store.case_service import NoSuchCase
from services.cases.store.overview import Wanted, Whole
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_page, signed_in
from services.pages.console_cases import (
    CASE,
    HOUR,
    LONGEST_TEXT,
    REFUSALS,
    STEPS,
    WORDS,
    case_row,
    case_scope,
    case_service,
    case_values,
    is_text,
    own_team,
    own_teams,
    party_team,
    party_teams,
    visible_cases,
)
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import MOST_ROWS, Column, Kind, Table
from services.people.domain.person import Permission
from services.people.store import people

pages = PageRoutes()
MOST = 200
"""Cases on a page."""


SNOOZES = (1, 2, 4, 8, 12, 24, 72)


FILTERS = {"": N_("All"), "mine": N_("Of my teams"), "unowned": N_("Nobody's"), "closed": N_("Closed too")}


@pages.get("/console/cases", signed_in=True)
def cases(request: PageRequest) -> Page:
    """The cases that the person's party may see, those first in which somebody has to act first."""
    viewer = signed_in(request, Permission.CASES)
    crossing, show = request.query.get("crossing", ""), request.query.get("show", "")
    if (crossing and crossing not in railnet.crossings()) or show not in FILTERS:
        raise PageError(400)
    most = MOST_ROWS if request.table else MOST
    wanted = Wanted(
        crossing=crossing or None,
        unowned=show == "unowned",
        everything=show == "closed",
        limit=most + 1,
        scope=case_scope(request),
    )
    found = overview.listed(request.session, wanted)
    more, found = len(found) > most, visible_cases(request, found[:most])
    if show == "mine":
        teams = set(own_teams(viewer))
        found = [case for case in found if case.life.owner in teams]
    table = Table("cases", CASE, [case_row(each, request.now) for each in found], N_("Cases"), more=more)
    values = {
        "table": table,
        "cases": [case_values(case, request.now) for case in found],
        "more": more,
        "filters": FILTERS,
        "show": show,
        "crossing": crossing,
        "at": [id_ for id_ in sorted(railnet.crossings()) if case_scope(request).has_crossing(id_)],
        **WORDS,
    }
    return console_page(request, viewer, "console_cases.html", values, tables=(table,))


@pages.get("/console/cases/{case}", signed_in=True)
def case(request: PageRequest) -> Page:
    """One case: why it is there, on which events it rests, and every step with who took it."""
    return _case_page(request, signed_in(request, Permission.CASES), _found(request))


@pages.post("/console/cases/{case}/steps", signed_in=True)
def take_step(request: PageRequest) -> Page | Redirect:
    """Take a step for one of the person's teams, signed by the platform; a form that was drawn before another step is refused."""
    viewer = signed_in(request, Permission.CASES_ACT)
    found = _found(request)
    wanted = _request_of(request, viewer)
    if isinstance(wanted, str):
        return _case_page(request, viewer, found, wanted)
    if request.form.get("last") != str(found.listed.life.last):
        return _case_page(request, viewer, found, "moved")
    taken = case_service(request).take_step(request.session, found.listed.id, wanted)
    if isinstance(taken, Refused):
        return _case_page(request, viewer, _found(request), "refused")
    return Redirect(f"/console/cases/{found.listed.id.hex()}")


def _request_of(request: PageRequest, viewer: SignedIn) -> StepRequest | str:
    """The step that the form asks for; else the word of ``REFUSALS`` for what is wrong with it."""
    form = request.form
    by = own_team(viewer, form.get("by", ""))
    if by is None:
        raise PageError(404)  # of another team: as if there were no such case
    make = _MAKERS.get(form.get("step", ""))
    found = "form" if make is None else make(request, viewer, by)
    if isinstance(found, StepRequest) and any(
        text and not is_text(text) for text in (found.text, found.reason)
    ):
        return "text"
    return found


def _acknowledge(_request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    return StepRequest(StepKind.ACKNOWLEDGED, by, person=viewer.who.signatory)


def _assign(request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    to = party_team(request, viewer, request.form.get("to", ""))
    return "form" if to is None else StepRequest(StepKind.ASSIGNED, by, to=to, person=viewer.who.signatory)


def _snooze(request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    hours, reason = request.form.get("hours", ""), request.form.get("reason", "")
    if not hours.isdecimal() or int(hours) not in SNOOZES:
        return "form"
    if not reason:
        return "text"
    until = request.now + int(hours) * HOUR
    return StepRequest(StepKind.SNOOZED, by, until=until, reason=reason, person=viewer.who.signatory)


def _note(request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    text = request.form.get("note", "")
    return StepRequest(StepKind.NOTED, by, text=text, person=viewer.who.signatory) if text else "text"


def _close(request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    reason, text = request.form.get("reason", ""), request.form.get("note", "")
    if reason not in {*Closing} - {Closing.CAUSE_GONE}:
        return "form"
    return StepRequest(StepKind.CLOSED, by, reason=reason, text=text, person=viewer.who.signatory)


_MAKERS: dict[str, Callable[[PageRequest, SignedIn, Team], StepRequest | str]] = {
    "acknowledge": _acknowledge,
    "assign": _assign,
    "snooze": _snooze,
    "note": _note,
    "close": _close,
}


def _case_page(request: PageRequest, viewer: SignedIn, found: Whole, refused: str = "") -> Page:
    case = found.listed
    evidence = found.steps[0].evidence if found.cause is None else found.cause.events
    known_events = overview.envelopes_of(request.session, evidence)
    named = [
        known_events[event]
        for event in evidence
        if event in known_events and shows_event(request.party, known_events[event].type)
    ]
    known = people.by_ids(request.session, [each.person.person for each in found.steps if each.person])
    # Whose case it is acts on it; the person's other teams have nothing to do with it.
    owner, mine = case.life.owner, case.life.owner in own_teams(viewer)
    own = [owner] if owner is not None and mine else own_teams(viewer)
    table = _steps(found)
    values = {
        "table": table,
        "case": case_values(case, request.now),
        "evidence": [(each.source, each.id) for each in named],
        "unnamed": len(evidence) - len(named),
        "missing": sorted(found.cause.missing) if found.cause else [],
        "surplus": sorted(found.cause.surplus) if found.cause else [],
        "history": [
            {
                "step": step,
                # A name is shown to the person's own party; to others a person is its team.
                "person": _name(known.get(step.person.person), viewer) if step.person else "",
            }
            for step in found.steps
        ],
        "mine": mine,
        "may_act": viewer.may(Permission.CASES_ACT) and bool(own),
        "own": own,
        "teams": [each for each in party_teams(request, viewer) if owner is None or each != owner.name],
        "snoozes": SNOOZES,
        "longest": LONGEST_TEXT,
        "refused": REFUSALS.get(refused, ""),
        **WORDS,
    }
    status = 409 if refused else 200
    return console_page(request, viewer, "console_case.html", values, status, tables=(table,))


def _steps(found: Whole) -> Table:
    """As on the page but for the names of people: a person is its pseudonym."""
    columns = (
        Column("taken", N_("When"), Kind.MOMENT, place="place"),
        Column("step", N_("What"), Kind.CODE, words=STEPS),
        Column("by", N_("By"), Kind.CODE),
        Column("person", N_("Person"), Kind.CODE),
        Column("to", N_("Given to"), Kind.CODE),
        Column("until", N_("Put off until"), Kind.MOMENT, place="place"),
        Column("reason", N_("Reason")),
        Column("note", N_("Note")),
    )
    rows = [
        {
            "taken": each.at,
            "place": found.listed.place or None,
            "step": each.kind,
            "by": None if each.by is None else str(each.by),
            "person": None if each.person is None else each.person.person.hex(),
            "to": None if each.to is None else str(each.to),
            "until": each.until,
            "reason": each.reason or None,
            "note": each.text or None,
        }
        for each in found.steps
    ]
    return Table("steps", columns, rows, N_("What was done"))


def _found(request: PageRequest) -> Whole:
    """The case of the path; PageError 404 where there is none, or none that the party may see."""
    try:
        id_ = bytes.fromhex(request.path["case"])
        if len(id_) != 16:
            raise ValueError
        found = overview.whole(request.session, id_, case_scope(request))
    except (ValueError, NoSuchCase):
        raise PageError(404) from None
    listed = visible_case(request.party, found.listed)
    if listed is None:
        raise PageError(404)
    return replace(found, listed=listed)


def _name(person: Any, viewer: SignedIn) -> str:
    return (person.name or "") if person is not None and person.party == viewer.party else ""
