"""`lianyun key`: under which keys parties sign, and what a revocation puts aside."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from psycopg import Connection

from schemas.schemes import Scheme
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.moments import micros, now
from services.cli.output import iso, out, print_json
from services.cli.registering import AsJson, By, Code, known_party, registered
from services.cli.settings import CliSettings
from services.producers import profile
from services.registry import commands, store
from services.registry.events import NewKey
from services.registry.key import Key
from services.registry.party import Party
from services.registry.registry import Registry
from services.storage.quarantine import quarantine

key = typer.Typer(no_args_is_help=True, help="Signing keys of parties.")

SchemeOption = Annotated[Scheme, typer.Option(help="The signature scheme that the key is bound to.")]


@key.command("add")
def add_key(
    code: Code,
    new: Annotated[
        bool, typer.Option("--new", help="Make a key pair here and keep it in a partner profile.")
    ] = False,
    public_key: Annotated[str, typer.Option(help="The public key in hex, made by the partner.")] = "",
    scheme: SchemeOption = Scheme.ED25519_BATCH,
    source: Annotated[str, typer.Option(help="The source that the profile publishes under.")] = "",
    valid_from: Annotated[str, typer.Option(help="RFC 3339; now by default.")] = "",
    by: By = "operator",
) -> None:
    """Register a key of a party; with --new also make it, for a partner on this machine."""
    settings = CliSettings()
    if new == bool(public_key):
        raise Failure(Exit.USAGE, "give either --new or --public-key", "lianyun key add --help")
    start = micros(valid_from, "--valid-from") if valid_from else now()
    with session(settings) as connection:
        owner = _owner(connection, code)
        made = _profile(owner, source, settings, scheme) if new else None
        raw = made.key.public_key.hex() if made is not None else public_key
        entry = NewKey(scheme=scheme, public_key=raw, not_before=start)
        registry = registered(lambda: commands.add_key(connection, code, entry, at=now(), by=by))
    saved = f"; profile {made.save(settings.partners)}" if made is not None else ""
    out.print(f"key {_newest(registry, code).key_id} of {code} ({scheme}) counts from {iso(start)}{saved}")


@key.command()
def rotate(
    code: Code,
    old: Annotated[str, typer.Option(help="The key id to replace.")],
    overlap_hours: Annotated[float, typer.Option(help="How long the old key still counts.")] = 24.0,
    scheme: SchemeOption = Scheme.ED25519_BATCH,
    public_key: Annotated[
        str, typer.Option(help="The new public key in hex; without it a pair is made here.")
    ] = "",
    by: By = "operator",
) -> None:
    """Replace a key; the old one counts until the overlap ends."""
    settings = CliSettings()
    moment = now()
    with session(settings) as connection:
        owner = _owner(connection, code)
        made = None if public_key else _profile(owner, "", settings, scheme)
        raw = made.key.public_key.hex() if made is not None else public_key
        entry = NewKey(scheme=scheme, public_key=raw, not_before=moment)
        until = moment + int(overlap_hours * 3_600_000_000)
        registered(
            lambda: commands.rotate_key(connection, code, old, entry, old_until=until, at=moment, by=by)
        )
    saved = f"; profile {made.save(settings.partners)}" if made is not None else ""
    out.print(f"{old} of {code} counts until {iso(until)}, the new key from now on{saved}")


@key.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key id.")],
    compromised_since: Annotated[
        str, typer.Option(help="RFC 3339: what it signed since then is put aside.")
    ] = "",
    cause: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """End a key for ever; with --compromised-since also quarantine what was stored under it from then on."""
    since = micros(compromised_since, "--compromised-since") if compromised_since else None
    with session(CliSettings()) as connection:
        done = registered(
            lambda: commands.revoke_key(
                connection, key_id, quarantine, at=now(), by=by, compromised_since=since, cause=cause
            )
        )
    if as_json:
        print_json({"keys": list(done.keys), "quarantined": done.quarantined})
        return
    out.print(f"revoked {', '.join(done.keys)}; {done.quarantined} stored events were put aside")


def _owner(connection: Connection[Any], code: str) -> Party:
    owner = known_party(store.load(connection), code)
    connection.rollback()  # lets go of the registry: two operators who keep it would wait for one another
    return owner


def _profile(owner: Party, source: str, settings: CliSettings, scheme: Scheme) -> profile.Profile:
    chosen = source or min(owner.sources)
    if chosen not in owner.sources:
        raise Failure(
            Exit.USAGE, f"{chosen} is no source of {owner.code}", f"lianyun party show {owner.code}"
        )
    topic = min(owner.topics, default="cre.gateway.v1")
    fresh = profile.create(owner.code, chosen, topic, settings.network, scheme)
    try:
        return profile.renewed(settings.partners, fresh)
    except profile.ProfileError as problem:
        raise Failure(Exit.FAILED, str(problem), "mend the file, or move it aside to start anew") from None


def _newest(registry: Registry, code: str) -> Key:
    return registry.keys_of(code)[-1]
