"""Between a moment and the next change no view differs, whatever was said: time enters a view by the moments that are listed alone."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.derive import derive
from services.domain.facts import Facts
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


@settings(max_examples=rounds(150, 3_000), deadline=None)
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
