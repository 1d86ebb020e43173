"""Financing published beside the demo's world: one cargo financed before the border closes, and three shippers' pasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg.errors import LockNotAvailable

from schemas.envelope import event_id
from services.credit.store import projector
from services.domain.facts import EventId, Micros
from services.ledger.storage.session import open_session
from services.runtime.transactions import RetryPolicy, retry
from services.testbed.simulator import financing
from services.testbed.simulator.files import Deliveries
from services.testbed.simulator.financing import Financed
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message
from services.testbed.simulator.simulate import Simulation

APPLICATION = "lianyun-demo"
AHEAD = 12 * 3_600_000_000
"""How long after the world opens the shipper applies: a day or two before the border closes."""
VALID_TO = datetime(2099, 1, 1, tzinfo=UTC)
"""When control ends and the loan falls due: decisions are taken on the platform's own clock, and the bytes are the same in every run."""
AT_ONCE = 50_000
"""Events followed in one step: all of an ordinary demo."""


@dataclass(frozen=True)
class DemoFinancing:
    """The messages on financing in a world."""

    financed: Financed | None
    messages: tuple[Message, ...]
    at: Micros  # when the shipper has applied
    now: Micros  # the world's last moment

    @classmethod
    def of(cls, simulation: Simulation, opens: Micros) -> DemoFinancing:
        """The money of ``simulation``, whose story is told from ``opens`` on."""
        at, now = opens + AHEAD, simulation.scale.now
        financed = financing.chosen(simulation, at)
        first = min((message.sent for message in simulation.publication.messages), default=opens)
        told = [*financing.histories(opens, first), *financing.leave(first, opens, VALID_TO)]
        told += () if financed is None else financing.papers(financed, at, VALID_TO)
        return cls(financed, tuple(told), at, now)

    def added_to(self, deliveries: Deliveries) -> Deliveries:
        """``deliveries`` with what is told of money."""
        return replace(deliveries, messages=(*deliveries.messages, *self.messages))

    @property
    def events(self) -> frozenset[EventId]:
        """The ids of what is told of money: none of it is about where the world's cargo is."""
        return frozenset(event_id(PARTIES[m.party].source, m.record["id"]) for m in self.messages)

    @property
    def papers(self) -> tuple[Message, ...]:
        """What the banks' decisions rest on."""
        return tuple(message for message in self.messages if message.sent == self.at)


def follow(dsn: str) -> None:
    """Have the credit signals follow all events, each cargo judged once; in turn with a follower that may run beside.

    For a process of its own: blocks for some 10 ms for each cargo.
    """
    with open_session(dsn, APPLICATION) as session:
        session.autocommit = True
        retry(lambda: projector.catch_up(session, AT_ONCE), RetryPolicy((LockNotAvailable,), pause=0.2))
