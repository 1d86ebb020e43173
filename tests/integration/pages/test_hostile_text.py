"""What anybody may write freely, written as markup: on no page does an element or an attribute come of it (ASVS 5.2, 5.3)."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import psycopg
import pytest

from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import case, play
from tests.support.console import RunningConsole, post
from tests.support.databases import migrated_database
from tests.support.peopled import FIRST
from tests.support.walk.crawler import walk

pytestmark = [pytest.mark.integration, pytest.mark.long]
HOSTILE = "\"onhostile=\"1'onhostile='1><x-hostile>{{7*7}}"
"""Ends an attribute in either quotes, begins an element, and is an expression of the templates' language."""
BOX, NOTE = f"BOX{HOSTILE}", f"SMGS/CN/XAY/{HOSTILE}/2026"
_AT, _DAY = "2026-03-02T10:00+08:00", "2026-03-02"
TRAIN = f"cr/{HOSTILE}/{_DAY}/xian-intl-port"


def _event(number: int, by: str, type_: str, **says: object) -> dict[str, object]:
    return {"id": f"hostile-{number}", "by": by, "at": _AT, "type": type_, "says": says}


EVENTS = (
    _event(
        1, "xaport", "link.consignment_opened", reference=HOSTILE, containers=[BOX], notes=[NOTE], bookings=[f"xaport/{HOSTILE}"],
        parties=[{"optic": "shipper"}, {"ruhr": "consignee"}], **{"from": _AT},
    ),
    _event(2, "xaport", "movement.gated_in", objects=f"container {BOX}", place="xian-intl-port", remark=HOSTILE),
    _event(3, "xaport", "movement.seal_broken", objects=f"container {BOX}", place="xian-intl-port", cause="FOUND_BROKEN", remark=HOSTILE),
    _event(4, "xaport", "movement.departed", objects=f"train {TRAIN}", place="xian-intl-port"),
    _event(5, "xaport", "link.declaration_covers", declaration=f"CN/{HOSTILE}", notes=[NOTE]),
)  # fmt: skip


class Foreign(HTMLParser):
    """Collects elements and attributes that are the data's, and the texts in which it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.texts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element as a browser would build it."""
        names = [tag, *(name for name, _ in attrs)]
        self.found += [each for each in names if "hostile" in each]
        for name, value in attrs:
            if name in ("href", "src", "action", "hx-get") and (value or "").lower().startswith("javascript"):
                self.found.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        """Text."""
        self.texts += HOSTILE in data


def test_no_element_and_no_attribute_comes_of_what_people_write(
    postgres: DatabaseAddress, tmp_path: Path
) -> None:
    unescaped = Foreign()
    unescaped.feed(f"<a title=\"{HOSTILE}\" rel='{HOSTILE}'>{HOSTILE}</a>")
    assert {"x-hostile", "onhostile"} <= set(unescaped.found)  # what the test looks for
    dsn = migrated_database(postgres, "hostile_text")
    play(dsn, case(EVENTS))
    with psycopg.connect(dsn) as session:
        session.execute("UPDATE lianyun.party SET name = %s || code", (HOSTILE,))
    shown, wrong = 0, []
    with RunningConsole(dsn, tmp_path) as console:
        for party in ("optic", "xaport", "cr", "abank", "gacc"):
            console.person(party, party, ["desk"], [*Permission], name=f"{HOSTILE} of {party}")
        optic = console.looking("optic")
        form = {"consignment": f"xaport/{HOSTILE}", "days": "7", "label": HOSTILE}
        made = post(optic, "/links", form, "/console/account")
        assert made.status_code == 200, made.status_code
        for subject in ("optic", "xaport", "cr", "abank", "gacc"):
            first = (*FIRST, "/track/xaport/XA-1", f"/search?q={BOX[:20]}", "/links")
            for page in walk(console.looking(subject), first, console.pages.app.routes):
                parser = Foreign()
                if page.form == "html":
                    parser.feed(page.text)
                    shown += parser.texts
                    wrong += [f"{page.address} as {subject}: {each}" for each in parser.found]
                assert page.status < 500, page.address
    assert wrong == []
    assert shown > 20
