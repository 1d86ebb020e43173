"""What the commands that change the registry share: options, party lookup, and refusals as failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from schemas.schemes import WeakKeyError
from services.cli.exits import Exit, Failure
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry, RegistryError

T = TypeVar("T")
Code = Annotated[str, typer.Argument(help="The party's code, such as ktz.")]
By = Annotated[str, typer.Option(help="Who does this, for the record.")]


def registered(change: Callable[[], T]) -> T:
    """Make ``change``; a refusal of the registry becomes a Failure."""
    try:
        return change()
    except RegistryError as problem:
        raise Failure(Exit.FAILED, problem.problem, problem.remedy or "lianyun party list") from None
    except (ValidationError, WeakKeyError) as problem:
        raise Failure(Exit.USAGE, f"not a usable key: {problem}", "lianyun key add --help") from None


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
