"""The registry at one version: the immutable snapshot under which a whole batch is admitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from services.ledger.registry.party import Key, Party


class RegistryError(Exception):
    """A change that the registry refuses: the problem, and the remedy ("" where it is obvious)."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class Registry:
    """All parties and keys at ``version`` (the number of registry events folded; 0 is empty).

    Look-ups are dictionary reads and give None for what is not registered. Build one with ``of``.
    """

    version: int
    parties: Mapping[str, Party]  # by code
    keys: Mapping[str, Key]  # by key id
    owners: Mapping[str, Party]  # by source, also one that its party has given up
    numbered: Mapping[int, Party]  # by the number that storage uses
    writers: Mapping[str, Party]  # by topic
    topics: frozenset[str]  # of all parties, also one that its party wrote to before it was amended
    signed: bool = field(default=False, compare=False)  # every change was verified from a root key on

    @classmethod
    def of(cls, version: int, parties: Iterable[Party] = (), keys: Iterable[Key] = ()) -> Self:
        """The snapshot of ``parties`` and ``keys``, which the fold keeps free of contradictions."""
        every = tuple(parties)
        return cls(
            version,
            MappingProxyType({party.code: party for party in every}),
            MappingProxyType({key.key_id: key for key in keys}),
            MappingProxyType({source: party for party in every for source in party.owned}),
            MappingProxyType({party.no: party for party in every}),
            MappingProxyType(_sole_writers(every)),
            frozenset(
                topic for party in every for shape in (party, *party.earlier) for topic in shape.topics
            ),
        )

    def key(self, key_id: str) -> Key | None:
        """The key of that id, whatever its state."""
        return self.keys.get(key_id)

    def party(self, code: str) -> Party | None:
        """The party of that code."""
        return self.parties.get(code)

    def owner(self, source: str) -> Party | None:
        """The party that ``source`` belongs or belonged to; ``Party.at`` gives its shape, and so its sources, at a moment."""
        return self.owners.get(source)

    def by_number(self, no: int) -> Party | None:
        """The party with the number ``no`` in storage."""
        return self.numbered.get(no)

    def writer(self, topic: str) -> Party | None:
        """The party that alone may write to ``topic``; None for a hub's, the gateway's and unknown topics."""
        return self.writers.get(topic)

    def keys_of(self, code: str) -> tuple[Key, ...]:
        """All keys of a party, in the order of their windows and ids."""
        own = (key for key in self.keys.values() if key.party == code)
        return tuple(sorted(own, key=lambda key: (key.not_before, key.key_id)))


def _sole_writers(parties: Iterable[Party]) -> dict[str, Party]:
    """The topics of exactly one party; those of a hub, which several parties share, have no sole writer."""
    writers: dict[str, list[Party]] = {}
    for party in parties:
        for topic in party.topics:
            writers.setdefault(topic, []).append(party)
    return {topic: found[0] for topic, found in writers.items() if len(found) == 1}
