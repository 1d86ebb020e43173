"""What stands first on the tracking page: where the cargo is, what is wrong and who must act, what has been reached, how old the news is.

Everything is computed from the filtered view (``VisibleConsignment.body``); what is masked there is absent here. Times are UTC
microseconds, codes are those of the view, words come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import railnet
from schemas.rfc3339 import parse_micros
from services.domain.rules import SILENT_AFTER
from services.pages.tracking.line import ON_THE_WAY, Line, Whereabouts, line, visited

Plain = Mapping[str, Any]
DELIVERED = 6
_ARRIVALS = (
    "movement.arrived_at_destination",
    "movement.available",
    "movement.delivered",
    "movement.arrived",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement, as the page shows it; "" and None for what the viewer may not see."""

    milestone: str
    classifier: str
    happened: int
    place: str
    object: str
    by: str
    assurance: str
    published: int | None
    recorded: int | None
    standing: str
    jurisdiction: str
    finding: str


@dataclass(frozen=True, slots=True)
class Concern:
    """Something wrong, or to be known: ``kind`` and ``code`` say what, ``tone`` is bad, warn or info, ``owner`` the role that must act."""

    kind: str
    code: str
    tone: str
    owner: str = ""
    place: str = ""
    since: int | None = None
    until: int | None = None
    by: str = ""
    object: str = ""
    lasting: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """One of the about eight steps of a journey: ``state`` is done, now or ahead; ``places`` are both halves of a border.

    ``at`` is when it was reached, ``place`` where that was reported.
    """

    code: str
    state: str
    places: tuple[str, ...]
    at: int | None
    place: str
    by: str


@dataclass(frozen=True, slots=True)
class Source:
    """How old the newest that a publisher has stated here is: when it was recorded."""

    by: str
    recorded: int


@dataclass(frozen=True, slots=True)
class Containers:
    """Containers in one and the same state."""

    numbers: tuple[str, ...]
    count: int
    position: Claim | None
    holds_cargo: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """The page. ``phase`` is 0 where nothing is known of a movement, ``tone`` is the worst of the concerns.

    ``position`` is that of the container furthest behind; ``together`` says that it is that of all.
    """

    reference: str
    others: tuple[str, ...]
    phase: int
    position: Claim | None
    tone: str
    expected: tuple[Claim, ...]
    concerns: tuple[Concern, ...]
    line: Line | None
    reached: tuple[Reached, ...]
    containers: tuple[Containers, ...]
    box_count: int
    together: bool
    customs: tuple[tuple[str, Claim], ...]
    document: Claim | None
    documents: tuple[Claim, ...]
    sources: tuple[Source, ...]
    quiet_until: int | None
    events: tuple[Claim, ...]


def summary(body: Plain, route: Sequence[str], now: int) -> Summary:
    """The page of a filtered view; ``route`` are the codes of its planned places, () where the viewer sees none."""
    events = tuple(sorted(map(claim, body["timeline"]), key=lambda e: (-e.happened, e.milestone, e.object)))
    position = None if body["movement"] is None else claim(body["movement"])
    phase = 0 if body["movement"] is None else int(body["movement"]["phase"])
    facts = [each for each in events if each.classifier == "ACT" and each.standing == "COUNTED"]
    concerns = tuple(_concerns(body, now))
    boxes = [box for box in body["boxes"] if box["counted"] and box["holds_cargo"]] or [
        box for box in body["boxes"] if box["counted"]
    ]
    where = [_whereabouts(box["position"]) for box in boxes] or [_whereabouts(body["movement"])]
    drawn = line(route or visited(body["timeline"]), where)
    return Summary(
        reference=body["consignment"],
        others=tuple(each for each in body["members"] if each != body["consignment"]),
        phase=phase,
        position=position,
        tone=_worst(concerns, phase),
        expected=_expected(events, facts, route, phase),
        concerns=concerns,
        line=drawn,
        reached=_reached(facts, phase, drawn),
        containers=_containers(body["boxes"]),
        box_count=len(boxes),
        together=len(_containers(boxes)) <= 1,
        customs=tuple((code, claim(each)) for code, each in sorted(body["customs"].items())),
        document=None if body["document"] is None else claim(body["document"]),
        documents=tuple(each for each in facts if each.milestone.startswith("document.")),
        sources=_sources(events),
        quiet_until=_quiet_until(facts, phase, body["silent"]),
        events=events,
    )


def claim(item: Plain) -> Claim:
    """A claim of the view, of the timeline or elsewhere."""
    return Claim(
        milestone=item["milestone"],
        classifier=item["classifier"],
        happened=parse_micros(item["happened"]),
        place=item["place"] or "",
        object=item["object"] or "",
        by=item["by"] or "",
        assurance=item["assurance"] or "",
        published=None if item["published"] is None else parse_micros(item["published"]),
        recorded=parse_micros(item["recorded"]) if item.get("recorded") else None,
        standing=item.get("standing", "COUNTED"),
        jurisdiction=item["jurisdiction"] or "",
        finding=item.get("finding") or "",
    )


def _whereabouts(item: Plain | None) -> Whereabouts:
    if item is None:
        return Whereabouts("", 0, "")
    return Whereabouts(item["milestone"], int(item["phase"]), item["place"] or "")


def _concerns(body: Plain, now: int) -> Iterable[Concern]:
    for each in body["exceptions"]:
        since = claim(each["since"])
        yield Concern(
            "exception", each["kind"], "bad", each["owner"] or "", since.place, since.happened, None, since.by,
            each["object"] or "",
        )  # fmt: skip
    for each in body["restrictions"]:
        yield _restriction(each, "warn")
    for each in body["disputed_links"]:
        yield Concern("assignment", "", "warn", object=each["object"], since=parse_micros(each["from"]))
    for each in body["disputes"]:
        yield Concern(
            "dispute", each["milestone"], "warn", place=each["place"] or "", object=each["object"] or ""
        )
    for each in body["handovers"]:
        if each["unmatched"]:
            yield Concern("one_sided", "", "warn", "railway", each["place"])
        elif each["state"] == "DIFFERENT":
            yield Concern("lists_differ", "", "warn", "railway", each["place"])
    for each in body["overdue"]:
        late = claim(each)
        yield Concern("overdue", late.milestone, "warn", place=late.place, since=late.happened, by=late.by)
    if body["silent"]:
        yield Concern("silent", "", "warn", lasting=SILENT_AFTER)
    for each in body["announced_restrictions"]:
        if each["to"] is None or parse_micros(each["to"]) > now:
            yield _restriction(each, "info")


def _restriction(item: Plain, tone: str) -> Concern:
    until = None if item["to"] is None else parse_micros(item["to"])
    return Concern(
        "restriction", item["kind"], tone, "", item["place"], parse_micros(item["from"]), until, item["by"]
    )


def _worst(concerns: Sequence[Concern], phase: int) -> str:
    tones = {each.tone for each in concerns}
    if "bad" in tones:  # trouble that nothing has ended stays trouble after the delivery
        return "bad"
    if phase >= DELIVERED:
        return "done"
    return "warn" if "warn" in tones else "good"


def _expected(
    events: Sequence[Claim], facts: Sequence[Claim], route: Sequence[str], phase: int
) -> tuple[Claim, ...]:
    """What publishers expect or plan for the end of the journey and is not reached; expected before planned, the newest first."""
    if phase > ON_THE_WAY:
        return ()
    last = railnet.canonical(route[-1]) if route else None
    reached = {(each.milestone, railnet.canonical(each.place)) for each in facts}
    found = [
        each
        for each in events
        if each.classifier in ("EST", "PLN")
        and each.standing == "COUNTED"
        and each.milestone in _ARRIVALS
        and (each.milestone != "movement.arrived" or railnet.canonical(each.place) == last)
        and (each.milestone, railnet.canonical(each.place)) not in reached
    ]
    return tuple(sorted(found, key=lambda e: (e.classifier, -(e.published or 0), e.by)))


def _reached(facts: Sequence[Claim], phase: int, drawn: Line | None) -> tuple[Reached, ...]:
    """Booked, at the origin, departed, each change of gauge, at the destination, picked up, delivered.

    A border is reached when the last box has come there; its time is that of the change, else of the arrival.
    """
    first: dict[str, Claim] = {}
    for each in sorted(facts, key=lambda e: (e.happened, e.by)):
        first.setdefault(each.milestone, each)
    steps: list[tuple[str, tuple[str, ...], Claim | None, bool]] = [
        _step("booked", first, ("movement.booked", "movement.booking_confirmed"), phase >= 1),
        _step("origin", first, ("movement.gated_in", "movement.loaded_on_wagon", "movement.stuffed"), phase >= ON_THE_WAY),
        _step("departed", first, ("movement.departed",), phase >= ON_THE_WAY),
    ]  # fmt: skip
    for stop in () if drawn is None else drawn.changes:
        there = [each for each in facts if railnet.canonical(each.place) in stop.places and _moves(each)]
        changed = [each for each in there if each.milestone in _CHANGES] or there
        at = min(changed, key=lambda e: e.happened, default=None)
        passed = stop.state != "ahead" or phase > ON_THE_WAY
        steps.append(("gauge", stop.places, at, passed))
    steps += [
        _step("destination", first, ("movement.arrived_at_destination", "movement.unloaded", "movement.available"), phase >= 4),
        _step("picked_up", first, ("movement.gated_out",), phase >= 5),
        _step("delivered", first, ("movement.delivered",), phase >= DELIVERED),
    ]  # fmt: skip
    done = [passed for *_, passed in steps]
    last = max((number for number, passed in enumerate(done) if passed), default=-1)
    return tuple(
        Reached(
            code,
            "now" if number == last else "done" if passed else "ahead",
            places or (() if at is None or not at.place else (at.place,)),
            at.happened if at is not None and passed else None,
            at.place if at is not None and passed else "",
            at.by if at is not None and passed else "",
        )
        for number, (code, places, at, passed) in enumerate(steps)
    )


_CHANGES = frozenset({"movement.transshipped", "movement.handed_over"})


def _step(
    code: str, first: Mapping[str, Claim], milestones: Sequence[str], passed: bool
) -> tuple[str, tuple[str, ...], Claim | None, bool]:
    at = next((first[each] for each in milestones if each in first), None)
    return code, (), at, passed or at is not None


def _moves(each: Claim) -> bool:
    return each.milestone.startswith("movement.")


def _containers(boxes: Sequence[Plain]) -> tuple[Containers, ...]:
    """The containers that count, those in the same state together."""
    groups: dict[tuple[Any, ...], list[Plain]] = {}
    for box in boxes:
        if box["counted"]:
            at = box["position"]
            key = (None,) if at is None else (at["milestone"], at["place"], at["happened"], at["by"])
            groups.setdefault((*key, box["holds_cargo"]), []).append(box)
    return tuple(
        Containers(
            tuple(sorted(box["container"] for box in group if box["container"])),
            len(group),
            None if group[0]["position"] is None else claim(group[0]["position"]),
            group[0]["holds_cargo"],
        )
        for group in groups.values()
    )


def _sources(events: Iterable[Claim]) -> tuple[Source, ...]:
    newest: dict[str, int] = {}
    for each in events:
        if each.by and each.recorded is not None:
            newest[each.by] = max(each.recorded, newest.get(each.by, 0))
    return tuple(Source(by, at) for by, at in sorted(newest.items(), key=lambda item: -item[1]))


def _quiet_until(facts: Sequence[Claim], phase: int, silent: bool) -> int | None:
    """Until when it is no reason to worry that nobody reports anything; None where it is over, or was too long."""
    if silent or not 0 < phase < DELIVERED or not facts:
        return None
    return max(each.happened for each in facts) + SILENT_AFTER
