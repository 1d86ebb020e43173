"""`lianyun find`: consignments by whatever identifies them, as it was typed or pasted."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from schemas.events.base import ObjectKind
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.registry import store
from services.query.search.finder import SCOPE, best
from services.query.search.finder import find as find_objects
from services.query.search.parser import parse
from services.query.views import read_view

_BECAUSE = {
    "EXACT": "as written",
    "LOOK_ALIKE": "looks alike",
    "CHECK_DIGIT_MISSING": "without its check digit",
    "BEGINS": "begins so",
    "ONE_CHARACTER": "but for one character",
}


def find(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help="Numbers or references, also half of one, or a whole mail; - reads them from standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find consignments by any identifier: also half-typed, misspelt by one character or pasted with blanks."""
    wanted = sys.stdin.read() if text in (None, [], ["-"]) else " ".join(text or ())
    with session(CliSettings()) as connection:
        registry, moment = store.read_snapshot(connection), now()

        def reference(consignment: bytes, _kind: ObjectKind) -> str | None:
            known = read_view(connection, consignment, moment, registry)
            return None if known is None else known.view.consignment.key

        hits = best(find_objects(connection, parse(wanted)), reference)
    if as_json:
        print_json({"items": [hit.plain() for hit in hits], "scope": SCOPE})
    elif hits:
        print_table(
            ("object", "because", "certainty", "typed", "consignments"),
            (
                (
                    str(hit.candidate.thing),
                    _BECAUSE[hit.candidate.match],
                    hit.candidate.match.certainty.lower(),
                    hit.candidate.typed,
                    ", ".join(hit.consignments),
                )
                for hit in hits
            ),
        )
        out.print(f"[dim]{SCOPE}[/]")
    if not hits:
        raise Failure(
            Exit.NOT_FOUND, "nothing that belongs to a consignment is named so", f"looked at: {SCOPE}"
        )
