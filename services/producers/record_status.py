"""Whether a record that was read has to be signed and sent: new, said before, changed, outdated, or not to be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.producers import refusals
from services.producers.amendments import correction
from services.producers.file_reader import Record
from services.producers.formats.model import Said
from services.producers.native import Unsigned
from services.producers.outcomes import Fate, Outcome
from services.producers.pending import Pending
from services.producers.profile import Profile
from services.producers.spool import Amendment, Spool


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of one record, and the event that has to be sent for it, if any."""

    outcome: Outcome
    event: Unsigned | None = None
    amendment: Amendment | None = None


class Judge:
    """Judges the records of one run in their order; with ``amend`` a changed record becomes a correction."""

    def __init__(self, profile: Profile, spool: Spool, pending: Pending, *, amend: bool = False) -> None:
        self._profile, self._spool, self._pending, self._amend = profile, spool, pending, amend
        self._seen: dict[bytes, tuple[bytes, Outcome]] = {}  # what this run says under each id, and its fate

    def judge(self, record: Record) -> Judged:
        """What becomes of ``record``; a record of an id that this run has met before follows the first."""
        said, event = record.said, record.event
        if said is None or event is None:
            fate = Fate.PASSED_OVER if record.refusal is None else Fate.REFUSED
            told = Outcome(record.where, fate, refusal=record.refusal, note=record.passed_over)
            if said is not None:
                told = replace(told, id=said.id, type=said.type, remarks=said.remarks)
            return Judged(told)
        outcome = Outcome(
            record.where, Fate.SPOOLED, said.id, said.type, event.identity, remarks=said.remarks
        )
        if (first := self._seen.get(event.identity)) is not None:
            return Judged(_again(outcome, event.digest, *first))
        judged = self._judge_first(said, event, outcome)
        self._seen[event.identity] = event.digest, judged.outcome
        return judged

    def _judge_first(self, said: Said, event: Unsigned, outcome: Outcome) -> Judged:
        known = self._spool.known(event.identity)
        if known is None:
            later = self._pending.latest(said.edition) if said.edition else 0
            if later > parse_micros(said.time):
                return Judged(_refused(outcome, refusals.outdated(said, later)))
            return Judged(outcome, event)
        said_by = (
            event.identity if known == event.digest else self._spool.amendment(event.identity, event.digest)
        )
        standing = self._spool.standing(event.identity)
        if standing is None:
            raise AssertionError(f"the spool knows {said.id!r} and has no message for it")
        if said_by is not None:
            by = dict(standing.headers)["ce_id"].decode()
            note = "" if said_by == standing.identity else f"corrected since by {by}"
            return Judged(replace(outcome, fate=Fate.ALREADY, identity=said_by, note=note))
        if not self._amend:
            return Judged(_refused(outcome, refusals.changed(said.id)))
        try:
            mended = correction(self._profile, standing, said, event)
        except Refusal as refusal:
            return Judged(_refused(outcome, refusal))
        amendment = Amendment(event.identity, event.digest, mended.identity)
        note = f"published as {mended.envelope.id}"
        told = replace(outcome, fate=Fate.CORRECTED, identity=mended.identity, note=note)
        return Judged(told, mended, amendment)


def _again(outcome: Outcome, digest: bytes, first_digest: bytes, first: Outcome) -> Outcome:
    """A record whose id this run has met before: a word-for-word repetition shares the fate of the first."""
    if digest != first_digest:
        return _refused(outcome, refusals.twice(outcome.id, first.where))
    if first.refusal is not None:
        return _refused(outcome, first.refusal)
    note = f"the same as {first.where}" if str(first.where) else "repeated"
    return replace(outcome, fate=Fate.ALREADY, identity=first.identity, note=note)


def _refused(outcome: Outcome, refusal: Refusal) -> Outcome:
    return replace(outcome, fate=Fate.REFUSED, identity=None, refusal=refusal)
