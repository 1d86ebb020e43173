"""What the commands that change the registry share: options, party lookup, and refusals as failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import orjson
import typer
from pydantic import ValidationError

from schemas.schemes import WeakKeyError
from services.cli.exits import Exit, Failure
from services.cli.output import err
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.signed import SignedStatement, Statement
from services.ledger.registry.store import Unsigned

T = TypeVar("T")
FORMAT = "lianyun-registry-proposal-v1"
Countries = Annotated[list[str] | None, typer.Option(help="Its territory: an ISO 3166 alpha-2 country.")]
Managers = Annotated[list[str] | None, typer.Option(help="Its territory: an infrastructure manager.")]
Places = Annotated[list[str] | None, typer.Option(help="Its territory: a place such as railnet:dostyk.")]
Code = Annotated[str, typer.Argument(help="The party's code, such as ktz.")]
By = Annotated[str, typer.Option(help="Who does this, for the record.")]


def registered(change: Callable[[], T]) -> T:
    """Make ``change``; a refusal of the registry becomes a Failure."""
    try:
        return change()
    except Unsigned as unsigned:
        typer.echo(proposal_text(unsigned.proposed))
        err.print("not made yet: two administrators have to sign it", style="yellow")
        err.print(
            "lianyun registry sign FILE --key KEY, twice, then: lianyun registry apply FILE", markup=False
        )
        raise typer.Exit(Exit.OK) from None
    except RegistryError as problem:
        raise Failure(Exit.FAILED, problem.problem, problem.remedy or "lianyun party list") from None
    except (ValidationError, WeakKeyError) as problem:
        raise Failure(Exit.USAGE, f"not a usable key: {problem}", "lianyun key add --help") from None


def proposal_text(signed: SignedStatement) -> str:
    """A statement and the signatures that it has so far, as a file that is handed from one administrator to the next."""
    body = {"format": FORMAT, "statement": signed.text, "signatures": list(signed.signatures)}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def read_proposal(raw: bytes) -> SignedStatement:
    """The statement of such a file; Failure where it is none."""
    try:
        found = orjson.loads(raw)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}")
        signed = SignedStatement(str(found["statement"]), tuple(map(str, found["signatures"])))
        Statement.parse(signed.text)
    except (ValueError, KeyError, TypeError, RegistryError) as problem:
        raise Failure(
            Exit.USAGE, f"this is no proposal: {problem}", "lianyun registry propose writes one"
        ) from None
    return signed


def formed(make: Callable[[], T], command: str) -> T:
    """Make an event of the registry of what was typed; Failure where a field cannot be that."""
    try:
        return make()
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Failure(Exit.USAGE, f"{where}: {first['msg']}", f"lianyun {command} --help") from None


def known_party(registry: Registry, code: str) -> Party:
    """The party of that code; Failure where there is none."""
    found = registry.party(code)
    if found is None:
        raise Failure(Exit.NOT_FOUND, f"no party {code!r} is registered", "lianyun party list")
    return found
