"""A bank's portfolio to be measured: consignments with whole histories, each reserved and pledged as its bank would by the API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple, Self

from schemas.events.base import ObjectKind, Role
from services.domain.facts import LinkKind
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Terms
from services.financing.domain.documents import Company, Invoice, Note, Papers
from services.financing.domain.money import Money
from services.financing.domain.requests import DecisionRequest
from services.financing.store.keys import prepare
from services.ledger.registry.registry import Registry
from services.ledger.storage.session import open_session
from services.processors.ledger_store import PROJECTIONS
from services.producers.profile import Profile
from services.query.views import SourcedView
from services.testbed.bench.view_cost import apply
from services.testbed.chaos.banks import AT, own_keys
from services.testbed.simulator.reports import Message
from services.testbed.simulator.signed_messages import sign_all

BANK: Final = "silkbank"
PRODUCT: Final = ("FREIGHT_LOAN", "RECEIVABLE")
_AMOUNT: Final = 100_000


class Cargo(NamedTuple):
    """A consignment that may be pledged: its reference, the shipper that applies, and the key of its rail note."""

    reference: str
    shipper: str
    note: str

    @classmethod
    def of(cls, known: SourcedView, registry: Registry) -> Self | None:
        """That of a view; None without a shipper or a note."""
        shippers = sorted(
            code
            for code in known.view.engaged
            if (party := registry.party(code)) is not None and Role.SHIPPER in party.roles
        )
        notes = sorted(
            link.left.key
            for link in known.facts.links
            if link.kind is LinkKind.NOTE_COVERS and link.right in known.view.members
        )
        return cls(known.view.consignment.key, shippers[0], notes[0]) if shippers and notes else None


def pledge(dsn: str, profiles: Mapping[str, Profile], network: str, cargoes: Sequence[Cargo]) -> int:
    """Pledge each of ``cargoes`` to BANK; how many were. Blocks for some milliseconds each."""
    now = time.time_ns() // 1_000
    apply(dsn, sign_all(list(_messages(cargoes)), dict(profiles)), PROJECTIONS, now // 1_000)
    keys, pledged = own_keys(), 0
    service = keys.decision_service(network)
    with open_session(dsn, "lianyun-bench") as session:
        prepare(session, keys, network, now, "bench")
        session.commit()
        for number, (cargo, party, note) in enumerate(cargoes):
            papers = Papers(
                invoices=(
                    Invoice(
                        Company("PARTY", party),
                        Company("PARTY", f"buyer-{number}"),
                        f"PF-{number * 7919}",
                        Money(_AMOUNT, "CNY"),
                        date(2026, 3, 1),
                    ),
                ),
                notes=(Note(note),),
                consignments=(cargo,),
            )
            terms = Terms(f"{party}/{_application(number)}", party, *PRODUCT)
            reserve = DecisionRequest(
                Action.RESERVE, BANK, f"reserve {number}", _financing(number), None, terms, papers
            )
            reserved = service.decide(session, reserve, (Thing(ObjectKind.CONSIGNMENT, cargo),))
            session.commit()
            if reserved.done:
                ask = DecisionRequest(Action.PLEDGE, BANK, f"pledge {number}", _financing(number))
                pledged += service.decide(session, ask).done
                session.commit()
    return pledged


def _messages(cargoes: Sequence[Cargo]) -> Iterator[Message]:
    amount = {"minor_units": _AMOUNT, "currency_code": "CNY"}
    product, interest = PRODUCT
    for number, (cargo, party, _) in enumerate(cargoes):
        applied = {
            "happened": AT,
            "reference": _application(number),
            "bank": BANK,
            "product": product,
            "interest": interest,
            "objects": [{"kind": "consignment", "id": cargo}],
            "requested_amount": amount,
            "value_amount": amount,
        }
        approved = {
            "happened": AT,
            "financing": _financing(number),
            "application": f"{party}/{_application(number)}",
            "approved_amount": amount,
            "advance_rate": 10_000,
            "matures_on": "2027-12-31",
        }
        for sender, name, data in ((party, "applied", applied), (BANK, "approved", approved)):
            id_ = f"portfolio-{name}-{number}"
            yield Message(0, sender, {"id": id_, "type": f"cre.finance.{name}.v1", "time": AT, "data": data})


def _application(number: int) -> str:
    return f"PF-{number:05}"


def reference(number: int) -> str:
    """The bank's own reference of a financing."""
    return f"PF-{number:05}"


def _financing(number: int) -> str:
    return f"{BANK}/{reference(number)}"
