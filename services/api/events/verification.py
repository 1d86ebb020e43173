"""What is posted is verified before it is published, by the rules of admission: who signed it, with which key, for which source.

What cannot be verified is refused to its sender at once and goes no further. The workers verify everything again, by the registry and the
broker's clock of that moment: nothing is accepted here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from schemas.reasons import Reason, Refusal
from services.api.calls import Call
from services.api.cloudevents.offer import Misfit, Offer
from services.api.events.request import placed
from services.api.limits import Budget
from services.api.problems import Problem
from services.api.sandbox.forced import event_fate
from services.ledger.admission.model import AdmissionSettings, Record, Refused
from services.ledger.admission.verification import verify_record
from services.ledger.registry import store
from services.ledger.registry.registry import Registry

CLOCKS: Final = 60_000
"""Milliseconds by which the broker's clock may differ from the database's: what they might judge otherwise is left to the workers."""
_BY_CLOCK = frozenset({Reason.KEY_NOT_YET_VALID, Reason.KEY_EXPIRED, Reason.CLOCK_SKEW, Reason.WRONG_SOURCE})


def admit_sender(call: Call) -> None:
    """Problem rate-limited where too many events of the client could not be verified lately; before anything is read of the request."""
    _require(call.context.unverified.look(call.caller.client, time.monotonic()))


def verified(call: Call, offers: Sequence[Offer | Misfit]) -> list[Offer | Misfit]:
    """``offers``, where those that cannot be verified are refused with the reason; about 80 microseconds for each event.

    Each that cannot is counted for the client before the next is looked at; Problem rate-limited where there are too many. A
    registry that has changed since the request began is read before anything is refused by it. What the sandbox forces an
    outcome for is left as it is.
    """
    found: list[Offer | Misfit] = []
    registry = call.registry
    for each in offers:
        if isinstance(each, Misfit) or event_fate(call, each.envelope.id) is not None:
            found.append(each)
            continue
        refused = _refused(call, each, registry)
        if refused is not None and (newest := _newest(call, registry)) is not registry:
            registry = newest
            refused = _refused(call, each, registry)
        if refused is None:
            found.append(each)
            continue
        _require(call.context.unverified.take(call.caller.client, time.monotonic()))
        why = Refusal(refused.reason, refused.detail, refused.pointer, refused.remedy)
        found.append(Misfit(placed(call, why), each.envelope.source, each.envelope.id))
    return found


def _require(budget: Budget) -> None:
    if not budget.allowed:
        raise Problem(
            "rate-limited",
            "Too many of your events could not be verified; nothing of this request was forwarded. "
            "Look at the reasons that were answered before you send more.",
            headers={"retry-after": budget.headers["retry-after"]},
        )


def _refused(call: Call, offered: Offer, registry: Registry) -> Refused | None:
    """Why ``offered`` cannot be verified, None where it can: now, or by a clock that differs a little."""
    topic = call.context.publisher.topic
    settings = AdmissionSettings(call.context.settings.network, frozenset({topic}))
    record = Record(topic, 0, 0, call.now // 1_000, offered.headers, offered.payload)
    check = call.context.verifier.verify
    judged = verify_record(record, registry, settings, check)
    for ahead in (CLOCKS, -CLOCKS):
        if not isinstance(judged, Refused) or judged.reason not in _BY_CLOCK:
            break
        later = record._replace(append_ms=record.append_ms + ahead)
        other = verify_record(later, registry, settings, check)
        if not (isinstance(other, Refused) and other.reason in _BY_CLOCK):
            judged = other
    return judged if isinstance(judged, Refused) else None


def _newest(call: Call, known: Registry) -> Registry:
    with call.transaction() as session:
        version = store.version(session)
        return known if version == known.version else call.context.registry(session, version)
