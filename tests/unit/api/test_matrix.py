"""The need-to-know matrix, cell by cell, against the table of the domain's fact sheet written here once more, by hand."""

from __future__ import annotations

import itertools

import pytest

from schemas.events.base import Role
from services.api.access.matrix import Field, Relation, Shown, cells, may

# Rows: groups of fields. Columns: who, and in which relation. F full, - nothing; other letters are the masks below.
COLUMNS = [
    "operator/engaged",
    "railway/engaged",
    "railway/territory",
    "customs/territory",
    "terminal/engaged",
    "terminal/territory",
    "forwarder/engaged",
    "forwarder/agent",
    "shipper/engaged",
    "consignee/engaged",
    "container_owner/engaged",
    "bank/pledged",
    "bank/consented",
    "insurer/pledged",
    "insurer/consented",
]
EXPECTED = """
movement            F F F F F F  F - F F F   F F F F
ids                 F F F F F F  F - F F F   F F F F
goods               2 F F F 2 2  F - F F -   4 F 4 F
invoice             - - - F - -  - F F F -   - F - F
price               - - - - - -  - - - - -   - F - F
contact             i i i F - -  F - F i -   - - - -
declaration_status  s s s F s s  F - F s -   F F F F
declaration_number  - - - F - -  F - F - -   F h F h
finding             - - - F - -  F - F F -   F F F F
inspection          o o o F o o  F - F o -   - c - c
credit              - - - - - -  - - - - -   - F - F
financing           - - - - - -  - - - - -   - - - -
"""
LETTERS = {
    "-": Shown.NONE, "F": Shown.FULL, "2": Shown.HS2, "4": Shown.HS4, "i": Shown.INITIALS, "s": Shown.STATUS,
    "h": Shown.HASH, "o": Shown.HOLD, "c": Shown.CATEGORY,
}  # fmt: skip
BESIDE = {
    ("price", "shipper", "own"): Shown.FULL,
    ("price", "forwarder", "own"): Shown.FULL,
    ("price", "consignee", "own"): Shown.FULL,
    ("credit", "customs", "own"): Shown.FULL,
    ("credit", "shipper", "own"): Shown.FULL,
    ("financing", "operator", "asked"): Shown.ANSWER,
    ("financing", "railway", "asked"): Shown.ANSWER,
    ("financing", "terminal", "asked"): Shown.ANSWER,
    ("financing", "forwarder", "asked"): Shown.ANSWER,
    ("financing", "consignee", "asked"): Shown.ANSWER,
    ("financing", "customs", "legal"): Shown.ANSWER,
    ("financing", "shipper", "own"): Shown.FULL,
    ("financing", "bank", "own"): Shown.FULL,
    ("financing", "bank", "applied"): Shown.YES_NO,
    ("financing", "insurer", "own"): Shown.FULL,
}


def expected() -> dict[tuple[str, str, str], Shown]:
    found = dict(BESIDE)
    for line in filter(None, EXPECTED.splitlines()):
        field, *letters = line.split()
        assert len(letters) == len(COLUMNS), field
        for column, letter in zip(COLUMNS, letters, strict=True):
            role, _, relation = column.partition("/")
            found[field, role, relation] = LETTERS[letter]
    return found


@pytest.mark.parametrize("field", Field)
def test_every_cell_is_as_the_fact_sheet_says(field: Field) -> None:
    table = expected()
    for role, relation in itertools.product(Role, Relation):
        wanted = table.get((str(field), str(role), str(relation)), Shown.NONE)
        assert may([role], [relation], field) is wanted, (field, role, relation)


def test_the_table_holds_no_cell_that_the_fact_sheet_does_not() -> None:
    wanted = {cell for cell, shown in expected().items() if shown is not Shown.NONE}
    assert {tuple(map(str, cell)) for cell in cells()} == wanted


def test_nothing_is_seen_without_a_relation_or_a_role() -> None:
    for field in Field:
        assert may(Role, [], field) is Shown.NONE
        assert may([], Relation, field) is Shown.NONE


def test_the_most_of_several_counts_and_roles_do_not_lend_one_another_relations() -> None:
    assert may([Role.OPERATOR, Role.FORWARDER], [Relation.ENGAGED], Field.GOODS) is Shown.FULL
    assert may([Role.BANK], [Relation.PLEDGED, Relation.CONSENTED], Field.DECLARATION_NUMBER) is Shown.FULL
    # A bank that is named in a consignment sees nothing of it by that.
    assert (
        may([Role.BANK], [Relation.ENGAGED, Relation.TERRITORY, Relation.AGENT], Field.MOVEMENT) is Shown.NONE
    )
