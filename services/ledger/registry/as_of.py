"""The registry as it was at an earlier version: what an event was admitted by, folded again from the recorded events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from services.ledger.registry.errors import RegistryError
from services.ledger.registry.fold import EMPTY, apply
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import Recorded


class RegistryHistory:
    """Snapshots of the registry by version; not for several threads.

    The events must be those of versions 1, 2, 3 ... without a gap (RegistryError). At most ``capacity`` snapshots are
    kept, so that memory stays bounded; another version costs the fold from the nearest one below.
    """

    def __init__(self, events: Iterable[Recorded], capacity: int = 64) -> None:
        self._events = tuple(events)
        for place, recorded in enumerate(self._events, start=1):
            if recorded.version != place:
                raise RegistryError(
                    f"Version {place} of the registry is missing: version {recorded.version} stands in its place.",
                    "Restore lianyun.registry_event from a backup.",
                )
        self._capacity = capacity
        self._known: OrderedDict[int, Registry] = OrderedDict({0: EMPTY})

    @property
    def events(self) -> tuple[Recorded, ...]:
        """What was recorded, in order."""
        return self._events

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self._events)

    def at(self, version: int) -> Registry:
        """The registry at ``version``; LookupError where that version never was, RegistryError where it cannot be folded."""
        known = self._known.get(version)
        if known is not None:
            return known
        if not 0 <= version <= len(self._events):
            raise LookupError(f"the registry never had version {version}: it is at {len(self._events)}")
        below = max(number for number in self._known if number < version)
        registry = self._known[below]
        for recorded in self._events[below:version]:
            registry = apply(registry, recorded.event)
        self._known[version] = registry
        if len(self._known) > self._capacity:
            oldest = next(number for number in self._known if number)  # the empty registry stays
            del self._known[oldest]
        return registry

    def newest(self) -> Registry:
        """The registry at its newest version."""
        return self.at(self.version)
