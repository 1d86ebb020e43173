"""The published reference says what is judged: every reason, every form as an expression, every code of a place."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import railnet
from schemas.envelope import HEADERS
from schemas.identifiers import quality
from schemas.publishing.reference import (
    ATTRIBUTES,
    Written,
    forms,
    identifiers_page,
    places_csv,
    reasons_page,
)
from schemas.reasons import MEANINGS, Reason, Refusal
from schemas.remarks import AHEAD, CODES
from services.ledger.admission.model import AdmissionSettings

FORMS = forms()
SIGNING = (Path(__file__).resolve().parents[3] / "schemas" / "published" / "signing.md").read_text("utf-8")


def test_every_reason_has_a_meaning_and_a_remedy_and_is_published() -> None:
    assert set(MEANINGS) == set(Reason)
    page = reasons_page()
    for reason, meaning in MEANINGS.items():
        assert meaning.meaning.endswith("."), reason
        assert meaning.remedy.endswith("."), reason
        assert f"| `{reason}` | {meaning.meaning} | {meaning.remedy} |" in page


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_without_a_remedy_of_its_own_has_that_of_its_reason(reason: Reason) -> None:
    assert Refusal(reason, "It is wrong.").remedy == MEANINGS[reason].remedy
    assert Refusal(reason, "It is wrong.", "", "Do this.").remedy == "Do this."


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.scheme)
def test_the_example_of_each_form_is_of_it_and_without_doubt(form: Written) -> None:
    assert re.fullmatch(form.pattern, form.example, re.ASCII)
    kind = form.kind.partition(",")[0]
    assert quality.flags(kind, form.example) == ()
    assert set(form.codes) <= set(CODES)


@given(st.data())
def test_what_an_expression_takes_is_of_the_form(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([form for form in FORMS if form.kind in ("container", "wagon", "note")]))
    text = data.draw(st.from_regex(re.compile(form.pattern, re.ASCII), fullmatch=True)).strip("\n")
    assert f"{form.scheme}.form" not in quality.flags(form.kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("container", "CSQ3054383"), ("wagon", "UIC/2181247121"), ("wagon", "4471"), ("train", "cr/X8086"), ("train", "cr/X8086/1.3.2026"),
        ("note", "CIM/PL/51021/7026/2026"), ("note", "0070268"), ("declaration", "CN/90012026000000041"), ("declaration", "RU/10702070"),
        ("place", "locode:PLM"), ("place", "esr:70"),
    ],
)  # fmt: skip
def test_what_is_of_no_form_is_taken_by_no_expression(kind: str, text: str) -> None:
    assert quality.flags(kind, text)
    assert not any(re.fullmatch(form.pattern, text) for form in FORMS if form.kind == kind)


def test_every_code_of_remarks_about_ids_stands_with_a_form() -> None:
    shown = {code for form in FORMS for code in form.codes}
    assert {code for code in CODES if not code.startswith(("time.", "event.", "wagon."))} == shown


def test_every_place_is_listed_under_each_of_its_codes() -> None:
    rows = list(csv.DictReader(io.StringIO(places_csv())))
    assert {row["place"] for row in rows} == {
        *(station.place for station in railnet.stations().values()),
        *(f"crossing:{name}" for name in railnet.crossings()),
    }
    for row in rows:
        for scheme in ("esr", "plc", "uic", "telecode", "locode"):
            for code in row[scheme].split():
                assert any(found.place == row["place"] for found in railnet.candidates(f"{scheme}:{code}")), (
                    row
                )


def test_the_clocks_that_are_published_are_those_that_count() -> None:
    assert AdmissionSettings("demo").clock_ahead_ms == 5 * 60_000
    assert AHEAD == 5 * 60_000_000
    assert "at most 5 minutes after the broker's append time" in identifiers_page()
    assert dict(ATTRIBUTES)["salt"] == "^[0-9a-f]{32}$"
    assert set(HEADERS) >= {"time"}


def test_the_specification_of_signing_names_the_networks_and_every_reason_of_verification_in_order() -> None:
    assert "`demo` is what `make up` and `lianyun up` run" in SIGNING
    section = SIGNING[SIGNING.index("## 6. Verifying") : SIGNING.index("## 7.")]
    order = [
        "NULL_VALUE", "MISSING_HEADER", "MALFORMED_SIGNATURE", "UNKNOWN_KEY", "SCHEME_MISMATCH", "BAD_SIGNATURE", "KEY_EXPIRED",
        "WRONG_SOURCE", "WRONG_TOPIC", "CLOCK_SKEW",
    ]  # fmt: skip
    places = [section.index(reason) for reason in order]
    assert places == sorted(places)
