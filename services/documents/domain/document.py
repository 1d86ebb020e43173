"""Documents: versions over one consignment, each with a digest that every further step names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from services.documents.domain.legal import DocumentKind as DocumentKind
from services.documents.domain.legal import (
    LegalBasis,
    LegalForm,
    LegalTable,
    SignerRole,
    Title,
    legal,
)

DOMAIN = b"lianyun-document-v1\n"

Value = str | int | tuple[str, ...]
MOST_LISTED = 256
LONGEST_TEXT = 200
LARGEST = 10**12


FIELDS: Mapping[str, type] = MappingProxyType(
    {
        "commodities": tuple,
        "consignee": str,
        "consignor": str,
        "containers": tuple,
        "delivery_terms": str,
        "description_of_goods": str,
        "freight_payment": str,
        "gross_weight_kg": int,
        "issue_date": str,
        "issue_place": str,
        "notes": tuple,
        "package_quantity": int,
        "place_of_acceptance": str,
        "place_of_delivery": str,
        "seals": tuple,
    }
)
"""Every field that a document may have, with the form of its value: text of 1 to 200 characters, a whole number, or up to 256 texts."""


class DocumentField(NamedTuple):
    """One statement of a document: its name (UN/CEFACT core components) and what is stated. Quantities are whole numbers in the unit of the name."""

    name: str
    value: Value


class DocumentParty(NamedTuple):
    """A registered party in a role; several may have one role, as carriers do."""

    role: SignerRole
    party: str


class Invalid(ValueError):
    """A document that no table row lets be: the text says what would let it."""


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a document over one consignment (``founder/reference``).

    ``number`` is its issuer's own and makes the id together with the issuer; ``previous`` is the digest of the version before, "" for
    the first. Versions of one document have the same kind, form, issuer, number and consignment.
    """

    version: int
    kind: DocumentKind
    form: str
    basis: str
    number: str
    consignment: str
    parties: tuple[DocumentParty, ...]
    fields: tuple[DocumentField, ...]
    previous: str = ""

    @property
    def issuer(self) -> str:
        """The party that issues it."""
        return self.of_role(SignerRole.ISSUER)[0]

    @property
    def id(self) -> str:
        """Of all its versions: 32 hexadecimal digits."""
        return document_id(self.issuer, self.number)

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON (RFC 8785), in lower hex."""
        return hashlib.sha256(canonical(self.plain)).hexdigest()

    @property
    def plain(self) -> dict[str, Any]:
        """It as a JSON object: what is digested, stored and sent."""
        return {
            "version": self.version,
            "kind": str(self.kind),
            "form": self.form,
            "basis": self.basis,
            "number": self.number,
            "consignment": self.consignment,
            "parties": [{"role": str(role), "party": party} for role, party in self.parties],
            "fields": {
                name: list(value) if isinstance(value, tuple) else value for name, value in self.fields
            },
            "previous": self.previous,
        }

    @classmethod
    def of_plain(cls, value: dict[str, Any]) -> Document:
        """The document of ``plain``; KeyError, TypeError or ValueError where it is none."""
        return cls(
            version=int(value["version"]),
            kind=DocumentKind(value["kind"]),
            form=value["form"],
            basis=value["basis"],
            number=value["number"],
            consignment=value["consignment"],
            parties=tuple(DocumentParty(SignerRole(p["role"]), p["party"]) for p in value["parties"]),
            fields=fields_of(value["fields"].items()),
            previous=value["previous"],
        )

    def of_role(self, role: SignerRole) -> tuple[str, ...]:
        """The parties in a role."""
        return tuple(each.party for each in self.parties if each.role is role)

    @property
    def signatories(self) -> tuple[DocumentParty, ...]:
        """Who has to sign this version, by its form: each party of each role that signs."""
        return tuple(each for each in self.parties if each.role in self.legal_form().signers)

    def unsigned(self, signed_by: Iterable[str]) -> tuple[DocumentParty, ...]:
        """Of those who have to sign, those who are not among ``signed_by``."""
        there = frozenset(signed_by)
        return tuple(each for each in self.signatories if each.party not in there)

    def legal_form(self, table: LegalTable | None = None) -> LegalForm:
        """Its form by the table."""
        return (legal() if table is None else table).forms[self.form]

    def legal_basis(self, table: LegalTable | None = None) -> LegalBasis:
        """Its basis by the table."""
        return (legal() if table is None else table).bases[self.basis]

    def title(self, on: date, table: LegalTable | None = None) -> Title:
        """Whether it is a document of title on that day; TITLE only where its basis says so."""
        return self.legal_basis(table).title_on(on)

    def legal_statement(self, on: date, table: LegalTable | None = None) -> str:
        """What it says about itself on that day."""
        return self.legal_basis(table).statement_on(on)


def document_id(issuer: str, number: str) -> str:
    """The id of the document that ``issuer`` numbers so."""
    return hashlib.sha256(DOMAIN + f"{issuer}\n{number}".encode()).digest()[:16].hex()


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of a value of objects with ASCII names, lists, strings and whole numbers."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fields_of(pairs: Iterable[tuple[str, Any]]) -> tuple[DocumentField, ...]:
    """Fields in the order of their names, lists as tuples."""
    return tuple(
        DocumentField(name, tuple(value) if isinstance(value, list | tuple) else value)
        for name, value in sorted(pairs)
    )


def checked(document: Document, table: LegalTable | None = None) -> Document:
    """``document`` where the table lets it be; Invalid where not."""
    known = legal() if table is None else table
    form = known.forms.get(document.form)
    if form is None or form.kind is not document.kind:
        forms = ", ".join(sorted(f.code for f in known.forms.values() if f.kind is document.kind))
        raise Invalid(f"a {document.kind} has one of the forms {forms}")
    if document.basis not in form.bases:
        raise Invalid(f"{document.form} rests on one of {', '.join(sorted(form.bases))}")
    if len(document.of_role(SignerRole.ISSUER)) != 1:
        raise Invalid("a document has one issuer")
    missing = [str(role) for role in form.signers if not document.of_role(role)]
    if missing:
        raise Invalid(f"{document.form} is signed by {', '.join(missing)} too: name the party")
    if len({*document.parties}) != len(document.parties):
        raise Invalid("a party stands in a role once")
    if not 1 <= len(document.number) <= 64 or not document.number.isprintable():
        raise Invalid("the number of a document has 1 to 64 printable characters")
    names = [each.name for each in document.fields]
    if names != sorted(set(names)):
        raise Invalid("fields stand in the order of their names, each once")
    for field in document.fields:
        if not _well_formed(field):
            raise Invalid(
                f"{field.name[:40]} is no field of a document, or its value is not of the field's form"
            )
    return document


def _well_formed(field: DocumentField) -> bool:
    form, value = FIELDS.get(field.name), field.value
    if form is not type(value):
        return False
    if isinstance(value, tuple):
        return len(value) <= MOST_LISTED and all(isinstance(each, str) and _is_text(each) for each in value)
    return _is_text(value) if isinstance(value, str) else 0 <= value <= LARGEST


def _is_text(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_TEXT and text.isprintable()


def amended(
    document: Document, parties: tuple[DocumentParty, ...], fields: Iterable[DocumentField]
) -> Document:
    """The next version; Invalid where it would be another document."""
    following = Document(
        document.version + 1,
        document.kind,
        document.form,
        document.basis,
        document.number,
        document.consignment,
        parties,
        fields_of(fields),
        document.digest,
    )
    if following.issuer != document.issuer:
        raise Invalid("an amendment keeps the issuer; another issuer's document is another document")
    return checked(following)
