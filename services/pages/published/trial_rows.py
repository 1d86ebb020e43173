"""The records of a file that is tried, beside what the ledger holds of them: new, published already, differing, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from schemas.envelope import Envelope, event_id
from schemas.reasons import Reason
from services.api.cloudevents.outcomes import Fate, Outcome, fates_of
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.pages.page import PageRequest
from services.pages.published import words
from services.pages.published.file_trial import Row, differences
from services.pages.published.rows import own_events

N_ = words.N_
NEW, DIFFERS, CORRECTED, TWICE, PASSED, REFUSED_HERE, REFUSED_BEFORE = (
    "new",
    "differs",
    "corrected",
    "twice",
    "passed",
    "refused_here",
    "refused_before",
)
STANDINGS: Mapping[str, str] = {
    NEW: N_("would be published"),
    DIFFERS: N_("was published with other content"),
    CORRECTED: N_("published as a correction"),
    TWICE: N_("the same id with other content in this file"),
    PASSED: N_("no record: passed over"),
    REFUSED_HERE: N_("cannot be published"),
    REFUSED_BEFORE: N_("was published and refused"),
    words.ACCEPTED: N_("published: accepted"),
    words.REMARKS: N_("published: accepted with remarks"),
    words.PARKED: N_("published: waits for a link"),
    words.CONTRADICTED: N_("published: two contents under one id"),
    words.ASIDE: N_("published: set aside with its key"),
}
_CORRECTED = "cre.correction.corrected.v1"
_AMEND = N_("Publish a correction with --amend; something new needs an id of its own.")


def trial_rows(request: PageRequest, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as the page shows them, in their order; a constant number of statements in the request's transaction."""
    ids = list(dict.fromkeys(bytes.fromhex(row["identity"]) for row in rows if "identity" in row))
    session = request.session
    keys = {key.key_id for key in request.registry.keys_of(request.party.code)}
    stored = {each.id: each for each in event_reader.events_by_id(session, ids) if each.key_id in keys}
    fates = dict(zip(ids, fates_of(session, ids, request.party.code), strict=True))
    states = {each.read.stored.id: each.state for each in own_events(request, list(stored.values()))}
    corrections = _corrections(request, [each.no for each in stored.values()])
    seen: dict[str, Row] = {}
    found = []
    for row in rows:
        shown: dict[str, Any] = {"where": row["where"], "id": row.get("id"), "type": row.get("type")}
        if "passed" in row:
            shown |= {"standing": PASSED, "detail": row["passed"]}
        elif "refused" in row:
            reason, detail, pointer, remedy = row["refused"]
            shown |= {
                "standing": REFUSED_HERE,
                "reason": Reason(reason),
                "detail": detail,
                "pointer": pointer,
            }
            shown |= {"remedy": remedy}
        else:
            identity = bytes.fromhex(row["identity"])
            first = seen.setdefault(row["identity"], row)
            shown |= {
                "objects": row["objects"][:3],
                "place": row["place"] or None,
                "happened": row["happened"],
                "remarks": row["remarks"],
            }
            if not _same(first, row):
                shown |= {"standing": TWICE, "reason": Reason.ID_USED_TWICE, "detail": first["where"]}
            else:
                shown |= _published(
                    row, stored.get(identity), fates[identity], states, corrections.get(identity, ())
                )
        found.append(shown)
    return found


def _published(
    row: Row,
    stored: Stored | None,
    fate: Fate | None,
    states: Mapping[bytes, str],
    corrections: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    href = {"href": f"/console/events/{row['identity']}"}
    if stored is None:
        if fate is None or fate.outcome is not Outcome.REFUSED:
            return {"standing": NEW}
        return {"standing": REFUSED_BEFORE, "reason": Reason(fate.reason), "detail": fate.detail}
    envelope, before = Envelope.from_headers(stored.headers), _content(stored)
    changed = [
        *differences(before, row["data"]),
        *(name for name in ("type", "time", "subject") if getattr(envelope, name) != row.get(name)),
    ]
    if not changed:
        return {"standing": states[stored.id], **href}
    if any(each["type"] == row["type"] and each["data"] == row["data"] for each in corrections):
        return {"standing": CORRECTED, **href}
    return {"standing": DIFFERS, "changed": changed, "to_do": _AMEND, **href}


def _corrections(request: PageRequest, numbers: Sequence[int]) -> dict[bytes, list[dict[str, Any]]]:
    """The replacements of the party's own corrections, by the event that they stand for at last."""
    if not numbers:
        return {}
    found: dict[bytes, list[dict[str, Any]]] = {}
    targets: dict[bytes, bytes] = {}
    replacements: dict[bytes, dict[str, Any]] = {}
    for each in event_reader.with_withdrawals(request.session, sorted(numbers)):
        envelope = Envelope.from_headers(each.headers)
        if envelope.type == _CORRECTED:
            data = orjson.loads(each.payload)
            content = {k: v for k, v in data["replacement"]["data"].items() if k != "salt"}
            targets[each.id] = event_id(envelope.source, data["target"])
            replacements[each.id] = {"type": data["replacement"]["type"], "data": content}
    for correction, replacement in replacements.items():
        first, steps = targets[correction], 0
        while first in targets and steps < len(targets):
            first, steps = targets[first], steps + 1
        found.setdefault(first, []).append(replacement)
    return found


def _content(stored: Stored) -> dict[str, Any]:
    return {name: value for name, value in orjson.loads(stored.payload).items() if name != "salt"}


def _same(one: Row, other: Row) -> bool:
    return all(one.get(name) == other.get(name) for name in ("type", "time", "subject", "data"))
