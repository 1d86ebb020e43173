"""The trade dataset: exact values, versions by digest, forks and gaps shown whatever the order; and a check against papers."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from schemas.events.decode import decode_payload
from schemas.events.trade import DatasetStated, TradeData
from schemas.publishing.examples import example
from schemas.reasons import Refusal
from schemas.schemes import Scheme
from services.cli.declare import app
from services.producers import publisher
from services.producers.formats.gzip_file import pack
from services.producers.formats.model import Position
from services.producers.formats.native_lines import line_of, record
from services.producers.profile import create
from services.producers.spool import Spool
from services.trade.domain.checks import findings
from services.trade.domain.dataset import Dataset, changes, lineage
from services.trade.domain.finding import Verdict, rules
from services.trade.domain.paper import PaperSet
from services.trade.formats import read_papers
from services.trade.formats.dataset import read, statement_of
from services.trade.formats.dataset import stated as stated_version
from tests.support.invariants import holds_for
from tests.support.trade_values import cn, code, priced

DAY = date(2026, 3, 20)
LINE = {"id": "L1", "description": "Laptop AB-120", "code": "8471300000", "origin": "CN", "quantity": "10", "unit": "C62", "price": "1.2", "amount": "12",
        "gross": "5.000001", "net": "4", "packages": 2}  # fmt: skip


def stated(**members: Any) -> bytes:
    return json.dumps(
        {"reference": "T-1", "version": 1, "currency": "USD", "terms": "fca", "lines": [LINE], **members}
    ).encode()


def version(number: int, previous: Dataset | None, **members: Any) -> Dataset:
    return read(stated(version=number, previous=previous.digest if previous else "", **members), DAY)


def test_the_digest_is_of_the_values_not_of_their_spelling() -> None:
    spelled = {**LINE, "amount": "12.00", "code": "8471.30.0000"}
    assert version(1, None).digest == version(1, None, lines=[spelled]).digest
    assert version(1, None).digest != version(1, None, lines=[{**LINE, "gross": "5.000002"}]).digest


def test_forks_and_gaps_are_shown_in_any_order() -> None:
    first = version(1, None)
    second = version(2, first, terms="CIP")
    third, other = version(3, second, terms="EXW"), version(3, second, terms="FOB")
    assert lineage([third, first, second, third]).current == third.digest
    for order in permutations((first, second, third, other)):
        found = lineage(order)
        assert (found.current, found.forks, found.gaps) == (None, (second.digest,), ())
        assert found.heads == tuple(sorted((third.digest, other.digest)))
    assert lineage([first, third]).gaps == (second.digest,)
    assert lineage([first, version(3, first)]).misnumbered == (version(3, first).digest,)


def test_the_form_that_is_published_is_the_form_that_is_read() -> None:
    event = example("cre.trade.dataset_stated.v1")
    data = DatasetStated.model_validate(event).data
    assert stated_version(data).form == event["dataset"]
    read_from_file = version(1, None, terms_place="Xi'an", boxes=["CSQU3054383"], papers=[{"kind": "INVOICE", "number": "I-1", "day": "2026-03-02"}])  # fmt: skip
    assert stated_version(TradeData.model_validate(read_from_file.form)) == read_from_file
    assert read(json.dumps(read_from_file.form).encode(), date(2030, 1, 1)) == read_from_file


def test_what_is_packed_is_the_same_version_and_judged_alike() -> None:
    event = example("cre.trade.dataset_stated.v1")

    def packed(data: object) -> bytes:
        raw = orjson.dumps(data)
        sent = {"gzip_b64": b64encode(pack(raw)).decode(), "length": len(raw)}
        return orjson.dumps({**event, "dataset": sent})

    whole, again = (
        decode_payload("cre.trade.dataset_stated.v1", raw)
        for raw in (orjson.dumps(event), packed(event["dataset"]))
    )
    assert isinstance(whole, DatasetStated)
    assert isinstance(again, DatasetStated)
    assert again.data == whole.data
    person = {**event["dataset"], "parties": [{"role": "BUYER", "scheme": "INN", "number": "770708389312"}]}
    for wrong, pointer in (
        (packed(person), "/dataset/parties/0"),
        (packed({**event["dataset"], "lines": []}), "/dataset"),
        (orjson.dumps({**event, "dataset": person}), "/dataset/parties/0"),
        (orjson.dumps({**event, "dataset": {**event["dataset"], "person": "X"}}), "/dataset/person"),
        (orjson.dumps({**event, "dataset": {"gzip_b64": "AAAA", "length": 9}}), "/dataset"),
    ):
        with pytest.raises(Refusal) as refused:
            decode_payload("cre.trade.dataset_stated.v1", wrong)
        assert refused.value.pointer == pointer


@holds_for(
    {
        "a number as binary fraction": ({"lines": [{**LINE, "amount": 1.5}]}, "/lines/0/amount"),
        "too fine": ({"lines": [{**LINE, "gross": "0.0000001"}]}, "/lines/0/gross"),
        "an id twice": ({"lines": [LINE, LINE]}, ""),
        "a member that is not known": ({"lines": [{**LINE, "person": "X"}]}, "/lines/0/person"),
        "a first version with a predecessor": ({"previous": "a"}, ""),
        "a later version without": ({"version": 2}, ""),
        "a sign of two currencies": ({"currency": "¥"}, "/currency"),
        "a look-alike in a box": ({"boxes": ["СSQU3054383"]}, "/boxes"),
    }
)
def test_what_is_refused(case: tuple[dict[str, Any], str]) -> None:
    members, pointer = case
    with pytest.raises(Refusal) as refused:
        read_papers(stated(**members), "trade.json", DAY)
    assert refused.value.pointer == pointer
    assert refused.value.remedy


def test_a_dataset_is_checked_against_papers() -> None:
    papers = read_papers(stated(), "trade.json", DAY)
    declared = cn(priced("13", code=code("8471300000")))
    found = findings(PaperSet((*papers, declared)), rules(DAY))
    wrong = [each for each in found if each.verdict is Verdict.CONTRADICTION]
    assert {(each.check, each.values[0].place.at) for each in wrong} == {("D02", "/lines/0/amount")}


def test_a_version_of_999_lines_is_an_event_that_says_the_same() -> None:
    lines = [{**LINE, "id": f"L{n}", "description": f"Laptop AB-{n * 7919 % 1009}", "amount": f"{n}.5"} for n in range(999)]  # fmt: skip
    many = version(1, None, lines=lines, boxes=["CSQU3054383"], papers=[{"kind": "TRANSPORT", "number": "SMGS/CN/XAY/1/2026"}])  # fmt: skip
    draft = statement_of(many, "", [("consignment", "xaport/XA-1")], "2026-03-02T09:00:00+08:00")
    event = record(line_of(draft), Position())
    payload = decode_payload(event.type, orjson.dumps({"salt": "00" * 16, **event.data}))
    assert isinstance(payload, DatasetStated)
    assert stated_version(payload.data).digest == many.digest
    assert [(each.kind.wire, each.id) for each in payload.objects] == [
        ("consignment", "xaport/XA-1"),
        ("container", "CSQU3054383"),
        ("note", "SMGS/CN/XAY/1/2026"),
    ]
    assert statement_of(version(2, many), "", [], event.time).id != draft.id


def test_changes_are_by_line_whatever_the_order() -> None:
    first = version(1, None, lines=[LINE, {**LINE, "id": "L2"}])
    second = version(2, first, lines=[{**LINE, "id": "L2", "gross": "5.1"}, LINE], terms="CIP")
    assert [(each.path, each.before, each.after) for each in changes(first.form, second.form)] == [
        ("/lines/L2/gross", "5.000001", "5.1"),
        ("/terms", "FCA", "CIP"),
    ]
    assert [each.path for each in changes(second.form, version(3, second, terms="CIP").form)] == ["/lines/L2"]


def test_nobody_can_try_prices_against_the_id_of_an_event_that_the_terminal_publishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same version stated again has the same id, and another partner's has another."""
    monkeypatch.setenv("LIANYUN_PARTNERS", str(tmp_path))
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr(publisher, "drain", lambda *_, **__: None)
    file = tmp_path / "trade.json"
    file.write_bytes(stated(boxes=["CSQU3054383"]))
    ids = set()
    for party in ("optic", "textil"):
        create(party, "urn:cre:shared", "cre.gateway.v1", "demo", Scheme.ED25519).save(tmp_path)
        for _ in range(2):
            made = ["--as", party, "--made", "2026-03-20T09:00:00Z", "--patience", "0"]
            assert isinstance(CliRunner().invoke(app, ["state", str(file), *made]).exception, SystemExit)
        with Spool(tmp_path / f"{party}.spool") as spool:
            ((_, message),) = spool.waiting(0, 10)
        ids.add(dict(message.headers)["ce_id"].decode())
    assert len(ids) == 2
    digest = read(file.read_bytes(), DAY).digest
    assert not any(digest[:8] in each for each in ids)
