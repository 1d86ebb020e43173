"""`lianyun party client`: which programs may call the API for a party, and with which keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from services.api import clients
from services.api.needs import Scope
from services.api.tokens.jose import BadToken
from services.api.tokens.key_file import kept
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import iso, out, print_json, print_table
from services.cli.registry_change import AsJson, By, Code, known_party
from services.cli.settings import CliSettings
from services.cli.times import now
from services.ledger.registry import store

client = typer.Typer(no_args_is_help=True, help="Programs that may call the API for a party.")
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")
Id = Annotated[str, typer.Argument(help="The client's id.")]


@client.command()
def add(
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
def list_(as_json: AsJson = False) -> None:
    """List the registered clients."""
    with session(CliSettings()) as connection:
        found = clients.listed(connection)
    if as_json:
        print_json({"clients": [_plain(each) for each in found]})
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


@client.command()
def revoke(id: Id) -> None:
    """End a client at once, and the tokens that it has."""
    with session(CliSettings()) as connection:
        ended = clients.revoke(connection, id, at=now())
    if not ended:
        raise Failure(Exit.NOT_FOUND, f"no client {id!r} to revoke", "lianyun party client list")
    out.print(f"revoked {id}")


def _plain(found: clients.Client) -> dict[str, Any]:
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
        return dict(kept(path).as_dict(private=False))
    except OSError as problem:
        raise Failure(Exit.USAGE, f"{path}: {problem.strerror}", "name a file that can be made") from None
