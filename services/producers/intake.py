"""From files to the spool: each record is compared with what was published, signed and stored once, or refused.

With ``whole`` nothing is stored unless every record of the run can be, in one transaction. With ``amend`` a record that was
published with other content becomes a correction, and a later full edition of a list retracts what earlier ones stated.
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
from services.producers.file_reader import EventRecord, load, read
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import EventDraft, Format, Position, Remark
from services.producers.outcomes import FileOutcome, RecordOutcome, RecordStatus
from services.producers.profile import Profile
from services.producers.spool import Amendment, Edition, Message, PutResult, Spool
from services.producers.unsigned_event import TraceSource, UnsignedEvent, message_of, no_trace


@dataclass(frozen=True, slots=True)
class Batch:
    """At most ``MAX_BATCH`` events that are stored together, with their amendments and editions.

    ``settled`` are events of lists that no later edition retracts (any more).
    """

    events: Sequence[UnsignedEvent]
    amendments: Sequence[Amendment] = ()
    editions: Sequence[Edition] = ()
    settled: Sequence[bytes] = ()


class SpoolWriter:
    """Signs batches and stores them in ``spool``; with ``whole`` only :meth:`release` does, in one transaction.

    Its queries answer from the spool and from the batches not yet stored.
    """

    def __init__(
        self, profile: Profile, spool: Spool, *, whole: bool = False, trace_source: TraceSource = no_trace
    ) -> None:
        self._profile, self._spool, self._whole, self._trace_source = profile, spool, whole, trace_source
        self._messages: list[Message] = []
        self._amendments: list[Amendment] = []
        self._editions: list[Edition] = []
        self._settled: list[bytes] = []

    def add(self, batch: Batch) -> None:
        """Sign the events of ``batch``; on return they are on disk, or pending where ``whole``."""
        if not batch.events:
            return
        assert len(batch.events) <= MAX_BATCH
        signatures = sign_batch(self._profile.key, [event.signed for event in batch.events])
        self._messages += [
            message_of(event, signature, self._profile.topic, self._trace_source(event))
            for event, signature in zip(batch.events, signatures, strict=True)
        ]
        self._amendments += batch.amendments
        self._editions += batch.editions
        self._settled += batch.settled
        if not self._whole:
            self.release()

    def release(self) -> None:
        """Store the pending batches in the spool, all or nothing."""
        if self._messages:
            done = self._spool.put(self._messages, self._amendments, self._editions, self._settled)
            if any(put is not PutResult.QUEUED for put in done):
                raise AssertionError("the spool knows an id that it did not know a moment ago")
        self.drop()

    def drop(self) -> None:
        """Discard the batches not yet stored."""
        self._messages, self._amendments, self._editions, self._settled = [], [], [], []

    def earlier(self, list_: str, made_us: int) -> list[bytes]:
        """The events of editions of ``list_`` made before ``made_us`` (UTC microseconds) that are not retracted."""
        pending = [each.identity for each in self._editions if each.list == list_ and each.made_us < made_us]
        gone = set(self._settled)
        return [each for each in (*self._spool.earlier(list_, made_us), *pending) if each not in gone]

    def latest(self, list_: str) -> int:
        """When the latest edition of ``list_`` was made (UTC microseconds), 0 where none is known."""
        pending = (each.made_us for each in self._editions if each.list == list_)
        return max((self._spool.latest(list_) or 0, *pending))

    def versions(self, identity: bytes) -> tuple[Message, ...]:
        """The message under ``identity`` and the corrections of it, in order."""
        pending = [message for message in self._messages if message.identity == identity]
        return (*self._spool.versions(identity), *pending)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome of one record, and the event to send for it, if any."""

    outcome: RecordOutcome
    event: UnsignedEvent | None = None
    amendment: Amendment | None = None


class Reconciler:
    """Compares the records of one run, in order, with the spool; with ``amend`` a changed record becomes a correction."""

    def __init__(self, profile: Profile, spool: Spool, writer: SpoolWriter, *, amend: bool = False) -> None:
        self._profile, self._spool, self._writer, self._amend = profile, spool, writer, amend
        self._seen: dict[
            bytes, tuple[bytes, RecordOutcome]
        ] = {}  # what this run says under each id, and its fate

    def reconcile(self, record: EventRecord) -> Reconciliation:
        """The reconciliation of ``record``; a repeated id within the run follows its first record."""
        draft, event = record.draft, record.event
        if draft is None or event is None:
            status = RecordStatus.PASSED_OVER if record.refusal is None else RecordStatus.REFUSED
            skipped = RecordOutcome(record.where, status, refusal=record.refusal, note=record.passed_over)
            if draft is not None:
                skipped = replace(skipped, id=draft.id, type=draft.type, remarks=record.remarks)
            return Reconciliation(skipped)
        outcome = RecordOutcome(
            record.where, RecordStatus.SPOOLED, draft.id, draft.type, event.identity, remarks=record.remarks
        )
        if (first := self._seen.get(event.identity)) is not None:
            return Reconciliation(_again(outcome, event.digest, *first))
        reconciled = self._reconcile_first(draft, event, outcome)
        self._seen[event.identity] = event.digest, reconciled.outcome
        return reconciled

    def _reconcile_first(
        self, draft: EventDraft, event: UnsignedEvent, outcome: RecordOutcome
    ) -> Reconciliation:
        known = self._spool.known(event.identity)
        if known is None:
            later = self._writer.latest(draft.edition) if draft.edition else 0
            if later > parse_micros(draft.time):
                return Reconciliation(_refused(outcome, outdated(draft, later)))
            return Reconciliation(outcome, event)
        stated_by = (
            event.identity if known == event.digest else self._spool.amendment(event.identity, event.digest)
        )
        current = self._spool.current(event.identity)
        if current is None:
            raise AssertionError(f"the spool knows {draft.id!r} and has no message for it")
        if stated_by is not None:
            by = dict(current.headers)["ce_id"].decode()
            note = "" if stated_by == current.identity else f"corrected since by {by}"
            return Reconciliation(
                replace(outcome, status=RecordStatus.ALREADY, identity=stated_by, note=note)
            )
        if not self._amend:
            return Reconciliation(_refused(outcome, changed(draft.id)))
        try:
            correcting = correction(self._profile, current, draft, event)
        except Refusal as refusal:
            return Reconciliation(_refused(outcome, refusal))
        amendment = Amendment(event.identity, event.digest, correcting.identity)
        note = f"published as {correcting.envelope.id}"
        corrected = replace(outcome, status=RecordStatus.CORRECTED, identity=correcting.identity, note=note)
        return Reconciliation(corrected, correcting, amendment)


def _again(outcome: RecordOutcome, digest: bytes, first_digest: bytes, first: RecordOutcome) -> RecordOutcome:
    """The outcome of a record whose id occurred before in this run; an identical repetition shares the first one's."""
    if digest != first_digest:
        return _refused(outcome, twice(outcome.id, first.where))
    if first.refusal is not None:
        return _refused(outcome, first.refusal)
    note = f"the same as {first.where}" if str(first.where) else "repeated"
    return replace(outcome, status=RecordStatus.ALREADY, identity=first.identity, note=note)


def _refused(outcome: RecordOutcome, refusal: Refusal) -> RecordOutcome:
    return replace(outcome, status=RecordStatus.REFUSED, identity=None, refusal=refusal)


def outdated(draft: EventDraft, later: int) -> Refusal:
    """The refusal of a record of an edition older than one made at ``later`` (UTC microseconds)."""
    return Refusal(
        Reason.INVALID_TIME,
        f"A later edition of {draft.edition}, made at {format_micros(later)}, was published before this one.",
        "/time",
        "Send the later edition again if it is the one that counts, or one made after it.",
    )


def twice(identity: str, where: Position) -> Refusal:
    """The refusal of a second record with the same id and other content."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} says something else than the one at {where}.",
        "/id",
        "Give each record an id of its own, or leave out the one that is wrong.",
    )


def changed(identity: str) -> Refusal:
    """The refusal of a published record with other content, in a run without ``amend``."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} was published before with other content.",
        "/id",
        "To correct what was published, run it again with --amend; something new needs an id of its own.",
    )


class Intake:
    """Reads the files of one run into ``spool``; :meth:`close` stores what ``whole`` deferred, or withholds it."""

    def __init__(
        self,
        profile: Profile,
        spool: Spool,
        *,
        format: str = "",
        amend: bool = False,
        whole: bool = False,
        formats: Sequence[Format] = FORMATS,
        trace_source: TraceSource = no_trace,
    ) -> None:
        self._profile = profile
        self._format, self._formats = format, formats
        self._amend, self._whole = amend, whole
        self._writer = SpoolWriter(profile, spool, whole=whole, trace_source=trace_source)
        self._reconciler = Reconciler(profile, spool, self._writer, amend=amend)
        self._files: list[FileOutcome] = []

    def path(self, path: Path) -> FileOutcome:
        """Take the file at ``path``; a file that cannot be read is an outcome."""
        try:
            content, _ = load(path)
        except Refusal as refusal:
            return self._add(FileOutcome(str(path), refusal=refusal))
        return self.content(str(path), content)

    def content(self, path: str, content: bytes) -> FileOutcome:
        """Take ``content``, which was read from ``path``."""
        try:
            file = read(content, self._profile, self._format, self._formats)
        except Refusal as refusal:
            return self._add(FileOutcome(path, refusal=refusal))
        outcome = FileOutcome(path, file.format.name, file.sha256, file.remarks)
        lists: dict[str, EventDraft] = {}
        try:
            for chunk in _chunks(file.records, MAX_BATCH):
                outcome.records += self._take(chunk)
                lists.update({each.draft.edition: each.draft for each in chunk if each.draft is not None})
            lists.pop("", None)
            for latest in lists.values():
                self._supersede(outcome, latest)
        except Exception as unexpected:
            unexpected.add_note(
                f"while {path} was read as {file.format.name}; nothing is lost, move it aside to go on"
            )
            raise
        return self._add(outcome)

    def close(self) -> None:
        """End the run: with ``whole``, put everything at once, or mark the good records WITHHELD where one was bad."""
        if self._whole and any(file.refused for file in self._files):
            for file in self._files:
                file.records = [_withheld(record) for record in file.records]
            self._writer.drop()
        else:
            self._writer.release()

    def _add(self, outcome: FileOutcome) -> FileOutcome:
        self._files.append(outcome)
        return outcome

    def _take(self, records: Sequence[EventRecord]) -> list[RecordOutcome]:
        reconciled = [(record.draft, self._reconciler.reconcile(record)) for record in records]
        listed = [
            (draft, _edition(draft, each))
            for draft, each in reconciled
            if draft is not None and draft.edition and each.event is not None and each.amendment is None
        ]
        self._writer.add(
            Batch(
                [each.event for _, each in reconciled if each.event is not None],
                [each.amendment for _, each in reconciled if each.amendment is not None],
                [edition for _, edition in listed],
                [edition.identity for draft, edition in listed if draft.lasting],
            )
        )
        return [each.outcome for _, each in reconciled]

    def _supersede(self, outcome: FileOutcome, latest: EventDraft) -> None:
        """Retract what earlier editions of the list stated, where every record of ``latest``'s could be read."""
        earlier = self._writer.earlier(latest.edition, parse_micros(latest.time))
        stale = [(identity, self._writer.versions(identity)) for identity in earlier]
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
            outcome.remarks += (Remark(Position(), text, remedy),)
            return
        backs = list(retractions(self._profile, latest, stale))
        for start in range(0, len(backs), MAX_BATCH):
            some = backs[start : start + MAX_BATCH]
            self._writer.add(Batch([back.event for back in some], settled=[back.target for back in some]))
        outcome.records += [
            RecordOutcome(
                back.draft.where,
                RecordStatus.SPOOLED,
                back.draft.id,
                back.draft.type,
                back.event.identity,
                note=f"takes back {back.draft.data['target']} of an earlier edition",
            )
            for back in backs
        ]


def _edition(draft: EventDraft, reconciled: Reconciliation) -> Edition:
    assert reconciled.event is not None
    return Edition(reconciled.event.identity, draft.edition, parse_micros(draft.time))


def _withheld(record: RecordOutcome) -> RecordOutcome:
    if record.status not in (RecordStatus.SPOOLED, RecordStatus.CORRECTED):
        return record
    return replace(
        record, status=RecordStatus.WITHHELD, identity=None, note="held back by the records that were refused"
    )


def _chunks(records: Iterator[EventRecord], size: int) -> Iterator[list[EventRecord]]:
    while chunk := list(islice(records, size)):
        yield chunk
