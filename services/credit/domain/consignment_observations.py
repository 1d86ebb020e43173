"""All observations of one consignment: the table of signals and of the functions that judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from services.credit.domain.cargo import Cargo, cargo
from services.credit.domain.commercial_signals import claims, departures, freight_payment, late_cancellation
from services.credit.domain.control_signals import cargo_truthfulness, detention, inspection_findings
from services.credit.domain.document_signals import (
    corroboration,
    declaration_accuracy,
    documents_on_time,
    filing_consistency,
)
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Model, Signal, SignalTable
from services.credit.domain.statements import CreditFacts
from services.domain.facts import Facts
from services.domain.objects import Thing

Judge = Callable[[Cargo, SignalTable], Iterator[Observation]]

JUDGES: Mapping[Signal, Judge] = MappingProxyType(
    {
        Signal.DOCUMENTS_ON_TIME: documents_on_time,
        Signal.DECLARATION_ACCURACY: declaration_accuracy,
        Signal.FILING_CONSISTENCY: filing_consistency,
        Signal.INSPECTION_FINDINGS: inspection_findings,
        Signal.CARGO_TRUTHFULNESS: cargo_truthfulness,
        Signal.LATE_CANCELLATION: late_cancellation,
        Signal.FREIGHT_PAYMENT: freight_payment,
        Signal.CLAIMS: claims,
        Signal.STABILITY: departures,
        Signal.CORROBORATION: corroboration,
        Signal.DETENTION: detention,
    }
)
"""What is judged cargo by cargo; financings (S8) are judged one by one."""


def observe(facts: Facts, told: CreditFacts, consignment: Thing, model: Model) -> frozenset[Observation]:
    """What the facts that reach ``consignment`` say of its shipper; empty where no single shipper is known.

    Milliseconds for a whole consignment; the same set of facts gives the same observations in any order.
    """
    judged = cargo(facts, told, consignment)
    if judged is None:
        return frozenset()
    return frozenset(seen for signal, judge in JUDGES.items() for seen in judge(judged, model.of(signal)))
