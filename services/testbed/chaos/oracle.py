"""Compares what people would see with what really happened; knows views, and nothing of how they are folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from schemas.events.base import Episode, ObjectKind
from schemas.events.catalogue import by_number
from schemas.events.keys import canonical_key, canonical_place
from services.domain.facts import Assurance
from services.domain.objects import Thing, consignment
from services.domain.view import ClaimStatus, Position, View
from services.testbed.simulator.truth import ExpectedPosition, Truth
from services.testbed.simulator.world import Ref


def thing_of(ref: Ref) -> Thing:
    """The object that partners write as ``ref``."""
    kind = ObjectKind[ref[0].upper()]
    return Thing(kind, canonical_key(kind, ref[1]))


def consignment_of(truth: Truth) -> Thing:
    """The consignment that ``truth`` is about."""
    return consignment(*truth.consignment.split("/", 1))


Aliases = Mapping[Thing, Thing]
"""By another name of an object, under which a view may show it: the name that the truth has for it."""
_ONE_NAME: Aliases = MappingProxyType({})


def differences(view: View | None, truth: Truth, aliases: Aliases = _ONE_NAME) -> list[str]:
    """What ``view`` shows otherwise than ``truth`` (empty: it is right), one readable line each."""
    if view is None:
        return [f"{truth.consignment}: not known at all"]
    return [f"{truth.consignment}: {line}" for line in _compare(view, truth, aliases)]


def _compare(view: View, truth: Truth, aliases: Aliases) -> Iterator[str]:
    if _shown(view.movement) != _expected(truth.movement):
        yield _line("movement", _shown(view.movement), _expected(truth.movement))
    boxes = {box.container.key: _shown(box.position) for box in view.boxes if box.counted}
    for box in sorted(boxes.keys() | truth.boxes.keys()):
        wanted = _expected(truth.boxes[box]) if box in truth.boxes else "no such box"
        if (shown := boxes.get(box, "no such box")) != wanted:
            yield _line(f"box {box}", shown, wanted)
    customs = {code: _shown(position) for code, position in view.customs}
    for code in sorted(customs.keys() | truth.customs.keys()):
        expected = _expected(truth.customs.get(code))
        if (shown := customs.get(code, _shown(None))) != expected:
            yield _line(f"customs {code}", shown, expected)
    if _shown(view.document) != _expected(truth.document):
        yield _line("document", _shown(view.document), _expected(truth.document))
    yield from _sets(view, truth, aliases)


def _sets(view: View, truth: Truth, aliases: Aliases) -> Iterator[str]:
    exceptions = {
        (Episode(e.episode).name, aliases.get(e.thing, e.thing), e.jurisdiction) for e in view.exceptions
    }
    troubles = {(t.kind, thing_of(t.about), t.jurisdiction) for t in truth.troubles}
    disputes = {
        (
            by_number(a.question.milestone).name,
            a.question.place,
            aliases.get(a.question.thing, a.question.thing),
        )
        for a in view.disputes
    }
    quarrels = {(what, canonical_place(place), thing_of(about)) for what, place, about in truth.disputes}
    meetings = {((h.place, h.occurrence), h.state.value) for h in view.handovers}
    met = {((canonical_place(place), run), state) for (place, run), state in truth.meetings.items()}
    relayed = {
        (by_number(c.milestone).name, c.thing, c.publisher)
        for answers in view.disputes
        for c in answers.current
        if c.assurance is Assurance.RELAYED
    }
    altered = {(lie.what, thing_of(lie.about), lie.party) for lie in truth.altered}
    unengaged = {
        (a.claim.publisher, by_number(a.claim.milestone).name, a.claim.place, a.claim.thing, a.claim.happened)
        for a in view.arrivals
        if a.status is ClaimStatus.UNENGAGED
    }
    strange = {
        (w.party, w.what, canonical_place(w.place) if w.place else "", thing_of(w.about), w.stated)
        for w in truth.unengaged
    }
    for name, shown, wanted in (
        ("exceptions", exceptions, troubles),
        ("disputes", disputes, quarrels),
        ("hand-overs", meetings, met),
        ("messages of customs relayed otherwise", relayed, altered),
        ("words of strangers", unengaged, strange),
        ("restrictions", {(r.publisher, r.place, r.kind) for r in view.restrictions}, set(truth.restricted)),
    ):
        for extra in sorted(map(str, shown - wanted)):
            yield f"{name}: shows {extra}, which is not so"
        for missing in sorted(map(str, wanted - shown)):
            yield f"{name}: does not show {missing}"


def _line(what: str, shown: str, wanted: str) -> str:
    return f"{what}: shows {shown} instead of {wanted}"


def _shown(position: Position | None) -> str:
    if position is None:
        return "nothing"
    claim = position.claim
    return f"{by_number(claim.milestone).name} at {claim.place or '-'} {claim.happened}"


def _expected(seen: ExpectedPosition | None) -> str:
    if seen is None:
        return "nothing"
    return f"{seen.what} at {canonical_place(seen.place) if seen.place else '-'} {seen.at}"
