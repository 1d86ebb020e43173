"""Between a moment and the next change no view differs, whatever was said: time enters a view by the moments that are listed alone."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.derive import derive
from services.domain.facts import Assurance, Claim, Facts, Founding, Link, LinkKind
from services.domain.objects import Thing
from services.domain.rules import SILENT_AFTER, UNMATCHED_AFTER
from services.query.next_change import next_change
from tests.support.profile import rounds
from tests.support.storage.cast import HALF_HOUR, Objects, Said, event_id
from tests.support.storage.worlds import worlds

OBJECTS = Objects("changes/")
MOMENTS = st.tuples(
    st.integers(-1, 20), st.sampled_from((0, 1, 2)), st.sampled_from((0, UNMATCHED_AFTER, SILENT_AFTER))
)


def facts_of(told: list[Said]) -> Facts:
    contents = {
        (event_id(OBJECTS.salt, each.number), hashlib.sha256(each.variant.to_bytes(8)).digest()[:16])
        for each in told
    }
    return Facts.union(each.facts for each in told)._replace(contents=frozenset(contents))


@settings(max_examples=rounds(150, 1_000), deadline=None)
@given(told=worlds(OBJECTS, 40), moment=MOMENTS, share=st.floats(0, 1))
def test_no_view_differs_before_the_next_change(
    told: list[Said], moment: tuple[int, int, int], share: float
) -> None:
    facts = facts_of(told)
    halves, beside, after = moment
    as_of = halves * HALF_HOUR + beside - 1 + after
    for consignment in sorted({founding.consignment for founding in facts.foundings}):
        view = derive(facts, consignment, as_of)
        if view is None:
            continue
        until = min(next_change(facts, view, as_of), as_of + 10 * SILENT_AFTER)
        assert until > as_of
        for then in (until - 1, as_of + int((until - 1 - as_of) * share)):
            assert derive(facts, consignment, then) == view


def test_a_delivery_changes_the_view_at_its_moment_and_at_the_next() -> None:
    box, consignment = Thing(ObjectKind.CONTAINER, "A"), Thing(ObjectKind.CONSIGNMENT, "founder/A")
    delivered = Claim(
        b"d" * 16,
        "founder",
        0,
        100,
        box,
        600,
        Region.MOVEMENT,
        "",
        "",
        "",
        Classifier.ACT,
        Assurance.ASSERTED,
        False,
    )
    facts = Facts(
        claims=frozenset({delivered, delivered._replace(event=b"c" * 16, happened=0, milestone=300)}),
        links=frozenset(
            {
                Link(b"l" * 16, "founder", 0, LinkKind.CONTAINER_CARRIES, box, consignment, 0, None, False),
                Link(delivered.event, "founder", 0, LinkKind.DELIVERED, box, box, 101, None, False),
            }
        ),
        foundings=frozenset({Founding(b"f" * 16, "founder", 0, consignment, frozenset())}),
    )
    moments, moment = [], 50
    while moment < 200:
        view = derive(facts, consignment, moment)
        assert view is not None
        moment = next_change(facts, view, moment)
        moments.append(moment)
    assert moments[:2] == [100, 101]
    assert derive(facts, consignment, 100) != derive(facts, consignment, 101)
