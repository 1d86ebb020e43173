"""`lianyun party`: who may publish, as what, where its word is an authority's, and what it was before."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from schemas.events.base import Role
from services.cli.clients import client
from services.cli.database import session
from services.cli.output import iso, out, print_json, print_table
from services.cli.registry_change import AsJson, By, Code, formed, known_party, registered
from services.cli.settings import CliSettings
from services.cli.times import micros, now
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded, PartyAmended
from services.ledger.registry.party import Party, key_state
from services.ledger.registry.registry import Registry

party = typer.Typer(no_args_is_help=True, help="The parties of the network.")
party.add_typer(client, name="client")


@party.command()
def add(
    code: Code,
    name: Annotated[str, typer.Option(help="The full name.")],
    role: Annotated[list[Role], typer.Option(help="What the party is; repeat for several.")],
    source: Annotated[
        list[str], typer.Option(help="A CloudEvents source that is its own; repeat for several.")
    ],
    topic: Annotated[list[str] | None, typer.Option(help="A topic that it alone writes to.")] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Its territory: an ISO 3166 alpha-2 country.")
    ] = None,
    manager: Annotated[
        list[str] | None, typer.Option(help="Its territory: an infrastructure manager.")
    ] = None,
    place: Annotated[
        list[str] | None, typer.Option(help="Its territory: a place such as railnet:dostyk.")
    ] = None,
    by: By = "operator",
) -> None:
    """Register a party: what it is, where its word is an authority's, and what it publishes under."""
    settings = CliSettings()
    entry = formed(
        lambda: PartyAdded(
            code=code,
            name=name,
            roles=frozenset(role),
            sources=frozenset(source),
            topics=frozenset(topic or ()),
            countries=frozenset(country or ()),
            managers=frozenset(manager or ()),
            places=frozenset(place or ()),
        ),
        "party add",
    )
    with session(settings) as connection:
        registered(lambda: commands.add_party(connection, entry, at=now(), by=by))
    out.print(f"registered {code}; give it a key with: lianyun key add {code} --new")


class Emptied(StrEnum):
    """What a party may be left without."""

    TOPICS = "topics"
    COUNTRIES = "countries"
    MANAGERS = "managers"
    PLACES = "places"


@party.command()
def amend(
    code: Code,
    name: Annotated[str | None, typer.Option(help="The new full name.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="All that it is; repeat for several.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="All its sources; repeat for several.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="All topics that it writes to.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="All countries of its territory.")] = None,
    manager: Annotated[list[str] | None, typer.Option(help="All infrastructure managers of it.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="All places of it.")] = None,
    without: Annotated[list[Emptied] | None, typer.Option(help="What it shall have none of.")] = None,
    from_: Annotated[
        str,
        typer.Option(
            "--from", help="RFC 3339: counts for what the broker takes from then on; now by default."
        ),
    ] = "",
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """Change what a party is; what is not named stays, and what was published before is judged as before."""
    moment = now()
    given = {
        "name": name,
        "roles": role,
        "sources": source,
        "topics": topic,
        "countries": country,
        "managers": manager,
        "places": place,
        **{str(emptied): () for emptied in without or ()},
    }
    since = micros(from_, "--from") if from_ else moment
    said = {field: value for field, value in given.items() if value is not None}
    change = formed(
        lambda: PartyAmended.model_validate({"code": code, "since": since, **said}), "party amend"
    )
    with session(CliSettings()) as connection:
        registry = registered(lambda: commands.amend_party(connection, change, at=moment, by=by))
    amended = registry.parties[code]
    if as_json:
        print_json(_plain(registry, amended))
        return
    out.print(f"amended {code}: counts for what the broker takes from {iso(amended.since)} on")


@party.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the registered parties."""
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
    parties = sorted(registry.parties.values(), key=lambda p: p.no)
    if as_json:
        print_json({"registry_version": registry.version, "parties": [_plain(registry, p) for p in parties]})
        return
    rows = [
        (p.code, p.name, ", ".join(sorted(p.roles)), _territory(p), len(registry.keys_of(p.code)))
        for p in parties
    ]
    print_table(("code", "name", "roles", "territory", "keys"), rows)


@party.command()
def show(code: Code, as_json: AsJson = False) -> None:
    """Show one party with its keys, and what it was before it was amended."""
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
    found = known_party(registry, code)
    if as_json:
        print_json(_plain(registry, found))
        return
    for shape in (found, *found.earlier):
        print_table(
            ("", ""),
            [
                ("code", shape.code),
                ("counts from", iso(shape.since) if shape.since else "the beginning"),
                ("name", shape.name),
                ("roles", ", ".join(sorted(shape.roles))),
                ("territory", _territory(shape)),
                ("sources", ", ".join(sorted(shape.sources))),
                ("topics", ", ".join(sorted(shape.topics)) or "the gateway's"),
            ],
            title="" if shape is found else "before",
        )
    rows = [
        (
            k.key_id,
            k.scheme,
            key_state(k, now()),
            iso(k.not_before),
            "" if k.not_after is None else iso(k.not_after),
        )
        for k in registry.keys_of(code)
    ]
    print_table(("key", "scheme", "state", "from", "until"), rows)


def _territory(found: Party) -> str:
    return ", ".join([*sorted(found.countries), *sorted(found.managers), *sorted(found.places)]) or "none"


def _plain(registry: Registry, found: Party) -> dict[str, Any]:
    return {
        "code": found.code,
        **_shape(found),
        "earlier": [_shape(shape) for shape in found.earlier],
        "keys": [
            {
                "key_id": k.key_id,
                "scheme": str(k.scheme),
                "not_before": iso(k.not_before),
                "not_after": None if k.not_after is None else iso(k.not_after),
                "revoked_at": None if k.revoked_at is None else iso(k.revoked_at),
                "compromised_since": None if k.compromised_since is None else iso(k.compromised_since),
            }
            for k in registry.keys_of(found.code)
        ],
    }


def _shape(shape: Party) -> dict[str, Any]:
    return {
        "name": shape.name,
        "roles": sorted(shape.roles),
        "countries": sorted(shape.countries),
        "managers": sorted(shape.managers),
        "places": sorted(shape.places),
        "sources": sorted(shape.sources),
        "topics": sorted(shape.topics),
        "since": iso(shape.since) if shape.since else None,
        "registry_version": shape.version,
    }
