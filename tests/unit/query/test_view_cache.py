"""Of two counts of one database equal ones saw the same batches, however the place from which is counted moves on."""

from __future__ import annotations

from services.query.view_cache import BatchCount


def test_the_count_is_that_of_all_batches_since_it_began() -> None:
    visible: list[int] = []
    count, seen = BatchCount(100), set[int]()
    for transaction in range(100, 2_000, 3):
        visible.append(transaction)
        since, horizon = count.since, transaction - 20
        behind = [each for each in visible if each >= since]
        total = count.total(since, len(behind), horizon, sum(each < horizon for each in behind))
        assert total == len(visible)
        seen.add(since)
    assert len(seen) > 1, "what lies far behind is not counted each time"


def test_a_count_from_before_the_place_moved_is_not_known() -> None:
    count = BatchCount(0)
    since = count.since
    assert count.total(since, 300, 900, 299) == 300
    assert count.total(since, 301, 900, 299) is None
    assert count.total(count.since, 2, 900, 0) == 301
