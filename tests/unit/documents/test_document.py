"""What a document is by law, who signs it, and what signed events say to its fields."""

import itertools
from dataclasses import replace
from datetime import date

import pytest

from services.documents.domain.document import DocumentField, DocumentParty, Invalid, amended, checked
from services.documents.domain.legal import TABLE, SignerRole, Title, legal, read_legal
from services.documents.domain.verification import Stated, Support, built, verified
from services.domain.facts import Assurance
from tests.support.documents import BILL

TODAY = date(2026, 11, 28)


def test_nothing_is_a_document_of_title_unless_its_basis_says_so_and_is_in_force() -> None:
    for basis in legal().bases.values():
        assert basis.title_on(TODAY) is not Title.TITLE, basis.code
        assert basis.statement_on(TODAY).startswith("Not a document of title."), basis.code
        assert basis.source
        assert basis.statement
    convention = replace(BILL, basis="UN_NCD_2025")
    assert convention.title(TODAY) is Title.NOT_TITLE
    dated = "adopted_on = 2025-12-15\nin_force_from = 2027-03-01"
    table = read_legal(TABLE.read_text().replace("adopted_on = 2025-12-15", dated, 1))
    assert convention.title(date(2027, 2, 28), table) is Title.NOT_TITLE
    assert convention.title(date(2027, 3, 1), table) is Title.TITLE
    assert convention.legal_statement(date(2027, 3, 1), table).startswith("Document of title.")
    assert replace(BILL, basis="MLETR").title(TODAY) is Title.UNKNOWN


def test_a_rail_note_rests_on_its_own_law_and_is_never_a_document_of_title() -> None:
    for form in legal().forms.values():
        if form.kind == "RAIL_NOTE":
            assert form.bases <= {"SMGS", "CIM"}
            assert not form.to_order
            assert not form.surrendered
            assert all(legal().bases[b].title == "NO" for b in form.bases)


def test_a_document_is_signed_by_each_party_of_each_role_that_its_form_names() -> None:
    assert {each.party for each in BILL.signatories} == {"FWD1", "CR", "KTZ"}
    assert [each.party for each in BILL.unsigned(["FWD1", "CR", "SHP"])] == ["KTZ"]
    with pytest.raises(Invalid, match="CARRIER"):
        checked(replace(BILL, parties=(DocumentParty(SignerRole.ISSUER, "FWD1"),)))
    with pytest.raises(Invalid, match="rests on"):
        checked(replace(BILL, basis="SMGS"))
    with pytest.raises(Invalid, match="forms"):
        checked(replace(BILL, form="SMGS"))
    with pytest.raises(Invalid, match="issuer"):
        amended(BILL, (DocumentParty(SignerRole.ISSUER, "X"), *BILL.parties[1:]), ())


def test_the_digest_covers_every_field_and_names_the_version_before() -> None:
    second = amended(BILL, BILL.parties, BILL.fields)
    assert second.previous == BILL.digest != second.digest
    assert second.id == BILL.id
    assert replace(BILL, fields=(DocumentField("gross_weight_kg", 1),)).digest != BILL.digest


def _stated(
    name: str, value: object, event: int, assurance: Assurance = Assurance.SIGNED_BY_AUTHORITY
) -> Stated:
    return Stated(name, value, bytes([event]) * 16, f"P{event}", assurance)  # type: ignore[arg-type]


def test_each_field_says_which_signed_event_supports_or_contradicts_it_or_that_none_does() -> None:
    fields = (
        DocumentField("containers", ("A", "B")),
        DocumentField("gross_weight_kg", 21000),
        DocumentField("marks", "X"),
        DocumentField("package_quantity", 7),
    )
    said = [
        _stated("containers", ("A",), 1),
        _stated("containers", ("B",), 2),
        _stated("gross_weight_kg", 21000, 3),
        _stated("gross_weight_kg", 20000, 4),
        _stated("package_quantity", 8, 5),
    ]
    for order in itertools.permutations(said):
        found = verified(fields, order)
        assert [each.support for each in found] == [
            Support.SUPPORTED,
            Support.DISPUTED,
            Support.NOT_STATED,
            Support.CONTRADICTED,
        ]
        assert [s.publisher for s in found[1].contradicted_by] == ["P4"]
    assert verified([DocumentField("containers", ("A", "B", "C"))], said)[0].support is Support.NOT_STATED
    assert verified([DocumentField("containers", ("A",))], said)[0].support is Support.DISPUTED


def test_fields_are_built_from_what_the_best_established_states() -> None:
    said = [
        _stated("gross_weight_kg", 5, 9, Assurance.ASSERTED),
        _stated("gross_weight_kg", 7, 2),
        _stated("seals", ("S2",), 3),
        _stated("seals", ("S1",), 4),
    ]
    for order in itertools.permutations(said):
        assert built(order) == (DocumentField("gross_weight_kg", 7), DocumentField("seals", ("S1", "S2")))
