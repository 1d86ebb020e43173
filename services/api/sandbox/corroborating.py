"""What the parties of the sandbox's goods say of an invoice that was presented."""

from __future__ import annotations

from typing import Any

from schemas.events.base import ObjectKind
from services.api.banking import told
from services.api.banking.asked import Corroboration
from services.api.sandbox.table import PARTY, CorroborationRow
from services.domain.facts import Assurance, EventId, Micros
from services.domain.objects import Thing
from services.financing.domain.cargo import Attestation, CorroboratedFact
from services.financing.domain.requests import LIMITS

MEMBERS = ("amount", "currency", "seller", "buyer", "issued_on")
"""What of an invoice is compared, in the order of the answer."""
_EVENT: EventId = b"sandbox-departed"
_HAPPENED: Micros = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
_HOUR: Micros = 3_600_000_000


def stated(body: Corroboration, row: CorroborationRow) -> dict[str, Any] | None:
    """The answer to ``body``; None where nothing is there for the caller."""
    if not row.known:
        return None
    agrees = {name: name not in row.differs for name in MEMBERS}
    said = [
        {
            "by": PARTY if number == 0 else f"{PARTY}-{number}",
            "engaged": row.engaged,
            "agrees": agrees,
            "hs": ["854143"],
            "event": {"source": f"urn:cre:{PARTY}", "id": f"invoice-{number}"},
        }
        for number in range(row.stated)
    ]
    good = row.stated if row.engaged and not row.differs else 0
    names = {_EVENT: {"source": f"urn:cre:{PARTY}", "id": "departed"}}
    return {
        "invoice": {"number": body.invoice.number, "stated": said, "publishers_that_agree": good},
        "goods": [told.corroborated(_fact(row), names)],
        "limits": LIMITS,
    }


def _fact(row: CorroborationRow) -> CorroboratedFact:
    words = [Attestation(PARTY, Assurance[row.assurance], _HAPPENED, _EVENT)]
    if row.disputed:
        words.append(Attestation(f"{PARTY}-1", Assurance.ASSERTED, _HAPPENED + 48 * _HOUR, _EVENT))
    box = Thing(ObjectKind.CONTAINER, "CSQU3054383")
    return CorroboratedFact(
        "movement.departed", box, "railnet:xian-intl-port", "", tuple(words), row.disputed
    )
