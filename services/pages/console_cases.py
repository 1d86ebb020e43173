"""Cases as the pages of the console show them: words, rows, what a party sees of them, and teams that act."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas import railnet
from services.api.access.cases import visible_case
from services.cases.domain.causes import CaseKind
from services.cases.domain.lifecycle import Closing, StepKind, Team
from services.cases.domain.visibility import CaseScope, scope_of
from services.cases.store.case_service import CaseService
from services.cases.store.overview import Listed
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_of
from services.pages.errors import PageError
from services.pages.page import PageRequest
from services.pages.table import Column, Kind
from services.people.store import people

LONGEST_TEXT = 200
"""Characters of a note or reason, as the events take them."""
HOUR = 3_600_000_000

KINDS = {
    CaseKind.HELD: N_("Held"),
    CaseKind.DETAINED: N_("Detained"),
    CaseKind.TROUBLE: N_("Trouble"),
    CaseKind.SILENT: N_("Silent"),
    CaseKind.OVERDUE: N_("Overdue"),
    CaseKind.HANDOVER_DIFFERENCE: N_("Difference at a hand-over"),
    CaseKind.DISPUTE: N_("Dispute"),
    CaseKind.FINANCING_ALERT: N_("Alert of a pledge"),
    CaseKind.ARRIVAL_LATE: N_("Late by the forecast"),
    CaseKind.CONTRADICTION: N_("Contradiction in a trade"),
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


WORDS = {
    "kinds": KINDS,
    "statuses": STATUSES,
    "steps": STEPS,
    "closings": CLOSINGS,
    "crossings": railnet.crossings,
}


CASE = (
    Column("case", N_("Case"), Kind.CODE, href="page"),
    Column("kind", N_("What"), Kind.CODE, words=KINDS),
    Column("what", N_("Trouble"), Kind.CODE),
    Column("status", N_("Status"), Kind.CODE, words=STATUSES),
    Column("cause_stands", N_("Cause stands"), Kind.BOOLEAN),
    Column("about", N_("About"), Kind.CODE),
    Column("crossing", N_("Border"), Kind.PLACE),
    Column("place", N_("Where"), Kind.PLACE),
    Column("since", N_("Since"), Kind.MOMENT, place="place"),
    Column("due", N_("To be acted on by"), Kind.MOMENT, place="place"),
    Column("owner", N_("Owner"), Kind.CODE),
)


def case_row(case: Listed, now: int) -> dict[str, Any]:
    """A case as a row of ``CASE``."""
    return {
        "case": case.id.hex(),
        "page": f"/console/cases/{case.id.hex()}",
        "kind": case.kind,
        "what": case.what or None,
        "status": str(case.status(now)),
        "cause_stands": case.stands,
        "about": str(case.about) if case.about.key else None,
        "crossing": f"crossing:{case.crossing}" if case.crossing else None,
        "place": case.place or None,
        "since": case.since,
        "due": case.due,
        "owner": None if case.life.owner is None else str(case.life.owner),
    }


def visible_cases(request: PageRequest, cases: Iterable[Listed]) -> list[Listed]:
    """The cases as the person's party sees them."""
    return [shown for each in cases if (shown := visible_case(request.party, each)) is not None]


def case_scope(request: PageRequest) -> CaseScope:
    """Which cases concern the person's party."""
    return scope_of(request.party.publisher)


def case_values(case: Listed, now: int) -> dict[str, Any]:
    """What the templates name of a case, with its status at ``now``."""
    return {
        "case": case,
        "id": case.id.hex(),
        "status": str(case.status(now)),
        "late": case.due < now and not case.life.closed,
    }


def own_teams(viewer: SignedIn) -> list[Team]:
    """The teams of the person."""
    return [Team(viewer.party, name) for name in sorted(viewer.grant.teams)]


def own_team(viewer: SignedIn, name: str) -> Team | None:
    """The team of that name, where the person is in it."""
    return Team(viewer.party, name) if name in viewer.grant.teams else None


def party_team(request: PageRequest, viewer: SignedIn, name: str) -> Team | None:
    """The team of that name of the person's party."""
    return Team(viewer.party, name) if name in party_teams(request, viewer) else None


def party_teams(request: PageRequest, viewer: SignedIn) -> list[str]:
    """The teams that anybody of the party is in."""
    return people.teams_of(request.session, viewer.party, request.now)


def is_text(text: str) -> bool:
    """Whether a note or reason can be recorded."""
    return bool(text.strip()) and len(text) <= LONGEST_TEXT and text.isprintable()


def case_service(request: PageRequest) -> CaseService:
    """Who signs; PageError 503 where the platform's key is not there."""
    signer = console_of(request.context).signer
    if signer is None:
        raise PageError(503)
    return CaseService(signer)
