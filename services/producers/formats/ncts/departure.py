"""At the office of departure: 015 lodged, 028 accepted, 060 control, 051 not released, 029 released, 045 written off."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from services.producers.formats.instants import Instant
from services.producers.formats.messages import declaration_hint, remarks_at
from services.producers.formats.model import Position, Record, Remark, Unread
from services.producers.formats.ncts.message import (
    FORMAT,
    Message,
    by_lrn,
    by_mrn,
    commodities,
    containers,
    covers,
    jurisdiction,
    milestones,
    same,
)

_PROCEDURES = {"T1": "T1", "T2": "T2", "T2F": "T2", "TIR": "TIR", "T": "OTHER", "T2SM": "OTHER"}
_PASSED = {"A1": "satisfactory", "A2": "considered satisfactory", "A4": "satisfactory after correction"}
_NOT_CONTROLLED = "A3"
_FINDING = "B1"
_METHODS = {"10": "DOCUMENTS", "40": "PHYSICAL"}
_NOTIFICATIONS = {"0": "control decided", "1": "documents asked for", "2": "intention to control"}


def lodged(message: Message) -> Iterator[Record]:
    """015: the declarant lodged the declaration under its LRN; there is no MRN yet, and transit is not open."""
    declaration = by_lrn(message)
    remarks: list[Remark] = []
    boxes = containers(message, remarks)
    if message.node.value("TransitOperation/additionalDeclarationType") == "D":
        remarks += remarks_at(
            message.at("TransitOperation/additionalDeclarationType"),
            "A declaration lodged before the goods are presented.",
        )
    yield from milestones(
        message,
        "transit_lodged",
        message.prepared,
        jurisdiction(message, declaration),
        (declaration,),
        boxes,
        remarks=remarks,
        procedure=_procedure(message),
        time_limit=_limit(message),
        office_of_destination=message.node.value("CustomsOfficeOfDestinationDeclared/referenceNumber"),
        commodities=commodities(message),
    )
    yield from covers(message, declaration)


def accepted(message: Message) -> Iterator[Record]:
    """028: customs accepted the declaration; about its MRN and its LRN, which a link identifies."""
    remarks: list[Remark] = []
    declarations = _both(message, by_mrn(message, remarks), remarks)
    instant = _day(message, "declarationAcceptanceDate")
    territory = jurisdiction(message, declarations[0])
    yield from milestones(message, "accepted", instant, territory, declarations, remarks=remarks)
    yield from same(message, territory, declarations)


def _both(message: Message, by_mrn: str, remarks: list[Remark]) -> tuple[str, ...]:
    """The declaration by its MRN and by its LRN, so that statements about either apply to both."""
    try:
        return by_mrn, by_lrn(message, by_mrn[:2])
    except Refusal as refusal:
        remarks += remarks_at(refusal.pointer, refusal.detail, remedy=refusal.remedy)
        return (by_mrn,)


def controlled(message: Message) -> Iterator[Record]:
    """060: customs decided on a control, requests documents, or intends a control (then planned).

    The control is about the MRN where there is one; a link identifies MRN and LRN.
    """
    remarks: list[Remark] = []
    has_mrn, has_lrn = (message.node.value(f"TransitOperation/{name}") for name in ("MRN", "LRN"))
    declarations = [by_mrn(message, remarks)] if has_mrn else []
    if has_lrn or not has_mrn:
        declarations.append(by_lrn(message, declarations[0][:2] if declarations else ""))
    at = message.node.require("TransitOperation/controlNotificationDateAndTime")
    instant = message.notes.instant(at)
    kind = message.node.require("TransitOperation/notificationType")
    if kind.text not in _NOTIFICATIONS:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"notificationType {kind.text[:20]!r} is none of 0, 1, 2.",
            kind.path,
            "Ask customs for the meaning and publish customs.held or customs.selected_for_inspection yourself.",
        )
    message.notes.interpret(kind.path, f"notificationType {kind.text}", _NOTIFICATIONS[kind.text], "own")
    yield from milestones(
        message,
        "selected_for_inspection",
        instant,
        jurisdiction(message, declarations[0]),
        declarations[:1],
        classifier="PLN" if kind.text == "2" else "ACT",
        remarks=remarks,
        method="DOCUMENTS" if kind.text == "1" else _method(message, remarks),
    )
    yield from same(message, jurisdiction(message, declarations[0]), declarations)


def _method(message: Message, remarks: list[Remark]) -> str | None:
    """The strictest known method among the types of control."""
    found = set()
    for control in message.node.all("TypeOfControls"):
        code = control.value("type")
        method = message.notes.choice(f"TypeOfControls {code}") or _METHODS.get(code)
        if method is None:
            remarks += remarks_at(
                control.path,
                f"The type of control {code[:20]!r} has no method here.",
                remedy=declaration_hint(
                    FORMAT, f"TypeOfControls {code[:20]}", "DOCUMENTS, SCAN, PHYSICAL or SAMPLE"
                ),
            )
            continue
        message.notes.interpret(
            control.path,
            f"TypeOfControls {code}",
            method,
            "own" if message.notes.choice(f"TypeOfControls {code}") is None else "choice",
        )
        found.add(method)
    return next((m for m in ("PHYSICAL", "SAMPLE", "SCAN", "DOCUMENTS") if m in found), None)


def refused(message: Message) -> Iterator[Record]:
    """051: no release for transit; the goods stay, and a new declaration is needed."""
    remarks: list[Remark] = []
    declaration = by_mrn(message, remarks)
    remarks += remarks_at(
        message.at("TransitOperation/MRN"),
        "The message names the declaration by its MRN alone, which 028 ties to the LRN whose notes 015 tells.",
        remedy="Pass on 015 and 028 as well, or publish link.declaration_covers for the MRN yourself.",
    )
    code = message.node.value("TransitOperation/noReleaseMotivationCode")
    message.notes.interpret(
        message.at("TransitOperation/noReleaseMotivationCode"),
        f"noReleaseMotivationCode {code}",
        "OTHER",
        "own",
    )
    yield from milestones(
        message,
        "rejected",
        message.prepared,
        jurisdiction(message, declaration),
        (declaration,),
        remarks=remarks,
        reason="OTHER",
        remark=f"noReleaseMotivationCode {code[:20]}" if code else None,
    )


def released(message: Message) -> Iterator[Record]:
    """029: customs released the goods for transit: the procedure is open, and a control that was ordered is over."""
    remarks: list[Remark] = []
    declaration = by_mrn(message, remarks)
    boxes = containers(message, remarks)
    territory = jurisdiction(message, declaration)
    instant = _day(message, "releaseDate")
    both = _both(message, declaration, remarks)
    yield from _result(message, instant, territory, both)
    yield from same(message, territory, both)
    yield from milestones(
        message,
        "transit_opened",
        instant,
        territory,
        (declaration,),
        boxes,
        remarks=remarks,
        procedure=_procedure(message),
        time_limit=_limit(message),
        office_of_destination=message.node.value("CustomsOfficeOfDestinationDeclared/referenceNumber"),
    )
    yield from covers(message, declaration)


def _result(
    message: Message, release: Instant, territory: str, declarations: tuple[str, ...]
) -> Iterator[Record]:
    """What the control found. Its date is a day; it lies before the release, which follows from it."""
    result = message.node.find("ControlResult")
    code = result.value("code") if result is not None else ""
    if result is None or code == _NOT_CONTROLLED:
        return
    if code not in _PASSED and code != _FINDING:
        refusal = Refusal(
            Reason.INVALID_SCHEMA,
            f"The control result {code[:20]!r} is not known.",
            f"{result.path}/code",
            "Ask customs for its meaning and publish the outcome yourself.",
        )
        yield Unread(Position(path=result.path), refusal)
        return
    message.notes.interpret(
        f"{result.path}/code", f"ControlResult {code}", _PASSED.get(code, "not satisfactory"), "own"
    )
    before = instants.shifted(release, message.zone, -1)
    day = result.find("date")
    over = before
    if day is not None and day.text:
        end = instants.day_end(day.text, message.zone_of("date"), day.path)
        over = end if end.micros < before.micros else Instant(before.text, before.micros, day.text)
    if code in _PASSED:
        yield from milestones(message, "inspection_passed", over, territory, declarations)
    else:
        yield from milestones(message, "inspection_finding", over, territory, declarations, finding="OTHER")


def written_off(message: Message) -> Iterator[Record]:
    """045: the office of departure wrote the movement off: the procedure is closed and the guarantee free."""
    remarks: list[Remark] = []
    declaration = by_mrn(message, remarks)
    instant = _day(message, "writeOffDate")
    territory = jurisdiction(message, declaration)
    yield from milestones(message, "transit_closed", instant, territory, (declaration,), remarks=remarks)


def _procedure(message: Message) -> str:
    node = message.node.require("TransitOperation/declarationType")
    known = _PROCEDURES.get(node.text.upper())
    message.notes.interpret(
        node.path, f"declarationType {node.text}", known or "OTHER", "read" if known else "guess"
    )
    return known or "OTHER"


def _limit(message: Message) -> str | None:
    node = message.node.find("TransitOperation/limitDate")
    if node is None or not node.text:
        return None
    return instants.day_end(node.text, message.zone_of(node.name), node.path).text


def _day(message: Message, name: str) -> Instant:
    node = message.node.require(f"TransitOperation/{name}")
    return instants.read_day(node.text, message.zone_of(name), node.path, message.prepared)
