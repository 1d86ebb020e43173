"""Originals as a lender reads them: who is in control of delivery by the effective transfers, and whether goods left without a surrender."""

from __future__ import annotations

from typing import NamedTuple

from services.documents.domain.decisions import Register
from services.documents.domain.legal import DocumentKind
from services.documents.domain.transfer import Medium, OriginalState
from services.domain.facts import Micros


class ControlledOriginal(NamedTuple):
    """An issued original whose surrender delivery needs, at a moment. ``holder`` is "" while it is on paper or away.

    ``since`` and ``transfer`` say by which effective transfer it is held, ``last`` is the digest of the latest effective one.
    """

    document: str
    number: str
    kind: DocumentKind
    basis: str
    issuer: str
    consignment: str
    holder: str
    since: Micros
    transfer: str
    last: str
    medium: Medium
    state: OriginalState


def original_of(register: Register, at: Micros) -> ControlledOriginal | None:
    """The original of a register by the transfers up to ``at`` that are effective; None where it controls nothing.

    None before its issue is effective, for a form that is delivered without surrender, and once it is void. Raises BrokenChain.
    """
    chain = register.chain
    if chain is None or not chain.form.surrendered:
        return None
    count = sum(each.at <= at for each in chain.transfers[: register.effective])
    holding = chain.holding_after(count)
    if holding is None or holding.state is OriginalState.VOID:
        return None
    document = chain.document
    return ControlledOriginal(
        document.id,
        document.number,
        document.kind,
        document.basis,
        document.issuer,
        document.consignment,
        holding.holder,
        holding.since,
        holding.transfer,
        holding.last,
        holding.medium,
        holding.state,
    )
