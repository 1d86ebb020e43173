"""Remarks on accepted events: what is doubtful, where, and what to do; and jurisdictions, which are countries or refused."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from schemas import railnet
from schemas.events.catalogue import CATALOGUE
from schemas.events.decode import decode_admitted, decode_payload
from schemas.identifiers import country
from schemas.jurisdiction import require_jurisdiction
from schemas.publishing.examples import example
from schemas.reasons import Reason, Refusal
from schemas.remarks import AHEAD, CODES, remark, remarks_of
from schemas.rfc3339 import parse_micros
from services.domain.head import UNIONS
from services.monitoring.artefacts import ROOT

NOON = parse_micros("2026-03-01T12:00:00Z")


def milestone(type_: str = "movement.arrived", **says: Any) -> tuple[str, bytes]:
    body = {
        "salt": "0" * 32,
        "classifier": "ACT",
        "happened": "2026-03-01T12:00:00Z",
        "place": "railnet:dostyk",
        "objects": [{"kind": "container", "id": "CSQU3054383"}],
        **says,
    }
    return f"cre.{type_}.v1", orjson.dumps(body)


def remarked(event: tuple[str, bytes], published: int = NOON) -> list[tuple[str, str, str]]:
    return [each[:3] for each in remarks_of(decode_payload(*event), published)]


def test_nothing_is_remarked_on_a_good_event() -> None:
    assert remarked(milestone()) == []


def test_each_doubt_is_named_with_its_place() -> None:
    objects = [
        {"kind": "train", "id": "ktz/2001"},
        {"kind": "wagon", "id": "GOST/52812345"},
        {"kind": "container", "id": "CSQU3054384"},
        {"kind": "note", "id": "CIM/PL/02580/702681/2025"},
    ]
    assert remarked(milestone(objects=objects, place="esr:100001")) == [
        ("place.unknown", "/place", "esr:100001"),
        ("train.form", "/objects/0/id", "ktz/2001"),
        ("wagon.form", "/objects/1/id", "GOST/52812345"),
        ("iso6346.check_digit", "/objects/2/id", "CSQU3054384"),
        ("cim_note.check_digit", "/objects/3/id", "CIM/PL/02580/702681/2025"),
    ]
    declared = [
        {"kind": "declaration", "id": "PL/21DE27364916384835"},
        {"kind": "declaration", "id": "EU/LRN/PL12/1"},
    ]
    event = milestone("customs.accepted", jurisdiction="PL", objects=declared)
    assert remarked(event) == [
        ("mrn.check_digit", "/objects/0/id", "PL/21DE27364916384835"),
        ("declaration.jurisdiction", "/objects/1/id", "EU/LRN/PL12/1"),
    ]


@pytest.mark.parametrize(
    ("classifier", "ahead", "codes"),
    [("ACT", AHEAD, []), ("ACT", AHEAD + 1, ["time.future"]), ("EST", 2**40, []), ("PLN", 2**40, [])],
)
def test_a_fact_after_its_own_publication_is_remarked(classifier: str, ahead: int, codes: list[str]) -> None:
    event = milestone(classifier=classifier)
    assert [code for code, _, _ in remarked(event, NOON - ahead)] == codes


def test_a_correction_is_remarked_on_by_its_replacement() -> None:
    type_, data = milestone(place="railnet:dostik", happened="2026-03-02T12:00:00Z")
    says = {"salt": "1" * 32, "target": "a", "reason": "OTHER"}
    body = {**says, "replacement": {"type": type_, "data": orjson.loads(data)}}
    assert [each[:2] for each in remarked(("cre.correction.corrected.v1", orjson.dumps(body)))] == [
        ("time.future", "/replacement/data/happened"),
        ("place.unknown", "/replacement/data/place"),
    ]


@pytest.mark.parametrize("type_", sorted(CATALOGUE))
def test_the_published_examples_are_remarked_on_only_for_their_time(type_: str) -> None:
    event = type_, orjson.dumps(example(type_))
    assert {code for code, _, _ in remarked(event, 0)} <= {"time.future"}
    assert remarked(event, parse_micros("2099-01-01T00:00:00Z")) == []


def test_all_codes_have_words_and_are_on_the_page() -> None:
    page = (ROOT / "docs" / "reference" / "remarks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z0-9_.]+)` \|", page, re.MULTILINE)) == sorted(CODES)
    for code in CODES:
        each = remark(code, "/place", "x")
        assert each.text.endswith(".")
        assert each.remedy.endswith(".")
        assert "{" not in each.text + each.remedy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("EU", "member state"),
        ("XI", "GB"),
        ("UK", "GB"),
        ("EL", "GR"),
        ("SU", "RU or KZ"),
        ("XX", "ISO 3166-1"),
    ],
)
def test_a_jurisdiction_that_is_no_country_is_refused_with_what_to_write(code: str, remedy: str) -> None:
    event = milestone("customs.released", jurisdiction=code, procedure="IMPORT")
    payload = decode_payload(*event)  # the models of a published version stay as they are
    with pytest.raises(Refusal) as refused:
        require_jurisdiction(payload)
    assert refused.value.reason is Reason.INVALID_SCHEMA
    assert refused.value.pointer == "/jurisdiction"
    assert remedy in refused.value.remedy
    assert decode_admitted(*event).jurisdiction_code == code  # type: ignore[attr-defined]


def test_jurisdictions_of_links_and_replacements_are_judged_too() -> None:
    link = {
        "salt": "0" * 32,
        "from": "2026-03-01T12:00:00Z",
        "jurisdiction": "EU",
        "declarations": ["EU/A", "EU/B"],
    }
    with pytest.raises(Refusal, match="EU is no country"):
        require_jurisdiction(decode_payload("cre.link.declarations_same.v1", orjson.dumps(link)))
    says = {"salt": "1" * 32, "target": "a", "reason": "OTHER"}
    body = {**says, "replacement": {"type": "cre.link.declarations_same.v1", "data": link}}
    with pytest.raises(Refusal) as refused:
        require_jurisdiction(decode_payload("cre.correction.corrected.v1", orjson.dumps(body)))
    assert refused.value.pointer == "/replacement/data/jurisdiction"


def test_unions_are_derived_from_countries() -> None:
    assert railnet.countries().keys() <= country.CODES
    assert len(country.CODES) == 249
    for code in railnet.countries():
        require_jurisdiction(
            decode_payload(*milestone("customs.released", jurisdiction=code, procedure="IMPORT"))
        )
        assert railnet.customs_union(code) in UNIONS
    assert {railnet.customs_union(code) for code in ("PL", "KZ", "CN", "GB")} == {"EU", "EAEU", "CN", "OTHER"}
    assert country.country_of("XI") == "GB"
    assert country.country_of("EU") == ""
