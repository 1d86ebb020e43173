"""The values of a declaration as an event carries them, and back: `schemas.events.customs_filing.DeclaredValues` and `Paper`."""

from __future__ import annotations

import hashlib
import typing
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

import orjson
from pydantic import ValidationError

from schemas.events.base import CustomsMilestone
from schemas.events.customs import (
    Accepted,
    Cancelled,
    ExportLodged,
    ImportLodged,
    Rejected,
    Released,
    TransitLodged,
)
from schemas.events.customs_control import (
    FindingSettled,
    InspectionFinding,
    InspectionPassed,
    SelectedForInspection,
)
from schemas.events.customs_filing import DeclaredValues, Filing, FilingAmended
from schemas.railnet import CustomsUnion, customs_union
from schemas.reasons import Reason, Refusal
from services.producers.formats.model import EventDraft, Position
from services.trade.domain.checks.shipment import corrected
from services.trade.domain.dataset import plain
from services.trade.domain.filing import Amendment, LineLink, Phase
from services.trade.domain.filing import Filing as DeclaredFiling
from services.trade.domain.in_step_filings import Correction
from services.trade.domain.paper import Kind, Paper
from services.trade.domain.values import Field, Place, Unit
from services.trade.formats.dataset import enclosed
from services.trade.formats.filings import amendment_of

_APART: Final = frozenset({"place", "remarks"})
"""Of a paper and its lines: where it stood, and what was remarked while it was read."""


def declared_form(paper: Paper) -> dict[str, Any]:
    """What ``paper`` declares as JSON; raises Refusal with a pointer for what an event may not carry."""
    stated = cast("dict[str, Any]", plain(_compact(paper)))
    form = {name: value for name, value in stated.items() if name in DeclaredValues.model_fields}
    try:
        DeclaredValues.model_validate(orjson.loads(orjson.dumps(form)))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"What the declaration states cannot be published: {first['msg']}."[:300],
            "".join(f"/{part}" for part in first["loc"]),
            "Correct it in the declaration, or lodge it without this value.",
        ) from None
    return form


def declared_paper(values: DeclaredValues, source: str = "") -> Paper:
    """The paper that ``values`` of ``source`` state, each value at its JSON pointer."""
    return _restored(values.model_dump(mode="json", exclude_none=True), source)


def _restored(form: Any, source: str) -> Paper:
    return cast(Paper, _restorer(Paper)(form, source, ""))


def _compact(value: Any) -> Any:
    if isinstance(value, Field):
        return _compact(value.value)
    if isinstance(value, Unit):
        return value._asdict()
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _compact(getattr(value, each.name))
            for each in fields(value)
            if each.name not in _APART
        }
    return [_compact(each) for each in value] if isinstance(value, list | tuple) else value


_Restorer = Callable[[Any, str, str], Any]
"""Makes a value of JSON, which was judged, into one of a type: by the value, its file and its pointer there."""


@cache
def _restorer(kind: Any) -> _Restorer:
    """How values of the type ``kind`` are made; what they leave out is the type's default."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, typing.Union):
        return _restorer(next(each for each in arguments if each is not NoneType))
    if origin is Field:
        inner = _restorer(arguments[0])
        return lambda value, file, at: Field(inner(value, file, at), _written(value), Place(file, at))
    if origin is tuple:
        each = _restorer(arguments[0])
        return lambda value, file, at: tuple(each(one, file, f"{at}/{n}") for n, one in enumerate(value))
    if kind is Unit:
        return lambda value, _file, _at: Unit(value["base"], Decimal(value["factor"]))
    if kind is date:
        return lambda value, _file, _at: date.fromisoformat(value)
    if kind is Decimal or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return lambda value, _file, _at: kind(value)
    if is_dataclass(kind):
        return _dataclass_restorer(cast(type, kind))
    return lambda value, _file, _at: value


def _dataclass_restorer(kind: type) -> _Restorer:
    hints = get_type_hints(kind)
    placed, empty = "place" in hints, _EMPTY.get(kind.__name__, {})

    def restore(value: Any, file: str, at: str) -> Any:
        given = {name: _restorer(hints[name])(each, file, f"{at}/{name}") for name, each in value.items()}
        if placed:
            given["place"] = Place(file, at)
        return kind(**{**empty, **given})

    return restore


_EMPTY: Final[Mapping[str, dict[str, Any]]] = {"Money": {"currency": ""}, "Quantity": {"unit": None}}
"""Members without a default whose absence is said by leaving them out."""


def _written(value: Any) -> str:
    """The text of a value: of an amount, a quantity or a code its number."""
    if isinstance(value, dict):
        return str(value.get("amount") or value.get("number") or value.get("digits") or "")
    return str(value)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a publisher signed of a declaration: the event's id, the declaration's key, what was said, and when it happened."""

    event: str
    declaration: str
    payload: CustomsMilestone

    @property
    def at(self) -> int:
        """When it happened, in microseconds."""
        return self.payload.happened_micros


_LODGING: Final = (ExportLodged, ImportLodged, TransitLodged, Accepted)
_PHASES: Final[tuple[tuple[type[CustomsMilestone], Phase], ...]] = (
    (Cancelled, Phase.CANCELLED),
    (Rejected, Phase.REFUSED),
    (Released, Phase.RELEASED),
    (InspectionPassed, Phase.ACCEPTED),
    (FindingSettled, Phase.ACCEPTED),
    (SelectedForInspection, Phase.INSPECTED),
    (InspectionFinding, Phase.INSPECTED),
    (Accepted, Phase.ACCEPTED),
)


def filings_of(
    statements: Iterable[Statement], names: Mapping[str, str] = MappingProxyType({})
) -> tuple[tuple[DeclaredFiling, ...], tuple[Correction, ...]]:
    """The filings and the amendments that live statements give, for ``in_step_filings.assemble``; the same of any order and any copies.

    ``names``: the number by which a declaration with several goes (``declaration_numbers``). A declaration whose values nobody stated is no
    filing. What an amendment of one says stays a correction that waits for it.
    """
    by_declaration: dict[str, dict[str, Statement]] = defaultdict(dict)
    for each in sorted(statements, key=lambda each: (each.at, each.event, each.declaration)):
        by_declaration[names.get(each.declaration, each.declaration)].setdefault(each.event, each)
    filings: list[DeclaredFiling] = []
    corrections: list[Correction] = []
    for declaration, by_event in sorted(by_declaration.items()):
        stated = tuple(by_event.values())
        originals = list(_originals(declaration, stated))
        filings += originals
        before = originals[0].declared if len(originals) == 1 else None
        corrections += _corrections(declaration, stated, before)
    return tuple(filings), tuple(corrections)


def _originals(declaration: str, stated: Sequence[Statement]) -> Iterator[DeclaredFiling]:
    """The filings of one declaration: one, unless publishers say that it declares different things."""
    phase, since = _phase(stated)
    seen = set[tuple[str, str, str]]()
    for each in stated:
        payload = each.payload
        if not isinstance(payload, Filing) or not isinstance(payload, _LODGING) or payload.values is None:
            continue
        paper = _paper(each, payload.values)
        reference, version = _version(payload)
        if (paper.sha256, reference, version) in seen:
            continue
        seen.add((paper.sha256, reference, version))
        yield DeclaredFiling(
            declaration,
            paper.kind,
            reference,
            version,
            each.at,
            paper,
            phase,
            since,
            tuple(sorted({LineLink(link.dataset, link.declared) for link in payload.links}, key=astuple)),
        )


def _corrections(declaration: str, stated: Sequence[Statement], before: Paper | None) -> Iterator[Correction]:
    """The amendments in the order of their moments; of a correction what is declared from then on, where the original is known."""
    for each in stated:
        payload = each.payload
        if not isinstance(payload, FilingAmended):
            continue
        changed = None if payload.values is None else _paper(each, payload.values)
        if changed is not None and changed.kind is Kind.EAEU_CORRECTION and before is not None:
            changed = replace(
                corrected(before, changed), place=changed.place, sha256=changed.sha256, id=changed.id
            )
        if changed is None and before is None:
            changed = Paper(
                _KINDS.get(customs_union(payload.jurisdiction), Kind.WCO_DECLARATION), Place(each.event, "")
            )
        declared = changed or before
        assert declared is not None
        if before is not None and not payload.refused:
            before = declared
        number = payload.amendment or str(payload.amendment_number or each.event)
        yield Correction(
            declaration,
            Amendment(
                number,
                each.at,
                payload.ground or "",
                frozenset(payload.classes),
                _version(payload)[1],
                declared,
                payload.by_customs,
                payload.refused,
            ),
        )


_KINDS: Final = {CustomsUnion.CN: Kind.CN_DECLARATION, CustomsUnion.EAEU: Kind.EAEU_DECLARATION}


def _phase(stated: Sequence[Statement]) -> tuple[Phase, int | None]:
    """Where the declaration stands by the last that was said, and since when it may not be changed: by inspection, release or its end.

    A cancellation is final.
    """
    found: tuple[Phase, int | None] = Phase.LODGED, None
    for each in stated:
        phase = next((phase for kind, phase in _PHASES if isinstance(each.payload, kind)), None)
        if phase is not None and found[0] is not Phase.CANCELLED:
            found = phase, each.at if phase in _FROZEN else None
    return found


_FROZEN: Final = frozenset({Phase.INSPECTED, Phase.RELEASED, Phase.CANCELLED})


def _version(filing: Filing) -> tuple[str, str]:
    return ("", "") if filing.dataset is None else (filing.dataset.reference, filing.dataset.version or "")


def _paper(statement: Statement, values: DeclaredValues) -> Paper:
    """The paper with the digest of its values, by which copies are known, and the event as its place.

    A number that only repeats the declaration's is no value: the same paper is lodged under an own number and accepted under that of customs.
    """
    whole = values.model_dump(mode="json", exclude_none=True)
    form = dict(whole)
    if statement.declaration.endswith(f"/{values.number}"):
        del form["number"]
    raw = orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    paper = _restored(whole, statement.event)
    return replace(paper, place=Place(statement.event, "/declared"), sha256=hashlib.sha256(raw).hexdigest())


def _transit_of(declaration: str) -> str:
    union = customs_union(declaration.partition("/")[0])
    return {CustomsUnion.CN: "CN", CustomsUnion.EAEU: "EAEU"}.get(union, "OTHER")


def lodging_of(
    paper: Paper, declaration: str, type_: str, trade: Mapping[str, str], links: Iterable[LineLink], at: str
) -> EventDraft:
    """The event by which ``declaration`` (jurisdiction/number), or a correction of it, is said to be lodged at ``at`` (RFC 3339).

    ``type_`` is ``export_lodged``, ``import_lodged``, ``transit_lodged`` or ``amended``; ``trade`` what ``TradeVersion`` says, empty where it
    is not known. Its id follows from what is declared. Raises Refusal for what an event may not carry.
    """
    form = declared_form(paper)
    data: dict[str, Any] = {
        **({"procedure": _transit_of(declaration)} if type_ == "transit_lodged" else {}),
        "classifier": "ACT",
        "happened": at,
        "jurisdiction": declaration.partition("/")[0],
        "objects": [{"kind": "declaration", "id": declaration}],
        "dataset": dict(trade),
        "declared": enclosed(form),
        "links": [{"dataset": each.dataset, "declared": each.declared} for each in links],
    }
    if paper.kind is Kind.EAEU_CORRECTION:
        change = amendment_of(paper, paper, None, ())
        data |= {
            "amendment": change.number,
            "ground": change.ground,
            "classes": sorted(change.classes),
            "by_customs": change.by_customs,
        }
    digest = hashlib.sha256(
        orjson.dumps([form, data["links"], dict(trade)], option=orjson.OPT_SORT_KEYS)
    ).hexdigest()
    identity = f"declared/{declaration}/{type_}/{digest[:16]}"
    stated = {name: value for name, value in data.items() if value not in ("", [], {})}
    return EventDraft(Position(), identity, f"cre.customs.{type_}.v2", at, stated)
