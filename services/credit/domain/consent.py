"""Who may read what about a shipper. The default is nothing, and nothing looks the same whether there is a record or not.

The shipper reads all of its own. A bank reads by a consent of the shipper that is in force, for the purpose that it names.
A revocation ends that at once and for good, whether or not it was taken back later. What a bank may see of cargo already
pledged to it (status and alerts) rests on the pledge, and neither needs consent nor ends with it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.credit.domain.statements import Consent, CreditFacts
from services.domain.facts import EventId, Micros
from services.domain.liveness import Liveness


class Part(StrEnum):
    """What of a record may be read; each needs to be in the scope."""

    SCORE = "SCORE"
    SIGNALS = "SIGNALS"
    EVIDENCE = "EVIDENCE"


@dataclass(frozen=True, slots=True)
class Leave:
    """What may be read, and the consents on which that rests (none for the shipper itself)."""

    parts: frozenset[Part]
    consents: tuple[EventId, ...] = ()
    until: Micros | None = None


def in_force(told: CreditFacts, liveness: Liveness, now: Micros) -> tuple[Consent, ...]:
    """The consents that hold at ``now``. An equivocated or retracted consent is none; any revocation of it is final."""
    revoked = {each.consent for each in told.revocations}
    return tuple(
        sorted(
            (
                c
                for c in told.consents
                if c.event not in revoked and liveness.live(c.event) and c.start <= now < c.end
            ),
            key=lambda c: (c.end, c.event),
        )
    )


def may_read(reader: str, purpose: str, shipper: str, consents: Iterable[Consent]) -> Leave | None:
    """What ``reader`` may read of ``shipper`` for ``purpose``; None means: answer as for a shipper that does not exist.

    ``consents`` are those in force. ``now`` is when it is read, whatever day the score is asked for.
    """
    if reader == shipper:
        return Leave(frozenset(Part))
    given = [c for c in consents if (c.bank, c.purpose, c.shipper) == (reader, purpose, shipper)]
    if not given:
        return None
    parts = frozenset(Part(each) for consent in given for each in consent.scope)
    return Leave(parts, tuple(c.event for c in given), min(c.end for c in given))


def may_see_cargo(
    reader: str, purpose: str, shipper: str, consents: Iterable[Consent], pledgees: Container[str]
) -> bool:
    """Whether a bank may see status and alerts of one cargo: it is pledged to it, or the shipper consents."""
    return reader in pledgees or may_read(reader, purpose, shipper, consents) is not None
