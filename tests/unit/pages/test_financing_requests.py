"""Forms of financing as bodies of the API: amounts as people write them, lines of documents, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from services.financing.domain.decisions import Action
from services.financing.domain.money import Money
from services.pages.financings.requests import (
    WrongForm,
    amount_of,
    asked_by,
    content_of,
    reservation_body,
    step_body,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("125000", "EUR", 12_500_000),
        ("125 000.50", "eur", 12_500_050),
        ("125000,5", "EUR", 12_500_050),
        ("1'000", "JPY", 1_000),
    ],
)
def test_an_amount_is_in_units_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert amount_of(text, currency, "amount") == {
        "minor_units": minor,
        "currency_code": currency.upper(),
    }


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1,000", "EUR"),
        ("1.005", "EUR"),
        ("-1", "EUR"),
        ("1e3", "EUR"),
        ("", "EUR"),
        ("1", "E"),
        ("1.5", "JPY"),
    ],
)
def test_what_could_be_read_two_ways_is_no_amount(text: str, currency: str) -> None:
    with pytest.raises(WrongForm):
        amount_of(text, currency, "amount")


def test_a_form_asks_what_the_same_body_asks_through_the_api() -> None:
    form = {
        "application": "optic/APP-1", "product": "EXPORT_RECEIVABLE", "interest": "RECEIVABLE", "reference": "LN-9",
        "consignments": "xaport/XA-1\n", "invoice": "INV-1", "amount": "100.00", "currency": "EUR", "issued": "2026-03-01",
        "seller_scheme": "PARTY", "seller": "optic", "buyer_scheme": "PARTY", "buyer": "ruhr",
        "boxes": "CSQU3054383 railnet:xian-intl-port 2026-03-01",
    }  # fmt: skip
    ask, on = asked_by("abank", content_of(Action.RESERVE, "LN-9", reservation_body(form)))
    assert (ask.action, ask.financing, ask.asked_by) == (Action.RESERVE, "abank/LN-9", "abank")
    assert ask.papers.invoices[0].amount == Money(10_000, "EUR")
    assert ask.papers.boxes[0].loaded_on == date(2026, 3, 1)
    assert [thing.key for thing in on] == ["xaport/XA-1"]
    with pytest.raises(WrongForm, match="issued_on"):
        content_of(Action.RESERVE, "LN-9", reservation_body({**form, "issued": "1 March"}))
    with pytest.raises(WrongForm):
        reservation_body({**form, "boxes": "CSQU3054383"})


def test_a_part_is_named_by_goods_or_by_its_worth() -> None:
    part = step_body(Action.RELEASE_PART, {"goods": "container CSQU3054383", "waiver": "OTHER"})
    ask, _ = asked_by("abank", content_of(Action.RELEASE_PART, "LN-1", part))
    assert [str(thing) for thing in ask.goods] == ["container:CSQU3054383"]
    assert ask.waiver == "OTHER"
    with pytest.raises(WrongForm):
        step_body(Action.RELEASE_PART, {"waiver": "OTHER"})
