"""Consent to reading a shipper's record. The default is no access, and no access looks the same whether there is a record or not.

The shipper reads its whole record. A bank reads by a consent of the shipper in force, for the purpose that it names. A revocation
ends it at once and for good, even if withdrawn later. Status and alerts of cargo pledged to a bank rest on the pledge and need
no consent.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.credit.domain.statements import Consent, CreditFacts
from services.domain.facts import EventId, Micros
from services.domain.liveness import Liveness


class Part(StrEnum):
    """The parts of a record; each needs to be in the consent's scope."""

    SCORE = "SCORE"
    SIGNALS = "SIGNALS"
    EVIDENCE = "EVIDENCE"


@dataclass(frozen=True, slots=True)
class ReadPermission:
    """The parts that may be read, and the consents behind it (none for the shipper itself)."""

    parts: frozenset[Part]
    consents: tuple[EventId, ...] = ()
    until: Micros | None = None


def in_force(credit: CreditFacts, liveness: Liveness, now: Micros) -> tuple[Consent, ...]:
    """The consents in force at ``now``. An equivocated or retracted consent is none; any revocation of it is final."""
    revoked = {each.consent for each in credit.revocations}
    return tuple(
        sorted(
            (
                c
                for c in credit.consents
                if c.event not in revoked and liveness.live(c.event) and c.start <= now < c.end
            ),
            key=lambda c: (c.end, c.event),
        )
    )


def may_read(reader: str, purpose: str, shipper: str, consents: Iterable[Consent]) -> ReadPermission | None:
    """What ``reader`` may read of ``shipper`` for ``purpose``; None: respond as for a shipper that does not exist.

    ``consents`` are those in force when it is read, whatever day the score is of.
    """
    if reader == shipper:
        return ReadPermission(frozenset(Part))
    given = [c for c in consents if (c.bank, c.purpose, c.shipper) == (reader, purpose, shipper)]
    if not given:
        return None
    parts = frozenset(Part(each) for consent in given for each in consent.scope)
    return ReadPermission(parts, tuple(c.event for c in given), min(c.end for c in given))


def may_see_cargo(
    reader: str, purpose: str, shipper: str, consents: Iterable[Consent], pledgees: Container[str]
) -> bool:
    """Whether a bank may see status and alerts of one cargo: it is pledged to it, or the shipper consents."""
    return reader in pledgees or may_read(reader, purpose, shipper, consents) is not None
