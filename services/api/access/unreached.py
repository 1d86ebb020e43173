"""What a caller published about an object and what reaches no consignment that is the caller's to see.

It rests on the caller's own events and on consignments that it may see, so it says nothing of any other: a fact that reaches
somebody else's consignment is answered as one that reaches none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.api.access.reader import Reader
from services.domain.explanations import Reason
from services.domain.objects import Thing
from services.ledger.storage.event_reader import Stored, events_about
from services.query.explanation_json import explanation_json
from services.query.explanations import explain
from services.query.stored_events import reread
from services.query.views import SourcedView

Plain = dict[str, Any]
NONE_VISIBLE = "NONE_VISIBLE"
_MAY_BE_OTHERS = frozenset({Reason.NO_LINK, Reason.NOT_FOUNDED})
"""What may also be a link or founding that the caller may not see."""


def own_unreached(call: Reader, things: Iterable[Thing], visible: Sequence[SourcedView]) -> list[Plain]:
    """Of each of ``things`` what the caller itself states and why it reaches none of the ``visible`` consignments."""
    found = (_own(call, thing, visible) for thing in things)
    return [each for each in found if each is not None]


def _own(call: Reader, thing: Thing, visible: Sequence[SourcedView]) -> Plain | None:
    stored = events_about(call.session, thing.kind, thing.key, call.now)
    own = [reread(each, call.registry) for each in stored if _signed_by(call, each)]
    seen = [event for known in visible for event in known.sources.every]
    known = explain(thing, [*own, *seen], call.now)
    if known is None:
        return None
    explained = explanation_json(known)
    facts = [_masked(fact) for fact in explained["facts"] if fact["by"] == call.party.code]
    foundings = [
        each for each in explained["foundings"] if each["by"] == call.party.code and not each["counts"]
    ]
    if not facts and not foundings:
        return None
    return {"object": explained["object"], "facts": facts, "foundings": foundings}


def _signed_by(call: Reader, event: Stored) -> bool:
    key = call.registry.key(event.key_id)
    return key is not None and key.party == call.party.code


def _masked(fact: Plain) -> Plain:
    because = [
        {
            **each,
            "reason": NONE_VISIBLE if each["reason"] in _MAY_BE_OTHERS else each["reason"],
            "ended_by": each["ended_by"]
            if each["ended_by"] and each["ended_by"]["by"] == fact["by"]
            else None,
        }
        for each in fact["because"]
    ]
    return {**fact, "because": because}
