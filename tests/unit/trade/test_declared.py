"""Declarations as events: what is declared comes back as it was read, and filings follow from the events in any order."""

from __future__ import annotations

from datetime import date
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from schemas.events.base import CustomsMilestone
from schemas.events.customs_filing import DeclaredValues, Filing
from schemas.events.decode import decode_payload
from schemas.publishing.examples import example
from schemas.reasons import Refusal
from schemas.rfc3339 import format_micros, parse_micros
from schemas.schemes import Scheme
from services.cli.declare import app
from services.cli.exits import Failure
from services.producers import publisher
from services.producers.formats.model import EventDraft
from services.producers.profile import create
from services.producers.spool import Spool
from services.testbed.trade_papers import honest
from services.trade.domain.declaration_numbers import numbers_of
from services.trade.domain.filing import ChangeClass, LineLink, Phase
from services.trade.domain.in_step_filings import Reason, assemble
from services.trade.domain.paper import Kind, Paper
from services.trade.formats import read_papers
from services.trade.formats.declared import (
    Statement,
    declared_form,
    declared_paper,
    filings_of,
    lodging_of,
)

DAY = date(2026, 3, 20)
AT = parse_micros("2026-03-01T09:00:00Z")
DECLARATION = "CN/900120260000000417"


def papers() -> dict[Kind, Paper]:
    files = honest(Random(3), 6).files()
    found = (each for name, content in files.items() for each in read_papers(content, name, DAY))
    return {each.kind: each for each in found}


def decoded(draft: EventDraft) -> CustomsMilestone:
    payload = decode_payload(draft.type, orjson.dumps({"salt": "00" * 16, **draft.data}))
    assert isinstance(payload, CustomsMilestone)
    return payload


@pytest.mark.parametrize("kind", [Kind.CN_DECLARATION, Kind.EAEU_DECLARATION, Kind.EAEU_TRANSIT])
def test_what_was_read_is_what_the_event_declares(kind: Kind) -> None:
    paper = papers()[kind]
    trade = {"owner": "optic", "reference": "T-1"}
    type_ = "transit_lodged" if kind is Kind.EAEU_TRANSIT else "import_lodged"
    draft = lodging_of(paper, DECLARATION, type_, trade, [LineLink("L1", "1")], "2026-03-20T09:00:00Z")
    payload = decoded(draft)
    assert isinstance(payload, Filing)
    assert payload.values is not None
    again = declared_paper(payload.values)
    assert declared_form(again) == declared_form(paper)
    for line, other in zip(again.lines, paper.lines, strict=True):
        assert (line.quantity and line.quantity.value) == (other.quantity and other.quantity.value)
        assert (line.code and line.code.value) == (other.code and other.code.value)
    assert decoded(lodging_of(paper, DECLARATION, type_, trade, [LineLink("L1", "1")], draft.time)) == payload


def test_a_natural_person_is_refused_wherever_it_stands() -> None:
    values = {"kind": "CN_DECLARATION", "parties": [{"role": "CONSIGNEE", "id": "770708389312"}]}
    with pytest.raises(Refusal) as refused:
        said("export_lodged", 0, declared=values)
    assert refused.value.pointer == "/declared/parties/0"


def said(type_: str, day: int, event: str = "", declaration: str = DECLARATION, **members: Any) -> Statement:
    happened = format_micros(AT + day * 86_400_000_000)
    data = {
        "salt": "00" * 16,
        "classifier": "ACT",
        "happened": happened,
        "jurisdiction": "CN",
        "objects": [{"kind": "declaration", "id": declaration}],
        **members,
    }
    version = "v1" if type_ in ("released", "rejected", "selected_for_inspection") else "v2"
    payload = decode_payload(f"cre.customs.{type_}.{version}", orjson.dumps(data))
    assert isinstance(payload, CustomsMilestone)
    return Statement(event or f"{type_}-{day}", declaration, payload)


def values(gross: str, kind: str = "CN_DECLARATION") -> dict[str, Any]:
    return {
        "kind": kind,
        "number": "900120260000000417",
        "lines": [{"number": "1", "gross": gross, "net": "9"}],
    }


def test_any_order_and_copies_give_the_same_filing() -> None:
    told = [
        said("export_lodged", 0, dataset={"owner": "optic", "reference": "T-1"}, declared=values("10")),
        said(
            "export_lodged", 0, "copy", dataset={"owner": "optic", "reference": "T-1"}, declared=values("10")
        ),
        said("accepted", 1),
        said("amended", 2, amendment="1", classes=["QUANTITY"], declared=values("11")),
        said("released", 3, procedure="EXPORT"),
    ]
    results = {assemble(*filings_of([*order, order[0]])) for order in permutations(told)}
    ((currents, issues),) = results
    (current,) = currents
    assert issues == ()
    assert (current.filing.phase, current.filing.frozen) == (Phase.RELEASED, AT + 3 * 86_400_000_000)
    assert [each.classes for each in current.applied] == [frozenset({ChangeClass.QUANTITY})]
    assert [str(line.gross and line.gross.value) for line in current.declared.lines] == ["11"]


def test_an_amendment_waits_for_its_original_and_one_of_a_cancelled_declaration_changes_nothing() -> None:
    amended = said("amended", 2, amendment="1", classes=["OTHER"])
    lodged = said("export_lodged", 0, declared=values("10"))
    currents, issues = assemble(*filings_of([amended]))
    assert currents == ()
    assert [each.reason for each in issues] == [Reason.NO_ORIGINAL]
    (current,), issues = assemble(*filings_of([amended, lodged]))
    assert len(current.applied) == 1
    assert issues == ()
    (current,), issues = assemble(*filings_of([amended, said("cancelled", 1), lodged]))
    assert current.applied == ()
    assert [each.reason for each in issues] == [Reason.OF_CANCELLED]


def test_a_correction_states_what_it_changes_and_the_rest_stays() -> None:
    lodged = said("import_lodged", 0, declared=values("10", "EAEU_DECLARATION"))
    change = {"kind": "EAEU_CORRECTION", "lines": [{"number": "1", "gross": "10.000001"}]}
    (current,), _ = assemble(*filings_of([said("amended", 1, amendment="1", declared=change), lodged]))
    (line,) = current.declared.lines
    assert (str(line.gross and line.gross.value), str(line.net and line.net.value)) == ("10.000001", "9")


OWN = "CN/LRN/91610131MA6TXXXX00/SILK-7"
"""The declarant's own number of DECLARATION."""


def test_a_declaration_under_its_own_number_and_under_that_of_customs_is_one() -> None:
    trade = {"owner": "optic", "reference": "T-1"}
    told = [
        said("export_lodged", 0, "own", OWN, dataset=trade, declared={**values("10"), "number": "SILK-7"}),
        said("accepted", 1, dataset=trade, declared=values("10")),
        said("amended", 2, "both", amendment="1", classes=["QUANTITY"], declared=values("11")),
        said("amended", 2, "both", OWN, amendment="1", classes=["QUANTITY"], declared=values("11")),
        said("released", 3, procedure="EXPORT"),
    ]
    numbers = numbers_of([frozenset({OWN, DECLARATION})])
    assert numbers.names == {OWN: DECLARATION, DECLARATION: DECLARATION}
    assert len(assemble(*filings_of(told))[0]) == 2, "two, as long as nothing says that they are one"
    ((currents, issues),) = {assemble(*filings_of(order, numbers.names)) for order in permutations(told)}
    (current,) = currents
    assert issues == ()
    assert (current.filing.declaration, current.filing.phase) == (DECLARATION, Phase.RELEASED)
    assert [each.number for each in current.applied] == ["1"]


def test_what_it_declares_under_one_number_and_not_under_the_other_is_a_question() -> None:
    told = [
        said("export_lodged", 0, "own", OWN, declared=values("10")),
        said("accepted", 1, declared=values("11")),
    ]
    _, issues = assemble(*filings_of(told, numbers_of([frozenset({OWN, DECLARATION})]).names))
    assert [each.reason for each in issues] == [Reason.NUMBER_TWICE]


def test_numbers_are_one_declaration_only_where_one_statement_names_them_all() -> None:
    other, foreign = "CN/900120260000000418", "RU/10131010/160326/3000001"
    both = [frozenset({OWN, DECLARATION}), frozenset({OWN, other})]
    whole = frozenset({OWN, DECLARATION, other})
    for order in permutations(both):
        assert numbers_of(order) == ({}, (tuple(sorted(whole)),))
    for order in permutations([*both, whole]):
        assert set(numbers_of(order).names.values()) == {DECLARATION}
        assert numbers_of(order).unclear == ()
    assert numbers_of([frozenset({OWN, foreign})]) == ({}, (tuple(sorted({OWN, foreign})),))
    assert numbers_of([frozenset({OWN})]) == ({}, ())


def test_every_member_of_the_form_is_one_of_a_paper() -> None:
    assert set(DeclaredValues.model_fields) <= set(Paper.__dataclass_fields__)


def test_the_terminal_signs_a_version_and_its_declaration_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in the spool, from where they go out; saying it again adds nothing."""
    create("silk", "urn:cre:silk", "cre.forwarder.silk.v1", "demo", Scheme.ED25519).save(tmp_path)
    monkeypatch.setenv("LIANYUN_PARTNERS", str(tmp_path))
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr(publisher, "drain", lambda *_, **__: None)
    version = tmp_path / "v1.json"
    version.write_bytes(orjson.dumps(example("cre.trade.dataset_stated.v1")["dataset"]))
    declared = tmp_path / "cn.xml"
    declared.write_bytes(honest(Random(3), 6).files()["cn.xml"])
    common = ["--as", "silk", "--made", "2026-03-20T09:00:00Z", "--patience", "0"]
    for _ in range(2):
        for words in (
            ["state", str(version), "--owner", "optic", "--consignment", "xaport/XA-1", *common],
            ["lodge", str(declared), "--trade", "optic/T-2026-031", "--link", "L1=1", *common],
        ):
            done = CliRunner().invoke(app, words)
            assert isinstance(done.exception, SystemExit), done.output  # not all went out
    with Spool(tmp_path / "silk.spool") as spool:
        assert spool.counts() == (2, 0)
    lost = CliRunner().invoke(app, ["lodge", str(version), *common])
    assert isinstance(lost.exception, Failure)
