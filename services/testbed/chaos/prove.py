"""The proof: a simulated world through the whole platform while its processes are killed, and what is left of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from services.audit.fsck.check import fsck
from services.ledger.storage.event_reader import unsettled
from services.processors.settings import admission_settings, declared_topics
from services.testbed.chaos import audit, banks
from services.testbed.chaos.audit import States, Storage
from services.testbed.chaos.kills import Attacker, plan
from services.testbed.chaos.publishers import Publishers, PublishersFailed, divide
from services.testbed.chaos.report import report
from services.testbed.chaos.traps import FOLDER, Traps
from services.testbed.chaos.watch import NoFlow
from services.testbed.localstack.broker_settings import BACK_SOON
from services.testbed.localstack.platform import Platform
from services.testbed.simulator.invalid_messages import sprinkle
from services.testbed.simulator.signatures import Outgoing, members, profiles, sign_all
from services.testbed.simulator.simulate import Scale, Simulation, simulate

VICTIM = (sys.executable, "-m", "services.testbed.chaos.victim")
NETWORK = "demo"
PUBLISHERS = 3
EVENTS_PER_TRAIN = 1_000
SECONDS_PER_KILL = 10.0
BROKEN_SHARE = 0.02
CARGOES = 60
"""Cargoes that two banks lend on meanwhile."""

Say = Callable[[str], None]


def world_for(kills: int, seed: int, pace: float) -> Scale:
    """A world large enough that its events last for most of ``kills`` attacks at ``pace`` events a second."""
    trains = max(6, int(kills * SECONDS_PER_KILL * pace / EVENTS_PER_TRAIN))
    return Scale(seed=seed, trains=trains, boxes=24, days=max(40, trains * 2), rumours=max(6, trains // 2))


def prove(
    kills: int = 50,
    workers: int = 2,
    seed: int = 1,
    *,
    pace: float = 200.0,
    scale: Scale | None = None,
    attacks: Sequence[str] | None = None,
    frozen_seconds: float = 15.0,
    lent: int | None = None,
    say: Say = lambda _line: None,
    spoil: Callable[[str], None] = lambda _dsn: None,
    attacking: Callable[..., Attacker] = Attacker,
) -> dict[str, Any]:
    """Attack a platform of its own ``kills`` times under load and return what became of the world's events.

    ``pace`` is the load in messages a second while attacks last; ``attacks`` names them one by one instead of drawing
    them; ``lent`` is the number of cargoes that two banks lend on meanwhile. ``spoil`` may do harm to the database before it is judged, to see that the judgement notices; ``attacking``
    makes the attacker. Blocks for about 8 s per kill. A platform that does not come back cuts the run short and is judged as it stands then. All
    parties are simulated. ``services.testbed.chaos.report.problems`` says what is wrong with the outcome.
    """
    random = Random(f"prove|{seed}")
    wanted = list(attacks) if attacks is not None else plan(kills, random)
    halted: list[str] = []
    simulation = simulate(scale or world_for(kills, seed, pace))
    cargoes = CARGOES if lent is None else lent
    outgoing = messages_of(simulation, cargoes)
    say(f"{len(outgoing)} messages of a simulated world, {len(simulation.truths)} consignments")
    folder = Path(tempfile.mkdtemp(prefix="lianyun-prove-"))
    folder.chmod(0o711)  # passable, not readable: the database may run under an account of its own
    traps = Traps(folder / "traps")
    known = profiles(simulation.scale.seed, network=NETWORK)
    environment = {FOLDER: str(folder / "traps"), "LIANYUN_SESSION_TIMEOUT": "6", "LIANYUN_HEARTBEAT": "2"}
    began = time.monotonic()
    try:
        with Platform(
            folder / "platform",
            workers=workers,
            network=NETWORK,
            members=[*members(known), banks.member(banks.rival(simulation.scale.seed, NETWORK))],
            environment=environment,
            command=VICTIM,
            broker_settings=BACK_SOON,
        ) as platform:
            publishers = Publishers(
                folder / "journals", divide(outgoing, PUBLISHERS), platform.stack.bootstrap
            )
            lenders = banks.Lenders(platform.stack.dsn, NETWORK, cargoes, simulation.scale.seed)
            attacker = attacking(platform, publishers, traps, random, frozen_seconds=frozen_seconds)
            try:
                publishers.start(pace)
                lenders.start()
                steps: Sequence[Callable[[], None]] = (lambda: attacker.run(wanted, say), publishers.finish)
                for step in steps:
                    try:
                        step()
                    except (NoFlow, PublishersFailed) as failed:
                        say(f"cut short: {failed}")
                        halted.append(str(failed))
            finally:
                publishers.stop()
            drained = wait_drained(platform, halted)
            lenders.finish()
            spoil(platform.stack.dsn)
            say("the log has been applied; comparing")
            storage, states, fences = _judged(platform, publishers, simulation)
            checked = _checked(platform)
            with psycopg.connect(platform.stack.dsn) as connection:
                lent_out = banks.check_lending(connection, lenders, checked.pop("counts"))
            ends = Counter(ended.name for ended in attacker.workers.ended)
            outcome = report(
                attacker.hits,
                storage,
                states,
                fences,
                wanted,
                **checked,
                financing=lent_out,
                offsets=drained,
                replays=attacker.replays,
                idle_kills=attacker.idle,
                worker_ends=dict(sorted(ends.items())),
                halted=halted,
                seconds=round(time.monotonic() - began, 1),
                seed=seed,
                simulated=True,
            )
    except BaseException:
        say(f"the logs of all processes are in {folder}")
        raise
    if outcome["problems"]:
        say(f"the logs of all processes are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def messages_of(simulation: Simulation, cargoes: int = 0) -> list[Outgoing]:
    """The signed messages of ``simulation`` in the order of sending, with broken ones between them.

    ``cargoes`` further ones are there for banks to lend on, spread over the first half.
    """
    seed = simulation.scale.seed
    known = {**profiles(seed, network=NETWORK), banks.RIVAL.code: banks.rival(seed, NETWORK)}
    every = list(simulation.telling.messages)
    for number, message in enumerate(further := list(banks.messages(cargoes))):
        every.insert(number + number * len(every) // (2 * max(len(further), 1)), message)
    signed = sign_all(every, known)
    return sprinkle(signed, known, Random(f"broken|{seed}"), BROKEN_SHARE)


def _judged(
    platform: Platform, publishers: Publishers, simulation: Simulation
) -> tuple[Storage, States, int]:
    journals = publishers.journals()
    with psycopg.connect(platform.stack.dsn) as connection:
        storage = audit.check_storage(connection, journals)
        states = audit.check_states(connection, simulation, journals, platform.network)
        row = connection.execute("SELECT count(*) FROM lianyun.fence_log").fetchone()
    return storage, states, int(row[0]) if row else 0


def _checked(platform: Platform) -> dict[str, Any]:
    gateway = admission_settings(platform.network).gateway_topics
    checked = fsck(platform.stack.dsn, platform.network, gateway_topics=gateway)
    return {
        "fsck_findings": sum(checked.found.values()),
        "counts": checked.counts,
        "fsck_examples": [str(finding) for finding in checked.findings[:5]],
    }


def wait_drained(platform: Platform, halted: list[str], patience: float = 300.0) -> dict[str, int]:
    """Wait until the ledger stands at the end of every partition and nothing is left to settle.

    Where that does not come about in time, ``halted`` gets to know; what is missing then counts as lost.
    """
    wanted = end_of_log(platform.stack.bootstrap)
    until = time.monotonic() + patience
    with psycopg.connect(platform.stack.dsn, autocommit=True) as connection:
        while True:
            rows = connection.execute("SELECT topic, part, next_offset FROM lianyun.kafka_offset").fetchall()
            applied = {(topic, part): offset for topic, part, offset in rows}
            short = sorted(place for place, end in wanted.items() if applied.get(place, 0) < end)
            late = time.monotonic() > until
            if late:
                halted.append(f"{len(short)} partitions were not applied to their end: {short[:5]}")
            if late or (not short and not unsettled(connection)):
                return {"log": sum(wanted.values()), "ledger": sum(applied.values())}
            time.sleep(0.3)


def end_of_log(bootstrap: str) -> dict[tuple[str, int], int]:
    """The end offset of every partition of the declared topics."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        places = [
            TopicPartition(topic, part)
            for topic in declared_topics()
            for part in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        ends = consumer.end_offsets(places)
        return {(place.topic, place.partition): int(end) for place, end in ends.items()}
    finally:
        consumer.close()
