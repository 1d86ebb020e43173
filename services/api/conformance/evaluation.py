"""What is right and wrong about a publisher, from its cases and what arrived of each; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope
from schemas.events.decode import decode_payload
from schemas.events.wire import TIME_PATTERN
from schemas.remarks import remarks_of
from schemas.rfc3339 import parse_micros
from services.api.conformance.cases import Case, Event, How
from services.api.conformance.evidence import Seen
from services.ledger.storage.event_reader import Stored

_TIME = re.compile(TIME_PATTERN)
NOT_COME: Final = "has not come"
_OFTEN: Final = 3
"""Attempts of the same refused bytes from which on they count as a retry without end."""
_OF_CONTENT: Final = frozenset({How.AS_GIVEN, How.EXACT_PAYLOAD, How.PADDED})
_SHOWN: Final = 120
_SAME_BYTES = "Read the record again to the same bytes: salt, time and payload are functions of the record, not of the sending."


class Status(StrEnum):
    """What is known of a case."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: of which event, where in it, what was expected, what came, and what to do."""

    event: str
    where: str
    expected: str
    came: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case as it stands: ``missing`` are the events that have not come, each with what is to be done."""

    case: Case
    status: Status
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class _Judgment:
    findings: list[Finding] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    came: bool = False


def verdicts(cases: Sequence[Case], seen: Mapping[str, Seen]) -> list[Verdict]:
    """Every case with what is known of it, in the order of ``cases``."""
    known = {each.id for case in cases for each in case.events}
    return [_verdict(case, seen, known) for case in cases]


def conforms(found: Sequence[Verdict]) -> bool:
    """Whether nothing is wrong and everything that is not optional was tried."""
    return all(
        each.status is Status.RIGHT or (each.status is Status.NOT_TRIED and each.case.optional)
        for each in found
    )


def _verdict(case: Case, seen: Mapping[str, Seen], known: set[str]) -> Verdict:
    judged = _Judgment()
    if case.id == "salts":
        _salts(seen, judged)
    elif case.id == "ids":
        _ids(seen, known, judged)
    for event in case.events:
        arrived = seen.get(event.id, Seen())
        judged.came = judged.came or arrived.came
        _event(event, arrived, case, judged)
    _dropped(case, seen, judged)
    _stopped(case, seen, judged)
    if case.reasons and judged.came:
        _noticed(case, seen, judged)
    if judged.findings:
        status = Status.WRONG
    else:
        status = Status.RIGHT if judged.came and not judged.missing else Status.NOT_TRIED
    return Verdict(case, status, tuple(judged.findings), tuple(judged.missing))


def _event(event: Event, seen: Seen, case: Case, judged: _Judgment) -> None:
    if event.expect == "refused":
        _refused(event, seen, case, judged)
    elif not seen.stored:
        if seen.refusals:
            last = seen.refusals[-1]
            judged.findings.append(
                Finding(event.id, last.pointer, "accepted", f"{last.reason}: {last.detail}", last.remedy)
            )
        else:
            judged.missing.append(f"{event.id}: {'not read yet by a worker' if seen.came else NOT_COME}")
    elif event.expect == "equivocation" and not seen.equivocates:
        judged.missing.append(f"{event.id}: one content has come; send the other one under the same id")
    else:
        _accepted(event, seen, case, judged)


def _refused(event: Event, seen: Seen, case: Case, judged: _Judgment) -> None:
    if seen.stored:
        judged.findings.append(
            Finding(
                event.id,
                "",
                f"refused: {' or '.join(case.reasons)}",
                "accepted",
                "Send the event as the case gives it; do not mend what somebody else said.",
            )
        )
    elif not seen.refusals:
        judged.missing.append(f"{event.id}: {'not read yet by a worker' if seen.came else NOT_COME}")
    elif not any(each.reason in case.reasons for each in seen.refusals):
        last = seen.refusals[-1]
        expected = f"refused: {' or '.join(case.reasons)}"
        judged.findings.append(
            Finding(event.id, last.pointer, expected, f"{last.reason}: {last.detail}", last.remedy)
        )
    same = Counter(each.content for each in seen.attempts if each.content is not None)
    if same and max(same.values()) > _OFTEN:
        remedy = (
            "A refusal is final: change the event or show it to a person; only 429 and 5xx are tried again."
        )
        judged.findings.append(
            Finding(event.id, "", "sent once", f"sent unchanged {max(same.values())} times", remedy)
        )


def _accepted(event: Event, seen: Seen, case: Case, judged: _Judgment) -> None:
    contents = sorted(seen.stored, key=lambda stored: len(list(_compared(event, stored))))
    if len(contents) > 1 and not any(each.expect == "equivocation" for each in case.events):
        first, second = seen.stored[0], seen.stored[1]
        differs = (
            ", ".join(where for where, *_ in _differences(_content(first), _content(second), ""))
            or "header:ce_time"
        )
        judged.findings.append(
            Finding(
                event.id,
                differs,
                "one content under one id",
                f"{len(contents)} contents, so none counts",
                _SAME_BYTES,
            )
        )
    for where, expected, came in _compared(event, contents[0]):
        judged.findings.append(
            Finding(event.id, where, expected, came, "Publish what the record says, unchanged.")
        )
    if event.remark and event.remark not in _remarks(contents[0]):
        judged.findings.append(
            Finding(event.id, "", f"a remark {event.remark}", "none", "Send the event as given.")
        )
    sent = [each for each in seen.attempts if each.content == contents[0].content]
    if event.times > 1 and len(sent) < event.times and len(contents) == 1:
        judged.missing.append(f"{event.id}: came once over HTTP or on a topic; post the same bytes again")
    if event.together > 1 and seen.attempts and max(each.events for each in seen.attempts) < event.together:
        judged.findings.append(
            Finding(
                event.id,
                "",
                f"{event.together} events in one request",
                f"{max(each.events for each in seen.attempts)}",
                "Post application/cloudevents-batch+json, or fill one Kafka batch.",
            )
        )
    if event.how is How.SIGNED_BATCH and ";ed25519-batch;" not in _header(contents[0], SIGNATURE_HEADER):
        judged.findings.append(
            Finding(
                event.id, f"header:{SIGNATURE_HEADER}", "ed25519-batch", "another scheme", "signing.md, 5."
            )
        )


def _dropped(case: Case, seen: Mapping[str, Seen], judged: _Judgment) -> None:
    """Of events that are sent together, those that did not come where others of them did, which is a fault."""
    together = [each.id for each in case.events if each.together > 1 and each.expect == "accepted"]
    gone = [id_ for id_ in together if not seen.get(id_, Seen()).came]
    if 0 < len(gone) < len(together):
        judged.missing[:] = [each for each in judged.missing if each.partition(":")[0] not in gone]
        remedy = "Look at the result of every event of a request, and send again what was not acknowledged."
        judged.findings += [
            Finding(id_, "", f"{len(together)} events together", "not this one", remedy) for id_ in gone
        ]


def _stopped(case: Case, seen: Mapping[str, Seen], judged: _Judgment) -> None:
    """What its publisher found wrong by itself, with the right reason, needs not come."""
    if not case.reasons or not any(
        _echoes(case.events[-1], each) for each in seen.get(case.events[-1].id, Seen()).stored
    ):
        return
    own = {each.id for each in case.events if each.expect != "accepted" and each.how in _OF_CONTENT}
    judged.missing[:] = [each for each in judged.missing if each.partition(":")[0] not in own]


def _echoes(event: Event, stored: Stored) -> bool:
    return _content(stored).get("remark") in event.echo


def _noticed(case: Case, seen: Mapping[str, Seen], judged: _Judgment) -> None:
    """Whether the publisher read what it was answered; ``judged`` loses that the event which says so has not come, where that is its fault."""
    notice = case.events[-1]
    arrived = seen.get(notice.id, Seen())
    caused = any(
        each.refusals or each.equivocates or (each.stored and event.remark)
        for event in case.events[:-1]
        if event.expect != "accepted" or event.remark
        for each in [seen.get(event.id, Seen())]
    )
    if caused and not arrived.came:
        judged.missing[:] = [each for each in judged.missing if each.partition(":")[0] != notice.id]
        expected = f"an event whose remark is {' or '.join(case.reasons)}"
        remedy = "Read the outcome of every event (the answer, GET /v1/events, or the operator's list) and hand its reason on."
        judged.findings.append(Finding(notice.id, "/remark", expected, "nothing: it was not noticed", remedy))


def _salts(seen: Mapping[str, Seen], judged: _Judgment) -> None:
    salts: dict[str, str] = {}
    for id_, each in sorted(seen.items()):
        for stored in each.stored[:1]:
            judged.came = True
            salt = str(_content(stored).get("salt"))
            if salts.setdefault(salt, id_) != id_:
                remedy = (
                    "Derive it from a secret and the record (signing.md, 8): one salt for all hides nothing."
                )
                judged.findings.append(
                    Finding(id_, "/salt", "a salt of its own", f"that of {salts[salt]}", remedy)
                )
                return


def _ids(seen: Mapping[str, Seen], known: set[str], judged: _Judgment) -> None:
    for id_, each in sorted(seen.items()):
        judged.came = judged.came or each.came
        if id_ not in known and each.came:
            remedy = "Keep the id of the record at every sending: under a new id it is another fact."
            judged.findings.append(Finding(id_, "header:ce_id", "an id of a case", "an id of none", remedy))


def _compared(event: Event, stored: Stored) -> Iterator[tuple[str, str, str]]:
    """Where the stored event is not what was given: pointer, expected, came."""
    envelope = Envelope.from_headers(stored.headers)
    if envelope.type != event.type:
        yield "header:ce_type", event.type, envelope.type
    if envelope.published_micros != parse_micros(event.time):
        yield "header:ce_time", event.time, envelope.time
    if envelope.subject != event.subject:
        yield "header:ce_subject", event.subject or "none", envelope.subject or "none"
    content = {name: value for name, value in _content(stored).items() if name != "salt"}
    if event.echo:
        said = str(content.pop("remark", "nothing"))
        if said not in event.echo:
            yield "/remark", " or ".join(event.echo), said
    yield from _differences(event.data, content, "")


def _differences(expected: Any, came: Any, at: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(expected, dict) and isinstance(came, dict):
        for name in dict.fromkeys((*expected, *came)):
            yield from _differences(expected.get(name), came.get(name), f"{at}/{name}")
    elif isinstance(expected, list | tuple) and isinstance(came, list) and len(expected) == len(came):
        for n, (one, other) in enumerate(zip(expected, came, strict=True)):
            yield from _differences(one, other, f"{at}/{n}")
    elif expected != came and not _same_instant(expected, came) and not at.endswith("/replacement/data/salt"):
        yield at, _shown(expected), _shown(came)


def _same_instant(one: Any, other: Any) -> bool:
    texts = isinstance(one, str) and isinstance(other, str) and _TIME.match(one) and _TIME.match(other)
    return bool(texts) and parse_micros(one) == parse_micros(other)


def _shown(value: Any) -> str:
    return "nothing" if value is None else orjson.dumps(value).decode()[:_SHOWN]


def _content(stored: Stored) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(stored.payload)
    return found


def _remarks(stored: Stored) -> set[str]:
    envelope = Envelope.from_headers(stored.headers)
    payload = decode_payload(envelope.type, stored.payload)
    return {each.code for each in remarks_of(payload, envelope.published_micros)}


def _header(stored: Stored, name: str) -> str:
    return next(((value or b"").decode() for header, value in stored.headers if header == name), "")


def plain(found: Sequence[Verdict]) -> dict[str, Any]:
    """The outcome as plain JSON values."""
    counts = Counter(each.status for each in found)
    return {
        "conforms": conforms(found),
        **{str(status): counts[status] for status in Status},
        "cases": [
            {
                "id": each.case.id,
                "group": each.case.group,
                "title": each.case.title,
                "optional": each.case.optional,
                "status": str(each.status),
                "findings": [
                    {name: getattr(one, name) for name in ("event", "where", "expected", "came", "remedy")}
                    for one in each.findings
                ],
                "missing": list(each.missing),
            }
            for each in found
        ],
    }
