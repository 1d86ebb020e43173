"""`lianyun handover`: the advance list of a train against the sets that both railways signed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from schemas.events.base import ObjectKind
from services.cases.domain.causes import CaseKind
from services.cases.store import overview
from services.cases.store.overview import Listed, Wanted
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, marked, out, print_json, print_table
from services.cli.settings import CliSettings
from services.domain.facts import Micros
from services.domain.view import HandoverView
from services.query import identifiers
from services.query.view_json import place_name
from services.query.views import differences, handovers_of_train


def handover(
    train: Annotated[str, typer.Argument(help="The train: company/number/date/origin.")],
    as_of: Annotated[
        str, typer.Option(help="As it was known at that moment (RFC 3339); now by default.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show what was announced, delivered and received of a train, and name each box that is not on every list."""
    moment = micros(as_of, "--as-of") if as_of else now()
    things = [each for each in identifiers.candidates(train) if each.kind is ObjectKind.TRAIN]
    if not things:
        raise Failure(
            Exit.USAGE,
            f"{train!r} names no train",
            "write company/number/date/origin: cr/X8024/2026-03-02/xian",
        )
    with session(CliSettings()) as connection:
        found = handovers_of_train(connection, things[0], moment)
        cases = overview.listed(connection, Wanted(kind=CaseKind.HANDOVER_DIFFERENCE, limit=10_000))
    if not found:
        raise Failure(
            Exit.NOT_FOUND,
            f"no hand-over of {train} is known",
            "neither railway has signed a list of it yet; lianyun track shows where the train is",
        )
    bodies = [_plain(each, cases, moment) for each in found]
    if as_json:
        print_json({"train": things[0].key, "as_of": iso(moment), "handovers": bodies})
        return
    for each in bodies:
        _show(each)


def _plain(view: HandoverView, cases: list[Listed], at: Micros) -> dict[str, Any]:
    case = next((c for c in cases if (c.place, c.occurrence) == (view.border, view.occurrence)), None)
    return {
        "place": view.place,
        "place_name": place_name(view.place),
        "run": view.occurrence,
        "trains": [train.key for train in view.trains],
        "happened": iso(view.since),
        "state": str(view.state),
        "unmatched": view.unmatched,
        "lists": {
            "advance": {"by": list(view.announcing), "boxes": len(view.announced)},
            "delivering": {"by": list(view.delivering), "boxes": len(view.delivered)},
            "receiving": {"by": list(view.receiving), "boxes": len(view.received)},
        },
        "missing": sorted(view.missing | (view.announced_only if view.receiving else frozenset())),
        "surplus": sorted(view.surplus | view.unannounced),
        "differences": [
            {
                "container": each.container,
                "announced": each.announced,
                "delivered": each.delivered,
                "received": each.received,
            }
            for each in differences(view)
        ],
        "case": None
        if case is None
        else {
            "case": case.id.hex(),
            "status": str(case.status(at)),
            "owner": None if case.life.owner is None else str(case.life.owner),
        },
    }


def _show(body: dict[str, Any]) -> None:
    state = "[bold red]NOT MATCHED[/]" if body["unmatched"] else body["state"]
    run = f" run {marked(body['run'])}" if body["run"] else ""
    place = marked(body["place_name"] or body["place"])
    out.print(f"[bold]hand-over at {place}[/]{run} {body['happened']}: {state}")
    if body["trains"]:
        out.print(f"  trains     {' → '.join(body['trains'])}", markup=False)
    for name, each in body["lists"].items():
        by = ", ".join(each["by"]) or "nobody yet"
        out.print(f"  {name:<10} {each['boxes']} boxes, by {by}", markup=False)
    case = body["case"]
    if case is not None:
        out.print(
            f"  case       {case['case'][:8]} {case['status']}, owned by {case['owner'] or 'nobody'}",
            markup=False,
        )
    if not body["differences"]:
        out.print("  no difference", markup=False)
        return
    mark = {True: "yes", False: "NO", None: ""}
    rows = [
        (each["container"], mark[each["announced"]], mark[each["delivered"]], mark[each["received"]])
        for each in body["differences"]
    ]
    print_table(("box", "announced", "delivered", "received"), rows)
