"""Fingerprints of a deal: keyed digests of its normalised documents, several per deal, so that look-alike deals meet.

Plain digests of such fields can be guessed; these are HMAC-SHA-256 under a key that only the registry holds and rotates. A
version is one registry key with one normaliser; a deal is fingerprinted under each version that still counts.

Exact: a transport document by issuer and number, a note without its year's date, a declaration, an invoice by seller and number
(not amount, currency, date or buyer, which a copy changes), a consignment, and a box at its origin within three days: each deal
takes four days from its loading day, so two deals share a day exactly when they lie at most three days apart. Near: the same box
in an overlapping journey, and a trade of the same parties for nearly the same amount, with keyed digests of its features
(``resemblance``).
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key, canonical_place
from schemas.identifiers.confusables import confusables
from services.domain.objects import Thing
from services.financing.domain.documents import (
    Company,
    Declaration,
    Invoice,
    Note,
    Papers,
    Share,
    TransportDocument,
)
from services.financing.domain.resemblance import Feature

Normaliser = Callable[[str], str]

_LEADING = re.compile(r"(?<![0-9])0+(?=[0-9])")
_APART = {code: " " for code in range(128) if not chr(code).isalnum()}
"""What ``_character`` makes of ASCII, where it changes anything."""


@lru_cache(maxsize=50_000)
def normalise_1(text: str) -> str:
    """Normaliser 1: one spelling of a document number; "" for text without a letter or digit.

    Compatibility forms are folded (NFKD), letters are upper case, look-alikes of other scripts and of digits become one character
    (``schemas.identifiers.confusables``), decimal digits of any script are ASCII, all but letters and digits is dropped, and so are
    zeros that lead a run of digits. A normaliser never changes once used: a better one is a new number, and both count until
    the last entry of the older is released.
    """
    plain = unicodedata.normalize("NFKD", text).upper()
    # Look-alikes are folded before digits are found: O20 is read 020.
    folded = plain.translate(confusables())
    spaced = folded.translate(_APART) if folded.isascii() else "".join(map(_character, folded))
    runs = _LEADING.sub("", spaced)
    return "".join(runs.split())


def _character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if character.isalnum():
        return character
    # A separator of two runs of digits keeps them apart until their zeros are gone; a mark on a letter does not.
    return "" if unicodedata.combining(character) or unicodedata.category(character) == "Cf" else " "


NORMALISERS: Mapping[int, Normaliser] = MappingProxyType({1: normalise_1})
"""Every normaliser that fingerprints were ever made by."""
NEWEST = max(NORMALISERS)


def deletions(text: str, most: int = 40) -> frozenset[str]:
    """``text`` and all that it becomes by leaving out one character of its first ``most``.

    Two texts that differ by one character replaced, left out or put in have one of these in common.
    """
    return frozenset({text, *(text[:at] + text[at + 1 :] for at in range(min(len(text), most)))})


_DOMAIN = b"lianyun-financing-fingerprint-v1\n"
_RESERVED_DAYS = 4
_DAYS, _NUMBERS = 3, 4
"""Widths of the buckets of dates, and of numbers in a sequence."""
_DIGITS = re.compile(r"(?<![0-9])[0-9]{1,15}(?![0-9])")
_RUNS = 2
"""Of the numbers in a document's number so many, from the end, may count it: the year often follows."""
_JOURNEY_DAYS = 16
"""Boxes loaded within one or two such periods are on overlapping journeys."""
_MOST = 10**15


class Kind(StrEnum):
    """What a fingerprint is of."""

    TRANSPORT_DOCUMENT = "TRANSPORT_DOCUMENT"
    DECLARATION = "DECLARATION"
    CARGO = "CARGO"
    INVOICE = "INVOICE"
    NOTE = "NOTE"
    CONSIGNMENT = "CONSIGNMENT"
    NEAR_CARGO = "NEAR_CARGO"
    NEAR_TRADE = "NEAR_TRADE"

    @property
    def exact(self) -> bool:
        """Whether two deals that meet under it are of the same thing."""
        return self not in (Kind.NEAR_CARGO, Kind.NEAR_TRADE)

    @property
    def shared(self) -> bool:
        """Whether deals of several banks may rightly meet under it, each with its share."""
        return self in (Kind.CARGO, Kind.DECLARATION)


@dataclass(frozen=True, slots=True)
class Version:
    """One registry key with one normaliser. ``open`` versions are written; a closed one is only compared."""

    number: int
    key: bytes
    normaliser: Normaliser
    open: bool = True

    def __post_init__(self) -> None:
        if len(self.key) < 32:
            raise ValueError(f"a registry key has 32 bytes, not {len(self.key)}")

    def __repr__(self) -> str:
        return f"Version({self.number})"  # the key never shows


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A 16-byte keyed digest with what it is of; ``near`` are digests of what it may have in common with others.

    ``marks`` are the digests among ``near`` by feature; only documents tell them, never what is stored.

    ``thing`` is a keyed digest of the box, note, declaration or consignment that it is of, so that a part of the goods can be given
    back; None for one that is of none, and for one of an earlier release.
    """

    version: int
    kind: Kind
    digest: bytes
    share: Share | None = None
    near: frozenset[int] = frozenset()
    thing: bytes | None = None
    marks: tuple[tuple[Feature, int], ...] = field(default=(), compare=False)


def thing_digests(things: Iterable[Thing], version: Version) -> frozenset[bytes]:
    """The ``thing`` of fingerprints of the goods that ``things`` identify."""
    return frozenset(_thing(version, thing.kind, thing.key) for thing in things)


def fingerprints(
    papers: Papers, applicant: str, version: Version, on: Iterable[Thing] = ()
) -> tuple[Fingerprint, ...]:
    """The fingerprints of ``papers`` under ``version``, each once, sorted by digest.

    ``applicant`` is the applying party's code: its own invoices are also keyed by it, whatever company number the bank was given.
    ``on`` are the consignments that the deal is said to be of.
    """
    found: dict[tuple[Kind, bytes], Fingerprint] = {}
    for made in _made(papers, applicant, version, on):
        found.setdefault((made.kind, made.digest), made)
    return tuple(sorted(found.values(), key=lambda made: (made.digest, made.kind)))


def issued(
    kind: str, issuer: Company, number: str, share: Share | None, version: Version, owner: str = ""
) -> tuple[Fingerprint, ...]:
    """The exact fingerprints of one INVOICE, TRANSPORT document or note, or DECLARATION, as ``fingerprints`` makes them of the same paper.

    ``owner`` is the code of the party whose own invoice it is, "" where somebody else issued it.
    """
    if kind == "INVOICE":
        return tuple(_of_invoice(issuer, owner, number, share, version))
    if kind == "DECLARATION":
        papers = Papers(declarations=(Declaration(number, share),))
    elif _NOTE.match(number):
        papers = Papers(notes=(Note(number, share),))
    else:
        papers = Papers(documents=(TransportDocument(issuer, number, date.min, share),))
    return tuple(_made(papers, "", version, ()))


_NOTE = re.compile(r"(SMGS|CIM|CIMSMGS)(/[^/]+){4}$")
"""The key of a note: form, country, station, number, year."""


def _made(papers: Papers, applicant: str, version: Version, on: Iterable[Thing]) -> Iterator[Fingerprint]:
    for document in papers.documents:
        parts = (_company(document.issuer, version), version.normaliser(document.number))
        yield _print(version, Kind.TRANSPORT_DOCUMENT, parts, document.share)
    for note in papers.notes:
        pieces = (version.normaliser(part) for part in canonical_key(ObjectKind.NOTE, note.key).split("/"))
        # The form may be written SMGS or CIMSMGS for one and the same paper; country, station, number, year remain.
        _form, *rest = pieces
        of = _thing(version, ObjectKind.NOTE, canonical_key(ObjectKind.NOTE, note.key))
        yield _print(version, Kind.NOTE, tuple(rest) or (_form,), note.share, of)
    for declaration in papers.declarations:
        key = canonical_key(ObjectKind.DECLARATION, declaration.key)
        numbers = tuple(version.normaliser(part) for part in key.split("/", 1))
        of = _thing(version, ObjectKind.DECLARATION, key)
        yield _print(version, Kind.DECLARATION, numbers, declaration.share, of)
    for consignment in papers.consignments:
        key = canonical_key(ObjectKind.CONSIGNMENT, consignment)
        yield _print(version, Kind.CONSIGNMENT, (key,), None, _thing(version, ObjectKind.CONSIGNMENT, key))
    for box in papers.boxes:
        number = version.normaliser(canonical_key(ObjectKind.CONTAINER, box.container))
        place = canonical_place(box.origin)
        of = _thing(version, ObjectKind.CONTAINER, canonical_key(ObjectKind.CONTAINER, box.container))
        for day in range(_RESERVED_DAYS):
            reserved = (box.loaded_on + timedelta(days=day)).isoformat()
            yield _print(version, Kind.CARGO, (number, place, reserved), box.share, of)
        for period in _periods(box.loaded_on):
            yield _print(version, Kind.NEAR_CARGO, (number, str(period)), box.share, of)
    identified = _identified(papers, on) if papers.invoices else ()
    for invoice in papers.invoices:
        yield from _invoice(invoice, applicant, version, identified)


def _identified(papers: Papers, on: Iterable[Thing]) -> tuple[tuple[ObjectKind, str], ...]:
    """What the documents name of the goods, and the consignments ``on`` which they are."""
    named = [
        *((thing.kind, thing.key) for thing in on),
        *((ObjectKind.CONSIGNMENT, name) for name in papers.consignments),
        *((ObjectKind.CONTAINER, box.container) for box in papers.boxes),
        *((ObjectKind.NOTE, note.key) for note in papers.notes),
        *((ObjectKind.DECLARATION, declaration.key) for declaration in papers.declarations),
    ]
    return tuple(sorted({(kind, canonical_key(kind, key)) for kind, key in named}))


def _invoice(
    invoice: Invoice, applicant: str, version: Version, identified: Iterable[tuple[ObjectKind, str]]
) -> Iterator[Fingerprint]:
    number = version.normaliser(invoice.number)
    yield from _of_invoice(invoice.seller, applicant, invoice.number, invoice.share, version)
    marks = tuple(_marks(invoice, number, version, identified))
    near = frozenset(digest for _, digest in marks)
    parties = (_company(invoice.seller, version), _company(invoice.buyer, version), invoice.amount.currency)
    for step in _steps(invoice.amount.minor):
        made = _print(version, Kind.NEAR_TRADE, (*parties, str(step)), invoice.share)
        yield replace(made, near=near, marks=marks)


def _of_invoice(
    seller: Company, applicant: str, number: str, share: Share | None, version: Version
) -> Iterator[Fingerprint]:
    spelled = version.normaliser(number)
    yield _print(version, Kind.INVOICE, (_company(seller, version), spelled), share)
    if applicant:
        yield _print(version, Kind.INVOICE, (f"APPLICANT:{applicant}", spelled), share)


def _marks(
    invoice: Invoice, number: str, version: Version, identified: Iterable[tuple[ObjectKind, str]]
) -> Iterator[tuple[Feature, int]]:
    """The digests of what an invoice may have in common with another.

    Values that are near take a bucket and the next one: those less than a bucket apart always meet, those two apart never.
    """
    # In every entry that has marks: those of earlier releases tell their spellings alone.
    yield Feature.PARTIES_SAME, _mark(version, "MARKED")
    for text in deletions(number):
        yield Feature.NUMBER_ONE_CHARACTER, _mark(version, "SPELLING", text)
    yield Feature.AMOUNT_EQUAL, _mark(version, "AMOUNT", str(invoice.amount.minor))
    yield Feature.ISSUED_SAME_DAY, _mark(version, "ISSUED_ON", invoice.issued_on.isoformat())
    for days in _buckets(invoice.issued_on.toordinal(), _DAYS):
        yield Feature.ISSUED_WITHIN_5_DAYS, _mark(version, "ISSUED_FROM", days)
    for run in list(_DIGITS.finditer(invoice.number))[-_RUNS:]:
        before, after = invoice.number[: run.start()], invoice.number[run.end() :]
        around = (version.normaliser(before), version.normaliser(after))
        for numbers in _buckets(int(run[0]), _NUMBERS):
            yield Feature.NUMBER_NEIGHBOUR, _mark(version, "SEQUENCE", *around, numbers)
    for kind, key in identified:
        yield Feature.GOODS_SAME, int.from_bytes(_thing(version, kind, key)[:8], signed=True)


def _buckets(value: int, width: int) -> tuple[str, str]:
    return str(value // width), str(value // width + 1)


def _mark(version: Version, label: str, *parts: str) -> int:
    return int.from_bytes(_digest(version, label, parts)[:8], signed=True)


@lru_cache(maxsize=4_096)
def _thing(version: Version, kind: ObjectKind, key: str) -> bytes:
    """Of the object with the canonical ``key``."""
    return _digest(version, "THING", (kind.wire, version.normaliser(key)))[:16]


def _company(company: Company, version: Version) -> str:
    return f"{company.scheme}:{version.normaliser(company.id)}"


def _periods(day: date) -> tuple[int, int]:
    period = day.toordinal() // _JOURNEY_DAYS
    return period, period + 1


def _steps(minor: int) -> tuple[int, int]:
    """Two neighbouring rungs of the ladder: amounts within one percent of one another share at least one."""
    rung = bisect_right(_ladder(), minor)
    return rung, rung + 1


@cache
def _ladder() -> tuple[int, ...]:
    rungs = [1]
    while rungs[-1] < _MOST:
        rungs.append(max(rungs[-1] + 1, rungs[-1] * 102 // 100))
    return tuple(rungs)


def _print(
    version: Version, kind: Kind, parts: tuple[str, ...], share: Share | None, thing: bytes | None = None
) -> Fingerprint:
    return Fingerprint(version.number, kind, _digest(version, kind, parts)[:16], share, thing=thing)


def _digest(version: Version, kind: str, parts: tuple[str, ...]) -> bytes:
    made = _keyed_prefix(version.key, kind).copy()
    made.update(b"".join([_framed(part) for part in parts]))
    return made.digest()


@lru_cache(maxsize=256)
def _keyed_prefix(key: bytes, kind: str) -> hmac.HMAC:
    """The HMAC that all digests of a kind begin with; never updated itself."""
    return hmac.new(key, _DOMAIN + _framed(kind), "sha256")


def _framed(part: str) -> bytes:
    encoded = part.encode()
    return len(encoded).to_bytes(4) + encoded
