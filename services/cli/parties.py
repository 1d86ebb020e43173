"""`lianyun party` and `lianyun key`: who may publish, under which keys, and what a revocation puts aside."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from schemas.events.base import Role
from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from schemas.schemes import Scheme, WeakKeyError
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.producers import profile
from services.registry import commands, store
from services.registry.errors import RegistryError
from services.registry.events import NewKey, PartyAdded
from services.registry.key import Key, key_state
from services.registry.party import Party
from services.registry.registry import Registry
from services.storage.quarantine import quarantine

party = typer.Typer(no_args_is_help=True, help="The parties of the network.")
key = typer.Typer(no_args_is_help=True, help="Signing keys of parties.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Code = Annotated[str, typer.Argument(help="The party's code, such as ktz.")]
By = Annotated[str, typer.Option(help="Who does this, for the record.")]
SchemeOption = Annotated[Scheme, typer.Option(help="The signature scheme that the key is bound to.")]


def _now() -> int:
    return time.time_ns() // 1_000


def _micros(text: str, option: str) -> int:
    try:
        return parse_micros(text)
    except Refusal as refusal:
        raise Failure(
            Exit.USAGE, f"{option}: {refusal.detail}", "write it like 2026-11-03T10:11:12Z"
        ) from None


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
    try:
        entry = PartyAdded(
            code=code,
            name=name,
            roles=frozenset(role),
            sources=frozenset(source),
            topics=frozenset(topic or ()),
            countries=frozenset(country or ()),
            managers=frozenset(manager or ()),
            places=frozenset(place or ()),
        )
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Failure(Exit.USAGE, f"{where}: {first['msg']}", "lianyun party add --help") from None
    with session(settings) as connection:
        _registered(lambda: commands.add_party(connection, entry, at=_now(), by=by))
    out.print(f"registered {code}; give it a key with: lianyun key add {code} --new")


@party.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the registered parties."""
    with session(CliSettings()) as connection:
        registry = store.load(connection)
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
    """Show one party with its keys."""
    with session(CliSettings()) as connection:
        registry = store.load(connection)
    found = registry.party(code)
    if found is None:
        raise Failure(Exit.NOT_FOUND, f"no party {code!r} is registered", "lianyun party list")
    if as_json:
        print_json(_plain(registry, found))
        return
    print_table(
        ("", ""),
        [
            ("code", found.code),
            ("name", found.name),
            ("roles", ", ".join(sorted(found.roles))),
            ("territory", _territory(found)),
            ("sources", ", ".join(sorted(found.sources))),
            ("topics", ", ".join(sorted(found.topics)) or "the gateway's"),
        ],
    )
    rows = [
        (
            k.key_id,
            k.scheme,
            key_state(k, _now()),
            iso(k.not_before),
            "" if k.not_after is None else iso(k.not_after),
        )
        for k in registry.keys_of(code)
    ]
    print_table(("key", "scheme", "state", "from", "until"), rows)


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
    start = _micros(valid_from, "--valid-from") if valid_from else _now()
    with session(settings) as connection:
        owner = _party(store.load(connection), code)
        made = _profile(owner, source, settings, scheme) if new else None
        raw = made.key.public_key.hex() if made is not None else public_key
        entry = NewKey(scheme=scheme, public_key=raw, not_before=start)
        registry = _registered(lambda: commands.add_key(connection, code, entry, at=_now(), by=by))
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
    now = _now()
    with session(settings) as connection:
        owner = _party(store.load(connection), code)
        made = None if public_key else _profile(owner, "", settings, scheme)
        raw = made.key.public_key.hex() if made is not None else public_key
        entry = NewKey(scheme=scheme, public_key=raw, not_before=now)
        until = now + int(overlap_hours * 3_600_000_000)
        _registered(lambda: commands.rotate_key(connection, code, old, entry, old_until=until, at=now, by=by))
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
    since = _micros(compromised_since, "--compromised-since") if compromised_since else None
    with session(CliSettings()) as connection:
        done = _registered(
            lambda: commands.revoke_key(
                connection, key_id, quarantine, at=_now(), by=by, compromised_since=since, cause=cause
            )
        )
    if as_json:
        print_json({"keys": list(done.keys), "quarantined": done.quarantined})
        return
    out.print(f"revoked {', '.join(done.keys)}; {done.quarantined} stored events were put aside")


def _registered(change: Any) -> Any:
    try:
        return change()
    except RegistryError as problem:
        raise Failure(Exit.FAILED, problem.problem, problem.remedy) from None
    except (ValidationError, WeakKeyError) as problem:
        raise Failure(Exit.USAGE, f"not a usable key: {problem}", "lianyun key add --help") from None


def _party(registry: Registry, code: str) -> Party:
    found = registry.party(code)
    if found is None:
        raise Failure(Exit.NOT_FOUND, f"no party {code!r} is registered", "lianyun party list")
    return found


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


def _territory(found: Party) -> str:
    return ", ".join([*sorted(found.countries), *sorted(found.managers), *sorted(found.places)]) or "none"


def _plain(registry: Registry, found: Party) -> dict[str, Any]:
    return {
        "code": found.code,
        "name": found.name,
        "roles": sorted(found.roles),
        "countries": sorted(found.countries),
        "managers": sorted(found.managers),
        "places": sorted(found.places),
        "sources": sorted(found.sources),
        "topics": sorted(found.topics),
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
