"""`lianyun track`: the state of a consignment by any of its identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from schemas.events.base import ObjectKind
from services.cli.arrival import forecast_of, in_one_line
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import marked, out, print_json, print_table
from services.cli.reasons import show_not_live, show_quarantined, show_unreached
from services.cli.settings import CliSettings
from services.domain.objects import Thing
from services.domain.view import HandoverState
from services.ledger.registry import store
from services.query import identifiers, view_json, views
from services.query.explanation_json import explanation_json
from services.query.explanations import read_explanation

_TO = "that leads to a consignment that was opened"
_WAYS = {
    ObjectKind.CONSIGNMENT: "the cre.link.consignment_opened.v1 that opens it",
    ObjectKind.CONTAINER: f"a cre.link.consignment_opened.v1 that names it, or a cre.link.containers_assigned.v1 {_TO}",
    ObjectKind.BOOKING: f"a cre.link.consignment_opened.v1 that names it, or a cre.link.booking_assigned.v1 {_TO}",
    ObjectKind.NOTE: f"a cre.link.consignment_opened.v1 that names it, or a cre.link.note_covers.v1 {_TO}",
    ObjectKind.DECLARATION: f"a cre.link.declaration_covers.v1 {_TO}",
    ObjectKind.WAGON: f"a cre.link.wagon_loaded.v1 {_TO}",
    ObjectKind.TRAIN: f"a cre.link.train_composed.v1 and cre.link.wagon_loaded.v1 {_TO}",
}
"""By which event each kind of thing comes to belong to a consignment."""
_NO_PARTY = {
    "PUBLISHER_NO_PARTY": ": its publisher is no party here",
    "LINK_BY_NO_PARTY": ": a link on its way is by no party here",
    "ENDS_OWN_LINK_ONLY": ": its publisher is no party here, but ends its own assignment by it",
}
FORMS = (
    "a container (CSQU3054383), a consignment (party/reference), a booking (party/number), a note "
    "(SMGS/country/station/number/year), a train (company/number/date/origin) or a declaration (an MRN, or the "
    "declarant's own PL/LRN/holder/number); "
    "kind:id says the kind outright"
)


VIEW = "VIEW"
"""What is shown: derived on read from all stored facts, as banks are shown it. Lists, counts and gauges read heads, which are cached."""


def track(
    identifier: Annotated[str, typer.Argument(help=f"What you hold: {FORMS}.")],
    as_of: Annotated[str, typer.Option(help="The state at that moment (RFC 3339); now by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where a consignment is, what holds it, and who said what and how sure.

    This is the view, derived on read from all stored facts, never the cached head that lists, counts and dashboards read. A head
    knows no fact that came only by train or wagon, and no planned route:
    docs/decisions/0003-fold-in-sql-and-in-python.md.
    """
    moment = micros(as_of, "--as-of") if as_of else now()
    things = identifiers.candidates(identifier)
    if not things:
        raise Failure(Exit.USAGE, f"{identifier!r} has the form of no identifier", f"give {FORMS}")
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        found = [
            found_view
            for consignment in views.consignments_of(connection, things)
            if (found_view := views.read_view(connection, consignment, moment, registry)) is not None
        ]
        read = (read_explanation(connection, thing, moment, registry, found) for thing in things)
        unreached = [explanation_json(each) for each in read if each is not None]
        arrivals = [] if as_of else [forecast_of(connection, found_view, moment) for found_view in found]
    shown = [view_json.view_json(found_view) for found_view in found]
    waiting = [_beside_views(each) for each in unreached] if found else unreached
    waiting = [each for each in waiting if each["because"] or each["facts"]]
    if not found and not waiting:
        raise Failure(
            Exit.NOT_FOUND,
            f"nothing is known under {identifier!r}",
            "check the spelling; see whether what you published was accepted: lianyun events tail; lianyun dlq list",
        )
    if as_json:
        print_json({"shows": VIEW, "consignments": shown, "waiting": waiting})
    else:
        by_consignment = {each["consignment"]: in_one_line(each) for each in arrivals}
        for consignment in shown:
            show_view(consignment, by_consignment.get(consignment["consignment"], ""))
        for each in waiting:
            show_unreached(each)
    if not found:
        raise Failure(Exit.NOT_FOUND, f"{identifier} belongs to no consignment yet", _lacks(things))


def _beside_views(unreached: dict[str, Any]) -> dict[str, Any]:
    """What the views of its consignments leave out of an object: facts that count and reach none of them."""
    return {**unreached, "because": [], "facts": [fact for fact in unreached["facts"] if fact["counts"]]}


def _lacks(things: Sequence[Thing]) -> str:
    """Which event would bring these objects into a consignment, and who publishes it."""
    ways = [_WAYS[thing.kind] for thing in things if thing.kind in _WAYS]
    return (
        f"nothing is lost, what is known of it waits until somebody publishes {', or '.join(ways)} "
        "(schemas/published/events.md says who may, and how)"
    )


def show_view(view: dict[str, Any], arrival: str = "") -> None:
    """Print a rendered view: position, arrival in one line, customs, containers, exceptions, and the timeline."""
    timeline, view = view["timeline"], marked(view)
    out.print(
        f"[bold]consignment {view['consignment']}[/] as of {view['as_of']} (view, derived from all facts)"
    )
    others = [member for member in view["members"] if member != view["consignment"]]
    if others:
        out.print(f"  the same as {', '.join(others)}")
    out.print(f"  where      {_claim_text(view['movement'])}")
    if arrival:
        out.print(f"  arrival    {arrival}", markup=False)
    for code, position in view["customs"].items():
        out.print(f"  customs {code} {_claim_text(position)}")
    out.print(f"  document   {_claim_text(view['document'])}")
    _show_boxes(view)
    for exception in view["exceptions"]:
        out.print(
            f"  [bold red]{exception['kind']}[/] {exception['object']}: {_claim_text(exception['since'])}"
        )
    for dispute in view["disputes"]:
        out.print(
            f"  [bold yellow]DISPUTED[/] {dispute['milestone']} of {dispute['object']} {dispute['place_name']}"
        )
        for answer in dispute["answers"]:
            out.print(f"    {answer['by']} says {answer['happened']} ({answer['assurance']})")
    for dispute in view["disputed_links"]:
        until = f" to {dispute['to']}" if dispute["to"] else ""
        out.print(f"  [bold yellow]DISPUTED LINK[/] of {dispute['object']} from {dispute['from']}{until}")
        for side in dispute["sides"]:
            party = "" if side["counts"] else ", no party here"
            out.print(
                f"    {side['by']}{party} assigns {side['left']} to {side['right']} from {side['from']} ({side['event']['id']})"
            )
    for handover in view["handovers"]:
        elsewhere = handover["lists_differ"] and handover["state"] == HandoverState.CONFIRMED
        state = f"{handover['state']}{', the lists differ elsewhere' if elsewhere else ''}"
        out.print(f"  hand-over at {handover['place_name']}: {state}{_left_over(handover)}")
    for restriction in view["restrictions"]:
        out.print(f"  [bold red]in force[/]   {_restriction_text(restriction)}")
    for restriction in view["announced_restrictions"]:
        out.print(f"  [yellow]announced[/]  {_restriction_text(restriction)}")
    for restriction in view["past_restrictions"]:
        out.print(f"  {restriction['state'].lower():10} {_restriction_text(restriction)}")
    for claim in view["overdue"]:
        out.print(
            f"  overdue    {claim['milestone']} {claim['place_name']} was {claim['classifier']} {claim['happened']}"
        )
    if view["silent"]:
        out.print("  [bold]silent[/]: nobody has said anything for more than a week")
    show_not_live(view["not_live"])
    show_quarantined(view["quarantined"])
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
            entry["standing"]
            + (f", corrects {entry['corrects']['id']}" if entry["corrects"] else "")
            + _NO_PARTY.get(entry["because"], "")
            + (" via disputed link" if entry["via_disputed_link"] else ""),
        )
        for entry in timeline
    ]
    print_table(columns, rows)


def _show_boxes(view: dict[str, Any]) -> None:
    boxes = [box for box in view["boxes"] if box["counted"]]
    for box in boxes[:10]:
        left = "" if box["holds_cargo"] else " (the cargo has left it)"
        out.print(f"  box        {box['container']}{left}: {_claim_text(box['position'])}")
    if len(boxes) > 10:
        out.print(
            f"  ... and {len(boxes) - 10} more boxes; {view['boxes_behind']} in the least advanced phase"
        )


def _restriction_text(restriction: dict[str, Any]) -> str:
    goods = f" for HS {', '.join(restriction['commodities'])}" if restriction["commodities"] else ""
    until = f"until {restriction['to']}" if restriction["to"] else "end not known"
    place = restriction["place_name"] or restriction["place"]
    return (
        f"{restriction['kind']} at {place}, {restriction['direction']}{goods}, from {restriction['from']}, {until} "
        f"(said by {restriction['by']})"
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


def _claim_text(claim: dict[str, Any] | None) -> str:
    if claim is None:
        return "nothing known"
    place = f" at {claim['place_name']}" if claim["place_name"] else ""
    link = ", via disputed link" if claim.get("via_disputed_link") else ""
    corrects = f", corrects {claim['corrects']['id']}" if claim["corrects"] else ""
    return f"{claim['milestone']}{place} {claim['happened']} (said by {claim['by']}, {claim['assurance']}{corrects}{link})"
