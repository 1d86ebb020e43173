"""The dated, sourced table of legal bases and of the forms of each kind: what a document is by law, and who signs it.

See ``legal_bases.toml``. What the table does not know stays unknown: a basis without a date is not in force.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

TABLE = Path(__file__).with_name("legal_bases.toml")


class DocumentKind(StrEnum):
    """What a document is in trade."""

    MULTIMODAL_BILL = "MULTIMODAL_BILL"
    FORWARDERS_RECEIPT = "FORWARDERS_RECEIPT"
    RAIL_NOTE = "RAIL_NOTE"


class Title(StrEnum):
    """Whether a document is a document of title."""

    TITLE = "TITLE"
    NOT_TITLE = "NOT_TITLE"
    UNKNOWN = "UNKNOWN"


class SignerRole(StrEnum):
    """In which role a party stands in a document, and signs it."""

    ISSUER = "ISSUER"
    CARRIER = "CARRIER"
    CONSIGNOR = "CONSIGNOR"
    CONSIGNEE = "CONSIGNEE"


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One row: the law or contract that a document rests on. Dates are None where the sources do not give them."""

    code: str
    title_text: str
    adopted_on: date | None
    in_force_from: date | None
    title: str
    statement: str
    source: str

    def in_force(self, on: date) -> bool:
        """Whether it is known to be in force on that day."""
        return self.in_force_from is not None and self.in_force_from <= on

    def title_on(self, on: date) -> Title:
        """What it makes of a document on that day: TITLE only where it says so and is in force."""
        if self.title == "YES":
            return Title.TITLE if self.in_force(on) else Title.NOT_TITLE
        return Title.NOT_TITLE if self.title == "NO" else Title.UNKNOWN

    def statement_on(self, on: date) -> str:
        """The sentence that a document on this basis carries on that day."""
        what = "Document of title." if self.title_on(on) is Title.TITLE else "Not a document of title."
        return f"{what} Basis: {self.title_text}. {self.statement}"


@dataclass(frozen=True, slots=True)
class LegalForm:
    """What a kind may be: the bases that it may rest on, whether it can be endorsed, whether delivery needs its surrender, who signs it."""

    code: str
    kind: DocumentKind
    bases: frozenset[str]
    to_order: bool
    surrendered: bool
    signers: tuple[SignerRole, ...]


@dataclass(frozen=True, slots=True)
class LegalTable:
    """The whole table in one version."""

    version: str
    bases: Mapping[str, LegalBasis]
    forms: Mapping[str, LegalForm]


def read_legal(text: str) -> LegalTable:
    """The table in ``text`` (TOML); ValueError or KeyError where it is not one."""
    table = tomllib.loads(text)
    bases = {code: _basis(code, row) for code, row in table["bases"].items()}
    forms = {code: _form(code, row) for code, row in table["forms"].items()}
    for form in forms.values():
        if not form.bases <= bases.keys():
            raise ValueError(f"form {form.code} names a basis that is not in the table")
    return LegalTable(table["version"], MappingProxyType(bases), MappingProxyType(forms))


@cache
def legal() -> LegalTable:
    """The table of this release."""
    return read_legal(TABLE.read_text(encoding="utf-8"))


def _basis(code: str, row: Mapping[str, Any]) -> LegalBasis:
    if row["title"] not in ("YES", "NO", "UNKNOWN"):
        raise ValueError(f"basis {code} has a title of {row['title']!r}")
    days = row.get("adopted_on"), row.get("in_force_from")
    return LegalBasis(code, row["title_text"], *days, row["title"], row["statement"], row["source"])


def _form(code: str, row: Mapping[str, Any]) -> LegalForm:
    return LegalForm(
        code=code,
        kind=DocumentKind(row["kind"]),
        bases=frozenset(row["bases"]),
        to_order=row["to_order"],
        surrendered=row["surrendered"],
        signers=tuple(map(SignerRole, row["signers"])),
    )
