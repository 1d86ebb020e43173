"""Drafts of declarations: each value tells its source, rule and table; gaps, merged lines and structures by date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from services.trade.domain.crosswalk import Giver, Side, elements
from services.trade.domain.dataset import (
    Dataset,
    DatasetCharge,
    DatasetLine,
    DatasetPaper,
    DatasetParty,
)
from services.trade.domain.draft import Carriage, Draft
from services.trade.domain.drafting import drafts
from services.trade.domain.filing import Filing
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import Status
from services.trade.domain.in_step_rules import step_rules
from services.trade.domain.paper import ChargeKind, ReferenceKind, Role
from services.trade.domain.values import Code
from services.trade.formats import read_papers, write_paper
from tests.support.invariants import holds_for
from tests.support.trade_values import schema, stated, tree

DAY = date(2026, 3, 20)
RAIL = Carriage("RAIL", "CN", "RU", "RU")


def line(id: str, code: str = "847130", scheme: str = "HS", **fields: Any) -> DatasetLine:
    whole = {
        "description": "Laptop AB-120", "origin": "CN", "quantity": Decimal(10), "unit": "C62", "price": Decimal("1.20"),
        "amount": Decimal("12.00"), "gross": Decimal("5.000001"), "net": Decimal(4), "packages": 2,
    }  # fmt: skip
    return DatasetLine(id, code=Code(scheme, code, 2022), **{**whole, **fields})


def dataset(*lines: DatasetLine, **fields: Any) -> Dataset:
    whole: dict[str, Any] = {
        "reference": "T-1", "version": 1, "previous": "", "currency": "USD", "terms": "FCA", "terms_place": "Xi'an",
        "parties": (
            DatasetParty(Role.CONSIGNOR, "USCC", "91610131MA6TXY8K3D", "XI'AN DRAGON LTD"),
            DatasetParty(Role.CONSIGNEE, "INN", "7707083893", "SEVERNY IMPORT LLC"),
            DatasetParty(Role.DECLARANT, "INN", "7707083893", "SEVERNY IMPORT LLC"),
        ),
        "charges": (DatasetCharge(ChargeKind.FREIGHT, Decimal("2")),), "package_level": "CARTON", "boxes": ("CSQU3054383",),
        "papers": (
            DatasetPaper(ReferenceKind.CONTRACT, "XA-1", date(2026, 1, 10)), DatasetPaper(ReferenceKind.INVOICE, "INV-7", date(2026, 3, 2)),
            DatasetPaper(ReferenceKind.TRANSPORT, "12345678", date(2026, 3, 5)),
        ),
    }  # fmt: skip
    return Dataset(lines=lines or (line("L1"),), **{**whole, **fields})


def only(side: Side, data: Dataset | None = None, day: date = DAY, carriage: Carriage = RAIL) -> Draft:
    (found,) = drafts(data or dataset(), side, day, carriage)
    return found


def lacking(draft: Draft) -> set[tuple[int, str]]:
    return {(gap.element.number, gap.line) for gap in draft.gaps}


def test_each_value_tells_its_source_its_rule_and_its_table_with_its_version() -> None:
    for side in Side:
        draft = only(side)
        assert draft == only(side)
        for value in draft.values:
            assert value.sources or value.row or value.element.number == 2, value
            assert value.element.rule
            assert value.row is None or (value.row.source and value.row.valid_from <= DAY)
    terms = next(each for each in only(Side.CN).values if each.tag == "TransMode")
    assert (terms.text, terms.sources, terms.element.number) == ("3", ("/terms",), 17)
    assert str(terms.row).startswith("terms FCA (2018-08-01")


def test_what_is_missing_is_named_with_who_can_give_it_and_nothing_is_made_up() -> None:
    bare = dataset(line("L1", gross=None, net=None, packages=None), parties=(), papers=(), boxes=(), terms="")
    for side in Side:
        draft = only(side, bare, carriage=Carriage())
        stated_elements = {value.element.number for value in draft.values}
        for number, element in elements(DAY).items():
            box = element.boxes.get(side)
            if box is not None and box.giver is not None and number not in stated_elements:
                assert any(gap.element.number == number and gap.giver is box.giver for gap in draft.gaps)
            assert box is not None or number not in {gap.element.number for gap in draft.gaps}
        assert draft.paper.parties == ()
        assert draft.paper.gross is None
    assert {(17, ""), (24, "1"), (30, "1")} <= lacking(only(Side.EAEU, bare))
    names = {(gap.element.number, gap.giver) for gap in only(Side.EAEU).gaps}
    assert {(7, Giver.BROKER), (22, Giver.BROKER)} & names == {(22, Giver.BROKER)}


def test_what_the_law_makes_different_is_listed_and_not_made_alike() -> None:
    cn, eaeu = only(Side.CN), only(Side.EAEU)
    assert {1, 2, 7, 22, 23, 41} <= {each.number for each in cn.different}
    countries = [each.paper.trade_country.value for each in (cn, eaeu) if each.paper.trade_country]
    assert countries == ["RU", "CN"]
    assert eaeu.paper.lines[0].gross is not None
    assert cn.paper.lines[0].gross is None
    assert "5.000001 kg is written 5" in cn.remarks[0].text


def test_national_digits_are_taken_of_the_own_list_only() -> None:
    for scheme, side, digits in (
        ("HS", Side.CN, "847130"), ("CN", Side.CN, "8471300000"), ("EAEU", Side.CN, "847130"), ("EAEU", Side.EAEU, "8471300000"),
    ):  # fmt: skip
        draft = only(side, dataset(line("L1", "8471300000", scheme)))
        code = draft.paper.lines[0].code
        assert code is not None
        assert code.value.digits == digits
        assert ((24, "1") in lacking(draft)) == (len(digits) < 10)


def test_an_importer_of_kazakhstan_stands_under_its_own_number() -> None:
    parties = (DatasetParty(Role.CONSIGNEE, "BIN", "120940001234", "ALMATY TRADE LLP"),)
    draft = only(Side.EAEU, dataset(parties=parties), carriage=Carriage("RAIL", "CN", "KZ"))
    (found,) = read_papers(write_paper(draft.paper, DAY), "draft", DAY)
    consignee = found.party(Role.CONSIGNEE)
    assert consignee is not None
    assert consignee.id is not None
    assert (consignee.id.value, found.lodged_in and found.lodged_in.value) == ("120940001234", "KZ")
    schema(draft.paper.kind).assertValid(tree(write_paper(draft.paper, DAY)))


def test_lines_are_merged_only_where_they_are_too_many_and_split_where_they_still_are() -> None:
    alike = [line(f"A{n}") for n in range(60)]
    other = [line(f"B{n}", description=f"Shoe {n}") for n in range(70)]
    fifty = drafts(dataset(*alike[:50]), Side.CN, DAY, RAIL)
    assert [(each.dataset, each.declared) for each in fifty[0].links] == [
        (f"A{n}", str(n + 1)) for n in range(50)
    ]
    parts = drafts(dataset(*alike, *other), Side.CN, DAY, RAIL)
    assert [len(each.paper.lines) for each in parts] == [50, 21]
    merged = parts[0].paper.lines[0]
    assert merged.quantity is not None
    assert merged.amount is not None
    assert (merged.quantity.value.number, merged.amount.value.amount) == (600, 720)
    links = [(link.dataset, part, link.declared) for part, each in enumerate(parts) for link in each.links]
    assert sorted(id for id, _, _ in links) == sorted(each.id for each in (*alike, *other))
    assert ("A59", 0, "1") in links
    assert ("B69", 1, "21") in links
    freight = [each.paper.charges[0].amount.value.amount for each in parts if each.paper.charges[0].amount]
    assert sum(freight) == 2
    assert freight[0] > freight[1] > 0
    assert len(drafts(dataset(*alike, *other), Side.EAEU, DAY, RAIL)) == 1


def test_nothing_is_left_out_silently() -> None:
    party = DatasetParty(Role.CONSIGNEE, "INN", "7707083893", "A LLC")
    contracts = tuple(DatasetPaper(ReferenceKind.CONTRACT, each) for each in ("X" * 40, "XA-2"))
    charges = (DatasetCharge(ChargeKind.DISCOUNT, Decimal(1)), DatasetCharge(ChargeKind.FREIGHT, Decimal(1)),
               DatasetCharge(ChargeKind.FREIGHT, Decimal(2)))  # fmt: skip
    draft = only(Side.CN, dataset(parties=(party, party), papers=contracts, charges=charges))
    assert {(each.place.at, bool(each.remedy)) for each in draft.remarks} >= {
        ("/parties", True), ("/papers/0/number", True), ("/papers/1/number", True), ("/charges/0/amount", True), ("/charges/2/amount", True),
    }  # fmt: skip


def test_the_structure_is_that_of_the_day() -> None:
    assert not only(Side.EAEU).remarks
    later = only(Side.EAEU, day=date(2026, 4, 1))
    assert "in force since 2026-04-01" in later.remarks[0].text
    assert (37, "") not in lacking(later)
    assert (37, "") in lacking(only(Side.EAEU, day=date(2026, 10, 1)))


@holds_for({side: side for side in Side})
def test_a_draft_is_read_again_as_it_was_written_and_is_valid(side: Side) -> None:
    data = dataset(
        line("L1"),
        line("L2", "8471300000", Side.EAEU, description="<Б> & " + "слово " * 250, unit="PR", price=Decimal("0.333333")),
    )  # fmt: skip
    draft = only(side, data)
    written = write_paper(draft.paper, DAY)
    (found,) = read_papers(written, "draft", DAY)
    plain = replace(draft.paper, lines=tuple(without_price(each, side) for each in draft.paper.lines))
    assert stated(found) == stated(plain)
    if side is not Side.CN:
        schema(draft.paper.kind).assertValid(tree(written))


def without_price(line: Any, side: Side) -> Any:
    """The EAEU's declarations have no unit price."""
    return line if side is Side.CN else replace(line, price=None)


def test_the_drafts_of_one_version_are_in_step_as_they_are_lodged() -> None:
    """As they are read again from what is written, two lines and whatever one form has and another has not."""
    data = dataset(line("L1"), line("L2", "850440", description="Adapter C-9", net=Decimal("1.5")))
    filings = []
    for side in Side:
        draft = only(side, data)
        (paper,) = read_papers(write_paper(draft.paper, DAY), f"{side}.xml", DAY)
        filings.append(
            Filing(str(side), paper.kind, data.reference, data.digest, 0, paper, links=draft.links)
        )
    found = in_step([data], filings, (), step_rules(DAY))
    off = [
        (each.element, each.line, each.status, each.reason)
        for each in found
        if each.status not in (Status.SAME, Status.ALLOWED)
    ]
    assert off == []
    assert {each.element for each in found if each.status is Status.SAME} >= {
        "21",
        "24",
        "27",
        "29",
        "33",
        "37",
    }
