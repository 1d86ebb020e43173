"""Two drills, each on a small simulated world of its own: a worker killed in the middle of a transaction, a stored row changed."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from services.audit.report import Finding
from services.testbed.chaos.kills import Attacker, Hit
from services.testbed.chaos.prove import problems, prove
from services.testbed.demo.run import play
from services.testbed.localstack.platform import Platform, checked
from services.testbed.simulator.files import Deliveries
from services.testbed.simulator.signed_messages import members, profiles
from services.testbed.simulator.simulate import Scale, simulate

Say = Callable[[str], None]
POINT = "before_commit"
DAY = 86_400_000_000
_CLAIM = sql.SQL("UPDATE lianyun.claim SET happened = happened + {by} WHERE no = {no}")
_BODY = sql.SQL("UPDATE lianyun.body SET payload = set_byte(payload, 60, {byte}) WHERE no = {no}")


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is committed at a moment: messages applied, events stored, and how the victim's partitions are fenced."""

    when: str
    applied: int
    stored: int
    epoch: int  # the least of those partitions: whoever still holds an older one is refused


class LedgerRecorder(Attacker):
    """An attacker that notes down what is committed while its victim is dead, and when it is back."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ledgers: list[Ledger] = []

    def _kill_at(self, worker: int, point: str) -> Hit:
        self._own = sorted(self._watch.owned_by(worker))
        self._look("before")
        hit = super()._kill_at(worker, point)
        self._look("after")
        return hit

    def _fire(self, worker: int, point: str, number: signal.Signals) -> None:
        super()._fire(worker, point, number)
        self._look("killed")

    def _look(self, when: str) -> None:
        with psycopg.connect(self._platform.stack.dsn) as connection:
            row = connection.execute(
                "SELECT (SELECT sum(next_offset) FROM lianyun.kafka_offset), (SELECT count(*) FROM lianyun.body),"
                " (SELECT coalesce(min(epoch), 0) FROM lianyun.kafka_offset"
                " JOIN unnest(%s::text[], %s::integer[]) AS own (topic, part) USING (topic, part))",
                ([topic for topic, _ in self._own], [part for _, part in self._own]),
            ).fetchone()
        assert row is not None
        self.ledgers.append(Ledger(when, int(row[0]), int(row[1]), int(row[2])))


def kill(seed: int, say: Say, scale: Scale | None = None) -> dict[str, Any]:
    """Kill a worker by SIGKILL just before it commits, under load, and return what became of everything published.

    Runs a platform of its own and blocks for about a minute. ``held``: whether nothing was lost, doubled or wrong.
    """
    attackers: list[LedgerRecorder] = []

    def attacking(*arguments: Any, **options: Any) -> LedgerRecorder:
        attackers.append(LedgerRecorder(*arguments, **options))
        return attackers[0]

    outcome = prove(
        1,
        workers=2,
        seed=seed,
        pace=150.0,
        scale=scale or Scale(seed=seed, trains=5, boxes=20, false_reports=3),
        attacks=(f"kill {POINT}",),
        attacking=attacking,
        say=say,
    )
    ledgers = [asdict(ledger) for ledger in attackers[0].ledgers] if attackers else []
    kept = (
        "published", "accepted", "lost", "duplicated", "invented", "wrong_states", "fsck_findings", "consignments",
        "fence_rejections", "offsets", "worker_ends", "problems", "seconds",
    )  # fmt: skip
    return {
        "simulated": True,
        "killed": {"signal": "SIGKILL", "point": POINT, "hits": outcome["kills"]},
        "recovery_seconds": outcome["recovery_seconds"]["max"],
        "ledger": ledgers,
        **{name: outcome[name] for name in kept},
        "held": not problems(outcome) and outcome["kills"] == 1,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One stored row changed behind everybody's back, and what fsck must name."""

    row: str  # as findings begin to name it
    publisher: str
    field: str
    before: str
    after: str
    statement: str

    def named_by(self, finding: Finding) -> bool:
        """Whether ``finding`` names this row, its publisher and the field."""
        row = f"{finding.where} ".startswith(f"{self.row} ")
        return row and (finding.publisher, finding.field) == (self.publisher, self.field)


def tamper(seed: int, say: Say) -> dict[str, Any]:
    """Change two stored rows by SQL and let fsck look; ``found``: whether it named each row, publisher and field.

    Runs a platform of its own and blocks for about half a minute.
    """
    began = time.monotonic()
    simulation = simulate(Scale(seed=seed, trains=2, boxes=6, false_reports=2))
    known = profiles(seed)
    say("a small simulated world goes through a platform of its own ...")
    with (
        tempfile.TemporaryDirectory(prefix="lianyun-tamper-") as folder,
        Platform(workers=1, members=members(known)) as platform,
    ):
        records = Deliveries(tuple(simulation.publication.messages))
        play(simulation, records, simulation.scale.now, platform, Path(folder), say)
        dsn = platform.stack.dsn
        sound = checked(platform)
        say(f"fsck before: {'ok' if sound.sound else sound.found}")
        with psycopg.connect(dsn) as connection:
            changes = list(_harm(connection))
        for change in changes:
            say(f"changed: {change.statement}")
        report = checked(platform)
    named = [[str(f) for f in report.findings if change.named_by(f)] for change in changes]
    return {
        "simulated": True,
        "sound_before": sound.sound,
        "changed": [{**asdict(change), "named": found} for change, found in zip(changes, named, strict=True)],
        "findings": report.plain()["findings"],
        "found": sound.sound and bool(named) and all(named),
        "seconds": round(time.monotonic() - began, 1),
    }


def _harm(connection: psycopg.Connection[Any]) -> Iterator[Change]:
    """Move a departure by a day in the state, and flip one bit of what another railway has published."""
    (no, happened, publisher), (other, byte, by) = (
        connection.execute(
            "SELECT c.no, c.happened, t.text FROM lianyun.claim c JOIN lianyun.term t ON t.number = c.publisher"
            " WHERE c.part = 1 AND NOT c.dead AND c.territorial ORDER BY c.no, c.object LIMIT 1"
        ).fetchall()
        + connection.execute(
            "SELECT b.no, get_byte(b.payload, 60), t.text FROM lianyun.body b JOIN lianyun.claim c USING (no)"
            " JOIN lianyun.term t ON t.number = c.publisher WHERE c.part = 1 AND NOT c.dead AND c.territorial"
            " ORDER BY b.no DESC LIMIT 1"
        ).fetchall()
    )
    claim = _CLAIM.format(by=DAY, no=no).as_string(connection)
    connection.execute(claim.encode())
    yield Change(f"claim of event {no}", publisher, "happened", str(happened), str(happened + DAY), claim)
    body = _BODY.format(byte=byte ^ 1, no=other).as_string(connection)
    connection.execute(body.encode())
    yield Change(f"event {other}", by, "payload or headers", f"byte 60 is {byte}", f"{byte ^ 1}", body)
