"""`lianyun key`: the signing keys of parties, proofs of possession, and revocations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import Connection
from pydantic import ValidationError

from schemas.possession import PURPOSE
from schemas.schemes import PublicKey, Scheme
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json
from services.cli.registry_change import By, Code, known_party, registered
from services.cli.settings import CliSettings
from services.ledger.registry import commands, store
from services.ledger.registry.events import NewKey
from services.ledger.registry.party import Party
from services.ledger.registry.possession import proven
from services.ledger.registry.trust import trust
from services.ledger.storage.operations import quarantine
from services.producers import profile

key = typer.Typer(no_args_is_help=True, help="Signing keys of parties.")

SchemeOption = Annotated[Scheme, typer.Option(help="The signature scheme that the key is bound to.")]
ProofOption = Annotated[
    Path | None,
    typer.Option(
        "--proof",
        help="The partner's document with its public key and proof, as `lianyun key prove` writes it; - for stdin.",
    ),
]
PublicKeyOption = Annotated[
    str,
    typer.Option(help="The public key in hex as received on another way: it must be the one of the proof."),
]


@key.command("add")
def add_key(
    code: Code,
    new: Annotated[
        bool, typer.Option("--new", help="Make a key pair here and keep it in a partner profile.")
    ] = False,
    proof: ProofOption = None,
    public_key: PublicKeyOption = "",
    scheme: SchemeOption = Scheme.ED25519_BATCH,
    source: Annotated[str, typer.Option(help="The source that the profile publishes under.")] = "",
    valid_from: Annotated[str, typer.Option(help="With --new, RFC 3339; now by default.")] = "",
    in_place_of: Annotated[
        str,
        typer.Option(help="The revoked key that this one takes the place of, where that was lost or stolen."),
    ] = "",
    by: By = "operator",
) -> None:
    """Register a key of a party, with proof that the party holds it; with --new also make it, for a partner on this machine."""
    settings = CliSettings()
    _require_one(new, proof, public_key, "add")
    start = micros(valid_from, "--valid-from") if valid_from else now()
    _require_made_here(new)
    with session(settings) as connection:
        owner = _owner(connection, code)
        made = _profile(owner, source, settings, scheme) if new else None
        if made is not None:
            entry = proven(made.key, settings.network, code, not_before=start, replaces=in_place_of or None)
        else:
            entry = _read(proof, settings, code, public_key, in_place_of or None)
        registry = registered(
            lambda: commands.add_key(
                connection, code, entry, at=now(), by=by, in_place_of=in_place_of or None
            )
        )
    saved = f"; profile {made.save(settings.partners)}" if made is not None else ""
    added = registry.keys[_public(entry).key_id]
    out.print(f"key {added.key_id} of {code} ({added.scheme}) counts from {iso(added.not_before)}{saved}")


@key.command()
def rotate(
    code: Code,
    old: Annotated[str, typer.Option(help="The key id to replace.")],
    overlap_hours: Annotated[float, typer.Option(help="How long the old key still counts.")] = 24.0,
    scheme: SchemeOption = Scheme.ED25519_BATCH,
    proof: ProofOption = None,
    public_key: PublicKeyOption = "",
    by: By = "operator",
) -> None:
    """Replace a key, by a proof that both keys signed; the old one counts until the overlap ends.

    Without --proof a pair is made here, for a partner whose profile on this machine holds the old key. Where the old key is
    lost or in other hands: `lianyun key revoke`, then `lianyun key add --in-place-of`.
    """
    settings = CliSettings()
    if public_key and proof is None:
        _require_one(False, proof, public_key, "rotate")
    moment = now()
    _require_made_here(proof is None)
    with session(settings) as connection:
        owner = _owner(connection, code)
        made = None
        if proof is None:
            held = _held(settings, code, old)
            made = _profile(owner, held.source, settings, scheme)
            entry = proven(made.key, settings.network, code, not_before=moment, replaces=held.key)
        else:
            entry = _read(proof, settings, code, public_key, old)
        until = max(moment, entry.not_before) + int(overlap_hours * 3_600_000_000)
        registered(
            lambda: commands.rotate_key(connection, code, old, entry, old_until=until, at=moment, by=by)
        )
    saved = f"; profile {made.save(settings.partners)}" if made is not None else ""
    out.print(
        f"{old} of {code} counts until {iso(until)}, the new key from {iso(entry.not_before)} on{saved}"
    )


@key.command()
def prove(
    code: Code,
    source: Annotated[str, typer.Option(help="Its source, where it has no profile yet.")] = "",
    topic: Annotated[str, typer.Option(help="Its topic, where it has no profile yet.")] = "cre.gateway.v1",
    scheme: SchemeOption = Scheme.ED25519_BATCH,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Make a further pair, signed for by the present key; its profile goes to the folder next.",
        ),
    ] = False,
    in_place_of: Annotated[
        str,
        typer.Option(
            help="The revoked key that another takes the place of: a further pair, where it is the profile's."
        ),
    ] = "",
    valid_from: Annotated[str, typer.Option(help="RFC 3339; now by default.")] = "",
) -> None:
    """Write the document by which a party has its key registered, on the partner's machine: public key, window and proof.

    Makes the pair where there is no profile yet; the private half never leaves the machine. Reads no database.
    """
    settings = CliSettings()
    start = micros(valid_from, "--valid-from") if valid_from else now()
    try:
        held = profile.load(settings.partners, code)
    except profile.KeylessProfile:
        held = _completed(settings, code, scheme)
    except profile.NoProfile:
        if not source or replace:
            raise Failure(
                Exit.USAGE,
                f"{code} has no profile in {settings.partners}",
                f"lianyun key prove {code} --source URN",
            ) from None
        held = profile.create(code, source, topic, settings.network, scheme)
        held.save(settings.partners)
    except profile.ProfileError as problem:
        raise Failure(Exit.FAILED, str(problem), "mend the file, or move it aside to start anew") from None
    replaced = held.key.key_id if replace else in_place_of or None
    if replaced == held.key.key_id:
        fresh = profile.create(code, held.source, held.topic, held.network, scheme)
        following = profile.renewed(settings.partners, fresh)
        following.save(settings.partners / "next")
        signer = held.key if replace else replaced
        entry = proven(following.key, held.network, code, not_before=start, replaces=signer)
    else:
        entry = proven(held.key, held.network, code, not_before=start, replaces=replaced)
    print_json(_document(code, entry, replaced))


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


def _completed(settings: CliSettings, code: str, scheme: Scheme) -> profile.Profile:
    """The profile that a kit brought, with a key made now; Failure where it cannot be used."""
    try:
        return profile.complete(settings.partners, code, scheme)
    except profile.ProfileError as problem:
        raise Failure(Exit.FAILED, str(problem), "take the profile of the kit again") from None


def _require_one(new: bool, proof: Path | None, public_key: str, command: str) -> None:
    if public_key and proof is None:
        raise Failure(
            Exit.USAGE,
            "a public key alone is not registered: its owner has to prove that it holds the private half",
            f"on the partner's machine: lianyun key prove CODE > proof.json; here: lianyun key {command} CODE --proof proof.json",
        )
    if new is (proof is not None):
        raise Failure(Exit.USAGE, "give either --new or --proof", f"lianyun key {command} --help")


def _require_made_here(new: bool) -> None:
    """Whoever makes a pair keeps it while two administrators sign for it: on the partner's machine, not here."""
    given = trust()
    if new and given is not None and not given.development:
        raise Failure(
            Exit.USAGE,
            "two administrators sign for each key, so it is made where it is kept",
            "on the partner's machine: lianyun key prove CODE > proof.json; here: --proof proof.json",
        )


def _document(code: str, entry: NewKey, replaces: str | None) -> dict[str, Any]:
    proof = entry.proof
    assert proof is not None
    return {
        "network": proof.network,
        "party": code,
        "purpose": PURPOSE,
        "scheme": str(entry.scheme),
        "public_key": entry.public_key,
        "key_id": _public(entry).key_id,
        "not_before": entry.not_before,
        "not_after": entry.not_after,
        "replaces": replaces,
        "signature": proof.signature,
        "replaced_signature": proof.replaced_signature,
    }


def _read(
    file: Path | None, settings: CliSettings, code: str, public_key: str, replaces: str | None
) -> NewKey:
    """The key of a partner's document; Failure where it is none, or not for this network, party and step."""
    assert file is not None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        document = json.loads(text)
        entry = NewKey.model_validate_json(
            json.dumps(
                {
                    **{
                        name: document.get(name)
                        for name in ("scheme", "public_key", "not_before", "not_after")
                    },
                    "proof": {
                        name: document.get(name) for name in ("network", "signature", "replaced_signature")
                    },
                }
            )
        )
    except (OSError, ValueError, AttributeError) as problem:
        where = problem.errors()[0] if isinstance(problem, ValidationError) else None
        detail = problem if where is None else f"/{'/'.join(map(str, where['loc']))}: {where['msg']}"
        raise Failure(Exit.USAGE, f"{file}: {detail}", "lianyun key prove writes such a document") from None
    for name, found, right in (
        ("network", document.get("network"), settings.network),
        ("party", document.get("party"), code),
        ("purpose", document.get("purpose"), PURPOSE),
        ("replaces", document.get("replaces"), replaces),
        ("public_key", entry.public_key, public_key or entry.public_key),
    ):
        if found != right:
            raise Failure(
                Exit.USAGE,
                f"{file}: /{name} is {found!r}, and here it is {right!r}",
                "let the partner prove it anew",
            )
    return entry


def _public(entry: NewKey) -> PublicKey:
    return PublicKey(entry.scheme, bytes.fromhex(entry.public_key))


def _held(settings: CliSettings, code: str, old: str) -> profile.Profile:
    """The profile that holds the key to be replaced; Failure where this machine has none."""
    try:
        held = profile.load(settings.partners, code)
    except profile.ProfileError as problem:
        raise Failure(Exit.FAILED, str(problem), _WITHOUT_OLD) from None
    if held.key.key_id != old:
        raise Failure(
            Exit.FAILED,
            f"the profile of {code} here holds the key {held.key.key_id}, not {old}",
            _WITHOUT_OLD,
        )
    return held


_WITHOUT_OLD = (
    "let the partner make the proof (lianyun key prove CODE --replace); where the old key is lost: lianyun key revoke KEY, "
    "then lianyun key add CODE --in-place-of KEY"
)


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
