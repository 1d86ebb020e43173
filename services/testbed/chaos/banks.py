"""Two banks that lend on the same cargoes while the platform is attacked: every decision that they received must stand.

The cargoes, their applications and approvals are published with the rest of the load. Each bank has a thread that requests
for each cargo: reserve, pledge, and for every third release again, so that the other may have it. A request that fails for
want of a database is repeated under the same idempotency key, as a bank's own retry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

import psycopg

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.domain.objects import Thing, consignment
from services.financing.domain.decisions import Action, Decision, DecisionOutcome, Terms
from services.financing.domain.documents import Company, Invoice, Note, Papers
from services.financing.domain.money import Money
from services.financing.domain.requests import HIDDEN, DecisionRequest
from services.financing.store.decision_service import CargoMoved
from services.financing.store.group_commit import GroupCommit, GroupFailed
from services.financing.store.keys import SOURCE, PlatformKeys, prepare
from services.ledger.registry.events import NewKey, PartyAdded
from services.ledger.storage.session import open_session
from services.producers.profile import Profile
from services.testbed.simulator.parties import Party, salt_secret_of, seed_of
from services.testbed.simulator.reports import Message
from services.testbed.simulator.signed_messages import key_of, registration

FORWARDER = "sinolink"
RIVAL = Party("rivalbank", "Another bank (simulated)", ("bank",))
BANKS = ("silkbank", RIVAL.code)
AT = "2026-01-28T15:44:43+08:00"
PATIENCE = 120.0


def rival(seed: int, network: str) -> Profile:
    """The publishing identity of the second bank."""
    key = SigningKey.from_seed(Scheme.ED25519_BATCH, seed_of(RIVAL.code, seed))
    return Profile(RIVAL.code, RIVAL.source, RIVAL.topic, network, key, salt_secret_of(RIVAL.code, seed))


def member(profile: Profile) -> tuple[PartyAdded, tuple[NewKey, ...]]:
    """The second bank as the registry takes it."""
    return registration(RIVAL), (key_of(profile),)


def messages(count: int) -> Iterator[Message]:
    """For each cargo its founding, an application to each bank, and the approval of each."""
    for number in range(count):
        amount = {"minor_units": 100_000, "currency_code": "CNY"}
        opened = {"reference": _cargo(number), "from": AT, "notes": [_note(number)], "parties": []}
        yield _message(FORWARDER, "link.consignment_opened", f"lend-{number}", opened)
        for bank in BANKS:
            applied = {
                "happened": AT,
                "reference": _application(number, bank),
                "bank": bank,
                "product": "FREIGHT_LOAN",
                "interest": "RECEIVABLE",
                "objects": [{"kind": "consignment", "id": f"{FORWARDER}/{_cargo(number)}"}],
                "requested_amount": amount,
                "value_amount": amount,
            }
            yield _message(FORWARDER, "finance.applied", f"lend-{number}-{bank}", applied)
            approved = {
                "happened": AT,
                "financing": _financing(number, bank),
                "application": f"{FORWARDER}/{_application(number, bank)}",
                "approved_amount": amount,
                "advance_rate": 10_000,
                "matures_on": "2027-12-31",
            }
            yield _message(bank, "finance.approved", f"lend-{number}", approved)


def _message(party: str, type_: str, id_: str, data: dict[str, Any]) -> Message:
    return Message(0, party, {"id": id_, "type": f"cre.{type_}.v1", "time": AT, "data": data})


def _cargo(number: int) -> str:
    return f"LEND-{number:05}"


def _note(number: int) -> str:
    return f"SMGS/CN/LEND/{500_000 + number}/2026"


def _application(number: int, bank: str) -> str:
    return f"AP-{number}-{bank}"


def _financing(number: int, bank: str) -> str:
    return f"{bank}/LN-{number}"


def own_keys() -> PlatformKeys:
    """Keys of financing for one run."""
    key = SigningKey.generate(Scheme.ED25519)
    return PlatformKeys(SOURCE, key, key.seed, (key.seed[::-1],))


@dataclass
class Lenders:
    """The two banks at work on ``count`` cargoes; start, then finish. Answers are kept as the banks got them."""

    dsn: str
    network: str
    count: int
    seed: int
    answers: list[Decision] = field(default_factory=list)
    retried: int = 0
    failures: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _service: GroupCommit | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Open the decision service, and let each bank begin."""
        keys = own_keys()
        with psycopg.connect(self.dsn) as session:
            prepare(session, keys, self.network, time.time_ns() // 1_000, "prove")
        # As in the API: what both banks ask at one moment is committed together.
        service = self._service = GroupCommit(
            keys.decision_service(self.network), lambda: open_session(self.dsn, "lianyun-bank")
        )
        self._threads = [
            threading.Thread(target=self._work, args=(bank, service), name=bank, daemon=True)
            for bank in BANKS
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until both have had an answer for every cargo; what they did not get in time is a failure."""
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._over.set()
        for thread in self._threads:
            thread.join(10)
            if thread.is_alive():
                self.failures.append(f"{thread.name} waits for ever")
        if self._service is not None and not any(thread.is_alive() for thread in self._threads):
            self._service.close()

    def _work(self, bank: str, service: GroupCommit) -> None:
        cargoes = list(range(self.count))
        Random(f"{self.seed}|{bank}").shuffle(cargoes)
        try:
            for number in cargoes:
                self._lend(bank, service, number)
        except Exception as problem:
            self.failures.append(f"{bank}: {type(problem).__name__}: {problem}")

    def _lend(self, bank: str, service: GroupCommit, number: int) -> None:
        ask, on = reservation(bank, number)
        ruling = self._until_known(service, ask, on)
        if ruling is None or not ruling.done:
            return
        pledged = self._ask(
            service, DecisionRequest(Action.PLEDGE, bank, f"pledge {number}", ask.financing), ()
        )
        if pledged is not None and pledged.done and number % 3 == 0:
            self._release(bank, service, number, ask.financing)

    def _release(self, bank: str, service: GroupCommit, number: int, financing: str) -> None:
        """Give the security back; of every second one something is owed, so that it takes a waiver."""
        owed = Money(100_000, "CNY") if number % 6 == 0 else None
        if owed is not None:
            drawn = self._ask(
                service, DecisionRequest(Action.DRAW, bank, f"draw {number}", financing, amount=owed), ()
            )
            refused = self._ask(
                service, DecisionRequest(Action.RELEASE, bank, f"release unpaid {number}", financing), ()
            )
            if drawn is not None and drawn.done and refused is not None and refused.done:
                self.failures.append(f"{financing}: released although {owed} are owed")
        waiver = "" if owed is None else "OTHER"
        self._ask(
            service, DecisionRequest(Action.RELEASE, bank, f"release {number}", financing, waiver=waiver), ()
        )

    def _until_known(
        self, service: GroupCommit, ask: DecisionRequest, on: tuple[Thing, ...]
    ) -> Decision | None:
        """The answer once the cargo and its application have reached the platform."""
        attempt = 0
        while not self._over.is_set():
            ruling = self._ask(service, replace(ask, idempotency=f"{ask.idempotency} {attempt}"), on)
            if ruling is None or ruling.guard not in HIDDEN:
                return ruling
            attempt += 1
            self._over.wait(0.5)
        self.failures.append(f"{ask.financing}: its application never came")
        return None

    def _ask(self, service: GroupCommit, ask: DecisionRequest, on: tuple[Thing, ...]) -> Decision | None:
        """The decision on one request, repeated under the same idempotency key until there is one."""
        while not self._over.is_set():
            try:
                ruling = service.decide(ask, on)
            except (GroupFailed, CargoMoved):
                self.retried += 1
                self._over.wait(0.2)
                continue
            self.answers.append(ruling)
            return ruling
        return None


def reservation(bank: str, number: int) -> tuple[DecisionRequest, tuple[Thing, ...]]:
    """The request of ``bank`` to reserve a cargo, and what it is about."""
    own = f"{FORWARDER}/{_application(number, bank)}"
    papers = Papers(
        invoices=(
            Invoice(
                Company("PARTY", FORWARDER),
                Company("PARTY", f"buyer-{number}"),
                f"FR-{number * 7919}",
                Money(100_000, "CNY"),
                date(2026, 3, 1),
            ),
        ),
        notes=(Note(_note(number)),),
        consignments=(f"{FORWARDER}/{_cargo(number)}",),
    )
    terms = Terms(own, FORWARDER, "FREIGHT_LOAN", "RECEIVABLE")
    ask = DecisionRequest(
        Action.RESERVE, bank, f"reserve {number}", _financing(number, bank), None, terms, papers
    )
    return ask, (consignment(FORWARDER, _cargo(number)),)


def check_lending(
    connection: psycopg.Connection[Any], lenders: Lenders, counts: Mapping[str, int]
) -> dict[str, Any]:
    """What became of the answers: ``counts`` are fsck's. All but ``decisions`` and ``retried`` must be zero or empty."""
    rows = connection.execute(
        "SELECT number, action, outcome, guard, financing FROM lianyun.financing_decision"
    ).fetchall()
    stored = {number: tuple(decision) for number, *decision in rows}
    lost = sum(
        stored.get(r.number) != (str(r.action), str(r.outcome), r.guard, r.financing) for r in lenders.answers
    )
    return {
        "decisions": len(stored),
        "reserved": _done(lenders.answers, Action.RESERVE),
        "refused": sum(
            r.outcome is DecisionOutcome.REFUSED and r.guard not in HIDDEN for r in lenders.answers
        ),
        "retried": lenders.retried,
        "decisions_lost": lost,
        "wrong_financings": counts.get("financings_wrong", 0),
        "double_pledges": counts.get("double_pledges", 0),
        "wrong_releases": counts.get("releases_wrong", 0),
        "unfinished": list(lenders.failures),
    }


def _done(answers: Sequence[Decision], action: Action) -> int:
    return len({r.number for r in answers if r.done and r.action is action})
