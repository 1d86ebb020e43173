"""The proof: a simulated world through the whole platform while its processes are killed, and what is left of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from services.ledger.storage.event_reader import unsettled
from services.processors.settings import declared_topics
from services.testbed.chaos import audit, banks
from services.testbed.chaos.audit import States, Storage
from services.testbed.chaos.fault_injection import FOLDER, FaultInjector
from services.testbed.chaos.kills import FROZEN, KILLED, RANDOM, REPLAY, Attacker, Hit, NoFlow, plan, point_of
from services.testbed.chaos.publishers import Publishers, PublishersFailed, divide
from services.testbed.localstack.broker_settings import BACK_SOON
from services.testbed.localstack.platform import Platform, checked
from services.testbed.simulator.signed_messages import Outgoing, members, profiles, sign_all, sprinkle
from services.testbed.simulator.simulate import Scale, Simulation, simulate


def report(
    hits: Sequence[Hit],
    storage: Storage,
    states: States,
    fences: int,
    planned: Sequence[str],
    **extras: Any,
) -> dict[str, Any]:
    """The outcome as JSON values; ``planned`` are the attacks that were to be made. See ``problems``."""
    frozen = [hit for hit in hits if hit.kind == FROZEN and hit.standstill is not None]
    outcome = {
        "kills": len(hits),
        "kills_by_point": dict(sorted(Counter(hit.point for hit in hits).items())),
        "published": storage.acknowledged,
        "lost": storage.lost,
        "duplicated": storage.duplicated,
        "wrong_states": states.wrong,
        "fence_rejections": fences,
        "recovery_seconds": _spread(hit.recovery for hit in hits if hit.kind in (KILLED, RANDOM)),
        "recovery_by_kind": _by_kind(hits),
        "takeover_seconds": _spread(hit.standstill for hit in frozen) if frozen else None,
        "adoption_seconds": _spread(hit.adopted for hit in frozen) if frozen else None,
        "freezes_waited_for": sum(hit.waited_for for hit in frozen),
        "asked_by_point": dict(sorted(Counter(point_of(each) for each in planned if each != REPLAY).items())),
        "replays_asked": list(planned).count(REPLAY),
        "sent": storage.attempts,
        "accepted": storage.accepted,
        "invented": storage.invented,
        "dead_letters": dict(storage.letters),
        "dead_letters_expected": dict(storage.letters_expected),
        "consignments": states.consignments,
        "wrong_examples": list(states.lines),
        **extras,
    }
    outcome["problems"] = problems(outcome)
    return outcome


def problems(outcome: dict[str, Any]) -> list[str]:
    """The reasons why a proof does not hold, one line each; [] where it holds.

    It holds where nothing was lost, applied twice or invented, every state is right, fsck found nothing, each planned
    attack hit, each replay came out equal, the platform came back from all, and no worker had to end itself for standing
    still.
    """
    found = [
        f"{outcome[name]} {text}"
        for name, text in (
            ("lost", "acknowledged messages are lost"),
            ("duplicated", "messages were applied more than once"),
            ("invented", "stored events were never published"),
            ("wrong_states", "consignments are shown wrongly"),
            ("fsck_findings", "findings of fsck"),
        )
        if outcome.get(name)
    ]
    lending = outcome.get("financing", {})
    found += [
        f"{lending[name]} {text}"
        for name, text in (
            ("decisions_lost", "decisions that a bank was told are not stored as told"),
            ("wrong_financings", "financings stand otherwise than their decisions say"),
            ("double_pledges", "interests are held twice"),
            ("wrong_releases", "decisions let go what was pledged or owed"),
        )
        if lending.get(name)
    ]
    found += [f"a bank: {why}" for why in lending.get("unfinished", ())]
    found += [f"the run was cut short: {why}" for why in outcome.get("halted", ())]
    reached = outcome["kills_by_point"]
    found += [
        f"{point}: {reached.get(point, 0)} attacks hit of {asked} asked for"
        for point, asked in outcome["asked_by_point"].items()
        if reached.get(point, 0) < asked
    ]
    replays = outcome.get("replays", ())
    if len(replays) < outcome["replays_asked"]:
        found.append(f"{len(replays)} replays were made of {outcome['replays_asked']} asked for")
    for replayed in replays:
        if "failed" in replayed:
            found.append(f"a replay failed: {replayed['failed']}")
        elif replayed["differences"]:
            found.append(f"a replay came out with {replayed['differences']} differences")
    if stuck := outcome.get("worker_ends", {}).get("STUCK"):
        found.append(f"{stuck} workers ended themselves because nothing moved")
    return found


def _spread(seconds: Iterable[float | None]) -> dict[str, float]:
    known = [each for each in seconds if each is not None] or [0.0]
    return {"median": round(median(known), 2), "max": round(max(known), 2)}


def _by_kind(hits: Sequence[Hit]) -> dict[str, dict[str, float]]:
    kinds = sorted({hit.kind for hit in hits})
    return {kind: _spread(hit.recovery for hit in hits if hit.kind == kind) for kind in kinds}


WORKER_COMMAND = (sys.executable, "-m", "services.testbed.chaos.fault_injection")
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
    return Scale(
        seed=seed, trains=trains, boxes=24, days=max(40, trains * 2), false_reports=max(6, trains // 2)
    )


def prove(
    kills: int = 50,
    workers: int = 2,
    seed: int = 1,
    *,
    pace: float = 200.0,
    scale: Scale | None = None,
    attacks: Sequence[str] | None = None,
    frozen_seconds: float = 15.0,
    cargoes: int = CARGOES,
    say: Say = lambda _line: None,
    damage: Callable[[str], None] = lambda _dsn: None,
    attacking: Callable[..., Attacker] = Attacker,
) -> dict[str, Any]:
    """Attack a platform of its own ``kills`` times under load and return what became of the world's events.

    ``pace`` is the load in messages a second while attacks last; ``attacks`` names them one by one instead of drawing
    them; ``cargoes`` is how many of them two banks lend on meanwhile. ``damage`` may change the database before it is
    checked, to see that the check notices; ``attacking`` makes the attacker. Blocks for about 8 s per kill. A platform that
    does not come back cuts the run short and is checked as it is then. All parties are simulated. ``problems`` lists what is wrong with the outcome.
    """
    random = Random(f"prove|{seed}")
    wanted = list(attacks) if attacks is not None else plan(kills, random)
    halted: list[str] = []
    simulation = simulate(scale or world_for(kills, seed, pace))
    outgoing = messages_of(simulation, cargoes)
    say(f"{len(outgoing)} messages of a simulated world, {len(simulation.truths)} consignments")
    folder = Path(tempfile.mkdtemp(prefix="lianyun-prove-"))
    folder.chmod(0o711)  # passable, not readable: the database may run under an account of its own
    injector = FaultInjector(folder / "traps")
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
            command=WORKER_COMMAND,
            broker_settings=BACK_SOON,
        ) as platform:
            publishers = Publishers(
                folder / "journals", divide(outgoing, PUBLISHERS), platform.stack.bootstrap
            )
            lenders = banks.Lenders(platform.stack.dsn, NETWORK, cargoes, simulation.scale.seed)
            attacker = attacking(platform, publishers, injector, random, frozen_seconds=frozen_seconds)
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
            damage(platform.stack.dsn)
            say("the log has been applied; comparing")
            storage, states, fences = _judged(platform, publishers, simulation)
            found = checked(platform)
            with psycopg.connect(platform.stack.dsn) as connection:
                lending = banks.check_lending(connection, lenders, found.counts)
            ends = Counter(ended.name for ended in attacker.workers.ended)
            outcome = report(
                attacker.hits,
                storage,
                states,
                fences,
                wanted,
                fsck_findings=sum(found.found.values()),
                fsck_examples=[str(finding) for finding in found.findings[:5]],
                financing=lending,
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
    every = list(simulation.publication.messages)
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


def wait_drained(platform: Platform, halted: list[str], patience: float = 300.0) -> dict[str, int]:
    """Wait until the ledger has reached the end of every partition and nothing is left to settle.

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
