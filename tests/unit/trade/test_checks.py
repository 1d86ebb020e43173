"""Every check of a shipment's papers: what it says where two values agree, where they do not, and where they cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from services.trade.domain.checks import CHECKS, findings
from services.trade.domain.finding import Finding, Reason, Verdict, rules, suspects
from services.trade.domain.paper import (
    Charge,
    ChargeKind,
    Packages,
    Paper,
    PaperSet,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Field, country_code, table
from tests.support.invariants import holds_for
from tests.support.trade_values import (
    cn,
    code,
    d,
    dt,
    f,
    freight,
    invoice,
    kdt,
    line,
    named,
    note,
    packing,
    priced,
    qty,
    td,
    usd,
)

DAY = date(2026, 3, 2)
MATCH, REVIEW, CONTRADICTION = Verdict.MATCH, Verdict.REVIEW, Verdict.CONTRADICTION
NOT_COMPARABLE, MISSING = Verdict.NOT_COMPARABLE, Verdict.MISSING


def said(check: str, *papers: Paper) -> list[Finding]:
    return [finding for finding in findings(PaperSet(papers), rules(DAY)) if finding.check == check]


_BOX, _OTHER_BOX = "CSQU3054383", "TBJU0000015"
SHIPPER = (named(Role.CONSIGNOR, "XIAN DRAGON"),)
BUYER = (named(Role.CONSIGNEE, "SEVERNY IMPORT", "7707083893"),)
RESALE = (
    invoice(
        priced("12"), parties=(named(Role.SELLER, "XIAN DRAGON CO LTD"), named(Role.BUYER, "GOLDEN BRIDGE"))
    ),
    invoice(
        priced("15"),
        parties=(
            named(Role.SELLER, "GOLDEN BRIDGE"),
            named(Role.BUYER, "ООО «Северный Импорт»", "7707083893"),
        ),
    ),
)


def _legs(first: Field[Decimal], second: Field[Decimal]) -> tuple[Paper, Paper]:
    """Two rail notes, the second from where the first ends and with another box."""
    return (
        note(gross=first, boxes=(f(_BOX),), stations=(f("西安国际港"), f("Забайкальск"))),
        note(gross=second, boxes=(f(_OTHER_BOX),), stations=(f("Забайкальск"), f("Ворсино"))),
    )


CASES: dict[str, tuple[str, Verdict, tuple[Paper, ...]]] = {
    "D00 every line": ("D00", REVIEW, (invoice(priced("5", code=code("847130")), priced("6", code=code("850440"))), cn(priced("5", code=code("847130"))))),
    "D01 a line": ("D01", MATCH, (invoice(priced("12.50", "10", "1.25")),)),
    "D01 prices with four decimals": ("D01", MATCH, (invoice(priced("1.23", "10", "0.1234")),)),
    "D01 a wrong line": ("D01", CONTRADICTION, (invoice(priced("13.50", "10", "1.25")),)),
    "D01 a wrong total": ("D01", CONTRADICTION, (invoice(priced("12.50"), priced("1"), total=usd("14.00")),)),
    "D01 a discount": ("D01", MATCH, (invoice(priced("12.50"), total=usd("12.00"), charges=(Charge(ChargeKind.DISCOUNT, usd("-0.50")),)),)),
    "D02 totals": ("D02", MATCH, (invoice(priced("12")), cn(priced("12")))),
    "D02 freight by the terms": ("D02", MATCH, (invoice(total=usd("12")), cn(priced("14"), charges=freight("2")))),
    "D02 other total": ("D02", CONTRADICTION, (invoice(priced("12")), cn(priced("13")))),
    "D02 other currency": ("D02", NOT_COMPARABLE, (invoice(priced("12")), cn(priced("12", currency="CNY")))),
    "D02 no declaration": ("D02", MISSING, (invoice(priced("12")),)),
    "D03 box 22": ("D03", MATCH, (invoice(priced("12")), dt(priced("12"), total=usd("12")))),
    "D03 box 42": ("D03", CONTRADICTION, (dt(priced("12"), priced("3"), total=usd("12")),)),
    "D04 one price": ("D04", MATCH, (cn(priced("12")), dt(priced("12")))),
    "D04 two prices": ("D04", CONTRADICTION, (cn(priced("12")), dt(priced("15")))),
    "D04 resale through a third country": ("D04", REVIEW, (cn(priced("12")), dt(priced("15"), trade_country=f("AE")))),
    "D04 two currencies": ("D04", NOT_COMPARABLE, (cn(priced("12")), dt(priced("900", currency="RUB")))),
    "D02 the first sale of two": ("D02", MATCH, (*RESALE, cn(priced("12"), trade_country=f("HK"), parties=SHIPPER), dt(priced("15"), trade_country=f("HK"), parties=BUYER))),
    "D02 a resale of which the first sale is not there": ("D02", REVIEW, (RESALE[1], cn(priced("12"), trade_country=f("HK"), parties=SHIPPER), dt(priced("15"), trade_country=f("HK"), parties=BUYER))),
    "D02 a wrong price of the first sale": ("D02", CONTRADICTION, (*RESALE, cn(priced("13"), trade_country=f("HK"), parties=SHIPPER), dt(priced("15"), trade_country=f("HK"), parties=BUYER))),
    "D03 the last sale of two": ("D03", MATCH, (*RESALE, cn(priced("12"), trade_country=f("HK"), parties=SHIPPER), dt(priced("15"), trade_country=f("HK"), parties=BUYER))),
    "D09 two sales in two currencies": ("D09", MATCH, (replace(RESALE[0], currency=f("CNY")), replace(RESALE[1], currency=f("USD")), cn(priced("12", currency="CNY"), currencies=(f("CNY"),), trade_country=f("HK"), parties=SHIPPER), dt(priced("15"), currency=f("USD"), trade_country=f("HK"), parties=BUYER))),
    "D07 two sales on two terms": ("D07", MATCH, (replace(RESALE[0], terms=f("FCA")), replace(RESALE[1], terms=f("CPT")), cn(terms=f("3"), trade_country=f("HK"), parties=SHIPPER), dt(terms=f("CPT"), trade_country=f("HK"), parties=BUYER))),
    "D05 at the rate": ("D05", MATCH, (dt(priced("10", customs_value=d("900")), rate=d("90"), terms=f("CIP")),)),
    "D05 beside the rate": ("D05", REVIEW, (dt(priced("10", customs_value=d("990")), rate=d("90"), terms=f("CIP")),)),
    "D06 freight": ("D06", MATCH, (cn(priced("100"), charges=freight("7")),)),
    "D06 dear freight": ("D06", REVIEW, (cn(priced("100"), charges=freight("40")),)),
    "D06 freight in other money": ("D06", NOT_COMPARABLE, (cn(priced("100"), charges=freight("7", "CNY")),)),
    "D07 terms": ("D07", MATCH, (invoice(terms=f("FCA")), cn(terms=f("3")))),
    "D07 freight under FCA": ("D07", CONTRADICTION, (invoice(terms=f("FCA"), charges=freight("5")),)),
    "D07 CIF without freight": ("D07", CONTRADICTION, (cn(terms=f("1")),)),
    "D08 one place": ("D08", MATCH, (invoice(terms_place=f("Xi'an")), dt(terms_place=f("XIAN")))),
    "D08 two places": ("D08", REVIEW, (invoice(terms_place=f("Xian")), dt(terms_place=f("Chongqing")))),
    "D08 one place in two scripts": ("D08", MATCH, (invoice(terms_place=f("西安")), dt(terms_place=f("Xian")))),
    "D08 two scripts": ("D08", NOT_COMPARABLE, (invoice(terms_place=f("工厂")), dt(terms_place=f("Works gate")))),
    "D08 where the journey begins": ("D08", MATCH, (invoice(terms=f("FOB"), terms_place=f("Xi'an")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 FOB beyond the border": ("D08", REVIEW, (invoice(terms=f("FOB"), terms_place=f("Moscow")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 FOB at a port that no train leaves": ("D08", REVIEW, (invoice(terms=f("FOB"), terms_place=f("Shanghai")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 FCA at another city of the country": ("D08", MATCH, (invoice(terms=f("FCA"), terms_place=f("Yiwu")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 CPT in the country of dispatch": ("D08", REVIEW, (invoice(terms=f("CPT"), terms_place=f("Chongqing")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 CPT at the border on the line": ("D08", MATCH, (invoice(terms=f("CPT"), terms_place=f("Zabaikalsk")), note(stations=(f("Манжоули"), f("Ворсино"))), dt(dispatch=f("CN"), destination=f("RU")))),
    "D08 CPT beside the line": ("D08", REVIEW, (invoice(terms=f("CPT"), terms_place=f("Hamburg")), note(stations=(f("西安国际港"), f("Ворсино"))))),
    "D08 by the countries of the declaration": ("D08", REVIEW, (invoice(terms=f("FCA"), terms_place=f("Moscow")), dt(dispatch=f("CN"), destination=f("RU")))),
    "D08 no such place": ("D08", MISSING, (invoice(terms=f("FCA"), terms_place=f("Works gate")), dt(dispatch=f("CN"), destination=f("RU")))),
    "D09 one currency": ("D09", MATCH, (invoice(currency=f("USD")), dt(currency=f("USD")))),
    "D09 two currencies": ("D09", CONTRADICTION, (invoice(currency=f("USD")), dt(currency=f("EUR")))),
    "D10 no table of rates": ("D10", MISSING, (dt(rate=d("90")),)),
    "D11 six digits": ("D11", MATCH, (cn(priced("5", code=code("8471300000"))), dt(priced("5", code=code("8471309900"))))),
    "D11 other subheading": ("D11", CONTRADICTION, (cn(priced("5", code=code("8471300000"))), dt(priced("5", code=code("8471410000"))))),
    "D11 two editions": ("D11", NOT_COMPARABLE, (cn(priced("5", code=code("847130"))), dt(priced("5", code=code("847130", 2028))))),
    "D12 eight digits": ("D12", REVIEW, (cn(line(code=code("84713000"))),)),
    "D13 one article": ("D13", MATCH, (cn(priced("5", description=f("电脑 AB-120"))), dt(priced("5", description=f("Ноутбук AB120"))))),
    "D13 two articles": ("D13", REVIEW, (cn(priced("5", description=f("电脑 AB-120"))), dt(priced("5", description=f("Ноутбук AB130"))))),
    "D13 only words": ("D13", NOT_COMPARABLE, (cn(priced("5", description=f("电脑"))), dt(priced("5", description=f("Ноутбук"))))),
    "D14 goods": ("D14", MATCH, (note(line(description=f("Ноутбуки"))),)),
    "D14 parts": ("D14", REVIEW, (note(line(description=f("запчасти"))),)),
    "D15 one origin": ("D15", MATCH, (cn(priced("5", origin=f("CN"))), dt(priced("5", origin=f("CN"))))),
    "D15 two origins": ("D15", CONTRADICTION, (cn(priced("5", origin=f("CN"))), dt(priced("5", origin=f("VN"))))),
    "D15 not known": ("D15", REVIEW, (cn(priced("5", origin=f("CN"))), dt(priced("5", origin=f("00"))))),
    "D16 in time": ("D16", MATCH, (invoice(day=f(date(2026, 3, 1))), dt(references=(Reference(ReferenceKind.ORIGIN, f("C1"), f(date(2026, 3, 2))),)))),
    "D16 before the invoice": ("D16", REVIEW, (invoice(day=f(date(2026, 3, 5))), dt(references=(Reference(ReferenceKind.ORIGIN, f("C1"), f(date(2026, 3, 2))),)))),
    "D17 gross and net": ("D17", MATCH, (packing(gross=d("10.5"), net=d("10")),)),
    "D17 net above gross": ("D17", CONTRADICTION, (packing(gross=d("10"), net=d("10.000001")),)),
    "D18 rounded": ("D18", MATCH, (packing(gross=d("99.6")), cn(gross=d("100")))),
    "D18 a tonne less": ("D18", CONTRADICTION, (packing(gross=d("1099.6")), cn(gross=d("100")))),
    "D19 boxes 35": ("D19", MATCH, (cn(gross=d("30")), dt(line(gross=d("10.2")), line(2, gross=d("20"))))),
    "D19 a box 35 lacks": ("D19", CONTRADICTION, (cn(gross=d("30")), dt(line(gross=d("10.2")), line(2, gross=d("10"))))),
    "D20 the note": ("D20", MATCH, (cn(gross=d("10000")), note(gross=d("10040")))),
    "D20 beside the note": ("D20", CONTRADICTION, (cn(gross=d("10000")), note(gross=d("10100")))),
    "D20 with the boxes": ("D20", REVIEW, (cn(gross=d("10000")), note(gross=d("12300"), boxes=(f(_BOX),)))),
    "D20 in tonnes": ("D20", CONTRADICTION, (cn(gross=d("2.3")), note(gross=d("2300"), boxes=(f(_BOX),)))),
    "D20 the second leg": ("D20", CONTRADICTION, (cn(gross=d("10000")), *_legs(d("10000"), d("9000")))),
    "D20 two legs of one mass": ("D20", MATCH, (cn(gross=d("10000")), *_legs(d("10000"), d("10000")))),
    "D20 weighed on a scale": ("D20", MATCH, (cn(gross=d("10000")), note(gross=d("10100"), weighing=f("на вагонных весах")))),
    "D21 loads": ("D21", MATCH, (packing(gross=d("20000")), note(box_loads=(d("9900"), d("10300"))))),
    "D21 other loads": ("D21", REVIEW, (packing(gross=d("20000")), note(box_loads=(d("9900"), d("13300"))))),
    "D22 net": ("D22", MATCH, (packing(line(net=d("5")), line(2, net=d("6")), net=d("11")),)),
    "D22 a net is wrong": ("D22", CONTRADICTION, (packing(line(net=d("5")), line(2, net=d("7")), net=d("11")),)),
    "D23 fits": ("D23", MATCH, (note(gross=d("28000"), boxes=(f(_BOX),)),)),
    "D23 does not fit": ("D23", REVIEW, (note(gross=d("38000"), boxes=(f(_BOX),)),)),
    "D24 packages": ("D24", MATCH, (packing(packages=(Packages(f(12), "CARTON"),)), note(packages=(Packages(f(12)),)))),
    "D24 other packages": ("D24", CONTRADICTION, (packing(packages=(Packages(f(12), "CARTON"),)), note(packages=(Packages(f(13)),)))),
    "D24 pallets of cartons": ("D24", NOT_COMPARABLE, (packing(packages=(Packages(f(12), "CARTON"),)), cn(packages=(Packages(f(2), "PALLET"),)))),
    "D25 by the table of units": ("D25", MATCH, (invoice(line(quantity=qty("1500", "g"))), cn(line(quantity=qty("1.5", "kg"))))),
    "D25 other quantity": ("D25", CONTRADICTION, (invoice(line(quantity=qty("15"))), cn(line(quantity=qty("16"))))),
    "D25 pieces and kilograms": ("D25", NOT_COMPARABLE, (invoice(line(quantity=qty("15"))), cn(line(quantity=qty("16", "kg"))))),
    "D26 boxes": ("D26", MATCH, (cn(boxes=(f(_BOX),)), note(boxes=(f(_BOX),)))),
    "D26 other boxes": ("D26", CONTRADICTION, (cn(boxes=(f(_BOX),)), note(boxes=(f(_OTHER_BOX),)))),
    "D26 check digit": ("D26", REVIEW, (cn(boxes=(f("CSQU3054384"),)), note(boxes=(f("CSQU3054384"),)))),
    "D26 reloaded on the way": ("D26", REVIEW, (cn(boxes=(f(_BOX),)), *_legs(d("1"), d("1")), td(boxes=(f(_OTHER_BOX),)))),
    "D26 reloaded into another than declared": ("D26", CONTRADICTION, (cn(boxes=(f(_BOX),)), *_legs(d("1"), d("1")), td(boxes=(f(_BOX),)))),
    "D27 seals": ("D27", MATCH, (note(seals=(f("CN O12"),)), td(seals=(f("cn012"),)))),
    "D27 other seals": ("D27", CONTRADICTION, (note(seals=(f("CN012"),)), td(seals=(f("CN013"),)))),
    "D28 by number": ("D28", MATCH, (cn(parties=(named(Role.CONSIGNEE, "A", "7707083893"),)), dt(parties=(named(Role.CONSIGNEE, "B", "7707083893"),)))),
    "D28 other number": ("D28", CONTRADICTION, (packing(parties=(named(Role.CONSIGNEE, "A", "7707083893"),)), dt(parties=(named(Role.CONSIGNEE, "A", "7812345678"),)))),
    "D28 a forwarder on the note": ("D28", REVIEW, (packing(parties=(named(Role.CONSIGNEE, "A", "7707083893"),)), note(parties=(named(Role.CONSIGNEE, "B", "7812345678"),)), dt(parties=(named(Role.CONSIGNEE, "A", "7707083893"),)))),
    "D28 a forwarder hides no other consignee": ("D28", CONTRADICTION, (packing(parties=(named(Role.CONSIGNEE, "A", "7707083893"),)), note(parties=(named(Role.CONSIGNEE, "B", "7812345678"),)), dt(parties=(named(Role.CONSIGNEE, "C", "7701234567"),)))),
    "D28 by name": ("D28", MATCH, (cn(parties=(named(Role.CONSIGNEE, "SEVERNY IMPORT LLC"),)), dt(parties=(named(Role.CONSIGNEE, "ООО «Северный Импорт»"),)))),
    "D28 other name": ("D28", CONTRADICTION, (cn(parties=(named(Role.CONSIGNEE, "SEVERNY IMPORT LLC"),)), dt(parties=(named(Role.CONSIGNEE, "ООО «Ромашка»"),)))),
    "D28 seller beside a consignor": ("D28", REVIEW, (invoice(parties=(named(Role.SELLER, "HK TRADING"),)), dt(parties=(named(Role.CONSIGNOR, "XIAN DRAGON"),)))),
    "D28 two scripts": ("D28", NOT_COMPARABLE, (cn(parties=(named(Role.CONSIGNOR, "西安龙公司"),)), dt(parties=(named(Role.CONSIGNOR, "XIAN DRAGON"),)))),
    "D29 in order": ("D29", MATCH, (invoice(day=f(date(2026, 3, 1))), cn(day=f(date(2026, 3, 1))))),
    "D29 midnight in another zone": ("D29", MATCH, (invoice(day=f(date(2026, 3, 2))), cn(day=f(date(2026, 3, 1))))),
    "D29 declared before the invoice": ("D29", CONTRADICTION, (invoice(day=f(date(2026, 3, 9))), cn(day=f(date(2026, 3, 1))))),
    "D29 lodged before departure": ("D29", REVIEW, (note(day=f(date(2026, 3, 9))), dt(day=f(date(2026, 3, 1))))),
    "D30 not followed": ("D30", REVIEW, (cn(priced("12")), dt(priced("12"), number=f("N")), kdt(priced("15"), of="N"))),
    "D30 followed": ("D30", MATCH, (cn(priced("15")), dt(priced("12"), number=f("N")), kdt(priced("15"), of="N"))),
    "D30 without its original": ("D30", REVIEW, (cn(priced("12")), kdt(priced("15"), of="N"))),
    "D31 once": ("D31", MATCH, (invoice(number=f("I-1"), sha256="a"),)),
    "D31 twice, with other contents": ("D31", CONTRADICTION, (invoice(number=f("I-1"), sha256="a"), invoice(number=f("l-1"), sha256="b"))),
    "D31 twice the same": ("D31", MATCH, (invoice(number=f("I-1"), sha256="a"), invoice(number=f("I-1"), sha256="a"))),
    "D32 no deal in the set": ("D32", MISSING, (cn(),)),
}  # fmt: skip


@holds_for(CASES)
def test_what_each_check_says(case: tuple[str, Verdict, tuple[Paper, ...]]) -> None:
    check, verdict, papers = case
    found = said(check, *papers)
    assert verdict in {each.verdict for each in found}, [(each.verdict, each.arithmetic) for each in found]
    worse = {MATCH: {REVIEW, CONTRADICTION}, REVIEW: {CONTRADICTION}}.get(verdict, set())
    assert not worse & {each.verdict for each in found}, found
    shown = next(each for each in found if each.verdict is verdict)
    assert verdict in (MISSING, NOT_COMPARABLE) or (
        shown.values and (shown.arithmetic or check in ("D07", "D09", "D14"))
    )


def test_every_check_has_its_cases_and_its_texts() -> None:
    assert {check for check, _, _ in CASES.values()} == set(CHECKS)
    texts = {row["key"] for row in table("texts")}
    assert {*CHECKS, *Verdict, *Reason} <= texts
    assert all(row[language] for row in table("texts") for language in ("en", "zh", "ru"))


def test_every_check_speaks_of_every_set() -> None:
    assert {each.check for each in findings(PaperSet(), rules(DAY))} == set(CHECKS) - {"D00"}


def test_corrections_are_applied_in_the_order_of_their_numbers_whatever_the_order_of_files() -> None:
    first, second = kdt(priced("13"), of="N", number=f("N/01")), kdt(priced("15"), of="N", number=f("N/02"))
    declaration, chinese = dt(priced("12"), number=f("N")), cn(priced("15"))
    for papers in ((first, second, declaration, chinese), (chinese, second, declaration, first)):
        assert {each.verdict for each in said("D04", *papers)} == {MATCH}


def test_a_tolerance_is_the_one_in_force_and_names_its_source() -> None:
    finding = said("D18", packing(gross=d("99.6")), cn(gross=d("100")))[0]
    assert finding.tolerance is not None
    assert (finding.tolerance.value, finding.tolerance.valid_from <= DAY) == (1, True)
    assert finding.tolerance.source
    assert finding.arithmetic == "|99.6 - 100| = 0.4 <= 1"
    assert rules(date(2000, 1, 1)).tolerances == {}


def test_declarations_that_merge_lines_are_compared_by_subheading() -> None:
    lines = [
        priced("5", "1", code=code("847130")),
        priced("6", "2", code=code("847130")),
        priced("7", "3", code=code("850440")),
    ]
    merged = [priced("11", "3", code=code("8471300000")), priced("7", "3", code=code("8504409900"))]
    found = findings(PaperSet((invoice(*lines), cn(*merged))), rules(DAY))
    assert {each.verdict for each in found if each.check in ("D00", "D02", "D11", "D25")} == {MATCH}
    wrong = [replace(merged[0], quantity=qty("4")), merged[1]]
    found = findings(PaperSet((invoice(*lines), cn(*wrong))), rules(DAY))
    assert [each.line for each in found if each.verdict is CONTRADICTION] == ["1+1 ~ 1"]


def test_the_wrong_value_is_the_one_that_most_contradictions_share() -> None:
    wrong = priced("15")
    papers = PaperSet((invoice(priced("12")), cn(priced("12")), dt(wrong)))
    assert [field for field, _ in suspects(findings(papers, rules(DAY)))] == [wrong.amount]


def test_mirrored_countries_are_no_contradiction() -> None:
    assert country_code("RUS") == "RU"
    papers = (cn(priced("12"), trade_country=f("RU")), dt(priced("12"), trade_country=f("CN")))
    assert CONTRADICTION not in {each.verdict for each in findings(PaperSet(papers), rules(DAY))}
