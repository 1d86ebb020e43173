"""What was filed of a trade, from files: versions of its dataset, declarations, corrections, and a statement of what was lodged from which version.

A statement is a JSON object whose member ``filings`` says of declarations, by their files, what no message holds: the version that each was made
from, which of its lines stand for which lines of the dataset, its phase, and amendments of the Chinese side, whose message is the whole declaration
again. What is not stated stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.trade.domain.checks.shipment import corrected
from services.trade.domain.dataset import Dataset
from services.trade.domain.filing import Amendment, ChangeClass, Filing, LineLink, Phase
from services.trade.domain.in_step_filings import Correction
from services.trade.domain.in_step_rules import SIDES
from services.trade.domain.paper import Kind, Paper, ReferenceKind
from services.trade.formats import dataset, read_papers
from services.trade.formats.dataset import Source

_FILING: Final = frozenset(
    {"file", "declaration", "dataset", "version", "at", "phase", "frozen", "links", "amendments"}
)
_AMENDMENT: Final = frozenset(
    {"file", "number", "at", "ground", "classes", "version", "by_customs", "refused"}
)
BOX_45A: Final = (
    ChangeClass.QUANTITY,
    ChangeClass.COUNTRY,
    ChangeClass.CODE,
    ChangeClass.COST,
    ChangeClass.PAYMENT,
    ChangeClass.OTHER,
)
"""The classes of the third to eighth character of box 45a; the first two are the phase and the ground."""


@dataclass(slots=True)
class TradeFiles:
    """What the files of one trade hold; ``unused`` are papers of other kinds, ``refused`` what could not be read, by file."""

    datasets: list[Dataset] = field(default_factory=list)
    filings: list[Filing] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    unused: list[Paper] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)

    @property
    def papers(self) -> list[Paper]:
        """Every paper that was read."""
        amended = (each.amendment.declared for each in self.corrections)
        return [*(each.declared for each in self.filings), *amended, *self.unused]


def read_trade(files: Iterable[tuple[str, bytes]], as_of: date) -> TradeFiles:
    """The facts in ``files`` (name, content), the same for any order; what cannot be read is refused file by file."""
    found = TradeFiles()
    papers: dict[str, list[Paper]] = {}
    statements: list[tuple[str, Source]] = []
    for name, content in sorted(files, key=lambda each: each[0]):
        try:
            if dataset.is_dataset(content) and (statement := _statement(content)) is not None:
                statements.append((name, statement))
            elif dataset.is_dataset(content):
                found.datasets.append(dataset.read(content, as_of))
            else:
                papers[name] = list(read_papers(content, name, as_of))
        except Refusal as refusal:
            found.refused.append((name, refusal))
    stated: dict[str, Source] = {}
    changes: dict[str, tuple[str, Source]] = {}
    for name, statement in statements:
        try:
            _index(statement, papers, stated, changes)
        except Refusal as refusal:
            found.refused.append((name, refusal))
    references = sorted({each.reference for each in found.datasets})
    only = references[0] if len(references) == 1 else ""
    try:
        known = {paper.sha256 for name in (*stated, *changes) for paper in papers[name]}
        for name, several in papers.items():
            for paper in several if name not in changes else ():
                if name not in stated and paper.sha256 in known:
                    continue  # a copy of a file that the statement names
                if paper.kind in SIDES:
                    found.filings.append(_filing(paper, stated.get(name), only, found.datasets))
                elif paper.kind is not Kind.EAEU_CORRECTION:
                    found.unused.append(paper)
        found.corrections += _stated_changes(changes, papers, found)
        found.corrections += _corrections(
            [each for several in papers.values() for each in several], found.filings, changes, found.datasets
        )
    except Refusal as refusal:
        found.refused.append((statements[0][0] if statements else "", refusal))
    return found


def _statement(content: bytes) -> Source | None:
    try:
        value = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    return (
        Source(value).only(frozenset({"filings"})) if isinstance(value, dict) and "filings" in value else None
    )


def _index(
    statement: Source,
    papers: Mapping[str, Sequence[Paper]],
    stated: dict[str, Source],
    changes: dict[str, tuple[str, Source]],
) -> None:
    """What a statement says of each file: of a declaration, or of an amendment of one."""
    for each in statement.each("filings", _FILING):
        name = each.get("file", str)
        if name not in papers:
            raise each.refuse(
                "file", f"names {name[:40]}, which is not among the files", "Give the file too."
            )
        stated[name] = each
        for change in each.each("amendments", _AMENDMENT):
            amended = change.get("file", str)
            if amended not in papers:
                raise change.refuse(
                    "file", f"names {amended[:40]}, which is not among the files", "Give the file too."
                )
            changes[amended] = name, change


def _number(paper: Paper) -> str:
    return paper.number.value if paper.number else paper.id or paper.place.file


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _micros(source: Source, name: str) -> int:
    return parse_micros(source.get(name, str), f"{source.pointer}/{name}")


def _moment(source: Source | None, paper: Paper) -> int:
    """When: as stated, else the day that the paper gives; 0 where neither does."""
    if source is not None and "at" in source.value:
        return _micros(source, "at")
    return _midnight(paper.day.value) if paper.day else 0


def _version(source: Source, datasets: Sequence[Dataset]) -> str:
    """The digest of a version, stated by itself or by a number that only one version has."""
    given = source.value.get("version")
    if given is None:
        return ""
    if isinstance(given, int) and not isinstance(given, bool):
        found = {each.digest for each in datasets if each.version == given}
        if len(found) == 1:
            return next(iter(found))
        what = "several versions have" if found else "no version has"
        raise source.refuse("version", f"is a number that {what}", "Give the digest of the version.")
    return source.get("version", str)


def _filing(paper: Paper, source: Source | None, only: str, datasets: Sequence[Dataset]) -> Filing:
    if source is None:
        return Filing(_number(paper), paper.kind, only, "", _moment(None, paper), paper)
    links = tuple(
        LineLink(each.get("dataset", str), each.get("declared", str))
        for each in source.each("links", frozenset({"dataset", "declared"}))
    )
    return Filing(
        source.get("declaration", str, _number(paper)),
        paper.kind,
        source.get("dataset", str, only),
        _version(source, datasets),
        _moment(source, paper),
        paper,
        source.get("phase", Phase, Phase.LODGED),
        _micros(source, "frozen") if "frozen" in source.value else None,
        links,
    )


def _stated_changes(
    changes: Mapping[str, tuple[str, Source]], papers: Mapping[str, Sequence[Paper]], found: TradeFiles
) -> list[Correction]:
    """The amendments that a statement gives by whole declarations; of corrections by their own message it adds what they lack."""
    corrections = []
    for name, (of, source) in changes.items():
        original = next((each for each in found.filings if each.declared.place.file == of), None)
        for paper in papers[name]:
            if original is not None and paper.kind is original.kind:
                corrections.append(
                    Correction(original.declaration, amendment_of(paper, paper, source, found.datasets))
                )
    return corrections


def amendment_of(
    paper: Paper, declared: Paper, source: Source | None, datasets: Sequence[Dataset]
) -> Amendment:
    stated = [each.value for each in (paper.change, *(line.change for line in paper.lines)) if each]
    boxes = [each for each in stated if len(each) == 2 + len(BOX_45A)]
    marks = next(iter(boxes), "")
    classes = frozenset(
        each for box in boxes for each, mark in zip(BOX_45A, box[2:], strict=True) if mark not in "0?"
    )
    if source is None:
        return Amendment(
            _number(paper), _moment(None, paper), marks[1:2], classes, "", declared, paper.by_customs
        )
    return Amendment(
        source.get("number", str, _number(paper) if paper.kind is Kind.EAEU_CORRECTION else paper.place.file),
        _moment(source, paper),
        source.get("ground", str, marks[1:2]),
        _classes(source) or classes,
        _version(source, datasets),
        declared,
        _flag(source, "by_customs", paper.by_customs),
        _flag(source, "refused", False),
    )


def _classes(source: Source) -> frozenset[ChangeClass]:
    given = source.value.get("classes", [])
    known = {each.value for each in ChangeClass}
    if not isinstance(given, list) or not all(each in known for each in given):
        raise source.refuse(
            "classes", "is no list of classes", f"The classes are {', '.join(sorted(known))}."
        )
    return frozenset(map(ChangeClass, given))


def _flag(source: Source, name: str, default: bool) -> bool:
    found: Any = source.value.get(name, default)
    if not isinstance(found, bool):
        raise source.refuse(name, "is neither true nor false")
    return found


def _corrections(
    papers: Sequence[Paper],
    filings: Sequence[Filing],
    changes: Mapping[str, tuple[str, Source]],
    datasets: Sequence[Dataset],
) -> list[Correction]:
    """Corrections of the EAEU by their own message, each applied to what its declaration was before, in the order of their numbers."""
    found = []
    now: dict[str, Paper] = {}
    for paper in sorted(
        (each for each in papers if each.kind is Kind.EAEU_CORRECTION),
        key=lambda each: (_number(each), each.place.file),
    ):
        named = [each.number.value for each in paper.references if each.kind is ReferenceKind.DECLARATION]
        original = next(
            (each for each in filings if {each.declaration, each.declared.id} & (set(named) - {""})), None
        )
        source = changes[paper.place.file][1] if paper.place.file in changes else None
        declared = paper
        if original is not None:
            before = now.get(original.declaration, original.declared)
            declared = replace(corrected(before, paper), place=paper.place, sha256=paper.sha256, id=paper.id)
        amendment = amendment_of(paper, declared, source, datasets)
        if original is not None and not amendment.refused:
            now[original.declaration] = declared
        of = original.declaration if original is not None else (named[0] if named else "")
        found.append(Correction(of, amendment))
    return found
