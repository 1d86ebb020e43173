"""One event that the person's party published, or one refused message of it with its redrive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.events.base import ObjectKind
from schemas.reasons import Reason
from schemas.remarks import meaning
from schemas.signature_header import parse_header
from services.api.access.consignment import References
from services.api.access.unreached import own_unreached
from services.ledger.dead_letters import requests, store
from services.ledger.dead_letters.letter import DeadLetter, LetterState
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.pages.auth.sign_in import SignedIn
from services.pages.console import console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Page, PageRequest, Redirect
from services.pages.published import words
from services.pages.published.rows import (
    OwnEvent,
    event_row,
    header_texts,
    letter_row,
    own_events,
    own_keys,
    shown,
)
from services.pages.routing import PageRoutes
from services.people.domain.person import Permission
from services.query.published.listing import (
    reach,
)

pages = PageRoutes()
MOST_REACHED = 50
MOST_BYTES = 16_384
"""Characters of a refused message that are shown."""


@pages.get("/console/events/{id}", signed_in=True)
def event(request: PageRequest) -> Page:
    """One event of the party with what it says, became and reaches; or one refused message with its bytes."""
    viewer = signed_in(request, Permission.EVENTS)
    id_ = _id(request)
    if len(id_) == 32:
        return _letter_page(request, viewer, _letter(request, id_))
    keys = own_keys(request)
    stored = [each for each in event_reader.events_by_id(request.session, [id_]) if each.key_id in keys]
    if not stored:
        raise PageError(404)
    return _event_page(request, viewer, own_events(request, stored), keys)


@pages.post("/console/events/{id}/redrive", signed_in=True)
def redrive(request: PageRequest) -> Redirect:
    """Have a refused message of the party judged again, unchanged; one form asks once, however often it is sent."""
    viewer = signed_in(request, Permission.EVENTS_REDRIVE)
    letter = _letter(request, _id(request))
    turn = request.form.get("last", "")
    if not re.fullmatch(r"[0-9]{1,6}", turn) or not _redrivable(letter):
        raise PageError(400)
    issuer, person = viewer.who.signatory
    requests.request_redrive(
        request.session, letter.digest, int(turn), letter.publisher, issuer, person, request.now
    )
    return Redirect(f"/console/events/{letter.name}")


def _event_page(
    request: PageRequest, viewer: SignedIn, variants: Sequence[OwnEvent], keys: Sequence[str]
) -> Page:
    first = variants[0]
    stored = first.read.stored
    reaches, hidden = _reach(request, stored.no)
    around = event_reader.with_withdrawals(request.session, [stored.no])
    beside = [each for each in around if each.id != stored.id and each.key_id in keys]
    signature = parse_header(dict(stored.headers)["lianyun-signature"] or b"")
    values = {
        "event": event_row(first),
        "envelope": first.read.envelope,
        "stored": stored,
        "content": _fields(orjson.loads(stored.payload)),
        "contents": [
            {
                "digest": each.read.stored.content.hex(),
                "fields": _fields(orjson.loads(each.read.stored.payload)),
            }
            for each in variants[1:]
        ],
        "remarks": [(each, meaning(each.code, request.l10n.gettext)) for each in first.remarks],
        "batch": "" if signature.batch is None else _root(stored),
        "place_in_batch": signature.batch,
        "reaches": reaches,
        "hidden": hidden,
        "because": () if reaches or hidden else _because(request, first),
        "beside": [event_row(each) for each in own_events(request, beside)],
        "states": words.STATES,
        "types": words.TYPES,
        "day": str(datetime.fromtimestamp(stored.append_us // 1_000_000, UTC).date()),
    }
    return console_page(request, viewer, "console_event.html", values)


def _reach(request: PageRequest, no: int) -> tuple[list[str], bool]:
    """The references of consignments that the event reaches and the party may see; whether it reaches others."""
    references = References(request)
    found = [references(each, ObjectKind.CONSIGNMENT) for each in reach(request.session, no, MOST_REACHED)]
    return [each for each in found if each is not None], None in found


def _because(request: PageRequest, event: OwnEvent) -> list[tuple[str, str]]:
    """Why the event reaches nobody: (object, message)."""
    facts = event.read.facts
    things = dict.fromkeys(claim.thing for claim in sorted(facts.claims))
    found = own_unreached(request, list(things)[:10], ())
    name = event.read.envelope.id
    reasons = {
        (each["object"], words.OBSTACLES[obstacle["reason"]])
        for each in found
        for fact in each["facts"]
        if fact["event"]["id"] == name
        for obstacle in fact["because"]
    }
    return sorted(reasons)


def _fields(data: Any, pointer: str = "", most: int = 300) -> list[tuple[str, str]]:
    """The signed fields as (JSON pointer, value), at most ``most``."""
    found: list[tuple[str, str]] = []
    left: list[tuple[str, Any]] = [(pointer, data)]
    while left and len(found) < most:
        at, value = left.pop()
        if isinstance(value, dict) and value:
            left += [(f"{at}/{name}", each) for name, each in reversed(value.items())]
        elif isinstance(value, list) and value:
            left += [(f"{at}/{number}", value[number]) for number in range(len(value) - 1, -1, -1)]
        else:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            found.append((at, shown(text.encode("utf-8", "replace"), 500)))
    return found


def _root(stored: Stored) -> str:
    """The root of the batch in which the event was signed, as its signature writes it."""
    return (dict(stored.headers)["lianyun-signature"] or b"").decode("ascii").split(";")[6]


def _letter_page(request: PageRequest, viewer: SignedIn, letter: DeadLetter) -> Page:
    requested = requests.requests_of(request.session, letter.digest)
    internal = letter.reason is Reason.INTERNAL_ERROR  # what failed is for the platform's operators alone
    reason, to_do = words.REASONS[letter.reason]
    values = {
        "letter": letter,
        "row": letter_row(letter),
        "reason": reason,
        "to_do": to_do,
        "detail": "" if internal else letter.detail,
        "remedy": "" if internal else letter.remedy,
        "headers": header_texts(letter),
        "value": shown(letter.value or b"", MOST_BYTES),
        "whole": not letter.truncated and len(letter.value or b"") <= MOST_BYTES,
        "history": sorted(
            [
                *((each.requested, "", "", each.person.hex()[:8]) for each in requested),
                *(
                    (each.at, words.ACTIONS[each.action], words.OUTCOMES[each.outcome], "")
                    for each in store.outcomes(request.session, letter.digest)
                ),
            ]
        ),
        "waiting": bool(requested) and requested[-1].outcome is None,
        "turn": len(requested),
        "promising": letter.reason in words.TO_REDRIVE,
        "may": viewer.may(Permission.EVENTS_REDRIVE) and _redrivable(letter),
        "states": words.LETTER_STATES,
        "types": words.TYPES,
    }
    return console_page(request, viewer, "console_letter.html", values)


def _redrivable(letter: DeadLetter) -> bool:
    """What a publisher may have judged again: what nobody has closed, and whose bytes are kept."""
    return letter.state is LetterState.OPEN and not letter.truncated


def _letter(request: PageRequest, digest: bytes) -> DeadLetter:
    """The refused message of the path; PageError 404 where there is none that is put down to the party."""
    found = store.find(request.session, digest)
    if found is None or found.publisher != request.party.code:
        raise PageError(404)
    return found


def _id(request: PageRequest) -> bytes:
    text = request.path["id"]
    if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", text):
        raise PageError(404)
    return bytes.fromhex(text)
