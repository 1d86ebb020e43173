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


class ConsentState(StrEnum):
    """The state of a consent at a moment."""

    COMING = "COMING"  # begins later
    IN_FORCE = "IN_FORCE"
    ENDED = "ENDED"  # its time is over
    REVOKED = "REVOKED"
    WITHDRAWN = "WITHDRAWN"  # retracted or signed twice: it never was one


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """A consent as of a moment; it lets read in [``consent.start``, ``until``)."""

    consent: Consent
    state: ConsentState
    until: Micros


def consent_statuses(
    credit: CreditFacts, liveness: Liveness, shipper: str, now: Micros
) -> tuple[ConsentStatus, ...]:
    """Every consent that ``shipper`` ever gave, those first that let read longest."""
    revoked: dict[EventId, Micros] = {}
    for each in credit.revocations:
        revoked[each.consent] = min(each.published, revoked.get(each.consent, each.published))
    found = (
        _status(consent, revoked.get(consent.event), liveness.live(consent.event), now)
        for consent in credit.consents
        if consent.shipper == shipper
    )
    return tuple(sorted(found, key=lambda s: (-s.until, -s.consent.start, s.consent.event)))


def _status(consent: Consent, revoked: Micros | None, live: bool, now: Micros) -> ConsentStatus:
    until = consent.end if revoked is None else max(consent.start, min(consent.end, revoked))
    if not live:
        return ConsentStatus(consent, ConsentState.WITHDRAWN, until)
    if revoked is not None:
        return ConsentStatus(consent, ConsentState.REVOKED, until)
    if now < consent.start:
        return ConsentStatus(consent, ConsentState.COMING, until)
    return ConsentStatus(consent, ConsentState.IN_FORCE if now < until else ConsentState.ENDED, until)
