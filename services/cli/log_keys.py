"""`lianyun transparency key`: further keys of the log beside its own, the end of one, and what the readers of a policy do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.options import micros
from services.cli.output import err, iso, out
from services.cli.receipts import configured, log_session, policy_of
from services.runtime.hsm import named_key
from services.transparency.domain.announcement import Announcement
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.note import BadSignature, Note
from services.transparency.key_change import Unchanged, add, end
from services.transparency.key_file import new_ed25519, new_mldsa44
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.witness.client import Contradicted

app = typer.Typer(help="The keys that sign the log: one more, the end of one.", no_args_is_help=True)


@app.command("add")
def add_command(
    until: Annotated[
        str | None,
        typer.Option(
            help="A new key of the log's own: both sign until then (RFC 3339), and `key end` ends the old one."
        ),
    ] = None,
    hsm: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            help="With --until: it is in a module already: PKCS#11 library, token, label.",
            metavar="MODULE TOKEN LABEL",
        ),
    ] = None,
    mldsa: Annotated[
        bool, typer.Option("--ml-dsa-44", help="A key of ML-DSA-44 that signs beside the log's own for good.")
    ] = False,
) -> None:
    """Let a further key sign every checkpoint; prints its announcement, signed by the log's own key, for everybody who has a policy."""
    if mldsa == (until is not None) or (hsm and mldsa):
        raise Failure(Exit.USAGE, "give --until, or --ml-dsa-44", "docs/trust.md says when which")
    settings = configured(TransparencySettings)
    with log_session(settings) as session, _failing():
        made = new_mldsa44() if mldsa else new_ed25519() if hsm is None else named_key(*hsm)
        ends = None if until is None else micros(until, "--until")
        out.print(
            str(add(session, settings.transparency_key, made, ends)), end="", markup=False, soft_wrap=True
        )
    err.print("give the file of the log's keys to every machine that sequences it", markup=False)


@app.command("end")
def end_command(
    key: Annotated[str, typer.Argument(help="The id of the key: the 8 digits behind the log's name.")],
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Before the announced time: the key is in other hands.")
    ] = False,
) -> None:
    """End a key once the witnesses of the policy cosign what the others sign; it is taken out of the key file, and keeps its line in policies."""
    settings = configured(TransparencySettings)
    with log_session(settings) as session, _failing():
        end(session, settings.transparency_key, key, settings.policy(), at_once=at_once)
    out.print(f"{key} signs no more", markup=False)


@app.command()
def accept(
    announcement: Annotated[Path, typer.Argument(help="What `key add` printed.")],
    policy: Annotated[Path, typer.Option(help="Your policy: the line of the key is added to it.")],
) -> None:
    """Take an announced key into a policy, if a key that the policy has signed the announcement; prints the verifier key, for a witness."""
    trust = policy_of(policy)
    try:
        found = Announcement.verified(Note.parse(announcement.read_bytes()), trust)
    except (OSError, Malformed, BadSignature) as problem:
        raise Failure(Exit.FINDINGS, str(problem), "ask whoever runs the log, by another way") from None
    if found.key not in trust.logs:
        with policy.open("a", encoding="utf-8") as file:
            file.write(f"\nlog {found.key}\n")
    out.print(str(found.key), markup=False, soft_wrap=True)
    if found.until is not None:
        ends = iso(found.until * log.SECOND)
        err.print(f"both keys sign until {ends}; keep the old line: receipts of then need it", markup=False)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except log.NoLog as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun transparency create ORIGIN") from None
    except (log.LogRefused, Contradicted) as problem:
        raise Failure(
            Exit.FINDINGS, str(problem), "docs/guides/transparency.md says what each means"
        ) from None
    except (Unchanged, OSError, ValueError) as problem:
        raise Failure(
            Exit.FAILED, str(problem), "nothing was changed in the log; lianyun transparency show"
        ) from None
