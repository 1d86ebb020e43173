"""Cases for those who work on them: lists, one case with its steps, the report of a shift and its hand-over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas import railnet
from services.cases.domain.causes import CaseKind
from services.cases.domain.lifecycle import Closing, Refused, StepKind, StepRequest, Team
from services.cases.domain.shift_report import CaseSummary, ShiftSummary, shift_report
from services.cases.domain.visibility import CaseScope, scope_of
from services.cases.store import overview
from services.cases.store.case_service import CaseService, NoSuchCase
from services.cases.store.overview import Listed, Wanted, Whole
from services.financing.store.identifiers import lock_key
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_of, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import MOST_ROWS, Column, Kind, Table
from services.people.domain.person import Permission
from services.people.store import people

pages = PageRoutes()
MOST = 200
"""Cases on a page."""
LONGEST_TEXT = 200
"""Characters of a note or reason, as the events take them."""
HOUR = 3_600_000_000
SNOOZES = (1, 2, 4, 8, 12, 24, 72)
SHIFTS = (8, 12, 24)
"""Hours of a report."""

KINDS = {
    CaseKind.HELD: N_("Held"),
    CaseKind.DETAINED: N_("Detained"),
    CaseKind.TROUBLE: N_("Trouble"),
    CaseKind.SILENT: N_("Silent"),
    CaseKind.OVERDUE: N_("Overdue"),
    CaseKind.HANDOVER_DIFFERENCE: N_("Difference at a hand-over"),
    CaseKind.DISPUTE: N_("Dispute"),
    CaseKind.FINANCING_ALERT: N_("Alert of a pledge"),
}
STATUSES = {
    "OPEN": N_("open, nobody's"),
    "OWNED": N_("owned"),
    "SNOOZED": N_("put off"),
    "CLOSED": N_("closed"),
}
STEPS = {
    StepKind.OPENED: N_("Opened"),
    StepKind.REOPENED: N_("Opened again"),
    StepKind.ACKNOWLEDGED: N_("Taken"),
    StepKind.ASSIGNED: N_("Given"),
    StepKind.SNOOZED: N_("Put off"),
    StepKind.NOTED: N_("Note"),
    StepKind.CLOSED: N_("Closed"),
}
CLOSINGS = {
    Closing.RESOLVED: N_("solved"),
    Closing.FALSE_ALARM: N_("false alarm"),
    Closing.NOT_OURS: N_("not ours"),
    Closing.CAUSE_GONE: N_("the cause is gone"),
}
REFUSALS = {
    "moved": N_("Somebody took a step in this case meanwhile. See below what it is, then decide again."),
    "text": N_("A note or reason is one line of 1 to 200 characters."),
    "form": N_("This form is not complete."),
    "refused": N_("The case is not yours to do that with now. See below who has it."),
}
FILTERS = {"": N_("All"), "mine": N_("Of my teams"), "unowned": N_("Nobody's"), "closed": N_("Closed too")}
WORDS = {
    "kinds": KINDS,
    "statuses": STATUSES,
    "steps": STEPS,
    "closings": CLOSINGS,
    "crossings": railnet.crossings,
}


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
        scope=_scope(request),
    )
    found = overview.listed(request.session, wanted)
    more, found = len(found) > most, found[:most]
    if show == "mine":
        teams = set(_teams(viewer))
        found = [case for case in found if case.life.owner in teams]
    table = Table("cases", _CASE, [_case_row(each, request.now) for each in found], N_("Cases"), more=more)
    values = {
        "table": table,
        "cases": [_shown(case, request.now) for case in found],
        "more": more,
        "filters": FILTERS,
        "show": show,
        "crossing": crossing,
        "at": [id_ for id_ in sorted(railnet.crossings()) if _scope(request).has_crossing(id_)],
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
    taken = _service(request).take_step(request.session, found.listed.id, wanted)
    if isinstance(taken, Refused):
        return _case_page(request, viewer, _found(request), "refused")
    return Redirect(f"/console/cases/{found.listed.id.hex()}")


@pages.get("/console/shift", signed_in=True)
def shift(request: PageRequest) -> Page:
    """What was opened and closed in the last hours and what stands, by crossing and owner; to be printed, and to be handed over."""
    viewer = signed_in(request, Permission.CASES)
    return _shift_page(request, viewer)


@pages.post("/console/shift/hand-over", signed_in=True)
def hand_over(request: PageRequest) -> Page | Redirect:
    """Give every case that a team has to another one of its party, each by a step of its own, all in one transaction."""
    viewer = signed_in(request, Permission.CASES_ACT)
    by, to = (
        _own_team(viewer, request.form.get("by", "")),
        _party_team(request, viewer, request.form.get("to", "")),
    )
    note = request.form.get("note", "")
    if by is None or to is None or by == to:
        return _shift_page(request, viewer, "form")
    if note and not _is_text(note):
        return _shift_page(request, viewer, "text")
    service, who = _service(request), viewer.who.signatory
    owned = overview.listed(request.session, Wanted(owner=by, limit=10_000))
    for each in sorted(owned, key=lambda case: lock_key(case.id)):
        steps = [StepRequest(StepKind.NOTED, by, text=note, person=who)] if note else []
        for step in (*steps, StepRequest(StepKind.ASSIGNED, by, to=to, person=who)):
            if isinstance(service.take_step(request.session, each.id, step), Refused):
                raise PageError(409)
    return Redirect("/console/shift")


def _request_of(request: PageRequest, viewer: SignedIn) -> StepRequest | str:
    """The step that the form asks for; else the word of ``REFUSALS`` for what is wrong with it."""
    form = request.form
    by = _own_team(viewer, form.get("by", ""))
    if by is None:
        raise PageError(404)  # of another team: as if there were no such case
    make = _MAKERS.get(form.get("step", ""))
    found = "form" if make is None else make(request, viewer, by)
    if isinstance(found, StepRequest) and any(
        text and not _is_text(text) for text in (found.text, found.reason)
    ):
        return "text"
    return found


def _acknowledge(_request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    return StepRequest(StepKind.ACKNOWLEDGED, by, person=viewer.who.signatory)


def _assign(request: PageRequest, viewer: SignedIn, by: Team) -> StepRequest | str:
    to = _party_team(request, viewer, request.form.get("to", ""))
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
    names = overview.events_named(request.session, evidence)
    known = people.by_ids(request.session, [each.person.person for each in found.steps if each.person])
    # Whose case it is acts on it; the person's other teams have nothing to do with it.
    owner, mine = case.life.owner, case.life.owner in _teams(viewer)
    own = [owner] if owner is not None and mine else _teams(viewer)
    values = {
        "case": _shown(case, request.now),
        "evidence": [names.get(event, ("", event.hex())) for event in evidence],
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
        "teams": [each for each in _party_teams(request, viewer) if owner is None or each != owner.name],
        "snoozes": SNOOZES,
        "longest": LONGEST_TEXT,
        "refused": REFUSALS.get(refused, ""),
        **WORDS,
    }
    return console_page(request, viewer, "console_case.html", values, 409 if refused else 200)


def _shift_page(request: PageRequest, viewer: SignedIn, refused: str = "") -> Page:
    hours = request.query.get("hours", "12")
    if not hours.isdecimal() or int(hours) not in SHIFTS:
        raise PageError(400)
    since = request.now - int(hours) * HOUR
    wanted = Wanted(closed_since=since, limit=10_000, scope=_scope(request))
    found = {case.id: case for case in overview.listed(request.session, wanted)}
    steps = [step for step in overview.steps_since(request.session, since) if step.case in found]
    posts = shift_report(map(_summary, found.values()), steps, since)
    own = _teams(viewer)
    tables = _report(posts, found, request.now), _notes(posts)
    values = {
        "tables": tables,
        "since": since,
        "until": request.now,
        "hours": int(hours),
        "shifts": SHIFTS,
        "posts": [
            {
                "crossing": crossing,
                "owner": owner,
                "lists": {
                    name: [_shown(found[id_], request.now) for id_ in getattr(post, name)]
                    for name in ("opened", "closed", "standing")
                },
                "notes": post.notes,
            }
            for (crossing, owner), post in posts.items()
        ],
        "may_act": viewer.may(Permission.CASES_ACT) and bool(own),
        "own": own,
        "teams": sorted(
            _party_teams(request, viewer), key=lambda team: team == own[0].name if own else False
        ),
        "longest": LONGEST_TEXT,
        "refused": REFUSALS.get(refused, ""),
        **WORDS,
    }
    status = 409 if refused else 200
    return console_page(request, viewer, "console_shift.html", values, status, tables=tables)


_CASE = (
    Column("case", N_("Case"), Kind.CODE, href="page"),
    Column("kind", N_("What"), Kind.CODE, words=KINDS),
    Column("what", N_("Trouble"), Kind.CODE),
    Column("status", N_("Status"), Kind.CODE, words=STATUSES),
    Column("cause_stands", N_("Cause stands")),
    Column("about", N_("About"), Kind.CODE),
    Column("crossing", N_("Border"), Kind.PLACE),
    Column("place", N_("Where"), Kind.PLACE),
    Column("since", N_("Since"), Kind.MOMENT, place="place"),
    Column("due", N_("To be acted on by"), Kind.MOMENT, place="place"),
    Column("owner", N_("Owner"), Kind.CODE),
)


def _case_row(case: Listed, now: int) -> dict[str, Any]:
    return {
        "case": case.id.hex(),
        "page": f"/console/cases/{case.id.hex()}",
        "kind": case.kind,
        "what": case.what or None,
        "status": str(case.status(now)),
        "cause_stands": case.stands,
        "about": str(case.about),
        "crossing": f"crossing:{case.crossing}" if case.crossing else None,
        "place": case.place or None,
        "since": case.since,
        "due": case.due,
        "owner": None if case.life.owner is None else str(case.life.owner),
    }


def _report(posts: Mapping[tuple[str, str], ShiftSummary], found: Mapping[bytes, Listed], now: int) -> Table:
    """A case stands in every list of the report that it belongs to."""
    lists = {"opened": N_("Opened"), "closed": N_("Closed"), "standing": N_("Standing")}
    rows = [
        {"list": name, **_case_row(found[id_], now)}
        for post in posts.values()
        for name in lists
        for id_ in getattr(post, name)
    ]
    columns = (Column("list", N_("List"), Kind.CODE, words=lists), *_CASE)
    return Table("shift", columns, rows, N_("Shift report"))


def _notes(posts: Mapping[tuple[str, str], ShiftSummary]) -> Table:
    columns = (
        Column("written", N_("When"), Kind.MOMENT),
        Column("case", N_("Case"), Kind.CODE, href="page"),
        Column("by", N_("Written by"), Kind.CODE),
        Column("note", N_("Note")),
    )
    rows = [
        {
            "written": each.at,
            "case": each.case.hex(),
            "page": f"/console/cases/{each.case.hex()}",
            "by": str(each.by),
            "note": each.text or each.reason,
        }
        for post in posts.values()
        for each in post.notes
    ]
    return Table("notes", columns, rows, N_("Notes"))


def _found(request: PageRequest) -> Whole:
    """The case of the path; PageError 404 where there is none, or none that the party may see."""
    try:
        id_ = bytes.fromhex(request.path["case"])
        if len(id_) != 16:
            raise ValueError
        return overview.whole(request.session, id_, _scope(request))
    except (ValueError, NoSuchCase):
        raise PageError(404) from None


def _scope(request: PageRequest) -> CaseScope:
    return scope_of(request.party.publisher)


def _shown(case: Listed, now: int) -> dict[str, Any]:
    return {
        "case": case,
        "id": case.id.hex(),
        "status": str(case.status(now)),
        "late": case.due < now and not case.life.closed,
    }


def _summary(case: Listed) -> CaseSummary:
    owner = "" if case.life.owner is None else str(case.life.owner)
    return CaseSummary(case.id, case.crossing, owner, case.life.closed)


def _name(person: Any, viewer: SignedIn) -> str:
    return (person.name or "") if person is not None and person.party == viewer.party else ""


def _teams(viewer: SignedIn) -> list[Team]:
    return [Team(viewer.party, name) for name in sorted(viewer.grant.teams)]


def _own_team(viewer: SignedIn, name: str) -> Team | None:
    return Team(viewer.party, name) if name in viewer.grant.teams else None


def _party_team(request: PageRequest, viewer: SignedIn, name: str) -> Team | None:
    return Team(viewer.party, name) if name in _party_teams(request, viewer) else None


def _party_teams(request: PageRequest, viewer: SignedIn) -> list[str]:
    return people.teams_of(request.session, viewer.party, request.now)


def _is_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= LONGEST_TEXT and text.isprintable()


def _service(request: PageRequest) -> CaseService:
    """Who signs; PageError 503 where the platform's key is not there."""
    signer = console_of(request.context).signer
    if signer is None:
        raise PageError(503)
    return CaseService(signer)
