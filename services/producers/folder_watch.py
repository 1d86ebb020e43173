"""Publishing a folder day after day: files come in, their events go out, the files are moved aside with their outcome.

A file is read into the spool as soon as it is complete, also while no broker answers, and is moved aside when the
broker has acknowledged every event of it. Killed at any point, the next run reads the files that are still in the
folder again: ids are derived from the records and the spool knows what it has, so nothing is lost and nothing new is
said. Between rounds the spool is free, so a person can publish by hand beside the watch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from schemas.reasons import Refusal
from services.producers.acknowledgements import settle
from services.producers.file_reader import Changed, Version, load
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import Format
from services.producers.inbox import Candidate, Inbox, ends_whole
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome
from services.producers.profile import Profile
from services.producers.publisher import drain
from services.producers.report import plain_file
from services.producers.spool import Spool, SpoolBusy
from services.producers.trace_context import Traced, untraced
from services.producers.unsent import BrokerUnreachable, NotTaken

_SPOOL_PATIENCE = 10.0
_SLICE = 0.1


class Listener(Protocol):
    """Is told what happens, for a person or a log."""

    def shelved(self, outcome: FileOutcome, target: Path) -> None:
        """A file was moved aside."""

    def broker(self, problem: str, waiting: int) -> None:
        """The broker went away (``problem`` says how) or came back ("")."""

    def busy(self, problem: str) -> None:
        """Another process holds the spool; the next round tries again."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are taken: as which format, with corrections, whole or by record; ``patience`` for one round's sending.

    ``traced`` gives each event its trace context.
    """

    format: str = ""
    amend: bool = False
    whole: bool = False
    patience: float = 5.0
    traced: Traced = untraced


@dataclass(slots=True)
class _Pending:
    candidate: Candidate
    outcome: FileOutcome


class Watch:
    """One partner's watch over one folder; ``round`` does what there is to do now, ``run`` goes on until stopped."""

    def __init__(
        self,
        inbox: Inbox,
        profile: Profile,
        spool: Path,
        bootstrap: str,
        listener: Listener,
        manner: Manner = Manner(),
        formats: Sequence[Format] = FORMATS,
        security: dict[str, Any] | None = None,
    ) -> None:
        self._inbox, self._profile, self._spool, self._bootstrap = inbox, profile, spool, bootstrap
        self._security = security
        self._listener, self._manner, self._formats = listener, manner, formats
        self._pending: dict[Path, _Pending] = {}
        self._later: dict[Path, Version] = {}  # seemed cut short; looked at again after the grace
        self._connected = True
        self.waiting = 1  # in the spool; not known before the first look, so look
        self.acknowledged = 0
        self.failed = 0

    def run(self, stop: Callable[[], bool], every: float = 1.0, once: bool = False) -> None:
        """Go round until ``stop``; with ``once``, until the folder is empty and nothing waits or the broker stays away."""
        while not stop():
            self.round(stop)
            if once and (not self._connected or not (self.waiting or self._inbox.unsettled)):
                return
            until = time.monotonic() + every
            while not stop() and (left := until - time.monotonic()) > 0:
                time.sleep(min(_SLICE, left))

    def round(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Take what is complete, send what waits, move aside what is done; bounded by the patience of its parts."""
        candidates = {each.path: each for each in self._inbox.look(time.monotonic())}
        self._pending = {
            path: each
            for path, each in self._pending.items()
            if path in candidates and candidates[path].version == each.candidate.version
        }
        fresh = [each for path, each in candidates.items() if path not in self._pending and self._due(each)]
        if not (fresh or self._pending or self.waiting):
            return
        try:
            with Spool(self._spool, _SPOOL_PATIENCE) as spool:
                for candidate in fresh:
                    if stop():
                        break
                    self._take(candidate, spool)
                self._send(spool, stop)
                unsent = spool.unacknowledged(
                    identity for each in self._pending.values() for identity in each.outcome.identities
                )
                arrived = {
                    path: each for path, each in self._pending.items() if not each.outcome.identities & unsent
                }
                settle((each.outcome for each in arrived.values()), spool)
        except SpoolBusy as busy:
            self._listener.busy(str(busy))
            return
        for path, pending in arrived.items():
            self._shelve(path, pending)

    def _due(self, candidate: Candidate) -> bool:
        return self._later.get(candidate.path) != candidate.version or candidate.rested >= self._inbox.grace

    def _take(self, candidate: Candidate, spool: Spool) -> None:
        """Read a file into the spool, or leave it where it seems to be still on its way."""
        patient = candidate.rested < self._inbox.grace
        outcome = FileOutcome(str(candidate.path))
        try:
            content, version = load(candidate.path)
        except Changed:
            return
        except Refusal as refusal:
            outcome.refusal = refusal
        else:
            if version != candidate.version:
                return
            if patient and not ends_whole(content):
                self._later[candidate.path] = candidate.version
                return
            manner = self._manner
            intake = Intake(
                self._profile,
                spool,
                format=manner.format,
                amend=manner.amend,
                whole=manner.whole,
                formats=self._formats,
                traced=manner.traced,
            )
            outcome = intake.content(str(candidate.path), content)
            intake.close()
        if outcome.refusal is not None and patient:
            self._later[candidate.path] = candidate.version
            return
        self._later.pop(candidate.path, None)
        self._pending[candidate.path] = _Pending(candidate, outcome)

    def _send(self, spool: Spool, stop: Callable[[], bool]) -> None:
        problem = ""
        before = spool.counts()[1]
        try:
            drain(spool, self._bootstrap, patience=self._manner.patience, security=self._security, stop=stop)
        except BrokerUnreachable as unreachable:
            problem = str(unreachable)
        except NotTaken as refusal:
            problem = f"{refusal} To do: {refusal.remedy}."
        self.waiting, acknowledged = spool.counts()
        self.acknowledged += acknowledged - before
        connected = not problem and not (self.waiting and not stop())
        if connected != self._connected:
            self._listener.broker(
                "" if connected else problem or "the broker does not acknowledge everything.", self.waiting
            )
        self._connected = connected

    def _shelve(self, path: Path, pending: _Pending) -> None:
        good = not pending.outcome.refused
        target = self._inbox.shelve(pending.candidate, good, plain_file(pending.outcome))
        del self._pending[path]
        if target is not None:
            self.failed += not good
            self._listener.shelved(replace(pending.outcome), target)
