"""`lianyun track`: the state of a consignment by any identifier that a person may hold."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.moments import micros, now
from services.cli.output import marked, out, print_json, print_table
from services.cli.settings import CliSettings
from services.query import identifiers, rendering, views
from services.registry import store

FORMS = (
    "a container (CSQU3054383), a consignment (party/reference), a booking (party/number), a note "
    "(SMGS/country/station/number/year), a train (company/number/date/origin) or a declaration (an MRN, or the "
    "declarant's own PL/LRN/holder/number); "
    "kind:id says the kind outright"
)


def track(
    identifier: Annotated[str, typer.Argument(help=f"What you hold: {FORMS}.")],
    as_of: Annotated[str, typer.Option(help="The state at that moment (RFC 3339); now by default.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show where a consignment is, what holds it, and who said what and how sure."""
    moment = micros(as_of, "--as-of") if as_of else now()
    things = identifiers.candidates(identifier)
    if not things:
        raise Failure(Exit.USAGE, f"{identifier!r} has the form of no identifier", f"give {FORMS}")
    with session(CliSettings()) as connection:
        registry = store.look(connection)
        found = [
            told
            for consignment in views.consignments_of(connection, things)
            if (told := views.told_of(connection, consignment, moment, registry)) is not None
        ]
    if not found:
        raise Failure(
            Exit.NOT_FOUND,
            f"nothing founded is known under {identifier!r}",
            "check the spelling; facts that reach no consignment yet wait until a link or a founding arrives",
        )
    shown = [rendering.plain(told) for told in found]
    if as_json:
        print_json({"consignments": shown})
        return
    for consignment in shown:
        show_view(consignment)


def show_view(view: dict[str, Any]) -> None:
    """Print a rendered view for people: where, customs, boxes, what is wrong, and the timeline."""
    timeline, view = view["timeline"], marked(view)
    out.print(f"[bold]consignment {view['consignment']}[/] as of {view['as_of']}")
    others = [member for member in view["members"] if member != view["consignment"]]
    if others:
        out.print(f"  the same as {', '.join(others)}")
    out.print(f"  where      {_said(view['movement'])}")
    for code, position in view["customs"].items():
        out.print(f"  customs {code} {_said(position)}")
    out.print(f"  document   {_said(view['document'])}")
    _show_boxes(view)
    for exception in view["exceptions"]:
        out.print(f"  [bold red]{exception['kind']}[/] {exception['object']}: {_said(exception['since'])}")
    for dispute in view["disputes"]:
        out.print(
            f"  [bold yellow]DISPUTED[/] {dispute['milestone']} of {dispute['object']} {dispute['place_name']}"
        )
        for answer in dispute["answers"]:
            out.print(f"    {answer['by']} says {answer['happened']} ({answer['assurance']})")
    for handover in view["handovers"]:
        out.print(f"  hand-over at {handover['place_name']}: {handover['state']}{_left_over(handover)}")
    for restriction in view["restrictions"]:
        out.print(
            f"  [bold red]{restriction['kind']}[/] at {restriction['place_name']} from {restriction['from']}"
        )
    for claim in view["overdue"]:
        out.print(
            f"  overdue    {claim['milestone']} {claim['place_name']} was {claim['classifier']} {claim['happened']}"
        )
    if view["silent"]:
        out.print("  [bold]silent[/]: nobody has said anything for more than a week")
    columns = ("happened", "", "milestone", "place", "object", "by", "assurance", "standing")
    rows = [
        (
            entry["happened"],
            entry["classifier"],
            entry["milestone"],
            entry["place_name"],
            entry["object"],
            entry["by"],
            entry["assurance"],
            entry["standing"] + (" via disputed link" if entry["via_disputed_link"] else ""),
        )
        for entry in timeline
    ]
    print_table(columns, rows)


def _show_boxes(view: dict[str, Any]) -> None:
    boxes = [box for box in view["boxes"] if box["counted"]]
    for box in boxes[:10]:
        left = "" if box["holds_cargo"] else " (the cargo has left it)"
        out.print(f"  box        {box['container']}{left}: {_said(box['position'])}")
    if len(boxes) > 10:
        out.print(
            f"  ... and {len(boxes) - 10} more boxes; {view['boxes_behind']} in the least advanced phase"
        )


def _left_over(handover: dict[str, Any]) -> str:
    """The boxes that are not on every list of the hand-over, by what is wrong with them."""
    named = (
        ("missing", "missing"),
        ("surplus", "surplus"),
        ("announced_only", "announced and not handed over"),
        ("unannounced", "not announced"),
    )
    return "".join(f", {words} {', '.join(handover[name])}" for name, words in named if handover[name])


def _said(claim: dict[str, Any] | None) -> str:
    if claim is None:
        return "nothing known"
    place = f" at {claim['place_name']}" if claim["place_name"] else ""
    link = ", via disputed link" if claim.get("via_disputed_link") else ""
    return (
        f"{claim['milestone']}{place} {claim['happened']} (said by {claim['by']}, {claim['assurance']}{link})"
    )
