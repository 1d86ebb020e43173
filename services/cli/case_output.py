"""How cases are shown: one JSON object for programs, lines and tables for people."""

from __future__ import annotations

from typing import Any

from schemas import railnet
from services.cases.domain.lifecycle import Desk, Step
from services.cases.store.overview import Listed, Whole
from services.cli.output import iso, out, print_table
from services.domain.facts import Micros
from services.query.view_json import place_name

_NO_BORDER = "-"


def plain_case(case: Listed, at: Micros) -> dict[str, Any]:
    """A case of a list as JSON-ready data."""
    life = case.life
    return {
        "case": case.id.hex(),
        "kind": str(case.kind),
        "what": case.what,
        "about": str(case.about),
        "jurisdiction": case.jurisdiction,
        "place": case.place,
        "place_name": place_name(case.place),
        "occurrence": case.occurrence,
        "crossing": case.crossing or None,
        "status": str(case.status(at)),
        "cause_stands": case.stands,
        "owner": None if life.owner is None else str(life.owner),
        "snoozed_until": None if life.snoozed_until is None else iso(life.snoozed_until),
        "acts": None if case.acts is None else str(case.acts),
        "since": iso(case.since),
        "due": iso(case.due),
        "opened": iso(life.opened),
        "last_step": iso(life.at),
        "closed_as": life.reason or None,
    }


def plain_whole(whole: Whole, at: Micros, events: dict[bytes, tuple[str, str]]) -> dict[str, Any]:
    """All of one case as JSON-ready data; ``events`` are the names of those that it rests on."""
    cause = whole.cause
    return {
        **plain_case(whole.listed, at),
        "missing": [] if cause is None else sorted(cause.missing),
        "surplus": [] if cause is None else sorted(cause.surplus),
        "consignments": len(whole.consignments),
        "evidence": [
            {"event": event.hex(), **_named(events.get(event))}
            for event in (whole.steps[0].evidence if cause is None else cause.events)
        ],
        "steps": [plain_step(step) for step in whole.steps],
    }


def plain_step(step: Step) -> dict[str, Any]:
    """A step as JSON-ready data."""
    told: dict[str, Any] = {
        "number": step.number,
        "step": str(step.kind),
        "at": iso(step.at),
        "by": _desk(step.by),
        "to": _desk(step.to),
        "until": None if step.until is None else iso(step.until),
        "reason": step.reason or None,
        "note": step.text or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def show_list(cases: list[Listed], at: Micros) -> None:
    """A table, the case first that is due first."""
    columns = ("case", "status", "kind", "what", "about", "where", "since", "due", "owner")
    print_table(columns, [_row(case, at) for case in cases])


def _row(case: Listed, at: Micros) -> tuple[object, ...]:
    late = " LATE" if case.due < at and not case.life.closed else ""
    gone = "" if case.stands or case.life.closed else " (cause gone)"
    return (
        case.short,
        f"{case.status(at)}{gone}",
        case.kind,
        case.what,
        case.about,
        crossing_name(case.crossing) if case.crossing else place_name(case.place),
        iso(case.since),
        iso(case.due) + late,
        case.life.owner or "",
    )


def show_whole(told: dict[str, Any]) -> None:
    """One case with its evidence and steps."""
    out.print(
        f"case {told['case'][:8]}  {told['kind']} {told['what']}  {told['about']}  {told['status']}",
        markup=False,
    )
    where = told["place_name"] or _NO_BORDER
    out.print(f"  where      {where}  crossing {told['crossing'] or _NO_BORDER}", markup=False)
    out.print(f"  since      {told['since']}, somebody has to have acted by {told['due']}", markup=False)
    stands = "stands" if told["cause_stands"] else "is gone"
    out.print(f"  cause      {stands}; shown by {told['consignments']} consignments", markup=False)
    out.print(f"  owner      {told['owner'] or 'nobody'}", markup=False)
    if told["snoozed_until"]:
        out.print(f"  snoozed    until {told['snoozed_until']}", markup=False)
    for name in ("missing", "surplus"):
        if told[name]:
            out.print(f"  {name:<10} {', '.join(told[name])}", markup=False)
    for event in told["evidence"]:
        name = f"{event['source']} {event['id']}" if event["source"] else event["event"]
        out.print(f"  rests on   {name}", markup=False)
    rows = [
        (
            step["at"],
            step["step"],
            step.get("by", "the platform"),
            " ".join(str(step[name]) for name in ("to", "until", "reason", "note") if name in step),
        )
        for step in told["steps"]
    ]
    print_table(("at", "step", "by", ""), rows)


def crossing_name(crossing: str, language: str = "en") -> str:
    """A crossing by the names of its two stations."""
    known = railnet.crossings().get(crossing)
    if known is None:
        return crossing or _NO_BORDER
    stations = railnet.stations()
    return "–".join(stations[side.station].names.best(language) for side in (known.a, known.b))


def _named(event: tuple[str, str] | None) -> dict[str, str]:
    source, id_ = event or ("", "")
    return {"source": source, "id": id_}


def _desk(desk: Desk | None) -> str | None:
    return None if desk is None else str(desk)
