"""Amount limits of a bank's people: what each may prepare and approve, who set it since when, and the form that sets one for somebody else."""

from __future__ import annotations

from typing import Any

from services.api.auth.permissions import BANKS
from services.financing.domain.limits import Limit, LimitFault, in_force
from services.financing.store.limits import NewLimit, limits_of, set_limit
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_page, person_name, signed_in
from services.pages.errors import PageError
from services.pages.financings.requests import WrongForm, amount_of
from services.pages.page import Page, PageRequest, Redirect
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission, Person, PersonId
from services.people.store import people

pages = PageRoutes()
HERE = "/console/limits"
FAULTS = {
    LimitFault.OWN: N_("Nobody sets a limit for oneself. Ask somebody else of your bank who sets limits."),
    LimitFault.NOT_PERMITTED: N_("You may not set limits for your bank now."),
    LimitFault.NOT_OF_BANK: N_("This person is none of your bank."),
    LimitFault.AMOUNT: N_(
        "An amount is a plain number in units of its currency, as 250000.00, no finer than the currency is. The currency is a code, as EUR."
    ),
}
_COLUMNS = (
    Column("person", N_("Person")),
    Column("currency", N_("Currency"), Kind.CODE),
    Column("make", N_("May prepare up to"), Kind.AMOUNT),
    Column("check", N_("May approve up to"), Kind.AMOUNT),
    Column("since", N_("Since"), Kind.MOMENT),
    Column("by", N_("Set by")),
)


@pages.get(HERE, signed_in=True)
def limits(request: PageRequest) -> Page:
    """The limits that count now, and every change of them."""
    return _page(request, signed_in(request, Permission.FINANCING, BANKS))


@pages.post(HERE, signed_in=True)
def change(request: PageRequest) -> Page | Redirect:
    """Set a limit for somebody else of the bank, from now on."""
    viewer = signed_in(request, Permission.FINANCING_LIMITS, BANKS)
    form = request.form
    try:
        make, check = (
            amount_of(form.get(name, ""), form.get("currency", ""), name) for name in ("make", "check")
        )
        person = bytes.fromhex(form.get("person", ""))
    except WrongForm:
        return _page(request, viewer, LimitFault.AMOUNT)
    except ValueError:
        raise PageError(400) from None
    wanted = NewLimit(person, make["currency_code"], make["minor_units"], check["minor_units"])
    done = set_limit(request.session, request.party.code, viewer.who, wanted)
    return _page(request, viewer, done) if isinstance(done, LimitFault) else Redirect(HERE)


def _page(request: PageRequest, viewer: SignedIn, fault: LimitFault | None = None) -> Page:
    found = limits_of(request.session, request.party.code)
    known = {each.id: each for each in people.listed(request.session, party=request.party.code)}
    present = sorted(in_force(found, request.now).values())
    shown = (("limits", N_("Limits in force"), present), ("changes", N_("All changes"), found[::-1]))
    tables = tuple(
        Table(name, _COLUMNS, [_row(each, known, viewer) for each in each_limits], caption)
        for name, caption, each_limits in shown
    )
    values = {
        "present": tables[0],
        "changes": tables[1],
        "may_set": viewer.may(Permission.FINANCING_LIMITS),
        "people": [
            (each.id.hex(), person_name(each, viewer, each.id)) for each in _limited(request, viewer, known)
        ],
        "form": request.form,
        "fault": FAULTS[fault] if fault else "",
    }
    return console_page(request, viewer, "limits.html", values, 400 if fault else 200, tables=tables)


def _limited(request: PageRequest, viewer: SignedIn, known: dict[PersonId, Person]) -> list[Person]:
    """Everybody else of the bank who may prepare or approve now."""
    steps = (Permission.FINANCING_MAKE, Permission.FINANCING_CHECK)
    return [
        each
        for each in known.values()
        if each.id != viewer.who.id and any(each.may(step, each.party, request.now) for step in steps)
    ]


def _row(limit: Limit, known: dict[PersonId, Person], viewer: SignedIn) -> dict[str, Any]:
    return {
        "person": person_name(known.get(limit.person), viewer, limit.person),
        "currency": limit.currency,
        "make": (limit.make, limit.currency),
        "check": (limit.check, limit.currency),
        "since": limit.at,
        "by": person_name(known.get(limit.by.person), viewer, limit.by.person),
    }
