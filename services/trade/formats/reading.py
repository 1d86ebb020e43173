"""Reading values of a message with their places: what cannot be read, or may mean two things, is remarked and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

from schemas.identifiers import eaeu_declaration
from schemas.identifiers.form import MalformedIdentifier
from schemas.identifiers.natural_person import is_private
from services.producers.formats.markup import Node
from services.trade.domain import values
from services.trade.domain.crosswalk import meanings
from services.trade.domain.paper import Charge, ChargeKind, Packages, Party, Remark, Role
from services.trade.domain.values import Code, Field, Money, Place, Quantity, Unreadable, plain

T = TypeVar("T")
_new: Final = tuple.__new__
"""Makes a named tuple without the call of a Python function that its own constructor is; a paper has thousands."""


@dataclass(slots=True)
class Reading:
    """One file while it is read: makes fields with their places and collects remarks. ``day`` decides the edition of codes."""

    file: str
    day: date
    remarks: list[Remark] = field(default_factory=list)

    def remark(self, at: str, text: str, remedy: str = "", *, refused: bool = False) -> None:
        """Note something about the value at ``at``; ``refused`` where it was not read."""
        self.remarks.append(Remark(Place(self.file, at), text, remedy, refused))

    def value(self, text: str, at: str, parse: Callable[[str], T]) -> Field[T] | None:
        """The value of ``text``; None with a remark where ``parse`` cannot read it, None where it is blank."""
        if not text.strip():
            return None
        try:
            return Field(parse(text), text, Place(self.file, at))
        except Unreadable as problem:
            self._refuse(at, problem)
            return None

    def _refuse(self, at: str, problem: Unreadable) -> None:
        self.remark(at, f"{problem.problem}.", problem.advice, refused=True)

    def text(self, node: Node | None, path: str = "") -> Field[str] | None:
        """The text at ``path`` of ``node``, full width folded."""
        return self.of(node, path, plain)

    def of(self, node: Node | None, path: str, parse: Callable[[str], T]) -> Field[T] | None:
        """The value at ``path`` of ``node`` by ``parse``."""
        found = node.find(path) if node is not None and path else node
        if found is None or not found.text:
            return None
        try:
            where = _new(Place, (self.file, found.path))
            return _new(Field, (parse(found.text), found.text, where))
        except Unreadable as problem:
            self._refuse(found.path, problem)
            return None

    def number(self, node: Node | None, path: str = "", decimals: int | None = None) -> Field[Decimal] | None:
        """The decimal number at ``path``."""
        return self.of(
            node, path, _exact if decimals is None else lambda text: values.decimal(text, decimals)
        )

    def mass(self, node: Node | None, path: str = "") -> Field[Decimal] | None:
        """The mass in kilograms at ``path``; raises nothing, a negative one is refused."""
        return self.of(node, path, mass)

    def count(self, node: Node | None, path: str = "") -> Field[int] | None:
        """The whole number at ``path``."""
        return self.of(node, path, count)

    def amount(self, node: Node | None, path: str, currency: str) -> Field[Money] | None:
        """The amount at ``path`` in ``currency``; one below zero is kept and remarked."""
        found = self.of(node, path, lambda text: Money(values.decimal(text, None), currency))
        if found is not None and found.value.amount < 0:
            self.remark(
                found.place.at, f"The amount {found.written} is negative.", "Give a discount as a discount."
            )
        return found

    def currency(self, node: Node | None, path: str) -> Field[str] | None:
        """The ISO 4217 code at ``path``; one that is out of force is taken for its successor and remarked."""
        return self.of(
            node, path, lambda text: self.currency_of(text, "" if node is None else f"{node.path}/{path}")
        )

    def currency_of(self, text: str, at: str) -> str:
        """The ISO 4217 code of ``text``; raises Unreadable."""
        found, doubt = values.currency(text)
        if doubt:
            self.remark(at, doubt, f"Write {found}.")
        return found

    def country(self, node: Node | None, path: str, scheme: str = "ISO") -> Field[str] | None:
        """The alpha-2 code of the country at ``path``."""
        return self.of(node, path, lambda text: values.country_code(text, scheme))

    def listed(self, node: Node | None, path: str, name: str, column: str) -> Field[str] | None:
        """The key of list ``name`` for the code of ``column`` at ``path``; one that is not in the list is remarked."""

        def parse(text: str) -> str:
            found = meanings(name, column, self.day).get(plain(text))
            if found is None:
                raise Unreadable(f"{text[:20]!r} is no {name} of the table", "give a code of the list")
            return found

        return self.of(node, path, parse)

    def code(self, node: Node | None, path: str, scheme: str) -> Field[Code] | None:
        """The commodity code at ``path``."""
        return self.of(node, path, lambda text: values.code(text, scheme, self.day))

    def date(self, node: Node | None, path: str) -> Field[date] | None:
        """The day at ``path``: ``2026-11-03``, with or without a time, or ``20261103``."""
        return self.of(node, path, day)

    def quantity(
        self, number: Node | None, unit: Node | None, scheme: str, unit_name: Node | None = None
    ) -> Field[Quantity] | None:
        """A quantity with its unit by code, else by name; a unit that is not in the table is kept as written and remarked."""
        text = unit.text if unit is not None else ""
        found = values.unit(text, scheme) if text else None
        if found is None and unit_name is not None and unit_name.text:
            text, found = unit_name.text, values.unit(unit_name.text, "WORD")
        if number is not None and number.text and found is None:
            at = (unit or unit_name or number).path
            self.remark(
                at,
                f"The unit {text[:30]!r} is not in the table.",
                "Quantities in it are compared by number with none.",
            )
        quantity = self.of(number, "", lambda each: Quantity(values.decimal(each), found, text))
        if quantity is not None and quantity.value.number <= 0:
            self.remark(
                quantity.place.at,
                f"The quantity {quantity.written} is not above zero.",
                "Correct the quantity.",
            )
        return quantity

    def packages(self, node: Node | None, path: str, level: str = "") -> tuple[Packages, ...]:
        """The number of packages at ``path``."""
        found = self.count(node, path)
        return () if found is None else (Packages(found, level),)

    def box(self, node: Node | None, path: str = "") -> Field[str] | None:
        """A container number: upper case, without blanks; Cyrillic letters in it are refused."""
        return self.of(node, path, box)

    def party(
        self, role: Role, id: Field[str] | None, name: Field[str] | None, *marks: bool, register: str = ""
    ) -> Party | None:
        """A legal person; None with a remark for a natural one, of whom nothing is read. ``marks``: signs that it is one.

        ``register``: that of the number, where the message names it.
        """
        if id is None and name is None:
            return None
        if any(marks) or is_private(id.value if id else "", name.value if name else "", register):
            at = (id or name).place.at  # type: ignore[union-attr]  # one of the two is there
            self.remark(at, "A natural person; nothing of it was read.")
            return None
        return Party(role, id, name)


def _exact(text: str) -> Decimal:
    return values.decimal(text, None)


def mass(text: str) -> Decimal:
    """Kilograms, not negative, exact to a milligram; raises Unreadable."""
    found = values.decimal(text)
    if found < 0:
        raise Unreadable(f"The mass {text!r} is negative", "give kilograms from zero on")
    return found


def count(text: str) -> int:
    """A whole number from zero on; raises Unreadable."""
    found = values.decimal(text)
    if found < 0 or found != found.to_integral_value():
        raise Unreadable(f"{text[:40]!r} is no whole number", "give a whole number from zero on")
    return int(found)


def day(text: str) -> date:
    """The day of a date or a date and time; raises Unreadable."""
    shown = plain(text)
    try:
        if len(shown) in (8, 14) and shown.isdigit():
            return date(int(shown[:4]), int(shown[4:6]), int(shown[6:8]))
        return date.fromisoformat(shown[:10])
    except ValueError:
        raise Unreadable(f"{text[:40]!r} is no date", "write it like 2026-11-03") from None


def box(text: str) -> str:
    """A container number in upper case without blanks and strokes; raises Unreadable for letters that only look Latin."""
    shown = plain(text).upper().replace(" ", "").replace("-", "")
    foreign = next((character for character in shown if not character.isascii()), "")
    if foreign:
        raise Unreadable(
            f"{text[:40]!r} has {foreign!r} (U+{ord(foreign):04X}), which only looks like a Latin letter or digit",
            "write the number in Latin letters",
        )
    return shown


def eaeu_number(node: Node) -> str:
    """The number of a goods declaration in its three parts, as ``post/ddmmyy/serial``; raises Unreadable."""
    made = day(node.value("RegistrationDate"))
    text = f"{node.value('CustomsCode')}/{made:%d%m%y}/{node.value('GTDNumber')}"
    try:
        return eaeu_declaration.parse(text).text
    except MalformedIdentifier as problem:
        raise Unreadable(f"{text[:40]!r} is no number of a declaration", problem.remedy) from None


def discount(amount: Field[Money] | None, kind: ChargeKind) -> tuple[Charge, ...]:
    """A charge of ``amount``; none where it is not given."""
    return () if amount is None else (Charge(kind, amount),)
