"""`lianyun secrets`: certificates and passwords of a secured deployment, as files that its containers mount."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from services.api.auth.tokens.key_file import read_or_create
from services.cli.exits import Exit, Failure
from services.cli.output import err, out
from services.financing.store.keys import make_keys
from services.notifications.webhooks.sealed_secrets import new_key
from services.processors.topics.access import principals
from services.processors.topics.declaration import DeclarationError, read_declaration
from services.runtime.credentials import folder as keeping

secrets = typer.Typer(
    no_args_is_help=True, help="Certificates and passwords of a secured deployment, as files."
)

FOLDER = Path("infra") / "secrets"
SERVERS = ("kafka-secure", "postgres-secure", "api")
"""The names of the servers among the containers."""
KEYS: Mapping[str, keeping.Maker] = {
    "api/financing-keys.json": make_keys,
    "api/authority.json": read_or_create,
    "api/webhook-keys": lambda path: path.write_text(new_key(), encoding="ascii"),
}
"""Keys of the API's parts, and who makes each."""

Folder = Annotated[Path, typer.Option(help="Where they are kept; closed to others.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host", help="A name or address by which partners reach the broker or banks the API; repeat it."
    ),
]


@secrets.command()
def make(folder: Folder = FOLDER, hosts: Hosts = None) -> None:
    """Make the certificates and passwords that are missing, for every partner declared; what is there stays."""
    try:
        made = keeping.make(folder, _users(), (*SERVERS, *(hosts or ())), _now(), KEYS)
    except keeping.SecretsError as wrong:
        raise Failure(Exit.FAILED, str(wrong), "check the folder and run it again") from None
    for name in made:
        out.print(f"made: {folder / name}", markup=False)
    if not made:
        err.print("Nothing is missing.")


@secrets.command()
def renew(
    name: Annotated[
        str, typer.Argument(help="As listed by `make`: kafka/ktz, postgres/lianyun_worker, broker.pem ...")
    ],
    folder: Folder = FOLDER,
    hosts: Hosts = None,
) -> None:
    """Put a new certificate or password in the place of one; docs/guides/operators.md says how it gets into force."""
    try:
        keeping.renew(folder, name, _users(), (*SERVERS, *(hosts or ())), _now())
    except keeping.SecretsError as wrong:
        raise Failure(Exit.USAGE, str(wrong), "lianyun secrets make") from None
    out.print(f"renewed: {folder / name}", markup=False)


def _users() -> tuple[str, ...]:
    try:
        return principals(read_declaration())
    except DeclarationError as wrong:
        raise Failure(Exit.USAGE, str(wrong), "correct the declaration") from None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
