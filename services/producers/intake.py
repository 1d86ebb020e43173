"""From files to the spool: each record signed and put on disk once, or told why not.

Good records go in, bad ones are listed. With ``whole`` nothing goes in unless everything can: the run is judged first
and put in one transaction. With ``amend`` a record that was published with other content becomes a correction, and a later
edition of a full list takes back what the earlier ones said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from schemas.signing import MAX_BATCH
from services.producers.editions import retractions
from services.producers.file_reader import Record, load, read
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import Format, Remarked, Said, Where
from services.producers.outcomes import Fate, FileOutcome, Outcome
from services.producers.pending import Batch, Pending
from services.producers.profile import Profile
from services.producers.record_status import Judge, Judged
from services.producers.spool import Edition, Spool
from services.producers.trace_context import Traced, untraced


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
