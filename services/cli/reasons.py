"""Why something counts for no consignment, in the words of `lianyun track`."""

from __future__ import annotations

from typing import Any

from services.cli.output import marked, out


def show_unreached(found: dict[str, Any]) -> None:
    """Print what is known of an object and reaches no consignment, each fact with its publisher, assurance and reason."""
    if found["because"]:
        out.print(f"{found['object']}: known, reaches no consignment, because", markup=False)
        for line in _several(found["because"]):
            out.print(f"  {line}", markup=False)
    elif found["facts"]:
        out.print(f"{found['object']}: facts that reach no consignment", markup=False)
    for fact in found["facts"]:
        place = f" at {fact['place_name']}" if fact["place_name"] else ""
        out.print(
            f"  {fact['happened']} {fact['classifier']} {fact['milestone']}{place} (said by {fact['by']}, {fact['assurance']}, "
            f"published {fact['published']} as {fact['event']['id']})",
            markup=False,
        )
        for line in _several(fact["because"]) if fact["because"] != found["because"] else ():
            out.print(f"    because {line}", markup=False)
    if not found["because"]:
        return
    show_quarantined(marked(found["quarantined"]))
    for link in found["links"]:
        out.print(f"  {_assigned(link)}{_taken_back(link)}", markup=False)
    for route in found["routes"]:
        out.print(
            f"  route {' - '.join(route['places'])} (said by {route['by']}){_taken_back(route)}", markup=False
        )


def show_quarantined(events: list[dict[str, Any]]) -> None:
    """Print what counts as if it had never been accepted, because its key had stopped counting."""
    for event in events:
        out.print(
            f"  quarantined {event['type']} (said by {event['by']}, published {event['published']} as {event['event']['id']}): "
            "its key had stopped counting"
        )


def show_not_live(events: list[dict[str, Any]]) -> None:
    """Print what does not count in a view: what equivocates with each variant, what is in a cycle, what was taken back and by what."""
    for event in events:
        name = event["event"]["id"]
        if event["reason"] == "EQUIVOCATES":
            out.print(
                f"  [bold red]EQUIVOCATES[/] {event['by']} signed {len(event['variants'])} contents under {name}; none counts"
            )
            for variant in event["variants"]:
                said = "; ".join(map(_said, variant["claims"])) or variant["type"]
                out.print(f"    published {variant['published']} ({variant['digest']}): {said}")
            continue
        said = "; ".join(map(_said, event["claims"])) or event["type"]
        if event["reason"] == "IN_CYCLE":
            out.print(
                f"  [bold red]IN A CYCLE[/] of corrections of {event['by']}: {name} ({said}); it does not count"
            )
            continue
        by = ", ".join(map(_withdrawing, event["withdrawn_by"]))
        out.print(
            f"  withdrawn  {said} (said by {event['by']}, published {event['published']} as {name}), {by}"
        )


def _said(claim: dict[str, Any]) -> str:
    place = f" at {claim['place_name']}" if claim["place_name"] else ""
    return f"{claim['milestone']} of {claim['object']}{place} {claim['classifier']} {claim['happened']}"


def _several(obstacles: list[dict[str, Any]], most: int = 3) -> list[str]:
    lines = list(dict.fromkeys(map(because, obstacles)))
    return lines if len(lines) <= most else [*lines[:most], f"and {len(lines) - most} more such reasons"]


def because(obstacle: dict[str, Any]) -> str:
    """One reason as a clause."""
    reason, said, link = obstacle["reason"], obstacle["said"], obstacle["assignment"]
    if reason == "NO_LINK":
        return f"no link leads on from {obstacle['object']} to a consignment"
    if reason == "NOT_FOUNDED":
        return f"nobody has founded {obstacle['object']}"
    if reason == "AFTER_ASSIGNMENT":
        return f"it lies after the assignment of {link['left']} to {link['right']} by {link['by']}, which ended at {obstacle['at']}{_ended(obstacle['ended_by'])}"
    if reason == "BEFORE_ASSIGNMENT":
        return f"it lies before the assignment of {link['left']} to {link['right']} by {link['by']}, which begins at {obstacle['at']}"
    what = "the fact" if link is None else f"the link of {link['left']} to {link['right']}"
    if reason.startswith("FOUNDING_"):
        what = f"the founding of {link['right'] if link else obstacle['object']}"
    return f"{what} {dead(reason.rpartition('_')[2] if reason != 'IN_CYCLE' else 'CYCLE', said, obstacle['withdrawn_by'])}"


def _ended(event: dict[str, Any] | None) -> str:
    return "" if event is None else f" by {event['type']} of {event['by']} ({event['event']['id']})"


def dead(why: str, said: dict[str, Any], withdrawn_by: list[dict[str, Any]]) -> str:
    """What makes an event count for nothing, as a predicate; ``why`` is EQUIVOCATES, CYCLE or WITHDRAWN."""
    if why == "EQUIVOCATES":
        contents = ", ".join(f"{each['digest']} published {each['published']}" for each in said["variants"])
        return f"equivocates: {said['by']} signed {len(said['variants'])} contents under {said['event']['id']} ({contents})"
    if why == "CYCLE":
        return f"is in a cycle of corrections of {said['by']} ({said['event']['id']})"
    by = ", ".join(_withdrawing(each) for each in withdrawn_by)
    return f"({said['event']['id']} of {said['by']}, published {said['published']}) was {by}"


def _withdrawing(event: dict[str, Any]) -> str:
    verb = "corrected" if event["type"] == "correction.corrected" else "retracted"
    return f"{verb} by {event['by']} at {event['published']} ({event['event']['id']})"


def _assigned(link: dict[str, Any]) -> str:
    until = f" to {link['to']}" if link["to"] else ""
    return f"{link['left']} belongs to {link['right']} from {link['from']}{until} (said by {link['by']})"


def _taken_back(stated: dict[str, Any]) -> str:
    if stated["counts"]:
        return ""
    by = ", ".join(_withdrawing(each) for each in stated["withdrawn_by"])
    return f": does not count, {by if stated['reason'] == 'WITHDRAWN' and by else stated['reason']}"
