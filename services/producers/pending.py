"""What a run has for the spool: put there at once, or held back until the run is judged as a whole.

Whoever asks what is known of a list or an event is answered from both, the spool and what is held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.signing import MAX_BATCH, sign_batch
from services.producers.native import Unsigned, message_of
from services.producers.profile import Profile
from services.producers.spool import Amendment, Edition, Message, Put, Spool
from services.producers.trace_context import Traced, untraced


@dataclass(frozen=True, slots=True)
class Batch:
    """At most ``MAX_BATCH`` events that go in together, with what the spool has to know of them.

    ``settled`` are events of lists that no later edition takes back (any more).
    """

    events: Sequence[Unsigned]
    amendments: Sequence[Amendment] = ()
    editions: Sequence[Edition] = ()
    settled: Sequence[bytes] = ()


class Pending:
    """Signs batches and puts them into ``spool``; with ``whole`` only :meth:`release` does, in one transaction."""

    def __init__(
        self, profile: Profile, spool: Spool, *, whole: bool = False, traced: Traced = untraced
    ) -> None:
        self._profile, self._spool, self._whole, self._traced = profile, spool, whole, traced
        self._messages: list[Message] = []
        self._amendments: list[Amendment] = []
        self._editions: list[Edition] = []
        self._settled: list[bytes] = []

    def add(self, batch: Batch) -> None:
        """Sign the events of ``batch``; on return they are on disk, or held back."""
        if not batch.events:
            return
        assert len(batch.events) <= MAX_BATCH
        signatures = sign_batch(self._profile.key, [event.signed for event in batch.events])
        self._messages += [
            message_of(event, signature, self._profile.topic, self._traced(event))
            for event, signature in zip(batch.events, signatures, strict=True)
        ]
        self._amendments += batch.amendments
        self._editions += batch.editions
        self._settled += batch.settled
        if not self._whole:
            self.release()

    def release(self) -> None:
        """Put what is held back into the spool, all or nothing."""
        if self._messages:
            done = self._spool.put(self._messages, self._amendments, self._editions, self._settled)
            if any(put is not Put.QUEUED for put in done):
                raise AssertionError("the spool knows an id that it did not know a moment ago")
        self.drop()

    def drop(self) -> None:
        """Forget what is held back."""
        self._messages, self._amendments, self._editions, self._settled = [], [], [], []

    def earlier(self, list_: str, made_us: int) -> list[bytes]:
        """The events of editions of ``list_`` made before ``made_us`` (UTC microseconds) that still stand."""
        held = [each.identity for each in self._editions if each.list == list_ and each.made_us < made_us]
        gone = set(self._settled)
        return [each for each in (*self._spool.earlier(list_, made_us), *held) if each not in gone]

    def latest(self, list_: str) -> int:
        """When the latest edition of ``list_`` was made (UTC microseconds), 0 where none is known."""
        held = (each.made_us for each in self._editions if each.list == list_)
        return max((self._spool.latest(list_) or 0, *held))

    def said(self, identity: bytes) -> tuple[Message, ...]:
        """The message under ``identity`` and the corrections of it, in order."""
        held = [message for message in self._messages if message.identity == identity]
        return (*self._spool.said(identity), *held)
