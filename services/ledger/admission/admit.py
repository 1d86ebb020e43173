"""The whole judgement of one record, for whoever has no batch: redrive, fsck, the gateway, a test."""

from __future__ import annotations

from schemas.signing import verify
from services.ledger.admission.content import read
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.admission.verification import Check, verify_record
from services.ledger.registry.registry import Registry


def admit(
    record: Record, registry: Registry, settings: AdmissionSettings, check: Check = verify
) -> Admitted | Refused:
    """Judge ``record``: an event of this network with its facts, or a refusal with reason, place and remedy.

    Pure: the same record, registry and settings give the same answer on every machine, at any time. Verification comes
    before parsing. Whatever a publisher can send becomes a refusal; an exception is a fault of our own.
    """
    verified = verify_record(record, registry, settings, check)
    return verified if isinstance(verified, Refused) else read(verified, registry)
