"""Many at once: exactly one gets the interest, nobody waits for ever, whatever is rotated, runs out or is killed meanwhile."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision, DecisionOutcome
from services.financing.domain.fingerprints import normalise_1
from services.financing.domain.requests import DecisionRequest
from services.financing.store import fingerprint_versions
from services.financing.store.decision_service import CargoMoved, DecisionService
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.ledger.storage import points
from services.ledger.storage.decision_locks import database_clock
from services.ledger.storage.session import Session, open_session
from tests.support.financing import crowd
from tests.support.financing.stored_world import SIGNER, Stored, events_of, value
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import KEY
from tests.support.threads import at_once

pytestmark = pytest.mark.integration
OTHER = KEY[::-1]
HOUR = 3_600 * 1_000_000


def old_fashioned(text: str) -> str:
    """A normaliser of an earlier release."""
    return "".join(character for character in text.upper() if character.isalnum())


def ring(*keys: bytes) -> KeyRing:
    return KeyRing(keys, {1: normalise_1, 2: old_fashioned})


def begin(dsn: str, key: bytes = KEY, normaliser: int = 1) -> None:
    with open_session(dsn) as session:
        fingerprint_versions.begin(session, key, normaliser)


def decide(
    session: Session, desk: DecisionService, ask: DecisionRequest, on: tuple[Thing, ...] = ()
) -> Decision:
    """One request in a transaction of its own, begun again where the cargo moved."""
    while True:
        try:
            with session.transaction():
                return desk.decide(session, ask, on)
        except CargoMoved:
            continue


def winners(dsn: str) -> dict[str, list[str]]:
    """The financings that hold something, by cargo."""
    held: dict[str, list[str]] = defaultdict(list)
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT DISTINCT c.key, e.name FROM lianyun.financing_entry e "
            "JOIN lianyun.financing_cargo c ON c.financing = e.financing WHERE e.freed IS NULL"
        )
        for key, name in rows:
            held[key].append(name)
    return held


def deadlocks(dsn: str) -> int:
    return int(value(dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


CARGOES, CLIENTS, RIVALS = 500, 32, 2


@pytest.mark.long
def test_thirty_two_clients_over_five_hundred_cargoes(dsn: str) -> None:
    begin(dsn)
    crowd.store(dsn, "CROWD", CARGOES)
    before, desk = deadlocks(dsn), DecisionService(ring(KEY), SIGNER)
    outcomes: list[tuple[int, DecisionOutcome, str]] = []

    def client(number: int) -> None:
        mine = [cargo for cargo in range(CARGOES) if (cargo + number) % (CLIENTS // RIVALS) == 0]
        random.Random(number).shuffle(mine)
        with open_session(dsn, "lianyun-test") as session:
            session.execute("SET synchronous_commit = off")
            session.commit()
            for cargo in mine:
                ask, on = crowd.reserve(
                    "CROWD", cargo, crowd.BANKS[number // (CLIENTS // RIVALS) % 2], f"c{number}"
                )
                decision = decide(session, desk, ask, on)
                outcomes.append((cargo, decision.outcome, decision.guard))

    at_once(CLIENTS, client)
    assert len(outcomes) == CARGOES * RIVALS
    won = [cargo for cargo, outcome, _ in outcomes if outcome is DecisionOutcome.DONE]
    assert sorted(won) == list(range(CARGOES)), "exactly one winner each"
    assert {guard for _, outcome, guard in outcomes if outcome is not DecisionOutcome.DONE} == {
        "INTEREST_FREE"
    }
    assert all(len(names) == 1 for names in winners(dsn).values())
    assert deadlocks(dsn) == before


def test_a_rotation_while_everybody_reserves(dsn: str) -> None:
    """Some know the new key earlier than others; a process without it decides nothing rather than half."""
    begin(dsn)
    crowd.store(dsn, "TURN", 40)
    rotated = threading.Event()
    done: list[tuple[int, int]] = []
    without_key: list[int] = []

    def work(number: int) -> None:
        if number == 8:
            time.sleep(0.05)
            begin(dsn, OTHER, 2)
            rotated.set()
            return
        desk = DecisionService(ring(KEY) if number == 7 else ring(KEY, OTHER), SIGNER)
        with open_session(dsn, "lianyun-test") as session:
            for cargo in range(40):
                if cargo == 20:
                    rotated.wait(30)
                ask, on = crowd.reserve("TURN", cargo, crowd.BANKS[number % 2], f"c{number}")
                try:
                    if decide(session, desk, ask, on).done:
                        done.append((cargo, number))
                except KeyMissing:
                    without_key.append(cargo)

    at_once(9, work)
    assert sorted(cargo for cargo, _ in done) == list(range(40))
    assert {*without_key} >= {*range(20, 40)}, "without the new key nothing is decided"
    # What was reserved before is found under the old version, although it has no fingerprint under the new one.
    counts = value(dsn, "SELECT count(DISTINCT version) FROM lianyun.financing_entry WHERE freed IS NULL")
    assert counts == 2
    with open_session(dsn) as session:
        assert fingerprint_versions.close(session, 1)
        session.commit()
        desk = DecisionService(ring(KEY, OTHER), SIGNER)
        late, on = crowd.reserve("TURN", 0, "bbank", "late")
        assert decide(session, desk, late, on).guard == "INTEREST_FREE"
        with pytest.raises(KeyMissing):
            decide(session, DecisionService(ring(OTHER), SIGNER), late, on)


@pytest.mark.parametrize("first", ["pledge", "rival"])
@pytest.mark.parametrize("micro", [-1, 0, 1])
def test_the_end_of_a_reservation_belongs_to_one(dsn: str, first: str, micro: int) -> None:
    """A pledge about the moment at which its reservation ends, and a rival at that moment: the second one waits for the first."""
    case = next(case for case in cases() if case.slug.startswith("31_"))
    reserve, at, on = case.ask(0)
    rival, _, _ = case.ask(3)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    stored.hear(micros("2026-04-01T00:00Z"))
    stored._at = at
    stored.desk.decide(stored.session, reserve, on)
    stored.session.commit()
    asks = {
        "pledge": (at + 72 * HOUR + micro, DecisionRequest(Action.PLEDGE, "abank", "p", "abank/LN-1"), ()),
        "rival": (at + 72 * HOUR, rival, on),
    }
    answered: dict[str, Decision] = {}

    def desk(name: str) -> DecisionService:
        return DecisionService(ring(KEY), SIGNER, clock=lambda s: (asks[name][0], database_clock(s)[1]))

    def second() -> None:
        name = {"pledge": "rival", "rival": "pledge"}[first]
        with open_session(dsn, "lianyun-test") as session:
            answered[name] = decide(session, desk(name), *asks[name][1:])

    with open_session(dsn, "lianyun-test") as session:
        answered[first] = desk(first).decide(session, *asks[first][1:])
        other = threading.Thread(target=second, daemon=True)
        other.start()
        time.sleep(0.2)
        assert len(answered) == 1, "the second one waits for the first"
        session.commit()
        other.join(30)
    stored.close()
    pledge, taken = answered["pledge"], answered["rival"]
    in_time = micro < 0 and first == "pledge"
    assert (pledge.done, taken.done) == (in_time, not in_time), answered
    assert (taken.guard if in_time else pledge.guard) == ("INTEREST_FREE" if in_time else "RESERVATION_VALID")


def test_a_pledge_and_a_release_order_never_both(dsn: str) -> None:
    """Whoever comes second sees the first: also where the first has not committed yet."""
    case = next(case for case in cases() if case.slug.startswith("02_"))
    reserve, at, on = case.ask(0)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    stored.hear(micros("2026-03-03T00:00Z"))
    stored._at = at
    stored.desk.decide(stored.session, reserve, on)
    stored.session.commit()
    desk = DecisionService(ring(KEY), SIGNER, clock=lambda s: (at + HOUR, database_clock(s)[1]))
    answered: list[Decision] = []

    def order() -> None:
        with open_session(dsn, "lianyun-test") as session:
            answered.append(decide(session, desk, DecisionRequest(Action.RELEASE_ORDER, "ruhr", "order"), on))

    with open_session(dsn, "lianyun-test") as session:
        pledged = desk.decide(session, DecisionRequest(Action.PLEDGE, "abank", "pledge", "abank/GD-1"))
        other = threading.Thread(target=order, daemon=True)
        other.start()
        time.sleep(0.3)
        assert not answered, "the order waits for the pledge"
        session.commit()
        other.join(30)
    stored.close()
    assert pledged.done
    assert [(r.outcome, r.guard) for r in answered] == [(DecisionOutcome.REFUSED, "RELEASE_BLOCKED")]
    assert answered[0].number > pledged.number
    assert answered[0].before == pledged.number


def one_operators(case: Case) -> Case:
    """The case with both foundings by the operator: a second one by somebody else would be contested."""

    def renamed(written: Any) -> Any:
        return json.loads(json.dumps(written).replace("silk/SK-50", "xaport/XA-50"))

    events = tuple(
        {**event, "by": "xaport", "says": {**event["says"], "reference": "XA-50"}}
        if event["id"] == "open-50"
        else event
        for event in renamed(case.events)
    )
    return replace(
        case, story=replace(case.story, events=events), papers=renamed(case.papers), _written=events
    )


def test_the_same_goods_under_two_foundings_are_reserved_once(dsn: str) -> None:
    """Two banks at once, each with papers of its own consignment; the box that both consignments name is all they share."""
    case = one_operators(next(case for case in cases() if case.slug.startswith("41_")))
    first, at, own = case.ask(0)
    second, _, other = case.ask(2)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    stored.hear(micros("2026-03-03T00:00Z"))
    stored.close()
    desk = DecisionService(ring(KEY), SIGNER, clock=lambda s: (at + HOUR, database_clock(s)[1]))
    for number in range(6):
        taken: list[Decision] = []

        def work(bank: int, run: int = number, taken: list[Decision] = taken) -> None:
            ask, on = ((first, own), (second, other))[bank]
            named = replace(ask, idempotency=f"{run} {bank}", financing=f"{ask.asked_by}/RUN-{run}")
            with open_session(dsn, "lianyun-test") as session:
                taken.append(decide(session, desk, named, on))

        at_once(2, work)
        assert sorted(r.outcome for r in taken) == [DecisionOutcome.DONE, DecisionOutcome.REFUSED], taken
        assert {r.guard for r in taken} == {"", "GOODS_FREE"}
        (held,) = (r for r in taken if r.done)
        with open_session(dsn, "lianyun-test") as session:
            given_up = DecisionRequest(Action.CANCEL, held.asked_by, f"cancel {number}", held.financing)
            assert decide(session, desk, given_up).done


def test_a_pledge_and_a_release_order_under_another_founding_never_both(dsn: str) -> None:
    case = next(case for case in cases() if case.slug.startswith("37_"))
    reserve, at, on = case.ask(0)
    order, _, other = case.ask(1)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    stored.hear(micros("2026-03-03T00:00Z"))
    stored._at = at
    stored.desk.decide(stored.session, reserve, on)
    stored.session.commit()
    desk = DecisionService(ring(KEY), SIGNER, clock=lambda s: (at + HOUR, database_clock(s)[1]))
    answered: list[Decision] = []

    def ordered() -> None:
        with open_session(dsn, "lianyun-test") as session:
            answered.append(decide(session, desk, order, other))

    with open_session(dsn, "lianyun-test") as session:
        pledged = desk.decide(session, DecisionRequest(Action.PLEDGE, "abank", "pledge", "abank/GD-1"))
        waiting = threading.Thread(target=ordered, daemon=True)
        waiting.start()
        waiting.join(0.3)
        assert not answered, "the order waits for the pledge"
        session.commit()
        waiting.join(30)
    stored.close()
    assert pledged.done
    assert [(r.guard, [str(thing) for thing in r.shares]) for r in answered] == [
        ("RELEASE_BLOCKED", ["container:CSQU3054383"])
    ]


POINTS = ("locked", "decided", "before_commit", "after_commit")


@pytest.mark.parametrize("point", POINTS)
def test_killed_in_any_step_nothing_is_half_done(dsn: str, point: str) -> None:
    begin(dsn)
    crowd.store(dsn, "KILL", 1)
    script = Path(__file__).with_name("killed.py")
    killed = subprocess.run(
        [sys.executable, str(script), dsn, point], capture_output=True, timeout=60, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    counts = {
        table: value(dsn, f"SELECT count(*) FROM lianyun.financing_{table}")  # noqa: S608 - names of our own
        for table in ("decision", "entry", "touched", "cargo")
    }
    if point == "after_commit":
        assert counts["decision"] == counts["touched"] == counts["cargo"] == 1
        assert counts["entry"] > 0
    else:
        assert not any(counts.values()), counts
    ask, on = crowd.reserve("KILL", 0, "abank", "killed")
    with open_session(dsn, "lianyun-test") as session:
        desk = DecisionService(ring(KEY), SIGNER)
        again = decide(session, desk, ask, on)
        assert again.done, "the bank asks again and has it, once"
        rival, _ = crowd.reserve("KILL", 0, "bbank", "rival")
        assert decide(session, desk, rival, on).guard == "INTEREST_FREE"
    assert value(dsn, "SELECT count(*) FROM lianyun.financing_decision WHERE outcome = 'DONE'") == 1


def test_one_request_told_by_many_at_once_is_one(dsn: str) -> None:
    begin(dsn)
    crowd.store(dsn, "SAME", 1)
    ask, on = crowd.reserve("SAME", 0, "abank", "same")
    numbers: list[int] = []

    def client(_number: int) -> None:
        with open_session(dsn, "lianyun-test") as session:
            decision = decide(session, DecisionService(ring(KEY), SIGNER), ask, on)
            assert decision.done
            numbers.append(decision.number)

    at_once(8, client)
    assert len(set(numbers)) == 1


def test_points_are_left_alone(dsn: str) -> None:
    """The points at which a process is killed do nothing where nobody asked for it."""
    seen: list[Any] = []
    points.install(seen.append)
    begin(dsn)
    crowd.store(dsn, "POINT", 1)
    ask, on = crowd.reserve("POINT", 0, "abank", "x")
    with open_session(dsn, "lianyun-test") as session:
        assert decide(session, DecisionService(ring(KEY), SIGNER), ask, on).done
    assert [name for name in seen if name in POINTS][-3:] == ["locked", "decided", "before_commit"]
