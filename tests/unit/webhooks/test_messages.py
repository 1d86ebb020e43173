"""A message names what changed and nothing else; the same news is the same message."""

from __future__ import annotations

import orjson
import pytest

from services.notifications.webhooks.messages import MessageType, Subject, message

NEWS = (
    "abank",
    MessageType.FINANCING_ALERT,
    Subject("financing", "abank/GD-1"),
    "event 7",
    1_700_000_000_000_000,
)


def test_the_whole_body() -> None:
    told = message(*NEWS)
    assert orjson.loads(told.body) == {
        "id": told.id,
        "type": "financing.alert.v1",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "data": {"subject": {"kind": "financing", "id": "abank/GD-1", "href": "/v1/financings/GD-1"}},
    }
    assert told.id.startswith("msg_")


def test_the_same_news_is_the_same_message_and_other_news_another() -> None:
    told = message(*NEWS)
    assert message(*NEWS) == told
    party, type_, subject, news, at = NEWS
    others = {
        message("bbank", type_, subject, news, at).id,
        message(party, MessageType.FINANCING_DECIDED, subject, news, at).id,
        message(party, type_, Subject("financing", "abank/GD-2"), news, at).id,
        message(party, type_, subject, "event 8", at).id,
        told.id,
    }
    assert len(others) == 5


@pytest.mark.parametrize(
    ("id_", "href"),
    [
        ("xaport/XA-1", "/v1/consignments/xaport/XA-1"),
        ("xaport/A/timeline", "/v1/consignments/xaport/A%2Ftimeline"),
        ("xaport/联运 50%", "/v1/consignments/xaport/%E8%81%94%E8%BF%90%2050%25"),
    ],
)
def test_where_to_read_on_is_one_url_of_that_consignment(id_: str, href: str) -> None:
    assert Subject("consignment", id_).href == href
