"""The consumer's handling of Faust: passing polls on while a rebalance suspends the flow."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from faust.app import App
from mode.services import Service

from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId, Reader, Slice
from services.processors.consumer import LedgerConsumer
from services.processors.log_identity import LASTING, Found, LogState, Moved, log_moved
from tests.unit.worker.test_reader import records

P = PartitionId("t", 0)
LAST, OTHER = Mark(4, b"a" * 32, 3), Mark(4, b"b" * 32, 3)
POLL = (Slice(P, 1, 0, 2, records(0, 1)),)


def test_the_versions_whose_inside_the_seam_relies_on() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


def consumer(app: App, taker: bool = True) -> LedgerConsumer:
    """A consumer with a channel and a flow, and nothing that needs a broker."""
    made = LedgerConsumer.__new__(LedgerConsumer)
    made.channel = app.channel(maxsize=1)
    made.suspend_flow = asyncio.Event()
    made._discarded = set()
    if taker:
        made.taker = made.channel.__aiter__()
    return made


@pytest.fixture
def app() -> App:
    return App("test", broker="kafka://127.0.0.1:1", topic_disable_leader=True)


async def fill(made: LedgerConsumer) -> None:
    app_flow = made.channel.app.flow_control
    app_flow.resume()
    assert await made._hand_over(POLL)


def test_a_poll_is_handed_over_when_there_is_room(app: App) -> None:
    async def scenario() -> None:
        made = consumer(app)
        await fill(made)
        assert await made.taker.get() == POLL

    asyncio.run(scenario())


def test_a_full_channel_is_waited_for_and_given_up_when_the_flow_is_suspended(app: App) -> None:
    async def scenario() -> None:
        made = consumer(app)
        await fill(made)
        waiting = asyncio.create_task(made._hand_over(POLL))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        made.suspend_flow.set()
        assert await waiting is False

    asyncio.run(scenario())


def test_a_rebalance_that_cancels_the_put_does_not_end_the_fetcher(app: App) -> None:
    async def scenario() -> None:
        made = consumer(app)
        await fill(made)
        waiting = asyncio.create_task(made._hand_over(POLL))
        await asyncio.sleep(0.05)
        app.flow_control.clear()  # what a rebalance does: empties queues and cancels whoever waits to put
        assert await waiting is False

    asyncio.run(scenario())


def test_the_way_that_faust_hands_over_lets_that_cancellation_out(app: App) -> None:
    """Why the consumer does not use it; were this mended, the consumer could be simpler."""

    async def scenario() -> None:
        made = consumer(app)
        await fill(made)
        service = Service()
        task = asyncio.create_task(service.wait_first(made.channel.put(POLL), made.suspend_flow.wait()))
        await asyncio.sleep(0.05)
        app.flow_control.clear()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_a_channel_without_a_taker_takes_nothing(app: App) -> None:
    async def scenario() -> None:
        made = consumer(app, taker=False)
        assert await made._hand_over(POLL) is False

    asyncio.run(scenario())


def test_the_fetcher_is_never_asked_for_the_empty_set(app: App) -> None:
    """The client takes an empty set for all partitions."""

    async def scenario() -> None:
        made = consumer(app)
        made.app = SimpleNamespace(consumer_generation_id=1)
        made.reader = SimpleNamespace(partitions=frozenset({P}))
        made._get_active_partitions = lambda: {P}
        made.held = lambda: frozenset({P})
        made._getmany = None  # would raise
        await made._drain_once()

    asyncio.run(scenario())


def test_a_fetch_that_a_rebalance_throws_away_is_fetched_again(app: App) -> None:
    """The seek of the rebalance may have come before it, and then nobody else goes back."""

    async def scenario() -> None:
        made = consumer(app)
        generations = iter((1, 2))

        class Rebalancing:
            @property
            def consumer_generation_id(self) -> int:
                return next(generations)

        sought: list[dict[PartitionId, int]] = []

        async def seek_all(offsets: dict[PartitionId, int]) -> None:
            sought.append(dict(offsets))

        async def fetch(**_: object) -> dict[PartitionId, list[str]]:
            return {P: ["a record"]}

        made.app, made.flow_active = Rebalancing(), True
        made.reader = Reader()
        made.reader.restart([Claim(P, 7, 1, "id")])
        made._thread = SimpleNamespace(seek_all=seek_all)
        made._get_active_partitions = lambda: {P}
        made.held = frozenset
        made._getmany = fetch
        await made._drain_once()
        assert not sought
        made.app = SimpleNamespace(consumer_generation_id=2)
        made.held = lambda: frozenset({P})
        await made._drain_once()
        await made._drain_once()
        assert sought == [{P: 7}]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("claim", "log", "moved"),
    [
        (Claim(P, 5, 1, "id"), LogState("id", 0, 9), None),
        (Claim(P, 9, 1, "id"), LogState("id", 0, 9), None),
        (Claim(P, 5, 1, "id"), LogState("id", 5, 9), None),
        (Claim(P, 5, 1, None), LogState("id", 0, 9), None),
        (Claim(P, 5, 1, "id"), LogState(None, None, None), None),
        (Claim(P, 5, 1, "id"), LogState("other", 0, 9), Moved.TOPIC_REPLACED),
        (Claim(P, 5, 1, "id"), LogState("id", 6, 9), Moved.OFFSET_TRUNCATED),
        (Claim(P, 10, 1, "id"), LogState("id", 0, 9), Moved.OFFSET_BEYOND_END),
        (Claim(P, 0, 1, None), LogState("id", 3, 9), Moved.OFFSET_TRUNCATED),
        (Claim(P, 5, 1, "id", LAST), LogState("id", 0, 9, Found(LAST)), None),
        (Claim(P, 5, 1, None, LAST), LogState(None, 0, 9, Found(OTHER)), Moved.LOG_DIVERGED),
        (Claim(P, 5, 1, "id", LAST), LogState("id", 0, 9), Moved.NOT_COMPARED),
        (Claim(P, 5, 1, "id", LAST), LogState("id", None, None), Moved.NOT_COMPARED),
        # The record has left the log: its leader's epoch must reach beyond it.
        (Claim(P, 5, 1, "id", LAST), LogState("id", 5, 9, Found(None, 5)), None),
        (Claim(P, 5, 1, "id", LAST), LogState("id", 5, 9, Found(None, 4)), Moved.LOG_DIVERGED),
        (Claim(P, 5, 1, "id", LAST), LogState("id", 5, 9, Found(None, -1)), Moved.LOG_DIVERGED),
        (Claim(P, 5, 1, "id", LAST), LogState("id", 5, 9, Found(None, None)), Moved.NOT_COMPARED),
        # What the ledger remembers.
        (Claim(P, 5, 1, "id", LAST, "OFFSET_BEYOND_END"), LogState("id", 0, 9, Found(LAST)), None),
        (Claim(P, 5, 1, "id", LAST, "OFFSET_BEYOND_END"), LogState("id", 0, 9), Moved.OFFSET_BEYOND_END),
        (Claim(P, 5, 1, "id", None, "OFFSET_BEYOND_END"), LogState("id", 0, 9), Moved.OFFSET_BEYOND_END),
        (
            Claim(P, 5, 1, "id", LAST, "OFFSET_BEYOND_END"),
            LogState("id", 0, 9, Found(OTHER)),
            Moved.LOG_DIVERGED,
        ),
        (Claim(P, 5, 1, "id", LAST, "LOG_DIVERGED"), LogState("id", 0, 9, Found(LAST)), Moved.LOG_DIVERGED),
        (Claim(P, 5, 1, "id", None, "LOG_DIVERGED"), LogState("id", 0, 9), Moved.LOG_DIVERGED),
    ],
)
def test_where_a_log_may_not_be_read_on(claim: Claim, log: LogState, moved: Moved | None) -> None:
    found = log_moved(claim, log)
    assert (found and found.moved) == moved
    if found is not None:
        assert "t/0 stopped" in str(found)
        assert ("redrive" if moved in (*LASTING, Moved.NOT_COMPARED) else "accept-loss") in str(found)
