"""Every story through the pure core: any order, any batches, any duplicates, and the view that the rules promise.

What is done for each story, seeded by its name and the seed of the run:

- each event is decoded and interpreted twice from its bytes, and both readings must be equal; a duplicate in a batch is
  the second reading, so that no object is shared;
- 1,000 times (40 times in an ordinary run) the events are shuffled, up to half of them repeated, cut into batches, each batch united, and the batches
  merged as a random binary tree; the facts must equal those of the order in the file each time;
- the view is derived from facts whose sets hand out their elements in an order drawn anew (a frozenset's own order would
  hardly change within one process), and must equal the first view: each time where deriving all consignments of the
  story costs less than ``CHEAP`` seconds, else 200 times (10 times);
- the first view must be what the story expects, with no dispute, exception or other alarm that the story does not name.

That sets inside the core may be walked in another order is covered by deriving under other hash seeds in new processes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.events.base import ObjectKind
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from schemas.jurisdiction import require_jurisdiction
from schemas.reasons import Refusal
from schemas.remarks import remarks_of
from schemas.rfc3339 import parse_micros
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.domain.relevance import IndexedFacts, relevant
from services.domain.view import View
from tests.support.profile import SEED, rounds

from .flatten import explained, flatten, judged
from .story import Story, Told, stories

PERMUTATIONS = rounds(40, 500)
FEWER = rounds(10, 100)
CHEAP = 0.003
STORIES = stories()


class Drawn(frozenset[Any]):
    """A frozenset that hands out its elements in an order given from outside, as another machine's might."""

    order: tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.order)


def drawn(facts: Facts, rng: random.Random) -> Facts:
    """``facts`` with every set in an order of its own."""
    sets = {}
    for field in Facts._fields:
        elements = list(getattr(facts, field))
        rng.shuffle(elements)
        sets[field] = Drawn(elements)
        sets[field].order = tuple(elements)
    return Facts(**sets)


def merged(pieces: list[tuple[Facts, Facts]], rng: random.Random) -> Facts:
    """The pieces in a random order, some twice, in random batches, merged as a random tree."""
    dealt = [piece[0] for piece in pieces]
    dealt += [piece[1] for piece in rng.sample(pieces, rng.randint(0, len(pieces) // 2))]
    rng.shuffle(dealt)
    cuts = sorted(rng.sample(range(1, len(dealt)), rng.randint(0, min(6, len(dealt) - 1))))
    batches = [Facts.union(dealt[a:b]) for a, b in zip([0, *cuts], [*cuts, len(dealt)], strict=True)]
    while len(batches) > 1:
        one = batches.pop(rng.randrange(len(batches)))
        other = batches.pop(rng.randrange(len(batches)))
        batches.append(one | other)
    return batches[0]


def consignments(story: Story) -> tuple[Thing, ...]:
    return tuple(Thing(ObjectKind.CONSIGNMENT, story.consignment(name)) for name in story.expect)


def views(story: Story, facts: Facts) -> tuple[View | None, ...]:
    """The view of each consignment that the story speaks of."""
    as_of = parse_micros(story.as_of)
    return tuple(derive(facts, thing, as_of) for thing in consignments(story))


def flattened(story: Story, found: Iterable[View | None]) -> dict[str, Any]:
    return {name: flatten(story, view) for name, view in zip(story.expect, found, strict=True)}


@pytest.mark.randomised
@pytest.mark.parametrize("story", STORIES, ids=[story.slug for story in STORIES])
def test_story(story: Story) -> None:
    rng = random.Random(f"{story.slug} {SEED}")
    pieces = [(told.facts(), told.facts()) for told in story.told]
    for told, (first, second) in zip(story.told, pieces, strict=True):
        assert first == second, f"{told.short} is interpreted in two ways"

    facts = Facts.union(first for first, _ in pieces)
    pieces_by_object = [IndexedFacts(told.grouped()) for told in story.told]
    started = time.perf_counter()
    expected = views(story, facts)
    for thing, view in zip(consignments(story), expected, strict=True):
        concerning = relevant(pieces_by_object, thing)
        assert derive(concerning, thing, parse_micros(story.as_of)) == view, "what was left out concerns it"
    for _ in range(4):
        views(story, facts)
    cost = (time.perf_counter() - started) / 5
    derivations = PERMUTATIONS if cost < CHEAP else FEWER

    found = flattened(story, expected)
    assert [line for name in story.expect for line in judged(story, name, found[name])] == []
    assert {about: explained(story, facts, about) for about in story.unreached} == story.unreached

    for n in range(PERMUTATIONS):
        again = merged(pieces, rng)
        assert again == facts, f"permutation {n} states other facts"
        if n < derivations:
            assert views(story, drawn(again, rng)) == expected, f"permutation {n} shows another view"
            for about in story.unreached:
                assert explained(story, drawn(again, rng), about) == story.unreached[about]


def test_stories_are_enough_and_indexed() -> None:
    index = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    missing = [story.slug for story in STORIES if f"[{story.title}]({story.slug}.yaml)" not in index]
    assert missing == [], "README.md does not list these stories under their titles"
    assert len(STORIES) >= 32
    for story in STORIES:
        assert all(view is None or "movement" in view for view in story.expect.values()), story.slug


def test_stories_do_not_share_objects() -> None:
    """Told together into one database, scoped stories must not meet: no object of two is the same."""
    owners: dict[Thing, str] = {}
    for n, story in enumerate(STORIES):
        scoped = story.scoped(f"s{n:02}")
        facts = Facts.union(told.facts() for told in scoped.told)
        things = {claim.thing for claim in facts.claims}
        things |= {end for link in facts.links for end in (link.left, link.right)}
        things = {thing for thing in things if not thing.key.startswith(("handover:", "dataset:"))}
        assert not {owners[thing] for thing in things & owners.keys()}, story.slug
        owners |= dict.fromkeys(things, story.slug)


@pytest.mark.parametrize("story", STORIES, ids=[story.slug for story in STORIES])
def test_scoped_story_shows_the_same(story: Story) -> None:
    """The universe into which a story is moved does not change what it shows."""
    scoped = story.scoped("s99")
    found = flattened(scoped, views(scoped, Facts.union(told.facts() for told in scoped.told)))
    assert [line for name in story.expect for line in judged(scoped, name, found[name])] == []


@pytest.mark.parametrize("story", STORIES, ids=[story.slug for story in STORIES])
def test_story_is_told_by_those_who_may(story: Story) -> None:
    """No story rests on an event that admission would refuse: each publisher has a role that may say it."""
    for told in story.told:
        payload = decode_payload(told.envelope.type, told.payload)
        said = [payload, *([payload.replacement.payload] if isinstance(payload, Corrected) else [])]
        assert all(told.publisher.roles & each.spec.publishers for each in said), told.short


TOLD_AT_ONCE = [(story, told) for story in STORIES for told in story.told if told.remarked is not None]


@pytest.mark.parametrize(
    ("story", "told"), TOLD_AT_ONCE, ids=[f"{s.slug}/{t.short}" for s, t in TOLD_AT_ONCE]
)
def test_publishers_are_told_what_is_doubtful(story: Story, told: Told) -> None:
    del story
    payload = decode_payload(told.envelope.type, told.payload)
    require_jurisdiction(payload)
    found = remarks_of(payload, told.envelope.published_micros)
    assert tuple(each.code for each in found) == told.remarked


REFUSED = [(told, pointer) for story in STORIES for told, pointer in story.refused]


@pytest.mark.parametrize(("told", "pointer"), REFUSED, ids=[told.envelope.id for told, _ in REFUSED])
def test_what_a_story_calls_refused_is(told: Told, pointer: str) -> None:
    with pytest.raises(Refusal) as refusal:
        require_jurisdiction(decode_payload(told.envelope.type, told.payload))
    assert refusal.value.pointer == pointer
    assert refusal.value.remedy


SHOW = """
from stories.story import stories
from stories.test_core_stories import flattened, views
from services.domain.facts import Facts
for story in stories():
    print(story.slug, flattened(story, views(story, Facts.union(told.facts() for told in story.told))))
"""


def test_views_do_not_depend_on_the_hash_seed() -> None:
    shown = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", SHOW],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        shown.add(done.stdout)
    assert len(shown) == 1
