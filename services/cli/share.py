"""`lianyun share`: links by which a consignment is shown to whoever holds them, made by an operator for a party."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.api.access import share_links
from services.api.access.consignment import visible
from services.api.access.matrix import Field
from services.api.access.reader import PartyReader
from services.api.access.share_links import DAY, SHAREABLE, ShareError
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.domain.objects import Thing
from services.ledger.registry import store
from services.query.views import consignments_of

app = typer.Typer(help="Links by which a consignment is shown to whoever holds them.", no_args_is_help=True)
LOCAL = "http://127.0.0.1:8480"


@app.callback()
def share() -> None:
    """Links by which a consignment is shown to whoever holds them."""


@app.command()
def make(
    reference: Annotated[str, typer.Argument(help="The consignment: party/reference.")],
    party: Annotated[
        str, typer.Option(help="For which party: the link shows no more than it may see, ever.")
    ],
    fields: Annotated[
        str, typer.Option(help=f"What it shows, with commas: {', '.join(SHAREABLE)}.")
    ] = f"{Field.MOVEMENT},{Field.IDS}",
    days: Annotated[int, typer.Option(min=1, max=366, help="When it ends.")] = 30,
    label: Annotated[str, typer.Option(help="A name for it, which only its owner sees.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a link and print its address, this once."""
    settings = CliSettings()
    try:
        chosen = [Field(name.strip()) for name in fields.split(",") if name.strip()]
    except ValueError as wrong:
        raise Failure(Exit.USAGE, str(wrong), f"give some of {', '.join(SHAREABLE)}") from None
    moment = now()
    with session(settings) as connection:
        registry = store.read_snapshot(connection)
        owner = registry.party(party)
        if owner is None:
            raise Failure(Exit.NOT_FOUND, f"no party {party!r} is registered", "lianyun party list")
        key = canonical_key(ObjectKind.CONSIGNMENT, reference)
        groups = consignments_of(connection, [Thing(ObjectKind.CONSIGNMENT, key)])
        found = (
            visible(PartyReader(connection, owner, registry, moment), groups[0], SHAREABLE)
            if groups
            else None
        )
        if found is None:
            raise Failure(
                Exit.NOT_FOUND,
                f"{party} sees no consignment {reference!r} as a party to its transport",
                f"lianyun track {reference}",
            )
        try:
            id_, token = share_links.make(
                connection,
                consignment=groups[0],
                reference=found.body["consignment"],
                party=party,
                made_by=f"operator {getpass.getuser()}",
                fields=chosen,
                now=moment,
                expires=moment + days * DAY,
                label=label,
            )
        except ShareError as wrong:
            raise Failure(Exit.USAGE, str(wrong), "lianyun share make --help") from None
    address = f"{settings.pages_url or LOCAL}/s/{token}"
    if as_json:
        print_json({"id": id_, "url": address, "expires": iso(moment + days * DAY)})
    else:
        out.print(address, markup=False, soft_wrap=True)


@app.command("list")
def list_(
    party: Annotated[str, typer.Option(help="Only those made for this party.")] = "", as_json: AsJson = False
) -> None:
    """List the links, the newest first, with how often each was opened."""
    with session(CliSettings()) as connection:
        found = share_links.links_of(connection, party)
    moment = now()
    rows = [
        {
            "id": each.id,
            "consignment": each.reference,
            "party": each.party,
            "made_by": each.made_by,
            "label": each.label,
            "fields": sorted(each.fields),
            "expires": iso(each.expires),
            "works": each.works(moment),
            "opened": each.opened,
            "last": iso(each.openings[0]) if each.openings else None,
        }
        for each in found
    ]
    if as_json:
        print_json({"links": rows})
        return
    columns = ("id", "consignment", "party", "label", "expires", "works", "opened", "last")
    print_table(columns, [tuple("" if row[name] is None else row[name] for name in columns) for row in rows])


@app.command()
def end(id_: Annotated[str, typer.Argument(metavar="ID", help="As `lianyun share list` shows it.")]) -> None:
    """Revoke a link."""
    with session(CliSettings()) as connection:
        if not share_links.end(connection, id_, "", now()):
            raise Failure(Exit.NOT_FOUND, f"no link {id_!r} works", "lianyun share list")
    out.print(f"ended {id_}", markup=False)


@app.command()
def openings(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `lianyun share list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show when a link was opened, the newest first; 200 at most."""
    with session(CliSettings()) as connection:
        found = share_links.openings(connection, id_)
    if as_json:
        print_json({"openings": [iso(at) for at in found]})
        return
    for at in found:
        out.print(iso(at), markup=False)
