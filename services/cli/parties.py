"""`lianyun party`: the registered parties, their roles, territories and history, and their API clients."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from schemas.events.base import Role
from services.api.auth import clients
from services.api.auth.permissions import Scope
from services.api.auth.tokens.jose import BadToken
from services.api.auth.tokens.key_file import read_or_create
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.registry_change import (
    By,
    Code,
    Countries,
    Managers,
    Places,
    formed,
    known_party,
    registered,
)
from services.cli.settings import CliSettings
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded, PartyAmended
from services.ledger.registry.party import Party, key_state
from services.ledger.registry.registry import Registry

client = typer.Typer(no_args_is_help=True, help="Programs that may call the API for a party.")
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
    country: Countries = None,
    manager: Managers = None,
    place: Places = None,
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
    if topic:
        out.print(f"its topic is made, and opened to it, by: lianyun partner add {code}")


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
    changes = {field: value for field, value in given.items() if value is not None}
    change = formed(
        lambda: PartyAmended.model_validate({"code": code, "since": since, **changes}), "party amend"
    )
    with session(CliSettings()) as connection:
        registry = registered(lambda: commands.amend_party(connection, change, at=moment, by=by))
    amended = registry.parties[code]
    if as_json:
        print_json(_plain(registry, amended))
        return
    out.print(f"amended {code}: counts for what the broker takes from {iso(amended.since)} on")
    if topic:
        out.print(f"its topic is made, and opened to it, by: lianyun partner add {code}")


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


_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")
Id = Annotated[str, typer.Argument(help="The client's id.")]


@client.command("add")
def add_client(
    code: Code,
    key: Annotated[
        Path | None, typer.Option(help="Its public key: a JWK or PEM file (EC P-256, Ed25519, RSA).")
    ] = None,
    new: Annotated[
        Path | None, typer.Option(help="Make a key and write it there, as a JWK that only you can read.")
    ] = None,
    certificate: Annotated[
        str | None, typer.Option(help="SHA-256 of its certificate (base64url) instead of a key.")
    ] = None,
    name: Annotated[str, typer.Option(help="Its id; the party's code by default.")] = "",
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may; all by default.")] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option(help="A legal purpose that it may name: AML, SANCTIONS, COURT, SUPERVISOR."),
    ] = None,
    by: By = "operator",
) -> None:
    """Register a client of a party with its public key; a further key where the client is there already."""
    if sum(each is not None for each in (key, new, certificate)) != 1:
        raise Failure(
            Exit.USAGE, "give one of --key, --new and --certificate", "lianyun party client add --help"
        )
    jwk = _made(new) if new is not None else None if key is None else _read(key)
    wanted = name or code
    with session(CliSettings()) as connection:
        party = known_party(store.read_snapshot(connection), code)
        try:
            there = {each.id: each.party for each in clients.listed(connection)}
            if jwk is not None and there.get(wanted) == code:
                clients.add_key(connection, wanted, jwk, at=now(), by=by)
            else:
                clients.add_client(
                    connection, wanted, party, jwk=jwk, certificate=certificate, at=now(), by=by,
                    scopes=scope or tuple(Scope), purposes=purpose or (),
                )  # fmt: skip
        except (clients.ClientError, BadToken) as problem:
            raise Failure(Exit.FAILED, str(problem), "lianyun party client list") from None
    out.print(f"registered client {wanted} of {code}")


@client.command("list")
def list_clients(as_json: AsJson = False) -> None:
    """List the registered clients."""
    with session(CliSettings()) as connection:
        found = clients.listed(connection)
    if as_json:
        print_json({"clients": [_plain_client(each) for each in found]})
        return
    rows = [
        (
            each.id,
            each.party,
            " ".join(each.scopes),
            " ".join(each.purposes),
            len(each.keys),
            "" if each.revoked is None else iso(each.revoked),
        )
        for each in found
    ]
    print_table(("client", "party", "scopes", "purposes", "keys", "revoked"), rows)


@client.command("revoke")
def revoke_client(id: Id) -> None:
    """End a client at once, and the tokens that it has."""
    with session(CliSettings()) as connection:
        ended = clients.revoke(connection, id, at=now())
    if not ended:
        raise Failure(Exit.NOT_FOUND, f"no client {id!r} to revoke", "lianyun party client list")
    out.print(f"revoked {id}")


def _plain_client(found: clients.Client) -> dict[str, Any]:
    return {
        "client": found.id,
        "party": found.party,
        "scopes": found.scopes,
        "purposes": found.purposes,
        "certificate": found.certificate,
        "registered": iso(found.registered),
        "by": found.by,
        "revoked": None if found.revoked is None else iso(found.revoked),
        "keys": found.keys,
    }


def _read(path: Path) -> dict[str, Any]:
    """The public key of a file, whether it holds a JWK, a PEM public key or a PEM private key."""
    try:
        text = path.read_bytes()
        if text.lstrip().startswith(b"{"):
            found: dict[str, Any] = json.loads(text)
            return {name: value for name, value in found.items() if name not in _PRIVATE}
        loaded = _public(text)
        pem = loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        if isinstance(loaded, ec.EllipticCurvePublicKey):
            return dict(ECKey.import_key(pem).as_dict(private=False))
        if isinstance(loaded, ed25519.Ed25519PublicKey):
            return dict(OKPKey.import_key(pem).as_dict(private=False))
        if isinstance(loaded, rsa.RSAPublicKey):
            return dict(RSAKey.import_key(pem).as_dict(private=False))
        raise ValueError("a key is EC P-256, Ed25519 or RSA")
    except (OSError, ValueError, TypeError) as problem:
        raise Failure(Exit.USAGE, f"{path}: {problem}", "give a JWK or PEM file") from None


def _public(pem: bytes) -> Any:
    if b"PRIVATE KEY" in pem:
        return serialization.load_pem_private_key(pem, None).public_key()
    return serialization.load_pem_public_key(pem)


def _made(path: Path) -> dict[str, Any]:
    if path.exists():
        raise Failure(Exit.USAGE, f"{path}: File exists", "name a file that is not there yet")
    try:
        return dict(read_or_create(path).as_dict(private=False))
    except OSError as problem:
        raise Failure(Exit.USAGE, f"{path}: {problem.strerror}", "name a file that can be made") from None
