"""A small platform in one database: every table of the store and of its state has a row, and fsck finds nothing.

Trains, late links, corrections, equivocation, refusals, a loss that was accepted, loans with decisions, credit records, cases with
steps, webhooks and clients of the API, and the transparency log over all of it; one link and a fact of its box are left as two workers that missed one another leave them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from schemas.trace_context import TRACEPARENT
from services.api import sealed
from services.arrival.store import projector as arrival
from services.cases.domain.lifecycle import Step, StepKind, StepRequest, Team
from services.cases.store import projector as cases
from services.cases.store.case_service import CaseService
from services.credit.store import projector as credit
from services.credit.store import records
from services.domain.facts import Micros
from services.financing.domain.external_registries import RegistryAnswer, RegistryFinding
from services.financing.store.request_consumer import decide_next
from services.ledger.admission.model import Record
from services.ledger.admission.raw_bytes import MAX_VALUE_BYTES
from services.ledger.dead_letters import service as letters
from services.ledger.dead_letters import store as letter_store
from services.ledger.dead_letters.service import PostgresLedger
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded, PartyAmended
from services.ledger.registry.possession import proven
from services.ledger.storage import points
from services.ledger.storage.claims import LOSS_ACCEPTED, move_partition
from services.ledger.storage.migrate import migrate
from services.ledger.storage.operations import quarantine
from services.ledger.storage.session import Session, open_session
from services.monitoring.exporter import operations
from services.notifications.webhooks import outbox, queue, subscriptions
from services.notifications.webhooks.messages import MessageType
from services.notifications.webhooks.sealed_secrets import Seal, new_key
from services.people.domain.person import Permission, Signatory
from services.people.store import people
from services.processors import slots
from services.processors.ledger_store import PROJECTIONS
from services.transparency.domain.keys import LogSigner
from services.transparency.store import log
from tests.stories.credit.story import credit_stories
from tests.stories.story import Story, Told
from tests.support.api import cast
from tests.support.api.server import RunningApi
from tests.support.arrival import journey
from tests.support.financing.proposals import propose
from tests.support.financing.stored_world import PLATFORM, SIGNER, Stored, events_of
from tests.support.financing.stories import Case, micros
from tests.support.financing.stories import cases as financing_stories
from tests.support.share_links import share_twice
from tests.support.signed_stories import (
    APPENDED_MS,
    GATEWAY,
    SETTINGS,
    Desk,
    all_stories,
    key_of,
    record,
    register,
    rubbish,
)
from tests.support.subscribers import subscribe_twice

NETWORK = SIGNER.network
NOW = 1_775_000_000_000_000
"""A moment in spring 2026: in the middle of most stories, behind many."""
REQUESTS = (
    {"id": "order-by-event", "by": "ruhr", "at": "2026-03-03T09:10+08:00", "type": "finance.release_order_requested",
     "says": {"objects": "consignment xaport/XA-1", "order_number": "2"}},
)  # fmt: skip
STORIES = ("05_", "07_", "08_", "12_", "16_", "21_", "25_", "26_")
CREDIT_STORIES = ("08_", "14_", "03_")
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class SignedStore(Stored):
    """The financing story with its events as signed records of the log, instead of rows that nobody signed."""

    hand: Desk

    def hear(self, until: Micros) -> None:
        waiting = sorted(self.events, key=lambda event: event[0])
        for known, told in waiting[self._told :]:
            if known > until:
                break
            self._told += 1
            plain = record(told, self.hand.next_offset, self.hand.partition)
            self.hand.apply([plain._replace(append_ms=known // 1_000)])


def apply(hand: Desk, said: Sequence[Told], trace: bool = False) -> None:
    """Apply events as the next records of the hand's partition, in one batch."""
    first = hand.next_offset
    hand.apply([_traced(record(told, first + n, hand.partition), trace) for n, told in enumerate(said)])


def _traced(plain: Record, trace: bool) -> Record:
    return plain._replace(headers=[*plain.headers, (TRACEPARENT, TRACE)]) if trace else plain


def build(dsn: str, folder: Path) -> None:
    """Fill an empty database; ``folder`` is for the keys of the API."""
    migrate(dsn)
    stories = tuple(each for each in all_stories("f") if each.slug.startswith(STORIES))
    shippers = tuple(
        each.story.scoped(f"c{n:02}")
        for n, each in enumerate(credit_stories())
        if each.slug.startswith(CREDIT_STORIES)
    )
    travelled = journey(0).scoped("j")  # over two borders: its legs are counted
    late = next(each for each in all_stories("late") if each.slug.startswith("05_"))
    redriven = next(each for each in all_stories("redriven") if each.slug.startswith("14_"))
    case = loans()
    with psycopg.connect(dsn) as session:
        _platform(session)
        register(session, (*stories, *shippers, travelled, late, case.story))
    with closing(Desk(dsn, projections=PROJECTIONS)) as hand:
        for story in (*stories, *shippers, travelled):
            apply(hand, story.told, trace=story is stories[0])
        apply(hand, stories[0].told[:3])  # read twice, stored once
        junk = [rubbish(hand.next_offset + n) for n in range(3)]
        hand.apply([*junk[:2], junk[2]._replace(value=b"x" * (MAX_VALUE_BYTES + 10))])
        hand.settle()
        _financing(dsn, hand, case)
        hand.settle()
        _letters(dsn, hand, redriven)
        hand.settle()
        with open_session(dsn) as session, session.transaction():
            stolen = key_of(shippers[0].party("gacc")).key_id
            commands.revoke_key(
                session, stolen, quarantine, at=APPENDED_MS * 1_000, by="test", compromised_since=0
            )
        hand.settle()
    _registry(dsn, redriven)
    _followers(dsn)
    _miss_one_another(dsn, late)
    _followed(dsn)
    with RunningApi(dsn, folder) as api:
        _calls(api)
    _sealed(dsn)
    _webhooks(dsn)
    _shared(dsn)
    _upkeep(dsn)
    begin_log(dsn)


def begin_log(dsn: str) -> None:
    """Make the transparency log of a database, and let all join it that is there and joins."""
    signer = LogSigner("log.example/lianyun", SigningKey.from_seed(Scheme.ED25519, bytes(32)))
    with open_session(dsn) as session:
        session.autocommit = True
        log.create(session, signer, 1)
        while not log.sequence(session, signer, NETWORK, 8192).complete:
            pass
        head = log.read_head(session)
        assert log.record_cosigned(session, head.key, head.note)  # by a policy that names no witness


def _platform(session: psycopg.Connection[Any]) -> None:
    own = PartyAdded(
        code="lianyun",
        name="the platform",
        roles=frozenset({Role.PLATFORM}),
        sources=frozenset({SIGNER.source}),
    )
    commands.add_party(session, own, at=0, by="test")
    key = proven(PLATFORM, NETWORK, own.code)
    commands.add_key(session, "lianyun", key, at=0, by="test")
    session.commit()


def loans() -> Case:
    """Goods on their way from reservation to release, with customs, a consent, and requests that are published as events."""
    goods = financing_stories()[1]
    events = (*goods.events, *cast.EVENTS, *REQUESTS)
    story = replace(goods.story, parties={**goods.story.parties, **cast.PARTIES}, events=events)
    return replace(goods, story=story, _written=events)


def _financing(dsn: str, hand: Desk, case: Case) -> None:
    """Two reservations of one bank, one pledged, drawn and released, the other pledged still; requests of others; another registry's answer."""
    stored = SignedStore(dsn, events_of(case))
    stored.hand = hand
    stored.begin()
    receivable = financing_stories()[0]
    asks = [receivable.ask(number) for number in (0, 1, 2, 4)] + [
        case.ask(n) for n in range(len(case.asks) - 2)
    ]
    stored.answer(asks[0][0].financing, [RegistryAnswer("zhongdeng", RegistryFinding.CLEAR, asks[0][1])])
    for ask, at, on in sorted(asks, key=lambda each: each[1]):
        stored.ask(ask, at, on)
        while decide_next(stored.session, stored.desk):
            continue
    propose(stored.session, stored.desk, "abank/LN-1")
    stored.session.commit()
    stored.hear(micros("2026-12-31T00:00Z"))
    stored.session.commit()
    stored.close()


def _letters(dsn: str, hand: Desk, story: Story) -> None:
    """Letters of a party that was registered too late: redriven, discarded, left open."""
    apply(hand, story.told)
    with psycopg.connect(dsn) as session:
        register(session, [story])
    with psycopg.connect(dsn, autocommit=True) as session:
        waiting = [letter.digest for letter in letter_store.list_letters(session, letter_store.LetterQuery())]
        counter = letters.DeadLetterService(
            session, PostgresLedger(), SETTINGS, by="op", at=APPENDED_MS * 1_000
        )
        counter.discard(waiting[-1], "rubbish")
        for digest in waiting[:3]:
            counter.redrive(digest)


def _registry(dsn: str, story: Story) -> None:
    with psycopg.connect(dsn) as session:
        code = story.party(next(iter(story.parties)))
        later = PartyAmended(code=code, since=2_000 * APPENDED_MS, name="of another name since")
        commands.amend_party(session, later, at=1_000 * APPENDED_MS, by="test")
        session.commit()
        assert move_partition(session, LOSS_ACCEPTED, GATEWAY, 0, 10_000, None, "op", "drill") is not None
        session.commit()


def _followers(dsn: str) -> None:
    """Credit and cases follow everything; a person takes a case; a bank is given a record."""
    _followed(dsn)
    with open_session(dsn) as session:
        session.autocommit = True
        rows = session.execute(
            "SELECT case_id FROM lianyun.case_head WHERE NOT closed ORDER BY case_id LIMIT 1", binary=True
        ).fetchall()
        party = store.read_snapshot(session).party("ktz")
        assert party is not None
        with session.transaction():
            may = [Permission.CASES, Permission.CASES_ACT]
            person = people.add(
                session, party, "https://id.example", "s-1", "A", ["dostyk-shift"], may, at=1, by="test"
            )
        who = Signatory("https://id.example", person)
        ask = StepRequest(StepKind.ACKNOWLEDGED, by=Team("ktz", "dostyk-shift"), person=who)
        with session.transaction():
            assert isinstance(CASES.take_step(session, rows[0][0], ask), Step)
        for n in range(2):
            records.issue(
                session, "abank", "CREDIT_ASSESSMENT", "optic", n, {"score": 700 + n, "position": n}
            )


def _followed(dsn: str) -> None:
    """Credit and cases follow what is new; what is not settled yet is to be judged again."""
    with open_session(dsn) as session:
        session.autocommit = True
        credit.catch_up(session)
        arrival.catch_up(session)
        cases.catch_up(session, CASES)


def _position(session: Session) -> int:
    row = session.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


CASES = CaseService(SIGNER, lambda session: (NOW, _position(session)))


def _calls(api: RunningApi) -> None:
    """What callers leave behind: lines of the access log, sealed ones too, answers that would be repeated, an alert that was seen."""
    cargo = "/v1/consignments/xaport/XA-1"
    assert api.client("abank").get(cargo).status_code == 200
    assert api.client("abank", "events:read purpose:AML", purposes=("AML",)).get(cargo).status_code == 200
    alerts = api.client("abank").get("/v1/financings/GD-1/alerts").json()["items"]
    seen = api.client("abank").post(
        f"/v1/financings/GD-1/alerts/{alerts[0]['id']}/acknowledgement",
        json={"remark": "seen"},
        headers={"Idempotency-Key": "seen-1"},
    )
    assert seen.status_code == 200, seen.text


def _sealed(dsn: str) -> None:
    """Sealed lines of the access log are requested, approved by a second person, and shown."""
    with psycopg.connect(dsn) as session:
        opening = sealed.ask(session, "A. Chen", "order 12/2026", 0, 2 * NOW, at=NOW)
        sealed.approve(session, opening, "B. Nowak", at=NOW)
        assert sealed.show(session, opening, "A. Chen", at=NOW)


def _webhooks(dsn: str) -> None:
    """A subscription with a test message that was delivered, and what waits to be delivered."""
    with psycopg.connect(dsn) as session:
        made, _ = subscriptions.create(
            session, "abank", "https://hooks.example/", tuple(MessageType), "", Seal.from_text(new_key()), NOW
        )
        session.commit()
        outbox.catch_up(session)
        subscriptions.enqueue_test(session, made, NOW)
        (taken, *_) = queue.lease_due(session, 2 * NOW, 1, {}, 1)
        queue.record_success(session, taken, 200, NOW)
        session.commit()


def _shared(dsn: str) -> None:
    """Links to a consignment, and subscriptions."""
    with open_session(dsn) as session:
        share_twice(session, NOW)
        subscribe_twice(session, NOW)
        session.commit()


def _upkeep(dsn: str) -> None:
    """What processes keep of themselves."""
    slots.take(dsn, "workers", "first", 30.0)
    with open_session(dsn) as session:
        session.autocommit = True
        list(operations.partner_measurement({}, 60.0)(session, NOW))
        session.execute(
            "INSERT INTO lianyun.fence_log (owner, what) VALUES ('first', 'ended sessions without progress')"
        )
        session.execute(
            "INSERT INTO lianyun.console_session (digest, person, begun, seen, sid, token)"
            " SELECT '\\x01', id, 1, 1, '', '' FROM lianyun.person ORDER BY id LIMIT 1"
        )
        session.execute(
            "INSERT INTO lianyun.console_sign_in (state, browser, nonce, verifier, return_to, expires)"
            " VALUES ('\\x01', '\\x02', 'n', 'v', '/', 1)"
        )
        session.execute(
            "INSERT INTO lianyun.saved_view (person, slot, name, address, saved)"
            " SELECT id, 1, 'n', '/', 1 FROM lianyun.person"
        )
        session.execute(
            "INSERT INTO lianyun.conformance_attempt (party, run, at, event, events, reason, detail, pointer, remedy)"
            " VALUES ('ktz', '1', 1, 'conformance/1/departed', 1, '', '', '', '')"
        )
        session.execute(
            "INSERT INTO lianyun.redrive_request (digest, turn, publisher, issuer, person, requested)"
            " SELECT sha256('\\x01'), 0, 'ktz', issuer, id, 1 FROM lianyun.person LIMIT 1"
        )


def _miss_one_another(dsn: str, story: Story) -> None:
    """A link and a fact of its box, by two transactions that cannot see one another: a note waits, a head is old."""
    told = {each.short: each for each in story.told}
    with closing(Desk(dsn, 3, PROJECTIONS)) as one, closing(Desk(dsn, 4, PROJECTIONS)) as other:
        apply(one, [told["open"]])
        one.settle()
        reached, go_on = threading.Event(), threading.Event()

        def pause(point: str) -> None:
            if point == "before_commit" and threading.current_thread().name == "slow":
                reached.set()
                assert go_on.wait(60)

        points.install(pause)
        slow = threading.Thread(target=lambda: apply(one, [told["assign"]]), name="slow")
        slow.start()
        assert reached.wait(60)
        apply(other, [told["depart"]])
        go_on.set()
        slow.join()
        points.install(None)
