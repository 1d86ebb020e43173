"""`lianyun people`: who signs in to the console, for which party, in which teams, with which permissions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.registry_change import By, Code, known_party
from services.cli.settings import CliSettings
from services.financing.domain.limits import in_force
from services.financing.store.limits import limits_of
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session
from services.people.domain.person import Grant, Permission, Person
from services.people.store import people
from services.people.store.people import PersonError

app = typer.Typer(
    no_args_is_help=True, help="People who sign in to the console: party, teams and permissions."
)
Issuer = Annotated[
    str,
    typer.Option(
        "--issuer", envvar="LIANYUN_SIGNIN_ISSUER", help="The OpenID Connect issuer that signs them in."
    ),
]
Teams = Annotated[
    list[str] | None,
    typer.Option("--team", help="A team of the party, as dostyk-shift; repeat for several."),
]
Permissions = Annotated[
    list[Permission] | None, typer.Option("--may", help="A permission in the console; repeat for several.")
]
PersonArgument = Annotated[
    str, typer.Argument(help="The first digits of the person's pseudonym, at least four.")
]
SHORTEST = 4


@app.command()
def add(
    code: Code,
    issuer: Issuer,
    subject: Annotated[str, typer.Option(help="What the issuer calls the person (claim `sub`).")],
    name: Annotated[str, typer.Option(help="The name as the console shows it.")],
    team: Teams = None,
    may: Permissions = None,
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """Register a person of a party, who may sign in from now on."""
    with session(CliSettings()) as connection:
        party = known_party(registry_store.read_snapshot(connection), code)
        try:
            made = people.add(
                connection, party, issuer.rstrip("/"), subject, name, team or (), may or (), at=now(), by=by
            )
        except PersonError as problem:
            raise Failure(Exit.FAILED, str(problem), "lianyun people list") from None
    if as_json:
        print_json({"person": made.hex()})
        return
    out.print(f"registered {made.hex()[:8]} of {code}", markup=False)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List everybody ever registered, with what each may do now."""
    with session(CliSettings()) as connection:
        found = people.listed(connection)
    at = now()
    if as_json:
        print_json({"people": [_plain(each, at) for each in found]})
        return
    rows = [_row(each, each.grant(at)) for each in found]
    print_table(("person", "party", "name", "teams", "may", "since", "issuer", "subject"), rows)


@app.command()
def change(
    person: PersonArgument,
    team: Teams = None,
    may: Permissions = None,
    by: By = "operator",
) -> None:
    """Give a person other teams or permissions from now on; what is not named stays."""
    with session(CliSettings()) as connection:
        found = _found(connection, person)
        try:
            granted = people.change(connection, found.id, teams=team, permissions=may, by=by)
        except PersonError as problem:
            raise Failure(Exit.FAILED, str(problem), "lianyun people list") from None
    out.print(
        f"{found.id.hex()[:8]}: teams {' '.join(sorted(granted.teams)) or 'none'}, "
        f"may {' '.join(sorted(granted.permissions)) or 'nothing'}",
        markup=False,
    )


@app.command()
def end(person: PersonArgument) -> None:
    """End what a person may do, and its sessions, at once."""
    with session(CliSettings()) as connection:
        found = _found(connection, person)
        if not people.end(connection, found.id):
            raise Failure(Exit.FAILED, f"{found.id.hex()[:8]} has ended already", "lianyun people list")
    out.print(f"ended {found.id.hex()[:8]} of {found.party}", markup=False)


@app.command()
def erase(person: PersonArgument) -> None:
    """Erase subject and name of a person that has ended; what it did stays under its pseudonym."""
    with session(CliSettings()) as connection:
        found = _found(connection, person)
        try:
            erased = people.erase(connection, found.id)
        except PersonError as problem:
            raise Failure(Exit.FAILED, str(problem), f"lianyun people end {found.id.hex()[:8]}") from None
    out.print(f"{found.id.hex()[:8]}: {'erased' if erased else 'was erased already'}", markup=False)


@app.command()
def limits(code: Code, as_json: AsJson = False) -> None:
    """List up to which amount each person of a bank may prepare and approve, and who set it; the bank sets it in the console."""
    with session(CliSettings()) as connection:
        known_party(registry_store.read_snapshot(connection), code)
        counting = in_force(limits_of(connection, code), now())
        named = {each.id: each.name or "(erased)" for each in people.listed(connection, party=code)}
    rows = [
        {
            "person": limit.person.hex(),
            "name": named.get(limit.person, ""),
            "currency": limit.currency,
            "make_minor_units": limit.make,
            "check_minor_units": limit.check,
            "since": iso(limit.at),
            "set_by": limit.by.person.hex(),
        }
        for _, limit in sorted(counting.items())
    ]
    if as_json:
        print_json({"limits": rows})
        return
    if not rows:
        out.print(f"{code} has set no limits", markup=False)
        return
    titles = (
        "person",
        "name",
        "currency",
        "prepares up to (minor units)",
        "approves up to",
        "since",
        "set by",
    )
    short = [{**row, "person": str(row["person"])[:8], "set_by": str(row["set_by"])[:8]} for row in rows]
    print_table(titles, [tuple(row.values()) for row in short])


def _found(connection: Session, digits: str) -> Person:
    wanted = digits.strip().lower()
    if len(wanted) < SHORTEST:
        raise Failure(Exit.USAGE, f"{digits!r} is too short", f"give {SHORTEST} digits at least")
    found = [each for each in people.listed(connection) if each.id.hex().startswith(wanted)]
    if not found:
        raise Failure(Exit.NOT_FOUND, f"there is no person {digits!r}", "lianyun people list")
    if len(found) > 1:
        raise Failure(Exit.USAGE, f"several people begin with {digits!r}", "give more digits")
    return found[0]


def _row(person: Person, grant: Grant | None) -> tuple[object, ...]:
    return (
        person.id.hex()[:8],
        person.party,
        person.name or "(erased)",
        "" if grant is None else " ".join(sorted(grant.teams)),
        "(ended)" if grant is None else " ".join(sorted(grant.permissions)),
        "" if grant is None else iso(grant.since),
        person.issuer,
        person.subject or "(erased)",
    )


def _plain(person: Person, at: int) -> dict[str, Any]:
    grant = person.grant(at)
    return {
        "person": person.id.hex(),
        "party": person.party,
        "issuer": person.issuer,
        "subject": person.subject,
        "name": person.name,
        "teams": [] if grant is None else sorted(grant.teams),
        "may": [] if grant is None else sorted(grant.permissions),
        "grants": [
            {
                "since": iso(each.since),
                "until": None if each.until is None else iso(each.until),
                "teams": sorted(each.teams),
                "may": sorted(each.permissions),
            }
            for each in person.grants
        ],
    }
