"""Offshore deals: their class by where the goods were seen, the three lines of the report, and checks D31 and D32 on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.events.decode import decode_payload
from schemas.publishing.examples import example
from schemas.reasons import Refusal
from schemas.schemes import Scheme
from services.cli.declare import app
from services.cli.exits import Failure
from services.producers import publisher
from services.producers.profile import create
from services.producers.spool import Spool
from services.trade.domain.checks import findings
from services.trade.domain.finding import Finding, Reason, Verdict, rules
from services.trade.domain.offshore import (
    DealClass,
    KnownDeal,
    Line,
    Missing,
    Sighting,
    classify,
    current,
    report,
)
from services.trade.domain.paper import PaperSet
from tests.support.trade_deals import BOX, deal, deal_says, invoice_paper, seen
from tests.support.trade_values import cn, f

ABROAD = seen("movement.arrived", 1, place="locode:KZALA", rides=True)
GATE = seen("movement.gated_in", 2, place="locode:DEDUI")
FOREIGN = seen("customs.import_lodged", 3, "broker", jurisdiction="KZ", procedure="IMPORT")
NOTE = seen("document.note_issued", 4)
AT_HOME = seen("movement.arrived", 5, place="locode:CNXIA")
TRANSIT = seen("customs.transit_opened", 6, "gacc", jurisdiction="CN", procedure="TRANSIT")
EXPORT = seen("customs.export_lodged", 7, "broker", jurisdiction="CN", procedure="EXPORT")
CLOSED = seen("customs.inspection_passed", 8, "gacc", jurisdiction="CN")
EVERYTHING = (ABROAD, GATE, FOREIGN, NOTE, AT_HOME, TRANSIT, EXPORT, CLOSED)
HOMEWARD = [
    {**each, "destination": "CN"} if each["role"] == "BUYS" else each for each in deal_says()["contracts"]
]


def classed(*sightings: Sighting, **changed: Any) -> DealClass:
    return classify(KnownDeal(deal(**changed), sightings)).deal_class


def said(check: str, *known: KnownDeal, papers: PaperSet | None = None) -> list[Finding]:
    whole = PaperSet(() if papers is None else papers.papers, known)
    return [each for each in findings(whole, rules(date(2026, 3, 2))) if each.check == check]


def test_the_class_follows_from_where_the_goods_were_seen() -> None:
    assert classed() is DealClass.OFFSHORE
    assert classed(ABROAD, GATE, FOREIGN) is DealClass.OFFSHORE
    assert classed(contracts=HOMEWARD) is DealClass.RESOLD_IN_TRANSIT
    assert classed(AT_HOME) is DealClass.TOUCHES_HOME_TERRITORY
    assert classed(AT_HOME, TRANSIT) is DealClass.TRANSIT_THROUGH_CHINA
    assert classed(AT_HOME, TRANSIT, CLOSED) is DealClass.TRANSIT_THROUGH_CHINA
    assert classed(AT_HOME, TRANSIT, EXPORT) is DealClass.TOUCHES_HOME_TERRITORY
    assert classed(EXPORT, contracts=HOMEWARD) is DealClass.TOUCHES_HOME_TERRITORY


def test_a_transit_procedure_elsewhere_explains_no_stay_at_home() -> None:
    elsewhere = seen("customs.transit_opened", 6, jurisdiction="KZ", procedure="TRANSIT")
    assert classed(AT_HOME, elsewhere) is DealClass.TOUCHES_HOME_TERRITORY


def test_a_border_crossing_into_china_is_the_first_line() -> None:
    assert classed(seen("movement.handed_over", 1, place="crossing:alashankou-dostyk")) is (
        DealClass.TOUCHES_HOME_TERRITORY
    )


@given(st.permutations(EVERYTHING), st.integers(0, len(EVERYTHING)), st.integers(0, len(EVERYTHING)))
def test_no_order_and_no_duplicate_changes_class_or_report(
    order: list[Sighting], cut: int, again: int
) -> None:
    subset = order[:cut]
    known = KnownDeal(deal(), tuple(subset + subset[:again]))
    plain = KnownDeal(deal(), tuple(sorted(subset, key=lambda each: each.at)))
    assert classify(known) == classify(plain)
    assert report(known) == report(plain)


def test_the_latest_published_statement_counts_in_any_order() -> None:
    first, second = deal(event=b"a"), deal(event=b"b", bop="121030")
    later = replace(second, published=2)
    assert current([first, later]) is current([later, first]) is later
    assert current([]) is None


def test_three_lines_say_what_confirms_and_what_is_missing() -> None:
    nothing = {each.line: each for each in report(KnownDeal(deal()))}
    assert [each.confirmed for each in nothing.values()] == [False, False, False]
    assert nothing[Line.CARRIAGE].missing == (Missing.TRAIN,)
    assert nothing[Line.BOXES].missing == (Missing.BOX_SEEN,)
    assert nothing[Line.GOODS].missing == (Missing.FOREIGN_CUSTOMS, Missing.TRANSPORT_DOCUMENT)
    everything = {each.line: each for each in report(KnownDeal(deal(), EVERYTHING))}
    assert all(each.confirmed for each in everything.values())
    assert everything[Line.CARRIAGE].by == (ABROAD,)
    assert everything[Line.GOODS].by == (FOREIGN, NOTE)


def test_the_owners_own_word_confirms_nothing() -> None:
    own = tuple(
        seen(each.milestone, each.at, "optic", jurisdiction=each.jurisdiction, rides=each.rides)
        for each in EVERYTHING
    )
    assert not any(each.by for each in report(KnownDeal(deal(), own)))


def test_a_vessel_without_its_track_is_missing() -> None:
    by_sea = deal(vessels=[{"imo": "9074729"}])
    carriage, *_ = report(KnownDeal(by_sea, (ABROAD,)))
    assert (carriage.by, carriage.missing) == ((ABROAD,), (Missing.VESSEL_TRACK,))
    loaded = seen("movement.loaded_on_vessel", 9)
    assert report(KnownDeal(by_sea, (ABROAD, loaded)))[0].confirmed


def test_d32_of_each_class() -> None:
    for sightings, changed, verdict, reason in (
        ((), {}, Verdict.MISSING, Reason.ABSENT),
        ((ABROAD,), {}, Verdict.MATCH, Reason.AGREES),
        ((AT_HOME,), {}, Verdict.CONTRADICTION, Reason.HOME_TERRITORY),
        ((AT_HOME, TRANSIT), {}, Verdict.REVIEW, Reason.IN_TRANSIT),
        ((AT_HOME,), {"bop": "121030"}, Verdict.REVIEW, Reason.BONDED),
        ((ABROAD,), {"contracts": HOMEWARD}, Verdict.MATCH, Reason.RESOLD_IN_TRANSIT),
    ):
        (found,) = said("D32", KnownDeal(deal(**changed), sightings))
        assert (found.verdict, found.reason) == (verdict, reason)


def test_d32_asks_about_code_and_subheading() -> None:
    bought, sold = deal_says()["contracts"]
    odd = deal(bop="121010", contracts=[bought, {**sold, "subheading": "847150"}])
    assert [each.reason for each in said("D32", KnownDeal(odd, (ABROAD,)))] == [
        Reason.AGREES,
        Reason.BOP_CODE,
        Reason.SUBHEADING,
    ]


def test_a_chinese_declaration_in_the_set_contradicts_the_deal() -> None:
    found = said("D32", KnownDeal(deal(), (ABROAD,)), papers=PaperSet((cn(number=f("220120260000000001")),)))
    assert (found[0].verdict, found[0].reason) == (Verdict.CONTRADICTION, Reason.HOME_TERRITORY)


def test_d31_is_one_paper_behind_two_deals_whoever_owns_them() -> None:
    own, other = {"scheme": "PARTY", "number": "optic"}, {"scheme": "PARTY", "number": "textil"}
    first = KnownDeal(deal())
    copied = KnownDeal(deal("textil", "X-9", papers=[invoice_paper("inv 1", issuer=own)]))
    unlike = KnownDeal(deal("textil", "X-9", papers=[invoice_paper("inv 1", issuer=other)]))
    assert [each.verdict for each in said("D31", first, copied)] == [Verdict.CONTRADICTION]
    assert {each.verdict for each in said("D31", first, unlike)} == {Verdict.MATCH}
    assert said("D31", first, copied) == said("D31", copied, first)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"vessels": [{"imo": "9074728"}]}, "/vessels/0/imo"),
        ({"papers": [{"kind": "DECLARATION", "number": "26DE12"}]}, "/papers/0/number"),
        ({"papers": [invoice_paper(issuer={"scheme": "INN", "number": "500100732259"})]}, "/papers/0/issuer"),
        ({"customs_statistics": True}, "/customs_statistics"),
        ({"contracts": deal_says()["contracts"][:1]}, "/contracts"),
    ],
)
def test_what_cannot_be_an_offshore_deal_is_refused_where_it_is_wrong(
    changed: dict[str, Any], pointer: str
) -> None:
    type_ = "cre.trade.offshore_deal_stated.v1"
    with pytest.raises(Refusal) as refused:
        decode_payload(type_, orjson.dumps({**example(type_), **changed}))
    assert refused.value.pointer.startswith(pointer)


def test_the_terminal_signs_a_deal_once_and_names_what_is_wrong_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create("optic", "urn:cre:optic", "cre.shipper.optic.v1", "demo", Scheme.ED25519).save(tmp_path)
    monkeypatch.setenv("LIANYUN_PARTNERS", str(tmp_path))
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr(publisher, "drain", lambda *_, **__: None)
    file = tmp_path / "deal.json"
    common = ["--as", "optic", "--made", "2026-03-20T09:00:00Z", "--patience", "0"]

    def stated(said: dict[str, Any], *objects: str) -> BaseException | None:
        file.write_bytes(orjson.dumps(said))
        return CliRunner().invoke(app, ["deal", str(file), *objects, *common]).exception

    for _ in range(2):
        assert isinstance(stated(deal_says(), "--box", BOX), SystemExit)  # not all went out
    works = deal_says("OD-2", kind="WORKS_ABROAD")
    assert isinstance(stated(works, "--place", "locode:KZALA"), SystemExit)
    with Spool(tmp_path / "optic.spool") as spool:
        assert spool.counts() == (2, 0)
    unknown = stated({**deal_says(), "margin": 1}, "--box", BOX)
    assert isinstance(unknown, Failure)
    assert "/margin" in unknown.problem
    assert isinstance(stated(deal_says()), Failure)
