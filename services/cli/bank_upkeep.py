"""`lianyun bank prepare` and `rotate-key`: an operator's work on the platform's own keys of financing, on the database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from services.cli.bank import app
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import out
from services.cli.settings import CliSettings
from services.financing.domain.normalisation import NEWEST
from services.financing.store import fingerprint_versions
from services.financing.store.keys import KeysMissing, add_registry_key, make_keys, read_keys
from services.financing.store.keys import prepare as prepared

__all__ = ["app"]
Keys = Annotated[
    Path,
    typer.Option(
        "--keys", envvar="LIANYUN_FINANCING_KEYS", help="The file of the platform's keys of financing."
    ),
]
DEFAULT = Path(".lianyun") / "financing-keys.json"


@app.command()
def prepare(keys: Keys = DEFAULT) -> None:
    """Make the platform's keys where there are none, register them, and open the registry of fingerprints. (Operators.)"""
    try:
        held = make_keys(keys)
    except (KeysMissing, OSError) as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun bank prepare --keys FILE") from None
    settings = CliSettings()
    with session(settings) as connection:
        done = prepared(connection, held, settings.network, time.time_ns() // 1_000, "operator")
        connection.commit()
    for line in done or ["nothing was to be done"]:
        out.print(line, markup=False)


@app.command("rotate-key")
def rotate_key(
    keys: Keys = DEFAULT,
    begin: Annotated[
        bool,
        typer.Option("--begin", help="Second step: write fingerprints under the newest key of the file."),
    ] = False,
    close: Annotated[
        int, typer.Option(help="Third step: write nothing more under this version; it is still looked at.")
    ] = 0,
) -> None:
    """Rotate the registry key of fingerprints in three steps. (Operators.)

    First without an option: a key is added to the file; give it to every process that decides and start each again, for
    a process without a key that counts decides nothing. Then --begin, then --close N with the number of the old version.
    """
    if close:
        with session(CliSettings()) as connection:
            if not fingerprint_versions.close(connection, close):
                raise Failure(
                    Exit.NOT_FOUND, f"version {close} is not open", "see the table lianyun.financing_version"
                )
        out.print(f"closed version {close}; it is looked at until its last entry is freed", markup=False)
        return
    try:
        held = read_keys(keys) if begin else add_registry_key(keys)
    except (KeysMissing, OSError) as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun bank prepare") from None
    if not begin:
        out.print(f"{keys} holds {len(held.registry_keys)} registry keys; start the API again", markup=False)
        return
    with session(CliSettings()) as connection:
        number = fingerprint_versions.begin(connection, held.registry_keys[-1], NEWEST)
    out.print(f"began version {number} of the fingerprints", markup=False)
