"""`lianyun registry`: the root and the administrators of the registry, and changes that two of them sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import err, out, print_json, print_table
from services.cli.registry_change import proposal_text, read_proposal, registered
from services.cli.settings import CliSettings
from services.ledger.registry import commands, store
from services.ledger.registry.events import parse
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.signed import PublicSigner, Root, Statement
from services.ledger.registry.trust import ROOT, make_signer, read_chain, read_signer, trust
from services.ledger.storage.operations import quarantine

app = typer.Typer(
    help="Changes of the registry that two administrators sign, under a root key.", no_args_is_help=True
)
Public = Annotated[
    list[str], typer.Argument(help="Public keys as `lianyun registry key` prints them: NAME:SCHEME:HEX.")
]
File = Annotated[Path, typer.Argument(help="A proposal.")]


@app.callback()
def registry() -> None:
    """Changes of the registry that two administrators sign, under a root key."""


@app.command()
def key(
    name: Annotated[
        str, typer.Argument(help="Of an office, such as admin-ktz; it is public, so no person's.")
    ],
    file: Annotated[Path, typer.Option(help="Its private key; made where there is none.")],
) -> None:
    """Print the public key of an administrator or of the root; makes the private key where there is none."""
    made = registered(lambda: make_signer(file, name))
    if made.name != name:
        raise Failure(Exit.USAGE, f"{file} holds the key of {made.name}", "name another file")
    out.print(_shown(made), markup=False)


@app.command()
def root(
    keys: Public,
    threshold: Annotated[int, typer.Option(min=1, help="How many of these keys appoint administrators.")] = 1,
) -> None:
    """Print the file of the root, which every process, witness and monitor is given (LIANYUN_REGISTRY_ROOT)."""
    body = {
        "network": CliSettings().network,
        "threshold": threshold,
        "keys": [each.model_dump() for each in _signers(keys)],
    }
    made = registered(lambda: Root.parse(orjson.dumps(body)))
    typer.echo(orjson.dumps(made.model_dump(mode="json"), option=orjson.OPT_INDENT_2).decode())


@app.command()
def appoint(administrators: Public) -> None:
    """Print the proposal by which the root appoints administrators; the first takes over the registry as it is."""
    named = _signers(administrators)
    with session(CliSettings()) as connection:
        proposed = registered(lambda: store.appointment(connection, named, now()))
    typer.echo(proposal_text(proposed))


@app.command()
def propose(
    file: Annotated[
        Path, typer.Argument(help="A change as JSON, as `lianyun party` and `lianyun key` record it.")
    ],
) -> None:
    """Print the proposal of a change, for two administrators to sign; `lianyun party` and `lianyun key` print one too."""
    try:
        change = parse(file.read_bytes())
    except (OSError, ValidationError) as problem:
        raise Failure(Exit.USAGE, f"{file}: {problem}", "docs/guides/transparency.md shows one") from None
    with session(CliSettings()) as connection:
        registered(lambda: commands.propose(connection, change, at=now()))


@app.command()
def sign(
    file: File,
    key: Annotated[Path, typer.Option(help="The private key, of an administrator or of the root.")],
) -> None:
    """Show what a proposal changes, and add a signature to the file. Needs no database."""
    proposed = _read(file)
    statement = Statement.parse(proposed.text)
    signer, private = registered(lambda: read_signer(key))
    err.print(
        orjson.dumps(
            statement.model_dump(mode="json", exclude_none=True), option=orjson.OPT_INDENT_2
        ).decode(),
        markup=False,
    )
    file.write_text(proposal_text(proposed.signed_by(private)) + "\n", encoding="utf-8")
    out.print(f"signed by {signer.name}: number {statement.number}, {statement.change.kind}", markup=False)


@app.command("apply")
def apply_(file: File) -> None:
    """Make the change of a proposal that is signed."""
    proposed = _read(file)
    with session(CliSettings()) as connection:
        done = registered(lambda: commands.apply_signed(connection, proposed, quarantine, at=now()))
    more = f"; {done.quarantined} stored events were put aside" if done.keys else ""
    out.print(f"made: the registry is at version {done.registry.version}{more}", markup=False)


@app.command()
def show(as_json: AsJson = False) -> None:
    """Verify every statement from the root on, and show who administers the registry."""
    given = registered(trust)
    if given is None:
        raise Failure(Exit.NOT_FOUND, "no root of the registry is configured", f"set {ROOT} to its file")
    with session(CliSettings()) as connection:
        chain = registered(lambda: read_chain(connection, given.root))
        registered(lambda: store.load(connection))
    shown: dict[str, Any] = {
        "network": given.root.network,
        "root": [_shown(each) for each in given.root.keys],
        "threshold": given.root.threshold,
        "administrators": [_shown(each) for each in chain.administrators],
        "statements": chain.number,
        "digest": chain.digest,
        "version": chain.registry.version,
    }
    if as_json:
        print_json(shown)
        return
    rows = [
        (name, "\n".join(value) if isinstance(value, list) else str(value)) for name, value in shown.items()
    ]
    print_table(("", ""), rows)


def _shown(signer: PublicSigner) -> str:
    return f"{signer.name}:{signer.scheme}:{signer.public_key}"


def _signers(texts: list[str]) -> tuple[PublicSigner, ...]:
    try:
        found = []
        for text in texts:
            name, scheme, public_key = text.split(":")
            found.append(
                PublicSigner.model_validate({"name": name, "scheme": scheme, "public_key": public_key})
            )
            found[-1].public  # noqa: B018  (refuses what is no key)
    except (ValueError, RegistryError) as problem:
        raise Failure(
            Exit.USAGE, f"not a public key: {problem}", "lianyun registry key NAME --file FILE"
        ) from None
    return tuple(found)


def _read(file: Path) -> Any:
    try:
        return read_proposal(file.read_bytes())
    except OSError as problem:
        raise Failure(Exit.USAGE, str(problem), "name a file that can be read") from None
