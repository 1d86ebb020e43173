"""Financing events: what they say stays out of every consignment's view, and whose reference names what."""

from __future__ import annotations

import orjson
import pytest

from schemas.events import catalogue
from schemas.events.base import EventSpec, Region
from schemas.events.decode import decode_payload
from schemas.events.finance import Approved
from schemas.events.finance_terms import FinanceFact
from schemas.publishing.examples import example
from schemas.reasons import Refusal
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.domain.publisher import Publisher

FINANCE = [spec for spec in catalogue.specs() if spec.region is Region.FINANCE]
every = pytest.mark.parametrize("spec", FINANCE, ids=[spec.type for spec in FINANCE])


@every
def test_no_view_of_a_consignment_shows_that_it_is_financed(spec: EventSpec) -> None:
    payload = decode_payload(spec.type, orjson.dumps(example(spec.type)))
    stated = interpret(
        Attribution(b"e" * 16, "s", Publisher("abank", spec.publishers), 0), b"c" * 16, payload
    )
    assert stated == Facts(contents=frozenset({(b"e" * 16, b"c" * 16)}))


@every
def test_each_is_a_fact_at_a_moment(spec: EventSpec) -> None:
    if not spec.type.startswith("cre.finance."):
        return
    payload = decode_payload(spec.type, orjson.dumps(example(spec.type)))
    assert isinstance(payload, FinanceFact)
    assert payload.happened_micros == 1_772_702_400_000_000


def test_a_reference_belongs_to_somebody() -> None:
    said = example("cre.finance.approved.v1")
    approved = decode_payload("cre.finance.approved.v1", orjson.dumps(said))
    assert isinstance(approved, Approved)
    assert (approved.financing_key, approved.application_key) == (
        "abank/LN-2026-88",
        "xian-optics/AP-2026-31",
    )
    for nobody in ("LN-2026-88", "/LN-2026-88", "abank/", "A Bank/LN-2026-88"):
        with pytest.raises(Refusal):
            decode_payload("cre.finance.approved.v1", orjson.dumps({**said, "financing": nobody}))


def test_an_amount_is_whole_minor_units_of_a_currency() -> None:
    said = example("cre.finance.drawn.v1")
    for wrong in (
        {"minor_units": 1.5, "currency_code": "CNY"},
        {"minor_units": -1, "currency_code": "CNY"},
        {"minor_units": "1", "currency_code": "CNY"},
        {"minor_units": 1, "currency_code": "yuan"},
        {"minor_units": 1},
    ):
        with pytest.raises(Refusal):
            decode_payload("cre.finance.drawn.v1", orjson.dumps({**said, "drawn_amount": wrong}))
