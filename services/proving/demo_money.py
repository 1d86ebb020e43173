"""The demo's money: one cargo financed before the border closes, a second bank that is refused it, three shippers' credit.

The desk decides on the platform's own clock, while the world is played: it lends before the cargo comes to the border, and what
happens to the cargo then reaches the bank as facts that come later.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from psycopg.errors import LockNotAvailable

from schemas.envelope import event_id
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.core.facts import EventId, Micros
from services.core.objects import consignment
from services.localstack.platform import register
from services.processors.credit.rendering import events_of, plain
from services.processors.credit.store import giving, projector, records
from services.processors.financing.asking import Ask, reply
from services.processors.financing.money import Money
from services.processors.financing.papers import Box, Company, Invoice, Note, Papers
from services.processors.financing.rulings import Action, Terms
from services.processors.financing.store import versions
from services.processors.financing.store.answering import status_of
from services.processors.financing.store.desk import CargoMoved, Desk
from services.processors.financing.store.signing import Signer
from services.processors.financing.store.versions import KeyRing
from services.registry import store as registry_store
from services.registry.events import NewKey, PartyAdded
from services.simulator import lending, shippers
from services.simulator.cast import CAST
from services.simulator.files import Handed
from services.simulator.lending import CURRENCY, Financed
from services.simulator.simulate import Simulation
from services.simulator.telling import Message
from services.storage.session import Session, open_session

APPLICATION = "lianyun-demo"
AHEAD = 12 * 3_600_000_000
"""How long after the world opens the shipper applies: a day or two before the border closes."""
VALID_TO = datetime(2099, 1, 1, tzinfo=UTC)
"""When control ends and the loan falls due: decisions are taken on the platform's own clock, and the bytes are the same in every run."""
AT_ONCE = 50_000
"""Events followed in one step: all of an ordinary demo."""
PLATFORM = "urn:lianyun:simulated:platform"
_LOOK_ALIKE = str.maketrans({"I": "\N{CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I}", "-": "\N{EN DASH}"})
_DIGITS = {ord("0") + n: chr(ord("\N{FULLWIDTH DIGIT ZERO}") + n) for n in range(10)}


@dataclass
class Lending:
    """What is told of money in a world, and what the desk did with it; ``look`` is to be called while the world is played."""

    financed: Financed | None
    messages: tuple[Message, ...]
    at: Micros  # when the shipper has applied
    now: Micros  # the world's last moment
    seed: int
    decisions: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, simulation: Simulation, opens: Micros) -> Lending:
        """The money of ``simulation``, whose story is told from ``opens`` on."""
        at, now = opens + AHEAD, simulation.scale.now
        financed = lending.chosen(simulation, at + AHEAD)
        first = min((message.sent for message in simulation.telling.messages), default=opens)
        told = [*shippers.histories(opens, first), *shippers.leave(first, opens, VALID_TO)]
        told += () if financed is None else lending.papers(financed, at, VALID_TO)
        return cls(financed, tuple(told), at, now, simulation.scale.seed)

    def added_to(self, handed: Handed) -> Handed:
        """``handed`` with what is told of money."""
        return replace(handed, messages=(*handed.messages, *self.messages))

    @property
    def events(self) -> frozenset[EventId]:
        """The ids of what is told of money: none of it is about where the world's cargo is."""
        return frozenset(event_id(CAST[m.party].source, m.record["id"]) for m in self.messages)

    def look(self, dsn: str, network: str, at: Micros) -> None:
        """Let both banks ask, once, as soon as what they rest on is stored; ``at`` is the simulated moment."""
        if self.financed is None or self.decisions or at < self.at:
            return
        asked = frozenset(
            event_id(CAST[m.party].source, m.record["id"]) for m in self.messages if m.sent == self.at
        )
        with open_session(dsn, APPLICATION) as session:
            row = session.execute(
                "SELECT count(*) FROM lianyun.identity WHERE id = ANY (%s::uuid[])",
                ([each.hex() for each in asked],),
            ).fetchone()
            session.rollback()
            if row is not None and row[0] == len(asked):
                self._ask(session, self._desk(session, dsn, network), self.financed)

    def finish(self, dsn: str, network: str) -> dict[str, Any]:
        """Tell what became of the loan and what the bank reads of the three shippers; after ``follow``."""
        with open_session(dsn, APPLICATION) as session:
            session.autocommit = True
            return {
                "financing": None
                if self.financed is None
                else self._told(session, dsn, network, self.financed),
                "credit": self._credit(session),
            }

    def _desk(self, session: Session, dsn: str, network: str) -> Desk:
        key = hashlib.sha256(f"simulated registry key|{self.seed}".encode()).digest()
        known = session.execute("SELECT count(*) FROM lianyun.financing_version").fetchone()
        if known is not None and not known[0]:
            versions.begin(session, key, 1)
        session.commit()
        secret = hashlib.sha256(f"simulated platform|{self.seed}".encode()).digest()
        signing = SigningKey.from_seed(Scheme.ED25519, secret)
        party = PartyAdded(
            code="lianyun",
            name="The platform (simulated)",
            roles=frozenset({Role.PLATFORM}),
            sources=frozenset({PLATFORM}),
        )
        new = NewKey(scheme=signing.scheme, public_key=signing.public_key.hex(), not_before=0)
        register(dsn, [(party, (new,))])
        return Desk(KeyRing([key]), Signer(network, PLATFORM, signing, secret[:16]))

    def _ask(self, session: Session, desk: Desk, financed: Financed) -> None:
        own, other = lending.BANK, lending.OTHER_BANK
        loan = f"{own}/LN-{financed.reference}"
        terms = Terms(
            f"{financed.shipper}/{financed.reference}", financed.shipper, "IN_TRANSIT_GOODS", "GOODS"
        )
        said = papers(financed)
        self._decide(session, desk, Ask(Action.RESERVE, own, "reserve", loan, terms=terms, papers=said))
        self._decide(session, desk, Ask(Action.PLEDGE, own, "pledge", loan))
        self._decide(
            session, desk, Ask(Action.DRAW, own, "draw", loan, amount=Money(lending.ASKED, CURRENCY))
        )
        again = terms._replace(application=f"{terms.application}B")
        asked = Ask(
            Action.RESERVE, other, "reserve", f"{other}/LN-1", terms=again, papers=look_alike(financed)
        )
        self._decide(
            session,
            desk,
            asked,
            written=f"{asked.papers.invoices[0].number}, {asked.papers.boxes[0].container}",
        )

        not_asked = Ask(Action.RESERVE, other, "reserve another's", f"{other}/LN-2", terms=terms, papers=said)
        self._decide(session, desk, not_asked)
        self._decide(session, desk, Ask(Action.PLEDGE, other, "pledge another's", loan))
        self._decide(session, desk, Ask(Action.RELEASE, other, "release another's", loan))
        self._decide(session, desk, Ask(Action.PLEDGE, own, "pledge again", loan))

    def unlike(self) -> list[str]:
        """Where the desk answered otherwise than it must, one readable line each; after ``finish``."""
        if self.financed is None:
            return []
        given = [(d["by"], d["action"], d["outcome"], d["guard"]) for d in self.decisions]
        wanted = [(a.by, a.action, a.outcome, a.guard) for a in lending.ANSWERS]
        return [
            f"{self.financed.consignment}: decision {number} is {found}, not {right}"
            for number, (found, right) in enumerate(zip_longest(given[: len(wanted)], wanted), start=1)
            if found != right
        ]

    def _decide(self, session: Session, desk: Desk, ask: Ask, written: str = "") -> None:
        assert self.financed is not None
        founder, _, reference = self.financed.consignment.partition("/")
        on = (consignment(founder, reference),) if ask.terms or ask.action.disposes else ()
        while True:
            try:
                with session.transaction():
                    ruling = desk.decide(session, ask, on)
                break
            except (CargoMoved, LockNotAvailable):
                continue
        told = reply(ruling)
        self.decisions.append(
            {
                "by": ask.asked_by,
                "action": str(ask.action),
                "outcome": str(told.outcome),
                "guard": told.guard,
                "match": str(told.match),
                "written": written,
                "number": ruling.number,
            }
        )

    def _told(self, session: Session, dsn: str, network: str, financed: Financed) -> dict[str, Any]:
        if self.decisions:
            asked = Ask(Action.RELEASE_ORDER, financed.consignee, "release order")
            self._decide(session, self._desk(session, dsn, network), asked)
        moment = time.time_ns() // 1_000
        loan = f"{lending.BANK}/LN-{financed.reference}"
        found = status_of(session, loan, lending.BANK, moment, moment)
        shown = None
        if found is not None:
            shown = {
                "stage": str(found.stage),
                "blocks_release": found.blocks_release,
                "outstanding": {"minor_units": found.outstanding.minor, "currency_code": CURRENCY},
                "value": None if found.value.value is None else found.value.value.minor,
                "stated_by": sorted(found.value.sayers),
                "alerts": [
                    {"covenant": a.covenant, "about": a.about, "since": iso(a.since), "events": len(a.events)}
                    for a in found.alerts
                ],
            }
        return {
            "consignment": financed.consignment,
            "container": financed.box,
            "shipper": financed.shipper,
            "waited": {"place": financed.place, "from": iso(financed.waits), "to": iso(financed.leaves)},
            "decisions": self.decisions,
            "status": shown,
        }

    def _credit(self, session: Session) -> dict[str, Any]:
        registry = registry_store.look(session)
        read_at = time.time_ns() // 1_000
        shown: dict[str, Any] = {}
        for name, shipper in (("good", shippers.GOOD), ("bad", shippers.BAD), ("thin_file", shippers.THIN)):
            arguments = ("CREDIT_ASSESSMENT", shipper, read_at, self.now, registry)
            given = records.read_as(session, shippers.BANK, *arguments)
            without = records.read_as(session, lending.OTHER_BANK, *arguments)
            body: dict[str, Any] = {"shipper": shipper, "read_without_consent": without is not None}
            if given is not None:
                named = records.names(session, shipper, events_of(given.record, given.disputes, given.leave))
                body |= plain(given.leave, given.record, given.disputes, named)
                body["record"] = giving.keep(
                    session, shippers.BANK, "CREDIT_ASSESSMENT", shipper, read_at, body
                )
            shown[name] = body
        return shown


def follow(dsn: str) -> None:
    """Have the credit signals follow all events, each cargo judged once; in turn with a follower that may run beside.

    For a process of its own: blocks for some 10 ms for each cargo.
    """
    with open_session(dsn, APPLICATION) as session:
        session.autocommit = True
        while True:
            try:
                projector.catch_up(session, AT_ONCE)
                return
            except LockNotAvailable:
                time.sleep(0.2)


def papers(financed: Financed) -> Papers:
    """The papers of the deal as they are."""
    invoice = Invoice(
        Company("PARTY", financed.shipper),
        Company("PARTY", financed.consignee),
        financed.invoice,
        Money(lending.VALUE, CURRENCY),
        financed.loaded_on,
    )
    box = Box(financed.box, financed.origin, financed.loaded_on)
    return Papers(
        invoices=(invoice,),
        notes=(Note(financed.note),),
        boxes=(box,),
        consignments=(financed.consignment,),
    )


def look_alike(financed: Financed) -> Papers:
    """The same papers, written so that a machine would read other numbers: look-alike letters, full-width digits, spaces."""
    same = papers(financed)
    number = financed.invoice.translate(_LOOK_ALIKE).translate(_DIGITS)
    box = f"{financed.box[:4].lower()} {financed.box[4:10]}-{financed.box[10:]}"
    return replace(
        same,
        invoices=tuple(replace(each, number=number) for each in same.invoices),
        boxes=tuple(replace(each, container=box) for each in same.boxes),
    )


def iso(micros: Micros) -> str:
    """A moment in UTC, to the second."""
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
