"""A trade dataset as JSON: read strictly, and as the invoice and the packing list that it states."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson

from schemas.events.customs_whole import LARGEST, PACKED_AT_MOST
from schemas.events.trade import (
    CommodityCode,
    DatasetStated,
    StatedCharge,
    StatedLine,
    StatedPaper,
    StatedParty,
    TradeData,
)
from schemas.reasons import Reason, Refusal
from services.producers.formats.gzip_file import pack
from services.producers.formats.model import EventDraft, Position
from services.trade.domain import values
from services.trade.domain.dataset import Dataset, DatasetCharge, DatasetLine, DatasetPaper, DatasetParty
from services.trade.domain.paper import (
    Charge,
    ChargeKind,
    Kind,
    Line,
    Packages,
    Paper,
    Party,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Code, Field, Money, Place, Quantity, Unreadable
from services.trade.formats.reading import Reading, box, day

T = TypeVar("T")
_KEYS: Final = frozenset(TradeData.model_fields)
_CODE: Final = frozenset(CommodityCode.model_fields)


def is_dataset(content: bytes) -> bool:
    """Whether the bytes begin as a JSON object does."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


class _Source:
    """A JSON value with its pointer; raises Refusal at the pointer for what is not of its kind."""

    def __init__(self, value: Any, pointer: str = "") -> None:
        self.value, self.pointer = value, pointer

    def get(self, name: str, parse: Callable[[str], T], default: T | None = None) -> T:
        """The member ``name``, a text or a whole number, by ``parse``; ``default`` where it is absent."""
        found = self.value.get(name)
        if found is None and default is not None:
            return default
        if not isinstance(found, str | int) or isinstance(found, bool):
            raise self.refuse(
                name, "is missing or neither text nor a whole number", "Give numbers with decimals as text."
            )
        try:
            return parse(str(found))
        except (Unreadable, ValueError) as problem:
            remedy = problem.remedy if isinstance(problem, Unreadable) else "Correct it"
            raise self.refuse(name, f"cannot be read: {problem}", f"{remedy}.".capitalize()) from None

    def each(self, name: str, known: frozenset[str]) -> list[_Source]:
        """The members of the list ``name``, objects with ``known`` members."""
        found = self.value.get(name, [])
        if not isinstance(found, list):
            raise self.refuse(name, "is no list")
        return [_Source(member, f"{self.pointer}/{name}/{n}").only(known) for n, member in enumerate(found)]

    def only(self, known: frozenset[str]) -> _Source:
        """Itself; raises Refusal where it is no object or has a member that is not known."""
        if not isinstance(self.value, dict):
            raise Refusal(Reason.INVALID_SCHEMA, "No object stands here.", self.pointer, "Give an object.")
        unknown = next((name for name in self.value if name not in known), None)
        if unknown is not None:
            raise self.refuse(unknown, "is not known", f"The members are {', '.join(sorted(known))}.")
        return self

    def refuse(self, name: str, why: str, remedy: str = "Correct it.") -> Refusal:
        """The refusal of the member ``name``."""
        return Refusal(
            Reason.INVALID_SCHEMA, f"The member {name[:40]} {why}.", f"{self.pointer}/{name}", remedy
        )


Source = _Source
"""For other JSON of trade data."""


def read(content: bytes, as_of: date) -> Dataset:
    """The dataset in ``content``; raises Refusal with the JSON pointer of what is wrong."""
    try:
        source = _Source(orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))).only(_KEYS)
    except orjson.JSONDecodeError as broken:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file is not JSON: {broken}.",
            f"line {broken.lineno}",
            "Export it again.",
        ) from None
    reading = Reading("", as_of)
    try:
        return Dataset(
            source.get("reference", str),
            source.get("version", int),
            source.get("previous", str, ""),
            source.get("currency", lambda text: reading.currency_of(text, "/currency")),
            source.get("terms", str.upper, ""),
            source.get("terms_place", str, ""),
            tuple(
                DatasetParty(
                    each.get("role", Role),
                    each.get("scheme", str),
                    each.get("number", str),
                    each.get("name", str, ""),
                )
                for each in source.each("parties", frozenset(StatedParty.model_fields))
            ),
            tuple(_line(each, as_of) for each in source.each("lines", frozenset(StatedLine.model_fields))),
            tuple(
                DatasetCharge(each.get("kind", ChargeKind), each.get("amount", values.decimal))
                for each in source.each("charges", frozenset(StatedCharge.model_fields))
            ),
            source.get("package_level", str, ""),
            tuple(_texts(source, "boxes")),
            tuple(
                DatasetPaper(each.get("kind", ReferenceKind), each.get("number", str), _day(each))
                for each in source.each("papers", frozenset(StatedPaper.model_fields))
            ),
        )
    except Unreadable as problem:
        raise Refusal(Reason.INVALID_SCHEMA, f"{problem.problem}.", "", problem.remedy) from None


def _texts(source: _Source, name: str) -> list[str]:
    found = source.value.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise source.refuse(name, "is no list of texts")
    try:
        return [box(each) for each in found]
    except Unreadable as problem:
        raise source.refuse(name, f"cannot be read: {problem}", problem.advice) from None


def _day(source: _Source) -> date | None:
    return source.get("day", day) if "day" in source.value else None


def _line(source: _Source, as_of: date) -> DatasetLine:
    def mass(name: str) -> Decimal | None:
        return source.get(name, values.decimal) if name in source.value else None

    return DatasetLine(
        source.get("id", str),
        source.get("description", str),
        _code(source, as_of),
        source.get("origin", values.country_code),
        source.get("quantity", values.decimal),
        source.get("unit", str),
        source.get("price", lambda text: values.decimal(text, None)),
        source.get("amount", lambda text: values.decimal(text, None)),
        mass("gross"),
        mass("net"),
        source.get("packages", int) if "packages" in source.value else None,
    )


def _code(source: _Source, as_of: date) -> Code:
    """A code with scheme, digits and edition, or its digits alone: of the HS, in the edition of ``as_of``."""
    found = source.value.get("code")
    if not isinstance(found, dict):
        return source.get("code", lambda text: values.code(text, "HS", as_of))
    given = _Source(found, f"{source.pointer}/code").only(_CODE)
    scheme = given.get("scheme", str)
    digits = given.get("digits", lambda text: values.code(text, scheme, as_of)).digits
    return Code(scheme, digits, given.get("edition", int))


def stated(data: TradeData) -> Dataset:
    """The version of ``data`` that was stated; raises Refusal as ``read``, for what was never judged."""
    return read(data.model_dump_json(exclude_none=True).encode(), date.min)


_INLINE: Final = 40_000
"""Bytes of JSON that an event carries as it is; more is packed, so that it stays below 64 KiB."""


def enclosed(form: dict[str, Any]) -> dict[str, Any]:
    """``form`` as an event carries it: packed where it is large; raises Refusal where that is too large as well."""
    raw = orjson.dumps(form)
    if len(raw) <= _INLINE:
        return form
    if len(raw) > LARGEST or len(packed := pack(raw)) > PACKED_AT_MOST:
        raise Refusal(
            Reason.TOO_LARGE,
            f"It has {len(raw):,} bytes, too many for an event even when packed.",
            remedy="Shorten the descriptions, or state the trade as two.",
        )
    return {"gzip_b64": b64encode(packed).decode(), "length": len(raw)}


def statement_of(dataset: Dataset, owner: str, objects: Iterable[tuple[str, str]], at: str) -> EventDraft:
    """The event by which a version is stated at ``at`` (RFC 3339): about ``objects`` (kind, id), its boxes and the notes that it names.

    Its id follows from the version, so that stating it again states nothing new.
    """
    named = [
        *objects,
        *(("container", box) for box in dataset.boxes),
        *(
            ("note", paper.number)
            for paper in dataset.papers
            if paper.kind is ReferenceKind.TRANSPORT and _NOTE.match(paper.number)
        ),
    ]
    data = {
        "classifier": "ACT",
        "happened": at,
        "objects": [{"kind": kind, "id": id} for kind, id in dict.fromkeys(named)],
        **({"owner": owner} if owner else {}),
        "dataset": enclosed(dataset.form),
    }
    identity = f"trade/{owner}/{dataset.reference}/{dataset.version}/{dataset.digest[:16]}"
    return EventDraft(Position(), identity, DatasetStated.spec.type, at, data)


_NOTE: Final = re.compile(r"(SMGS|CIM|CIMSMGS)(/[^/]+){4}$")
"""The id of a note: form, country, station, number, year."""


def papers(dataset: Dataset, file: str) -> tuple[Paper, Paper]:
    """The invoice and the packing list that a dataset states, each value at its JSON pointer."""

    def field(value: T, written: object, at: str) -> Field[T]:
        return Field(value, str(written), Place(file, at))

    invoice, packing = [], []
    for n, each in enumerate(dataset.lines):
        at = f"/lines/{n}"
        quantity = Quantity(each.quantity, values.unit(each.unit, "REC20"), each.unit)
        common = Line(
            each.id,
            Place(file, at),
            description=field(each.description, each.description, f"{at}/description"),
            code=field(each.code, each.code.digits, f"{at}/code"),
            quantity=field(quantity, each.quantity, f"{at}/quantity"),
        )
        invoice.append(
            replace(
                common,
                origin=field(each.origin, each.origin, f"{at}/origin"),
                price=field(each.price, each.price, f"{at}/price"),
                amount=field(Money(each.amount, dataset.currency), each.amount, f"{at}/amount"),
            )
        )
        packing.append(
            replace(
                common,
                gross=None if each.gross is None else field(each.gross, each.gross, f"{at}/gross"),
                net=None if each.net is None else field(each.net, each.net, f"{at}/net"),
            )
        )
    parties = tuple(
        Party(
            each.role,
            field(each.number, each.number, f"/parties/{n}/number"),
            field(each.name, each.name, f"/parties/{n}/name") if each.name else None,
        )
        for n, each in enumerate(dataset.parties)
    )
    counts = [each.packages for each in dataset.lines if each.packages is not None]
    terms = field(dataset.terms, dataset.terms, "/terms") if dataset.terms else None
    place = field(dataset.terms_place, dataset.terms_place, "/terms_place") if dataset.terms_place else None
    numbered = next((n for n, each in enumerate(dataset.papers) if each.kind is ReferenceKind.INVOICE), None)
    own = None if numbered is None else dataset.papers[numbered]
    return (
        Paper(
            Kind.INVOICE,
            Place(file, ""),
            number=None if own is None else field(own.number, own.number, f"/papers/{numbered}/number"),
            day=None
            if own is None or own.day is None
            else field(own.day, own.day, f"/papers/{numbered}/day"),
            parties=parties,
            references=tuple(
                Reference(each.kind, field(each.number, each.number, f"/papers/{n}/number"))
                for n, each in enumerate(dataset.papers)
                if each.kind is not ReferenceKind.INVOICE
            ),
            terms=terms,
            terms_place=place,
            currency=field(dataset.currency, dataset.currency, "/currency"),
            charges=tuple(
                Charge(
                    each.kind,
                    field(Money(each.amount, dataset.currency), each.amount, f"/charges/{n}/amount"),
                )
                for n, each in enumerate(dataset.charges)
            ),
            lines=tuple(invoice),
        ),
        Paper(
            Kind.PACKING_LIST,
            Place(file, ""),
            packages=(Packages(field(sum(counts), sum(counts), "/lines"), dataset.package_level),)
            if len(counts) == len(dataset.lines) and counts
            else (),
            boxes=tuple(field(each, each, f"/boxes/{n}") for n, each in enumerate(dataset.boxes)),
            lines=tuple(packing),
        ),
    )
