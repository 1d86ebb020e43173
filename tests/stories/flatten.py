"""A view as plain words and numbers, in the spelling of the stories, so that it can be laid beside what they expect.

This is the test tree's own reading of a view; nothing here is used by the product.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import catalogue
from schemas.events.base import Episode
from schemas.rfc3339 import parse_micros
from services.domain.explanations import Obstacle, Ways
from services.domain.facts import FOREVER, Assurance, Claim, Facts, LinkKind, Restriction
from services.domain.objects import Thing
from services.domain.view import Assignment, ClaimStatus, HandoverView, Position, View

from .story import Story

ALARMS = (
    "disputes",
    "disputed_links",
    "exceptions",
    "handovers",
    "restrictions",
    "announced_restrictions",
    "past_restrictions",
    "unengaged",
    "ends_own_link_only",
    "flagged",
    "equivocating",
    "overdue",
)
"""What a story must name: where it is silent, there must be none."""


def flatten(story: Story, view: View | None) -> dict[str, Any] | None:
    """All that a view shows, as maps, lists and strings; None for a consignment that nobody founded."""
    return None if view is None else _Flat(story, view).whole()


def explained(story: Story, facts: Facts, about: str) -> dict[str, list[str]]:
    """Why each fact about the object reaches no consignment, by its short id; ``itself`` is the object as of the story's moment."""
    short = {told.event: told.short for told in story.told}
    ways, thing, as_of = Ways(facts), story.thing(about), parse_micros(story.as_of)

    def line(obstacle: Obstacle) -> str:
        event = "" if obstacle.event is None else f" {short[obstacle.event]}"
        taken_back = "".join(f" by {short[each]}" for each in obstacle.withdrawn_by)
        ended = "" if obstacle.ended_by is None else f" by {short[obstacle.ended_by]}"
        return f"{obstacle.reason}{event}{ended}{taken_back}"

    found = {short[each.claim.event]: each.obstacles for each in ways.unreached(thing, as_of)}
    found["itself"] = ways.obstacles(thing, as_of)
    return {name: [line(each) for each in obstacles] for name, obstacles in found.items()}


class _Flat:
    def __init__(self, story: Story, view: View) -> None:
        self.story, self.view = story, view
        self.short = {told.event: told.short for told in story.told}

    def whole(self) -> dict[str, Any]:
        view = self.view
        return {
            "members": sorted(self.name(thing) for thing in view.members),
            "founders": sorted(self.party(code) for code in view.founders),
            "engaged": sorted(self.party(code) for code in view.engaged),
            "movement": self.position(view.movement),
            "boxes": {
                box.container.key.removesuffix(self.story.scope.upper()): {
                    **(self.position(box.position) or {"milestone": None}),
                    "holds_cargo": box.holds_cargo,
                    "counted": box.counted,
                }
                for box in view.boxes
            },
            "behind": view.behind,
            "customs": {code: self.position(position) for code, position in view.customs},
            "document": self.position(view.document),
            "disputes": [
                {
                    "about": self.about(given.current[0]),
                    "values": {self.party(c.publisher): clock(c.happened) for c in given.current},
                }
                for given in view.disputes
            ],
            "disputed_links": [
                f"{self.name(each.thing)}: {' / '.join(self.side(one) for one in each.sides)} since {clock(each.since)}"
                + ("" if each.until >= FOREVER else f" until {clock(each.until)}")
                for each in view.disputed_links
            ],
            "exceptions": [
                {
                    "kind": Episode(opened.episode).name,
                    "of": self.name(opened.thing),
                    "since": clock(opened.claim.happened),
                    "by": self.party(opened.claim.publisher),
                    "assurance": Assurance(opened.claim.assurance).name,
                    **({"jurisdiction": opened.jurisdiction} if opened.jurisdiction else {}),
                }
                for opened in view.exceptions
            ],
            "handovers": [self.handover(each) for each in view.handovers],
            "route": None if view.route is None else self.short[view.route.event],
            # In a database of many universes, a place also has the restrictions that other universes told.
            "restrictions": self.restricted(view.restrictions),
            "announced_restrictions": self.restricted(view.announced_restrictions),
            "past_restrictions": self.restricted(view.past_restrictions),
            "restriction_ends": {
                self.short[r.event]: None if r.end is None else clock(r.end)
                for r in (*view.restrictions, *view.announced_restrictions, *view.past_restrictions)
                if r.event in self.short
            },
            "overdue": self.events(claim.event for claim in view.overdue),
            "silent": view.silent,
            "timeline": self.events(arrival.claim.event for arrival in view.arrivals),
            "via_disputed_link": self.events(a.claim.event for a in view.arrivals if a.via_disputed_link),
            "unengaged": self.standing(ClaimStatus.UNENGAGED),
            "ends_own_link_only": sorted(
                {
                    f"{self.short[a.claim.event]} ends {self.short[link]}"
                    for a in view.arrivals
                    for link in a.ends
                    if a.status is ClaimStatus.UNENGAGED
                }
            ),
            "superseded": self.standing(ClaimStatus.SUPERSEDED),
            "flagged": sorted(self.short[event] for event in view.flagged),
            "equivocating": sorted(self.short[event] for event in view.equivocating),
            "not_live": {
                self.short[dead.event]: {
                    "why": " by ".join(
                        (dead.reason.value, *(self.short[each] for each in dead.withdrawn_by))
                    ),
                    "said": [f"{self.about(claim)} {clock(claim.happened)}" for claim in dead.claims],
                }
                for dead in view.not_live
            },
        }

    def party(self, code: str) -> str:
        return code.removeprefix(f"{self.story.scope}-") if self.story.scope else code

    def run(self, occurrence: str) -> str:
        return occurrence.removesuffix(self.story.scope)

    def name(self, thing: Thing) -> str:
        """The object as the story writes it: ``consignment`` without its kind, everything else with it."""
        kind, key = thing.kind.name.lower(), thing.key
        if kind in ("consignment", "booking"):
            key = self.party(key)
        else:
            key = key.replace(self.story.scope.upper(), "") if self.story.scope else key
        return key if kind == "consignment" else f"{kind} {key}"

    def about(self, claim: Claim) -> str:
        """What is disputed, in one line: milestone, object, place, run and whether it is fact or plan."""
        at = f" at {short_place(claim.place)}" if claim.place else ""
        run = f", run {self.run(claim.occurrence)}" if claim.occurrence else ""
        said = "" if claim.classifier.value == "ACT" else f" ({claim.classifier.value})"
        return f"{milestone(claim)} of {self.name(claim.thing)}{at}{run}{said}"

    def position(self, position: Position | None) -> dict[str, Any] | None:
        if position is None:
            return None
        claim = position.claim
        return {
            "milestone": milestone(claim),
            "place": short_place(claim.place),
            "happened": clock(claim.happened),
            "by": self.party(claim.publisher),
            "assurance": Assurance(claim.assurance).name,
            "event": self.short[claim.event],
            "disputed_link": position.via_disputed_link,
        }

    def handover(self, each: HandoverView) -> dict[str, Any]:
        mark = self.story.scope.upper()
        boxes = {
            kind: sorted(number.removesuffix(mark) for number in getattr(each, kind))
            for kind in ("missing", "surplus", "announced_only", "unannounced")
        }
        return {
            "place": short_place(each.place),
            "run": self.run(each.occurrence),
            "state": each.state.value,
            "lists_differ": each.differs,
            "delivering": sorted(self.party(code) for code in each.delivering),
            "receiving": sorted(self.party(code) for code in each.receiving),
            "unmatched": each.unmatched,
            "trains": [self.name(train) for train in each.trains],
            **boxes,
        }

    def restricted(self, restrictions: Iterable[Restriction]) -> list[str]:
        return self.events(r.event for r in restrictions if r.event in self.short)

    def side(self, side: Assignment) -> str:
        """One side of a contradiction of links: publisher, what it assigns, and the event."""
        link = side.link
        other = link.right if link.kind is LinkKind.CONTAINER_CARRIES else link.left
        return f"{self.party(link.publisher)} {self.short.get(link.event, '?')} {self.name(other)}"

    def events(self, events: Iterable[bytes]) -> list[str]:
        """Short ids in the order given, each once."""
        return list(dict.fromkeys(self.short[event] for event in events))

    def standing(self, standing: ClaimStatus) -> list[str]:
        return sorted({self.short[a.claim.event] for a in self.view.arrivals if a.status is standing})


def milestone(claim: Claim) -> str:
    """The event type without its region, prefix and version: ``departed``."""
    return catalogue.by_number(claim.milestone).type.split(".")[2]


def short_place(place: str) -> str:
    return place.removeprefix("railnet:")


def clock(micros: int) -> str:
    """A moment in UTC, as exact as it has to be."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    text = moment.strftime("%Y-%m-%dT%H:%M")
    if moment.second or moment.microsecond:
        text += moment.strftime(":%S") + (f".{moment.microsecond:06}" if moment.microsecond else "")
    return text + "Z"


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where a view is not what the story expects; empty when it is. Keys that the story leaves out are not compared."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lines = []
        for key, value in expected.items():
            if key not in found:
                lines.append(f"{where}/{key}: expected {value!r}, found nothing")
            else:
                lines += differences(value, found[key], f"{where}/{key}")
        extra = (
            sorted(set(found) - set(expected))
            if where.endswith(("/boxes", "/customs", "/values", "/restriction_ends", "/not_live"))
            else []
        )
        return lines + [f"{where}/{key}: found {found[key]!r}, expected nothing" for key in extra]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for n, (want, have) in pairs for line in differences(want, have, f"{where}/{n}")]
    want = _utc(expected)
    return [] if want == found else [f"{where}: expected {want!r}, found {found!r}"]


def _utc(expected: Any) -> Any:
    """A time that the story writes with another offset, in UTC; anything else as it is."""
    if isinstance(expected, str) and len(expected) > 16 and expected[4:5] == "-" and expected[10:11] == "T":
        moment = datetime.fromisoformat(expected.replace("Z", "+00:00")).astimezone(UTC)
        return clock(round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)))
    return expected


def judged(story: Story, name: str, found: dict[str, Any] | None) -> list[str]:
    """The differences for one consignment of the story, with everything alarming that the story does not name."""
    expected = story.expect[name]
    if expected is None or found is None:
        return [] if expected == found else [f"{name}: expected {expected!r}, found {found!r}"]
    quiet: dict[str, Any] = {alarm: [] for alarm in ALARMS} | {"silent": False}
    return differences(quiet | expected, found, name)
