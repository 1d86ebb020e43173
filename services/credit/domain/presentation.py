"""A record as JSON-ready data, limited to what its reader may read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from services.credit.domain.consent import Part, ReadPermission
from services.credit.domain.disputes import DisputeStatus
from services.credit.domain.score import Assessment, Record
from services.domain.facts import EventId

Names = Mapping[EventId, tuple[str, str]]
"""Source and id of events."""

SCOPE = (
    "Signals of conduct in rail transport and its financing, not a verdict on the firm. INSUFFICIENT_DATA is no bad score. "
    "Nationality, region, corridor and size are not used."
)


def plain(
    permission: ReadPermission, record: Record, disputes: Iterable[DisputeStatus], names: Names
) -> dict[str, Any]:
    """What of ``record`` the parts in ``permission`` allow. Quantities of observations are decayed, in thousandths."""
    shown: dict[str, Any] = {
        "shipper": record.shipper,
        "model": record.model,
        "as_of_day": f"{date(1970, 1, 1) + timedelta(days=record.day)}",
        "position": record.position,
        "inputs_sha256": record.inputs,
        "scope_note": SCOPE,
        "may_read": sorted(permission.parts),
        "consents": [_event(event, names) for event in permission.consents],
    }
    shown["assessment"] = _assessment(record.assessment, record.best, permission, names)
    shown["under_dispute"] = record.undisputed is not None
    if record.undisputed is not None:
        shown["without_what_is_disputed"] = _assessment(record.undisputed, record.best, permission, names)
    if Part.EVIDENCE in permission.parts:
        shown["disputes"] = [
            {
                "signal": each.dispute.signal.code,
                "concerns": _event(each.dispute.concerns, names),
                "ground": each.dispute.ground,
                "state": str(each.state),
                "answer_by": each.owner,
            }
            for each in disputes
        ]
    return shown


def events_of(record: Record, disputes: Iterable[DisputeStatus], permission: ReadPermission) -> set[EventId]:
    """The events that ``plain`` would name."""
    found = set(permission.consents)
    if Part.EVIDENCE in permission.parts:
        for assessment in (record.assessment, record.undisputed):
            found |= {e for r in (assessment.reasons if assessment else ()) for e in r.events}
        found |= {each.dispute.concerns for each in disputes}
    return found


def _assessment(found: Assessment, best: int, permission: ReadPermission, names: Names) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": str(found.status)}
    if Part.SCORE in permission.parts:
        shown |= {
            "score": found.score,
            "of": best,
            "band": None if found.band is None else list(found.band),
            "effective_consignments": found.consignments,
            "days_known": found.days,
        }
    if Part.SIGNALS in permission.parts:
        shown["signals"] = [
            {
                "signal": each.signal.code,
                "name": each.signal.name,
                "observed": each.trials,
                "bad": each.bad,
                "rate_ppm": each.rate,
                "points": each.points,
                "of": each.best,
                "present": each.present,
            }
            for each in found.signals
        ]
    if permission.parts & {Part.SIGNALS, Part.EVIDENCE}:
        shown["reasons"] = [
            {
                "signal": each.signal.code,
                "reason": each.sentence,
                "points_lost": each.lost,
                "bad": each.bad,
                "observed": each.trials,
                **(
                    {"events": [_event(e, names) for e in each.events]}
                    if Part.EVIDENCE in permission.parts
                    else {}
                ),
            }
            for each in found.reasons
        ]
    return shown


def _event(event: EventId, names: Names) -> dict[str, str]:
    source, id_ = names.get(event, ("", ""))
    return {"source": source, "id": id_, "digest": event.hex()}
