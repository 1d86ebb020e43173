"""A change of a dataset once, and what it asks of each declaration: the declaration as it would be amended, entry by entry, and what only people can say.

Computed from two successive versions and the filings as they are. What does not follow by the table is left as it is; a line that was split, added or
removed, or has no link is a question. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from schemas.identifiers import eaeu_declaration
from schemas.identifiers.form import MalformedIdentifier
from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.dataset import Dataset, DatasetLine
from services.trade.domain.dataset_changes import FREIGHT, changes
from services.trade.domain.filing import ChangeClass, Phase
from services.trade.domain.in_step_elements import ELEMENTS, Element, Stated
from services.trade.domain.in_step_filings import Current
from services.trade.domain.in_step_rules import SIDES, Act, Due, FollowRule, Follows, StepRules
from services.trade.domain.paper import ChargeKind, Kind, Line, Packages, Paper, Party, ReferenceKind
from services.trade.domain.values import Field, Money, Place, Quantity, unit

T = TypeVar("T")


class Doubt(StrEnum):
    """What a change asks of people, by a stable code; its words are in ``data/in_step_texts.csv``."""

    NO_LINK = "NO_LINK"
    SPLIT = "SPLIT"
    ADDED = "ADDED"
    REMOVED = "REMOVED"
    NATIONAL_DIGITS = "NATIONAL_DIGITS"
    DESCRIBE = "DESCRIBE"
    OTHER_VERSION = "OTHER_VERSION"
    NOT_AS_STATED = "NOT_AS_STATED"
    COMPUTE_VALUE = "COMPUTE_VALUE"
    NO_FORM = "NO_FORM"
    NO_NUMBER = "NO_NUMBER"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an amendment: an element of an item of the declaration ("" for its head), as declared and as it has to be."""

    element: str
    item: str
    before: str
    after: str
    change_class: ChangeClass | None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What the change asks of one declaration: the ``entries`` of its amendment and the whole of it ``amended``, or why none is taken now (``frozen``).

    ``doubts``: what only people can say, each with the lines it is about. ``untouched``: changed elements that do not follow, with their rules.
    """

    current: Current
    amended: Paper
    entries: tuple[Entry, ...]
    untouched: tuple[FollowRule, ...]
    doubts: tuple[tuple[Doubt, str], ...]
    frozen: FollowRule | None
    due: Due

    @property
    def classes(self) -> frozenset[ChangeClass]:
        """The classes of change that the entries are of."""
        return frozenset(each.change_class for each in self.entries if each.change_class)


def consequences(
    old: Dataset, new: Dataset, filings: Sequence[Current], step_rules: StepRules
) -> tuple[Consequence, ...]:
    """What the change from ``old`` to ``new`` asks of each filing of the trade, in the order of the filings."""
    return tuple(
        _Amending(
            old,
            new,
            each,
            [other for other in filings if other is not each and other.filing.kind is each.filing.kind],
            step_rules,
        ).consequence()
        for each in filings
        if each.filing.dataset == new.reference
    )


class _Amending:
    """One declaration while it is amended."""

    def __init__(
        self, old: Dataset, new: Dataset, current: Current, siblings: Sequence[Current], step_rules: StepRules
    ) -> None:
        self.old, self.new, self.current, self.step_rules = old, new, current, step_rules
        self.changes = changes(old, new)
        self.before, self.after = ({line.id: line for line in each.lines} for each in (old, new))
        self.elsewhere = {link.dataset for each in siblings for link in each.filing.links}
        self.doubts: list[tuple[Doubt, str]] = []

    def consequence(self) -> Consequence:
        filing, declared = self.current.filing, self.current.declared
        rules = {each.element: self.step_rules.follow(each.element, filing) for each in self.changes}
        untouched = {each.element: each for each in rules.values() if each.follows is not Follows.MUST}
        due = self.step_rules.due(filing.kind, Act.FOLLOW, None)
        if filing.phase in (Phase.CANCELLED, Phase.REFUSED):
            return Consequence(
                self.current, declared, (), tuple(untouched.values()), ((Doubt.ENDED, ""),), None, due
            )
        if self.current.version not in ("", self.old.digest, self.new.digest):
            self.doubts.append((Doubt.OTHER_VERSION, ""))
        amended = declared if self.current.version == self.new.digest else self._head(self._lines(declared))
        entries = self._entries(declared, amended)
        if filing.kind is Kind.EAEU_DECLARATION and {"18", "19", "21"} & {
            each.element for each in self.changes
        }:
            self.doubts.append((Doubt.COMPUTE_VALUE, ""))
        if filing.kind is Kind.EAEU_TRANSIT and entries:
            self.doubts.append((Doubt.NO_FORM, ""))
        if filing.kind is Kind.EAEU_DECLARATION and entries and not _registered(filing.declaration):
            self.doubts.append((Doubt.NO_NUMBER, ""))
        return Consequence(
            self.current,
            amended,
            entries,
            tuple(untouched.values()),
            tuple(dict.fromkeys(self.doubts)),
            self.step_rules.frozen(filing) if entries or self.doubts else None,
            due,
        )

    def _field(self, value: T, written: object, at: str) -> Field[T]:
        return Field(value, str(written), Place(f"{self.new.reference} {self.new.version}", at))

    def _follows(self, element: str | None) -> bool:
        """Whether the element is one that this declaration has and that follows."""
        if element is None:
            return False
        rule = self.step_rules.follow(element, self.current.filing)
        return rule.follows is Follows.MUST and SIDES[self.current.filing.kind] in rule.carried_by

    def _changed(self, element: str) -> bool:
        return any(each.element == element and not each.line for each in self.changes)

    def _lines(self, paper: Paper) -> Paper:
        """``paper`` with the lines whose dataset lines changed as the new version states them."""
        links: dict[str, set[str]] = {}
        declared_in: dict[str, set[str]] = {}
        for link in self.current.filing.links:
            links.setdefault(link.declared, set()).add(link.dataset)
            declared_in.setdefault(link.dataset, set()).add(link.declared)
        moved = {each.line for each in self.changes if each.line}
        for id in sorted(moved):
            if id not in self.before:
                self.doubts.append((Doubt.ADDED, id))
            elif id not in declared_in:
                if id not in self.elsewhere:
                    self.doubts.append((Doubt.NO_LINK, id))
            elif id not in self.after:
                self.doubts.append((Doubt.REMOVED, id))
            elif len(declared_in[id]) > 1 or id in self.elsewhere:
                self.doubts.append((Doubt.SPLIT, id))
        uncertain = {id for doubt, id in self.doubts if doubt in (Doubt.SPLIT, Doubt.REMOVED)}
        lines = []
        for line in paper.lines:
            ids = sorted(links.get(line.number, ()))
            if moved & set(ids) and not uncertain & set(ids):
                line = self._line(line, [self.before[id] for id in ids], [self.after[id] for id in ids])
            lines.append(line)
        return replace(paper, lines=tuple(lines))

    def _line(self, line: Line, before: Sequence[DatasetLine], after: Sequence[DatasetLine]) -> Line:
        """``line`` as the dataset lines that it stands for state it; what it does not state itself it does not get."""
        at = "/".join(each.id for each in after)
        label = "+".join(each.id for each in after)
        fields: dict[str, Any] = {}

        def moved(member: str, element: str) -> bool:
            return self._follows(element) and [getattr(each, member) for each in before] != [
                getattr(each, member) for each in after
            ]

        def added(member: str, now: Decimal) -> Decimal | None:
            old, new = ([getattr(each, member) for each in lines] for lines in (before, after))
            if None in old or None in new:
                return None
            if now != sum(old):
                self.doubts.append((Doubt.NOT_AS_STATED, f"{label} {member}"))
                return None
            return Decimal(sum(new))

        if line.amount is not None and moved("amount", "21"):
            total = added("amount", line.amount.value.amount)
            if total is not None:
                fields["amount"] = self._field(
                    Money(total, line.amount.value.currency), total, f"/{at}/amount"
                )
                if line.price is not None and len(after) == 1:
                    fields["price"] = self._field(after[0].price, after[0].price, f"/{at}/price")
        for member, element in (("gross", "30"), ("net", "31"), ("packages", "34")):
            field = getattr(line, member)
            if field is not None and moved(member, element):
                total = added(member, field.value)
                if total is not None:
                    fields[member] = self._field(
                        int(total) if member == "packages" else total, total, f"/{at}/{member}"
                    )
        if line.quantity is not None and moved("quantity", "33"):
            self._quantity(line, line.quantity, before, after, fields, label)
        if line.code is not None and moved("code", "24"):
            codes = {each.code.hs6 for each in after}
            if len(codes) == 1 and codes != {line.code.value.hs6}:
                fields["code"] = self._field(
                    replace(line.code.value, digits=codes.copy().pop()), next(iter(codes)), f"/{at}/code"
                )
                self.doubts.append((Doubt.NATIONAL_DIGITS, label))
        if line.origin is not None and moved("origin", "27"):
            origins = {each.origin for each in after}
            if len(origins) == 1:
                fields["origin"] = self._field(after[0].origin, after[0].origin, f"/{at}/origin")
        if moved("description", "25"):
            self.doubts.append((Doubt.DESCRIBE, label))
        return replace(line, **fields)

    def _quantity(
        self,
        line: Line,
        field: Field[Quantity],
        before: Sequence[DatasetLine],
        after: Sequence[DatasetLine],
        fields: dict[str, Any],
        label: str,
    ) -> None:
        units = [unit(each.unit, "REC20") for each in (*before, *after)]
        mine = field.value.unit
        if mine is None or any(each is None or each.base != mine.base for each in units):
            self.doubts.append((Doubt.NOT_AS_STATED, f"{label} quantity"))
            return
        old, new = (
            sum(
                (each.quantity * found.factor for each in lines if (found := unit(each.unit, "REC20"))),
                Decimal(0),
            )
            / mine.factor
            for lines in (before, after)
        )
        if old != field.value.number:
            self.doubts.append((Doubt.NOT_AS_STATED, f"{label} quantity"))
            return
        stated = self._field(replace(field.value, number=new), new, f"/{label}/quantity")
        fields["quantity"] = stated
        fields["further"] = tuple(stated if each == field else each for each in line.further)

    def _head(self, paper: Paper) -> Paper:
        """``paper`` with its head as the new version states it, and its totals moved with its lines."""
        was = self.current.declared
        fields: dict[str, Any] = {}
        chinese = paper.kind is Kind.CN_DECLARATION
        if paper.terms is not None and self._follows("17") and self._changed("17"):
            terms = CN_TERMS.get(self.new.terms, "") if chinese else self.new.terms
            fields["terms"] = self._field(terms, terms, "/terms")
            fields["terms_place"] = (
                self._field(self.new.terms_place, self.new.terms_place, "/terms_place")
                if paper.terms_place and self.new.terms_place
                else paper.terms_place
            )
        if self._follows("37") and self._changed("37"):
            if {each.value for each in paper.boxes} == set(self.old.boxes):
                fields["boxes"] = tuple(
                    self._field(each, each, f"/boxes/{n}") for n, each in enumerate(self.new.boxes)
                )
            else:
                self.doubts.append((Doubt.NOT_AS_STATED, "37"))
        if self._follows("20") and self._changed("20"):
            fields |= self._currency(paper)
        if paper.total is not None and _amount(paper) != _amount(was):
            total = paper.total.value.amount + _amount(paper) - _amount(was)
            currency = fields["currency"].value if "currency" in fields else paper.total.value.currency
            fields["total"] = self._field(Money(total, currency), total, "/lines")
        fields |= self._masses(paper, was)
        fields["references"] = tuple(self._reference(each) for each in paper.references)
        fields["parties"] = tuple(self._party(each) for each in paper.parties)
        fields["charges"] = tuple(
            replace(each, amount=self._field(Money(amount, self.new.currency), amount, "/charges"))
            if (amount := self._charge(each.kind)) is not None and each.amount is not None
            else each
            for each in paper.charges
        )
        return replace(paper, **fields)

    def _currency(self, paper: Paper) -> dict[str, Any]:
        field = self._field(self.new.currency, self.new.currency, "/currency")
        lines = tuple(
            line
            if line.amount is None
            else replace(
                line, amount=line.amount._replace(value=Money(line.amount.value.amount, self.new.currency))
            )
            for line in paper.lines
        )
        return {
            "currency": field if paper.currency is not None else None,
            "currencies": tuple(field for _ in paper.currencies),
            "lines": lines,
        }

    def _masses(self, paper: Paper, was: Paper) -> dict[str, Any]:
        """The totals of the head that the dataset gives: what it adds to each line is added to them."""
        fields: dict[str, Any] = {}
        mine = {link.dataset for link in self.current.filing.links}
        for member, element in (("gross", "29"), ("net", "31"), ("packages", "34")):
            old, new = (
                [getattr(each, member) for each in version.lines if each.id in mine]
                for version in (self.old, self.new)
            )
            if old == new or not self._follows(element) or not old or None in old or None in new:
                continue
            moved = sum(new) - sum(old)
            if member == "packages" and len(paper.packages) == 1:
                (packages,) = paper.packages
                if packages.number.value != sum(old):
                    self.doubts.append((Doubt.NOT_AS_STATED, "34"))
                    continue
                count = packages.number.value + moved
                fields["packages"] = (Packages(self._field(count, count, "/lines"), packages.level),)
            elif member != "packages" and getattr(paper, member) is not None:
                total = getattr(was, member).value + moved
                fields[member] = self._field(total, total, "/lines")
        return fields

    def _reference(self, reference: Any) -> Any:
        element = {
            ReferenceKind.CONTRACT: "8",
            ReferenceKind.INVOICE: "9",
            ReferenceKind.TRANSPORT: "10",
        }.get(reference.kind)
        old, new = (
            [each.number for each in version.papers if each.kind is reference.kind]
            for version in (self.old, self.new)
        )
        if self._follows(element) and old != new and len(old) == len(new) and reference.number.value in old:
            number = new[old.index(reference.number.value)]
            return replace(reference, number=self._field(number, number, "/papers"))
        return reference

    def _party(self, party: Party) -> Party:
        element = {"CONSIGNOR": "3", "CONSIGNEE": "5"}.get(party.role)
        old, new = (
            next((each for each in version.parties if each.role is party.role), None)
            for version in (self.old, self.new)
        )
        if not self._follows(element) or old is None or new is None or old == new:
            return party
        if party.id is None or party.id.value != old.number:
            self.doubts.append((Doubt.DESCRIBE, party.role))
            return party
        if new.name != old.name and party.name is not None:
            self.doubts.append((Doubt.DESCRIBE, party.role))
        return replace(party, id=self._field(new.number, new.number, "/parties"))

    def _charge(self, kind: ChargeKind) -> Decimal | None:
        if not self._follows("18" if kind in FREIGHT else "19"):
            return None
        found = [each.amount for each in self.new.charges if each.kind is kind]
        return sum(found, Decimal(0)) if found else None

    def _entries(self, declared: Paper, amended: Paper) -> tuple[Entry, ...]:
        found = []
        for at, element in ELEMENTS.items():
            rule = self.step_rules.follow(at, self.current.filing)
            if at == "29" and declared.gross is None:
                continue  # the sum of its items, which are entries of their own
            for item, before, after in _stated(element, declared, amended):
                if before.written != after.written and rule.follows is Follows.MUST:
                    found.append(Entry(at, item, before.written, after.written, rule.change_class))
        return tuple(found)


def _registered(text: str) -> bool:
    try:
        return bool(eaeu_declaration.parse(text))
    except MalformedIdentifier:
        return False


def _amount(paper: Paper) -> Decimal:
    return sum((line.amount.value.amount for line in paper.lines if line.amount), Decimal(0))


def _stated(element: Element, declared: Paper, amended: Paper) -> Iterable[tuple[str, Stated, Stated]]:
    if element.of_papers:
        yield "", element.of_papers([declared]), element.of_papers([amended])
    elif element.of_lines:
        lines: Mapping[str, Line] = {line.number: line for line in amended.lines}
        for line in declared.lines:
            if line.number in lines:
                yield line.number, element.of_lines([line]), element.of_lines([lines[line.number]])
