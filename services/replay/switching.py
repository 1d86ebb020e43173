"""The end of a replay: catch up, bring both generations to one point, compare them there, and switch.

Comparing everything takes longer than batches may be held. So the first hold only brings both to one point and opens a
snapshot of it; while batches go on, everything is compared in that snapshot. The second hold compares what was folded
since, and switches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel

from services.replay.comparing import Compared, compare, compare_consignments
from services.replay.following import STEP, Follower, settle
from services.replay.holding import ATTEMPTS, Holds, held
from services.replay.outcome import Differs, Progress, ReplayError
from services.replay.source import Block, Source, blocks_after
from services.storage.errors import RETRIED
from services.storage.generations import switch_generation
from services.storage.session import Session, equip
from services.storage.work import Work

FEW = 1_000
"""Events left to apply when batches are held."""
SLICE = 0.5
"""Seconds that a hold may spend on catching up, where that cannot be done beside the workers."""
PAUSE = 0.2
"""Seconds between two attempts."""
TURNS = 5
"""Steps without coming nearer, after which catching up holds batches for a slice."""


class Switching:
    """Brings ``follower``'s generation in use in the place of ``previous``; for one run.

    ``gate`` holds batches and makes the switch; ``session`` writes both generations.
    """

    def __init__(
        self,
        dsn: str,
        gate: Connection[Any],
        session: Session,
        source: Source,
        follower: Follower,
        previous: int,
        progress: Progress,
    ) -> None:
        self._dsn = dsn
        self._gate = gate
        self._session = session
        self._source = source
        self._follower = follower
        self._previous = previous
        self._progress = progress
        self.holds = Holds()
        self.caught_up = 0

    def run(self, same_rules: bool, accept_differences: bool) -> Compared:
        """Catch up, compare, switch; Differs where rows differ that should not."""
        new = self._follower.generation
        with psycopg.connect(self._dsn, application_name="lianyun-replay") as watching:
            watching.isolation_level = IsolationLevel.REPEATABLE_READ
            self._at_one_point(same_rules, lambda: watching.execute("SELECT 1"))
            self._progress("comparing", 0, 0)
            compared = compare(watching, self._previous, new)
        if compared.differing and same_rules and not accept_differences:
            raise Differs(new, compared.differing, compared.shown)
        self._follower.touched.clear()

        def switch() -> None:
            nonlocal compared
            late = compare_consignments(self._gate, self._previous, new, self._follower.touched)
            if late.differing and same_rules and not accept_differences:
                raise Differs(new, late.differing, late.shown)
            compared += late
            switch_generation(self._gate, new)

        self._at_one_point(same_rules, switch)
        self._progress("switched", 1, 1)
        return compared

    def _at_one_point(self, same_rules: bool, then: Callable[[], Any]) -> None:
        """Hold batches with both generations settled at the same point, and do ``then`` there.

        Where a reader stands in the way of the switch for longer than batches may be held, it is tried again.
        """
        for _ in range(ATTEMPTS):
            self._catch_up()
            try:
                with held(self._gate, self._session, self.holds) as since:
                    if self._finish(since + SLICE):
                        if same_rules:
                            self._settle_previous()
                        then()
                        return
            except RETRIED:
                self._session.rollback()
                time.sleep(PAUSE)
        raise ReplayError(
            "Readers or writers stood in the way of the switch again and again; nothing was switched. "
            "Look for long transactions (`lianyun doctor`) and try again."
        )

    def _catch_up(self) -> None:
        """Apply what is visible until little is left; beside the workers, or in slices where they are faster."""
        nearest, turns = 2**62, 0
        while True:
            blocks = self._blocks(horizon=True)
            left = sum(block.events for block in blocks)
            if left <= FEW:
                return
            turns = 0 if left < nearest else turns + 1
            nearest = min(nearest, left)
            self._progress("catching up", self.caught_up, self.caught_up + left)
            if turns >= TURNS:
                with held(self._gate, self._session, self.holds) as since:
                    self._finish(since + SLICE)
                turns = 0
            else:
                self._apply(blocks)

    def _finish(self, until: float) -> bool:
        """Apply all that is committed, while batches are held; False where the time is up before."""
        while True:
            blocks = self._blocks(horizon=False)
            self._apply(blocks)
            if not blocks:
                return True
            if time.monotonic() > until:
                return not self._blocks(horizon=False)

    def _apply(self, blocks: list[Block]) -> None:
        """One step: the first of ``blocks``, and what was put in quarantine since."""
        step: list[Block] = []
        events = 0
        for block in blocks:
            if step and events + block.events > STEP:
                break
            step.append(block)
            events += block.events
        self.caught_up += self._follower.apply(self._session, self._source, step)
        self._session.commit()

    def _blocks(self, horizon: bool) -> list[Block]:
        found = blocks_after(self._session, self._follower.xid, self._follower.first, horizon)
        self._session.commit()
        return found

    def _settle_previous(self) -> None:
        """Look at the notes of the generation in use that workers have yet to look at; nobody else can now."""
        equip(self._session, self._previous)
        settle(Work(self._session), self._follower.touched)
        self._session.commit()
