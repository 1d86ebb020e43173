"""The process that moves what was accepted into the log and has its head cosigned; others of it stand by until its turn ends.

It may be killed at any point: a step is one transaction, and a checkpoint that nobody has seen cosigned is asked for again.
"""

from __future__ import annotations

import threading
import time

from services.ledger.storage.schema_window import require_schema
from services.ledger.storage.session import Session, open_session
from services.runtime import follower
from services.runtime.follower import Follower
from services.telemetry import metrics as names
from services.telemetry.instruments import Instruments
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.keys import LogSigner, Signer
from services.transparency.domain.note import Note
from services.transparency.domain.policy import Policy
from services.transparency.key_file import read_keys
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.witness.client import Prove, Witnesses

APPLICATION = "lianyun-transparency"


class SequencerMetrics:
    """How large the log is, how much of it was cosigned, and when; for one writer and any readers."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self.entries = self.instruments.gauge(names.TRANSPARENCY_ENTRIES)
        self.cosigned = self.instruments.gauge(names.TRANSPARENCY_COSIGNED)
        self.complete = self.instruments.gauge(names.TRANSPARENCY_WHOLE)
        self.cosigned_at = self.instruments.gauge(names.TRANSPARENCY_COSIGNED_AT)


class Sequencer(Follower):
    """Steps of the log. LogRefused and Contradicted end the process: an operator has to decide which history is right.

    ``beside``: the other keys of the key file. It is read again where the log names a key that is not held: keys change while it runs.
    """

    def __init__(
        self,
        settings: TransparencySettings,
        signer: LogSigner,
        policy: Policy | None,
        beside: tuple[Signer, ...] = (),
    ) -> None:
        self._settings, self._signer, self._beside = settings, signer, beside
        self._dsn = settings.dsn.get_secret_value()
        self._witnesses = None if policy is None else Witnesses(policy)
        self._session: Session | None = None
        self._proofs: Session | None = None  # of the threads that ask witnesses
        self._proving = threading.Lock()
        self._size, self._cosigned = 0, -1
        self.metrics = SequencerMetrics()
        self.contended_pause = settings.transparency_tick

    def open(self) -> None:
        """Open the sessions, look at the log, and ask the witnesses for the head as it is, before anything is signed.

        NoLog, LogRefused, SchemaMoved; Contradicted where a witness has seen more of this log, or another one.
        """
        self._session, self._proofs = (open_session(self._dsn, APPLICATION) for _ in range(2))
        self._session.autocommit = self._proofs.autocommit = True
        require_schema(self._session)
        head = log.read_head(self._session)
        self._cosigned = -1 if head.cosigned is None else Checkpoint.parse(head.cosigned.text).size
        self.metrics.cosigned.set(max(self._cosigned, 0))
        if self._cosigned > head.checkpoint.size:
            raise log.LogRefused(
                f"the log has {head.checkpoint.size} entries, {self._cosigned} of it were cosigned: it was set back"
            )
        if self._witnesses is not None and head.checkpoint.size:
            self._cosign(self._session, self._witnesses)

    def step(self) -> float:
        """Sequence, and have the head cosigned where it is not yet; what that takes counts towards the tick."""
        assert self._session is not None
        began = time.monotonic()
        try:
            done = self._sequenced(self._session)
        except log.OtherKeys as refused:
            try:
                self._signer, *beside = read_keys(self._settings.transparency_key)
            except OSError:
                raise refused from None
            self._beside = tuple(beside)
            done = self._sequenced(self._session)
        self._size = done.after
        self.metrics.entries.set(done.after)
        if done.complete:
            self.metrics.complete.set(time.time())
        if self._witnesses is not None and done.after > self._cosigned:
            self._cosign(self._session, self._witnesses)
        rest = began + self._settings.transparency_tick - time.monotonic()
        return max(0.0, rest) if done.complete else 0.0

    @property
    def sizes(self) -> tuple[int, int]:
        """Entries of the log after the last step, and how many of them are cosigned."""
        return self._size, max(self._cosigned, 0)

    def _sequenced(self, session: Session) -> log.Grown:
        limit = self._settings.transparency_entries
        return log.sequence(session, self._signer, self._settings.network, limit, self._beside)

    def _cosign(self, session: Session, witnesses: Witnesses) -> None:
        head = log.read_head(session)
        cosigned = witnesses.cosigned(head.note, self._prove(head.note), self._settings.transparency_patience)
        if cosigned is not None and log.record_cosigned(session, head.key, cosigned):
            self._cosigned = head.checkpoint.size
            self.metrics.cosigned.set(self._cosigned)
            self.metrics.cosigned_at.set(time.time())

    def _prove(self, note: Note) -> Prove:
        assert self._proofs is not None
        return log.prover(self._proofs, Checkpoint.parse(note.text).size, self._proving)

    def close(self) -> None:
        """Close the sessions; requests to witnesses that are under way are not waited for."""
        if self._witnesses is not None:
            self._witnesses.close()
        for each in (self._session, self._proofs):
            if each is not None:
                each.close()


def once(settings: TransparencySettings) -> tuple[int, int]:
    """Take all into the log that there is, and have that cosigned; how many entries there are, and how many are cosigned.

    Raises as steps do, LockNotAvailable where another sequencer has its turn.
    """
    sequencer = _sequencer(settings)
    try:
        sequencer.open()
        while not sequencer.step():
            pass
        return sequencer.sizes
    finally:
        sequencer.close()


def _sequencer(settings: TransparencySettings) -> Sequencer:
    signer, *beside = read_keys(settings.transparency_key)
    return Sequencer(settings, signer, settings.policy(), tuple(beside))


def run(settings: TransparencySettings) -> None:
    """Sequence until SIGTERM or SIGINT, which ends it after the present step; what the log refuses ends it at once."""
    sequencer = _sequencer(settings)
    host, port = settings.transparency_metrics_host, settings.transparency_metrics_port
    registry = sequencer.metrics.instruments.registry
    follower.run(sequencer, registry, host, port, settings.transparency_stuck_after)
