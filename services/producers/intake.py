"""From files to the spool: each record signed and put on disk once, or told why not.

Good records go in, bad ones are listed. With ``whole`` nothing goes in unless everything can: the run is judged first
and put in one transaction. With ``amend`` a record that was published with other content becomes a correction, and a later
edition of a full list takes back what the earlier ones said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from schemas.signing import MAX_BATCH, sign_batch
from services.producers import refusing
from services.producers.amending import correction
from services.producers.editions import retractions
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import Format, Remarked, Said, Where
from services.producers.native import Unsigned, message_of
from services.producers.outcome import Fate, FileOutcome, Outcome
from services.producers.profile import Profile
from services.producers.reading import Record, load, read
from services.producers.spool import Amendment, Edition, Message, Put, Spool


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
    ) -> None:
        self._profile, self._spool = profile, spool
        self._format, self._formats = format, formats
        self._amend, self._whole = amend, whole
        self._seen: dict[bytes, tuple[bytes, Outcome]] = {}  # what this run says under each id, and its fate
        self._held: list[Message] = []
        self._amendments: list[Amendment] = []
        self._editions: list[Edition] = []
        self._taken_back: list[bytes] = []
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
        if not self._whole:
            return
        if any(file.refused for file in self._files):
            for file in self._files:
                file.records = [_withheld(record) for record in file.records]
        elif self._held:
            _put(self._spool, self._held, self._amendments, self._editions, self._taken_back)
        self._held, self._amendments, self._editions, self._taken_back = [], [], [], []

    def _kept(self, outcome: FileOutcome) -> FileOutcome:
        self._files.append(outcome)
        return outcome

    def _take(self, records: Sequence[Record]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        fresh: list[Unsigned] = []
        amendments: list[Amendment] = []
        editions: list[Edition] = []
        for record in records:
            outcome, event, amendment = self._judge(record)
            outcomes.append(outcome)
            if event is not None:
                fresh.append(event)
                if record.said is not None and record.said.edition and amendment is None:
                    made = parse_micros(record.said.time)
                    editions.append(Edition(event.identity, record.said.edition, made))
            if amendment is not None:
                amendments.append(amendment)
        self._sign(fresh, amendments, editions)
        return outcomes

    def _sign(
        self,
        fresh: Sequence[Unsigned],
        amendments: Sequence[Amendment] = (),
        editions: Sequence[Edition] = (),
        taken_back: Sequence[bytes] = (),
    ) -> None:
        """Sign ``fresh`` and put it, or hold it until the run is judged."""
        if not fresh:
            return
        signatures = sign_batch(self._profile.key, [event.signed for event in fresh])
        messages = [
            message_of(event, signature, self._profile.topic)
            for event, signature in zip(fresh, signatures, strict=True)
        ]
        if self._whole:
            self._held += messages
            self._amendments += amendments
            self._editions += editions
            self._taken_back += taken_back
        else:
            _put(self._spool, messages, amendments, editions, taken_back)

    def _supersede(self, outcome: FileOutcome, latest: Said) -> None:
        """Take back what earlier editions of the list said, where everything of ``latest``'s could be read."""
        stale = [(identity, self._said(identity)) for identity in self._earlier(latest)]
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
            self._sign([back.event for back in some], taken_back=[back.target for back in some])
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

    def _earlier(self, latest: Said) -> list[bytes]:
        """The events of earlier editions that stand, in the spool and in this run."""
        made = parse_micros(latest.time)
        held = [
            each.identity for each in self._editions if each.list == latest.edition and each.made_us < made
        ]
        gone = set(self._taken_back)
        return [each for each in (*self._spool.earlier(latest.edition, made), *held) if each not in gone]

    def _latest(self, list_: str) -> int:
        """When the latest edition of a list was made, in the spool or in this run; 0 where there is none."""
        held = (each.made_us for each in self._editions if each.list == list_)
        return max((self._spool.latest(list_) or 0, *held))

    def _said(self, identity: bytes) -> tuple[Message, ...]:
        held = [message for message in self._held if message.identity == identity]
        return (*self._spool.said(identity), *held)

    def _judge(self, record: Record) -> tuple[Outcome, Unsigned | None, Amendment | None]:
        """The outcome of one record, and what has to be signed and put for it."""
        said, event = record.said, record.event
        if said is None or event is None:
            fate = Fate.PASSED_OVER if record.refusal is None else Fate.REFUSED
            told = Outcome(record.where, fate, refusal=record.refusal, note=record.passed_over)
            if said is not None:
                told = replace(told, id=said.id, type=said.type, remarks=said.remarks)
            return told, None, None
        outcome = Outcome(
            record.where, Fate.SPOOLED, said.id, said.type, event.identity, remarks=said.remarks
        )
        if (first := self._seen.get(event.identity)) is not None:
            return _again(outcome, event.digest, *first), None, None
        judged = self._judge_first(said, event, outcome)
        self._seen[event.identity] = event.digest, judged[0]
        return judged

    def _judge_first(
        self, said: Said, event: Unsigned, outcome: Outcome
    ) -> tuple[Outcome, Unsigned | None, Amendment | None]:
        known = self._spool.known(event.identity)
        if known is None:
            later = self._latest(said.edition) if said.edition else 0
            if later > parse_micros(said.time):
                return _refused(outcome, refusing.outdated(said, later)), None, None
            return outcome, event, None
        said_by = (
            event.identity if known == event.digest else self._spool.amendment(event.identity, event.digest)
        )
        standing = self._spool.standing(event.identity)
        if standing is None:
            raise AssertionError(f"the spool knows {said.id!r} and has no message for it")
        if said_by is not None:
            by = dict(standing.headers)["ce_id"].decode()
            note = "" if said_by == standing.identity else f"corrected since by {by}"
            return replace(outcome, fate=Fate.ALREADY, identity=said_by, note=note), None, None
        if not self._amend:
            return _refused(outcome, refusing.changed(said.id)), None, None
        try:
            mended = correction(self._profile, standing, said, event)
        except Refusal as refusal:
            return _refused(outcome, refusal), None, None
        amendment = Amendment(event.identity, event.digest, mended.identity)
        note = f"published as {mended.envelope.id}"
        return replace(outcome, fate=Fate.CORRECTED, identity=mended.identity, note=note), mended, amendment


def _put(
    spool: Spool,
    messages: Sequence[Message],
    amendments: Sequence[Amendment],
    editions: Sequence[Edition],
    taken_back: Sequence[bytes],
) -> None:
    if any(put is not Put.QUEUED for put in spool.put(messages, amendments, editions, taken_back)):
        raise AssertionError("the spool knows an id that it did not know a moment ago")


def settle(files: Iterable[FileOutcome], spool: Spool) -> None:
    """Tell of every spooled record whether the broker has it: PUBLISHED, or WAITING. The last word, said once."""
    files = list(files)
    waiting = spool.unacknowledged(identity for file in files for identity in file.identities)
    for file in files:
        file.records = [_settled(record, waiting) for record in file.records]


def _settled(record: Outcome, waiting: frozenset[bytes]) -> Outcome:
    if record.identity in waiting:
        return replace(record, fate=Fate.WAITING)
    return replace(record, fate=Fate.PUBLISHED) if record.fate is Fate.SPOOLED else record


def _again(outcome: Outcome, digest: bytes, first_digest: bytes, first: Outcome) -> Outcome:
    """A record whose id this run has met before: a word-for-word repetition shares the fate of the first."""
    if digest != first_digest:
        return _refused(outcome, refusing.twice(outcome.id, first.where))
    if first.refusal is not None:
        return _refused(outcome, first.refusal)
    note = f"the same as {first.where}" if str(first.where) else "repeated"
    return replace(outcome, fate=Fate.ALREADY, identity=first.identity, note=note)


def _withheld(record: Outcome) -> Outcome:
    if record.fate not in (Fate.SPOOLED, Fate.CORRECTED):
        return record
    return replace(
        record, fate=Fate.WITHHELD, identity=None, note="held back by the records that were refused"
    )


def _refused(outcome: Outcome, refusal: Refusal) -> Outcome:
    return replace(outcome, fate=Fate.REFUSED, identity=None, refusal=refusal)


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(islice(records, size)):
        yield chunk
