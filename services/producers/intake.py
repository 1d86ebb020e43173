"""From files to the spool: each record signed and put on disk once, or told why not.

Good records go in, bad ones are listed. With ``whole`` nothing goes in unless everything can: the run is judged first
and put in one transaction. With ``amend`` a record that was published with other content becomes a correction, and a later
edition of a full list takes back what the earlier ones said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros
from schemas.signing import MAX_BATCH, sign_batch
from services.producers.corrections import correction, retractions
from services.producers.file_reader import Record, load, read
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import Format, Remarked, Said, Where
from services.producers.outcomes import Fate, FileOutcome, Outcome
from services.producers.profile import Profile
from services.producers.spool import Amendment, Edition, Message, Put, Spool
from services.producers.unsigned_event import Traced, Unsigned, message_of, untraced

# Whoever asks what is known of a list or an event is answered from both, the spool and what is held back.


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
                return Judged(_refused(outcome, outdated(said, later)))
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
            return Judged(_refused(outcome, changed(said.id)))
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
        return _refused(outcome, twice(outcome.id, first.where))
    if first.refusal is not None:
        return _refused(outcome, first.refusal)
    note = f"the same as {first.where}" if str(first.where) else "repeated"
    return replace(outcome, fate=Fate.ALREADY, identity=first.identity, note=note)


def _refused(outcome: Outcome, refusal: Refusal) -> Outcome:
    return replace(outcome, fate=Fate.REFUSED, identity=None, refusal=refusal)


def outdated(said: Said, later: int) -> Refusal:
    """A later edition of the record's list is known, made at ``later`` (UTC microseconds)."""
    return Refusal(
        Reason.INVALID_TIME,
        f"A later edition of {said.edition}, made at {format_micros(later)}, was published before this one.",
        "/time",
        "Send the later edition again if it is the one that counts, or one made after it.",
    )


def twice(identity: str, where: Where) -> Refusal:
    """Two records of one run have one id and say different things."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} says something else than the one at {where}.",
        "/id",
        "Give each record an id of its own, or leave out the one that is wrong.",
    )


def changed(identity: str) -> Refusal:
    """The record was published with other content, and this is no run that mends."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} was published before with other content.",
        "/id",
        "To correct what was published, run it again with --amend; something new needs an id of its own.",
    )


class Intake:
    """Takes the files of one run into ``spool``; :meth:`close` puts what ``whole`` held back, or withholds it."""

    def __init__(
        self,
        profile: Profile,
        spool: Spool,
        *,
        format: str = "",
        amend: bool = False,
        whole: bool = False,
        formats: Sequence[Format] = FORMATS,
        traced: Traced = untraced,
    ) -> None:
        self._profile = profile
        self._format, self._formats = format, formats
        self._amend, self._whole = amend, whole
        self._pending = Pending(profile, spool, whole=whole, traced=traced)
        self._judge = Judge(profile, spool, self._pending, amend=amend)
        self._files: list[FileOutcome] = []

    def path(self, path: Path) -> FileOutcome:
        """Take the file at ``path``; a file that cannot be read is an outcome."""
        try:
            content, _ = load(path)
        except Refusal as refusal:
            return self._kept(FileOutcome(str(path), refusal=refusal))
        return self.content(str(path), content)

    def content(self, path: str, content: bytes) -> FileOutcome:
        """Take ``content``, which was read from ``path``."""
        try:
            file = read(content, self._profile, self._format, self._formats)
        except Refusal as refusal:
            return self._kept(FileOutcome(path, refusal=refusal))
        outcome = FileOutcome(path, file.format.name, file.sha256, file.remarks)
        lists: dict[str, Said] = {}
        try:
            for chunk in _chunks(file.records, MAX_BATCH):
                outcome.records += self._take(chunk)
                lists.update({each.said.edition: each.said for each in chunk if each.said is not None})
            lists.pop("", None)
            for latest in lists.values():
                self._supersede(outcome, latest)
        except Exception as unexpected:
            unexpected.add_note(
                f"while {path} was read as {file.format.name}; nothing is lost, move it aside to go on"
            )
            raise
        return self._kept(outcome)

    def close(self) -> None:
        """End the run: with ``whole``, put everything at once, or mark the good records WITHHELD where one was bad."""
        if self._whole and any(file.refused for file in self._files):
            for file in self._files:
                file.records = [_withheld(record) for record in file.records]
            self._pending.drop()
        else:
            self._pending.release()

    def _kept(self, outcome: FileOutcome) -> FileOutcome:
        self._files.append(outcome)
        return outcome

    def _take(self, records: Sequence[Record]) -> list[Outcome]:
        judged = [(record.said, self._judge.judge(record)) for record in records]
        listed = [
            (said, _edition(said, each))
            for said, each in judged
            if said is not None and said.edition and each.event is not None and each.amendment is None
        ]
        self._pending.add(
            Batch(
                [each.event for _, each in judged if each.event is not None],
                [each.amendment for _, each in judged if each.amendment is not None],
                [edition for _, edition in listed],
                [edition.identity for said, edition in listed if said.lasting],
            )
        )
        return [each.outcome for _, each in judged]

    def _supersede(self, outcome: FileOutcome, latest: Said) -> None:
        """Take back what earlier editions of the list said, where everything of ``latest``'s could be read."""
        earlier = self._pending.earlier(latest.edition, parse_micros(latest.time))
        stale = [(identity, self._pending.said(identity)) for identity in earlier]
        if not stale:
            return
        if not self._amend or outcome.refused:
            why = (
                "because rows of this one could not be read"
                if outcome.refused
                else "because this is no run with --amend"
            )
            text = f"{len(stale)} events of earlier editions of {latest.edition} still stand, {why}."
            remedy = "Mend the rows and run it with --amend." if outcome.refused else "Run it with --amend."
            outcome.remarks += (Remarked(Where(), text, remedy),)
            return
        backs = list(retractions(self._profile, latest, stale))
        for start in range(0, len(backs), MAX_BATCH):
            some = backs[start : start + MAX_BATCH]
            self._pending.add(Batch([back.event for back in some], settled=[back.target for back in some]))
        outcome.records += [
            Outcome(
                back.said.where,
                Fate.SPOOLED,
                back.said.id,
                back.said.type,
                back.event.identity,
                note=f"takes back {back.said.data['target']} of an earlier edition",
            )
            for back in backs
        ]


def _edition(said: Said, judged: Judged) -> Edition:
    assert judged.event is not None
    return Edition(judged.event.identity, said.edition, parse_micros(said.time))


def _withheld(record: Outcome) -> Outcome:
    if record.fate not in (Fate.SPOOLED, Fate.CORRECTED):
        return record
    return replace(
        record, fate=Fate.WITHHELD, identity=None, note="held back by the records that were refused"
    )


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(islice(records, size)):
        yield chunk
