"""Stored events read in ranges of their numbers, with the registry as of the admission of each: for fsck and for replay.

fsck proves every body again (``fsck.verification``); replay trusts what admission proved and only decodes and interprets
(``admitted_facts``). Readers of single events, by the newest registry, are in ``services.query.stored_events``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.events.decode import decode_admitted
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.ledger.admission.raw_bytes import parse_attributes
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.arrays import bigints
from services.ledger.storage.term_numbers import key_text

# One walk along the index for each range, in the order of ranges: sorted as a whole, each portion would read the table.
BODIES = """
SELECT b.no, b.appended, b."offset", b.key_id, b.id, b.content, b.registry, b.rules, b.part, b.headers, b.payload, b.topic
FROM unnest(%(firsts)s::bigint[], %(ends)s::bigint[]) AS f (first, beyond)
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.body n WHERE n.no >= f.first AND n.no < f.beyond ORDER BY n.no
) AS b
LIMIT %(most)s
"""
_QUARANTINED = """
SELECT q.no FROM unnest(%(firsts)s::bigint[], %(ends)s::bigint[]) AS f (first, beyond)
JOIN lianyun.quarantine q ON q.no >= f.first AND q.no < f.beyond
"""
_NO_NAMES: Mapping[int, str] = {}


class Range(NamedTuple):
    """Event numbers in [first, end)."""

    first: int
    end: int


class Body(NamedTuple):
    """A row of lianyun.body; ``appended`` in UTC microseconds, ``registry`` and ``rules`` the versions of its admission."""

    no: int
    appended: int
    offset: int
    key_id: int
    id: bytes
    content: bytes
    registry: int
    rules: int
    part: int
    headers: bytes
    payload: bytes
    topic_no: int
    topic: str | None

    @property
    def where(self) -> str:
        """How findings name it."""
        return f"event {self.no} ({self.topic}[{self.part}]@{self.offset})"


def load_bodies(
    connection: Connection[Any],
    ranges: Sequence[Range],
    most: int | None = None,
    topics: Mapping[int, str] = _NO_NAMES,
) -> list[Body]:
    """The messages of ``ranges``, at most the first ``most``, in the order of ranges and numbers.

    ``topics`` are names by number; the topic of a message is None where its number has none.
    """
    parameters = {**_bounds(ranges), "most": most}
    rows = connection.cursor(binary=True).execute(BODIES.encode(), parameters).fetchall()
    return [Body._make((*row, topics.get(row[-1]))) for row in rows]


def load_quarantined(connection: Connection[Any], ranges: Sequence[Range]) -> set[int]:
    """The numbers in ``ranges`` that are in quarantine, also of events that are not stored."""
    return {no for (no,) in connection.execute(_QUARANTINED.encode(), _bounds(ranges)).fetchall()}


def _bounds(ranges: Sequence[Range]) -> dict[str, Any]:
    return {
        "firsts": bigints([each.first for each in ranges]),
        "ends": bigints([each.end for each in ranges]),
    }


def admitted_facts(body: Body, history: RegistryHistory) -> Facts:
    """The facts of a message as admission made them, nothing proved again; Refusal, ValueError or LookupError with damage.

    The publisher is the party of its key by the version of ``history`` that it was admitted by.
    """
    registry = history.at(body.registry)
    party = registry.parties[registry.keys[key_text(body.key_id)].party].at(body.appended)
    of = parse_attributes(body.headers)
    attribution = Attribution(body.id, of.source, party.publisher, of.published)
    return interpret(attribution, body.content, decode_admitted(of.type, body.payload))
