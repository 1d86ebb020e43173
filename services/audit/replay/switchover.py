"""The end of a replay: catch up, bring both generations to one point, compare them there, and switch.

Comparing everything takes longer than batches may be held. So the first hold only brings both to one point and opens a
snapshot of it; while batches go on, everything is compared in that snapshot. The second hold compares what was folded
since, and switches. A hold that expires is abandoned and what it has applied stays, so that the
next one has less to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from psycopg import Connection, IsolationLevel

from services.audit.replay.batch_hold import ATTEMPTS, HoldExpired, Holds, held
from services.audit.replay.catch_up import Follower, settle_some
from services.audit.replay.event_reader import Block, EventReader
from services.audit.replay.generation_build import APPLICATION
from services.audit.replay.generation_differences import Comparison, compare, compare_consignments
from services.audit.replay.outcome import Differs, ReplayError
from services.audit.report import Progress
from services.ledger.storage.generations import switch_generation
from services.ledger.storage.session import (
    Session,
    open_session,
    set_local_generation,
    set_session_generation,
)
from services.ledger.storage.work import Work
from services.runtime.transactions import CONFLICTS

Result = TypeVar("Result")
STEP = 2_000
"""Events of one step while workers run."""
MAX_REMAINING = 1_000
"""Events that may be left when batches are held; fewer where applying them is slow."""
APPLY_SECONDS = 0.25
"""Seconds of a hold in which the remaining events are to be applied."""
STEP_SECONDS = 0.05
"""Target duration of one step within a hold, in seconds: the deadline is checked between steps."""
NOTES_PER_STEP = 20
"""Notes settled in one step within a hold."""
MARGIN = 0.3
"""Seconds before its deadline at which a hold stops catching up, reserved for comparing and switching."""
MIN_RATE = 4.0
"""Lower bound of the estimated rate, in events a second."""
PAUSE = 0.2
"""Seconds between two attempts."""
MAX_STALLED_STEPS = 5
"""Steps without progress after which catching up holds batches."""


class Switchover:
    """Puts ``follower``'s generation in use in place of ``previous``; for one run.

    One session writes both generations, another holds batches and makes the switch. Context manager.
    """

    def __init__(
        self,
        dsn: str,
        follower: Follower,
        previous: int,
        progress: Progress,
    ) -> None:
        self._dsn = dsn
        self._follower = follower
        self.generation = follower.generation
        self._open_control()
        self._open_session()
        self.previous = previous
        self._progress = progress
        self.holds = Holds()
        self.caught_up = 0
        self._rate = MAX_REMAINING / APPLY_SECONDS  # events that are applied in a second, as last measured

    def run(self, same_rules: bool, accept_differences: bool) -> Comparison:
        """Catch up, compare, switch; Differs where rows differ that should not."""
        new = self.generation
        strict = same_rules and not accept_differences
        compared = self._compare_all(same_rules)
        for _ in range(ATTEMPTS):
            if compared.differing and strict:
                raise Differs(new, compared.differing, compared.shown)
            try:
                late = self._at_one_point(same_rules, lambda: self._switch(strict))
            except HoldExpired:
                if self._switched():  # and the answer was lost with the session; workers write there now
                    return compared
                # More changed since than could be compared within a hold: compare that beside the workers, too.
                compared += self._compare_changed(same_rules)
            else:
                self._progress("switched", 1, 1)
                return compared + late
        raise ReplayError(_CONFLICTED)

    def _open_control(self) -> None:
        self._control: Connection[Any] = psycopg.connect(self._dsn, application_name=APPLICATION)

    def _open_session(self) -> None:
        self._session: Session = open_session(self._dsn, APPLICATION)
        set_session_generation(self._session, self.generation)
        self._reader = EventReader(self._session)
        self._session.commit()

    def _hold(self) -> AbstractContextManager[float]:
        return held(self._control, self._session, self.holds)

    def _reopen(self) -> None:
        """After a hold that the database had to end."""
        if self._control.closed:
            self._open_control()
        if self._session.closed:
            self._open_session()

    def _switched(self) -> bool:
        self._reopen()
        query = "SELECT 1 FROM lianyun.generation WHERE number = %s AND state = 'CURRENT'"
        found = self._session.execute(query, (self.generation,)).fetchone()
        self._session.commit()
        return found is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._session.close()

    def _switch(self, strict: bool) -> Comparison:
        """The end of a hold: compare what was folded since the last comparison, and switch."""
        new = self.generation
        late = compare_consignments(self._control, self.previous, new, self._follower.touched)
        if late.differing and strict:
            raise Differs(new, late.differing, late.shown)
        switch_generation(self._control, new)
        return late

    def _compare_all(self, same_rules: bool) -> Comparison:
        with self._snapshot(same_rules) as (connection, _):
            self._progress("comparing", 0, 0)
            return compare(connection, self.previous, self.generation)

    def _compare_changed(self, same_rules: bool) -> Comparison:
        with self._snapshot(same_rules) as (connection, touched):
            return compare_consignments(connection, self.previous, self.generation, touched)

    @contextmanager
    def _snapshot(self, same_rules: bool) -> Iterator[tuple[Connection[Any], set[bytes]]]:
        """A session that sees both generations at one point, and the consignments folded up to there; empties that set."""
        with psycopg.connect(self._dsn, application_name=APPLICATION) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ

            def begin() -> None:
                connection.rollback()  # of an attempt that was cut short
                connection.execute("SELECT 1")

            for _ in range(ATTEMPTS):
                with suppress(HoldExpired):
                    self._at_one_point(same_rules, begin)
                    break
            else:
                raise ReplayError(_CONFLICTED)
            touched, self._follower.touched = self._follower.touched, set()
            yield connection, touched

    def _at_one_point(self, same_rules: bool, then: Callable[[], Result]) -> Result:
        """Hold batches with both generations settled at the same point, and do ``then`` there.

        Retried where readers conflict, or where the time of a hold is up before that point is reached; HoldExpired where it
        was up in ``then``.
        """
        for _ in range(ATTEMPTS):
            self._reopen()
            self._catch_up()
            reached = False
            try:
                with self._hold() as deadline:
                    if self._finish(deadline) and (not same_rules or self._settle_previous(deadline)):
                        reached = True
                        return then()
            except HoldExpired:
                if reached:
                    raise
                self._rate = max(self._rate / 2, MIN_RATE)
            except CONFLICTS:
                time.sleep(PAUSE)
        raise ReplayError(_CONFLICTED)

    def _catch_up(self) -> None:
        """Apply what is visible until little is left; while workers run, or within holds where they are faster."""
        nearest, stalled = 2**62, 0
        while True:
            blocks = self._blocks(horizon=True)
            left = sum(block.events for block in blocks)
            if left <= min(MAX_REMAINING, self._rate * APPLY_SECONDS):
                return
            stalled = 0 if left < nearest else stalled + 1
            nearest = min(nearest, left)
            self._progress("catching up", self.caught_up, self.caught_up + left)
            if stalled < MAX_STALLED_STEPS:
                self._follow(blocks, STEP)
                continue
            stalled = 0
            with suppress(HoldExpired, *CONFLICTS), self._hold() as deadline:
                if self._finish(deadline):
                    return
            self._reopen()

    def _finish(self, deadline: float) -> bool:
        """Apply all that is committed, while batches are held; False where the time is up before."""
        while time.monotonic() < deadline - MARGIN:
            blocks = self._blocks(horizon=False)
            self._follow(blocks, max(1, min(STEP, int(self._rate * STEP_SECONDS))))
            if not blocks:
                return True
        return False

    def _follow(self, blocks: list[Block], most: int) -> None:
        """One step: the first of ``blocks``, and what was put in quarantine since."""
        started = time.monotonic()
        count = self._follower.follow(self._session, self._reader, blocks, most)
        self.caught_up += count
        if count:
            measured = count / max(time.monotonic() - started, 0.001)
            self._rate = (self._rate + measured) / 2

    def _blocks(self, horizon: bool) -> list[Block]:
        found = self._follower.blocks(self._session, horizon)
        self._session.commit()
        return found

    def _settle_previous(self, deadline: float) -> bool:
        """Process the notes of the generation in use that workers have yet to process; they are held.

        False where the time is up before; what was done stays done.
        """
        while time.monotonic() < deadline - MARGIN:
            set_local_generation(self._session, self.previous)
            self._session.execute(
                "SET LOCAL idle_in_transaction_session_timeout = '2s'"
            )  # workers want these rows
            some = settle_some(Work(self._session), self._follower.touched, NOTES_PER_STEP)
            self._session.commit()
            if not some:
                return True
        return False


_CONFLICTED = (
    "Readers or writers stood in the way of the switch again and again; nothing was switched. "
    "Look for long transactions (`lianyun doctor`) and try again."
)
